import Checkpoints
import Foundation

/// Which files of a repository belong to a model: those that a loader here looks for, and no others. A repository has
/// the same weights in many formats, and a pull of all of them would be several times the model.
///
/// The rule, which docs/models.md states:
/// 1. Where the catalogue's entry includes patterns, the files that they match.
/// 2. Else a checkpoint: the best of the weights (Safetensors before pickles, one file before shards), and every
///    configuration, tokenizer and template that is read.
/// 3. Else GGUF: the only one, or the only one of Q4_K_M.
struct FileSelection: Equatable, Sendable {
    /// A file that was chosen.
    struct Choice: Hashable, Sendable {
        var path: String
        /// What it is for: `model` for GGUF, else its path, which is how loaders know it.
        var role: String
    }

    /// What there is nothing or too much to choose of.
    struct Objection: Error, Equatable { var reason: String }

    /// In the order of their paths.
    var choices: [Choice]

    /// Best first, as `HuggingFaceDirectory` looks for them.
    private static let weights = [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    ]
    private static let indexSuffix = ".index.json"
    /// A hundred times what the largest models have.
    static let indexLimitBytes = 64 << 20
    private static let read: Set<String> = [
        "config.json", "generation_config.json",
        "tokenizer.json", "tokenizer_config.json", "added_tokens.json",
        "vocab.txt", "vocab.json", "target_vocab.json", "merges.txt",
        "sentencepiece.bpe.model", "sentencepiece.model", "spm.model", "spiece.model", "source.spm", "tokenizer.model",
        "chat_template.jinja", "chat_template.json",
        "modules.json", "sentence_bert_config.json",
    ]
    /// What a model runs without: a snapshot that another program downloaded in part is whole without these.
    private static let optional: Set<String> = [
        "generation_config.json", "added_tokens.json", "chat_template.jinja", "chat_template.json",
        "sentence_bert_config.json",
    ]
    private static let standardQuantization = "Q4_K_M"

    /// Chooses of the files of a revision.
    ///
    /// - Throws: `Objection` saying what there is instead.
    init(of paths: some Sequence<String>, include: [String]) throws {
        let paths = paths.sorted()
        if !include.isEmpty {
            let matching = paths.filter { path in include.contains { Self.matches(path, $0) } }
            guard !matching.isEmpty else {
                throw Objection(
                    reason: "none of its files matches \(include.joined(separator: ", ")); it has \(Self.list(paths))")
            }
            // A checkpoint is known by its configuration; alone, a GGUF file is the model.
            choices =
                matching.contains("config.json")
                ? Self.byPath(matching) : try Self.withGGUF(matching, all: paths)
            return
        }
        let names = Set(paths)
        if names.contains("config.json"), let best = Self.weights.first(where: names.contains) {
            let others = paths.filter { Self.read.contains($0) || Self.isPooling($0) }
            choices = Self.byPath(try Set(others + [best] + Self.shards(best, names)).sorted())
            return
        }
        guard paths.contains(where: Self.isGGUF) else {
            throw Objection(
                reason: "it has no config.json with one of \(Self.weights.joined(separator: ", ")), and no .gguf file; "
                    + "it has \(Self.list(paths))")
        }
        choices = try Self.withGGUF(paths.filter(Self.isGGUF), all: paths)
    }

    /// Whether a model can be run without the file.
    static func isOptional(_ path: String) -> Bool { optional.contains(path) }

    /// The index of shards among some paths, which names them all; nil if the weights are in one file.
    static func index(among paths: some Sequence<String>) -> String? {
        weights.first(where: Set(paths).contains).flatMap { $0.hasSuffix(indexSuffix) ? $0 : nil }
    }

    private static func byPath(_ paths: [String]) -> [Choice] { paths.map { Choice(path: $0, role: $0) } }

    /// `N_Pooling/config.json`, which `modules.json` names.
    private static func isPooling(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        guard parts.count == 2, parts[1] == "config.json" else { return false }
        let name = parts[0].split(separator: "_", maxSplits: 1)
        return name.count == 2 && name[0].utf8.allSatisfy { (0x30...0x39).contains($0) } && name[1] == "Pooling"
    }

    /// The shards of an index, by the names that they usually have; none where they have others, which only the index
    /// tells.
    private static func shards(_ index: String, _ names: Set<String>) throws -> [String] {
        guard index.hasSuffix(indexSuffix) else { return [] }
        let file = index.dropLast(indexSuffix.count)
        guard let dot = file.lastIndex(of: ".") else { return [] }
        let found = names.compactMap { name -> (path: String, count: Int)? in
            guard name.hasPrefix(file[..<dot]), name.hasSuffix(file[dot...]) else { return nil }
            guard let numbers = numbers(in: name.dropFirst(file[..<dot].count).dropLast(file[dot...].count)) else {
                return nil
            }
            return (name, numbers.count)
        }
        guard let count = found.map(\.count).max() else { return [] }
        let shards = found.filter { $0.count == count }.map(\.path)
        guard shards.count == count else {
            throw Objection(reason: "it has \(shards.count) of the \(count) parts that \(index) is about")
        }
        return shards
    }

    /// The numbers of `-00002-of-00004`.
    private static func numbers(in text: some StringProtocol) -> (number: Int, count: Int)? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, parts[2] == "of",
            [parts[1], parts[3]].allSatisfy({ $0.utf8.count == 5 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
            ),
            let number = Int(parts[1]), let count = Int(parts[3]), number > 0, number <= count
        else { return nil }
        return (number, count)
    }
}

extension FileSelection {
    private static func isGGUF(_ path: String) -> Bool { path.lowercased().hasSuffix(".gguf") }

    /// A GGUF model: its only file, or the first part of a split one, is the `model`; the other parts lie beside it.
    private struct GGUF {
        var name: String
        var parts: [String]
    }

    /// The files of `paths`, among which there is at most one GGUF model, or one of the usual quantisation.
    private static func withGGUF(_ paths: [String], all: [String]) throws -> [Choice] {
        let models = ggufModels(paths.filter(isGGUF))
        guard !models.isEmpty else { return byPath(paths) }
        let model = try choose(models)
        let others = paths.filter { !isGGUF($0) }
        return
            (byPath(others + model.parts.dropFirst()) + [Choice(path: model.parts[0], role: "model")])
            .sorted { $0.path < $1.path }
    }

    private static func ggufModels(_ paths: [String]) -> [GGUF] {
        let groups = Dictionary(grouping: paths) { path -> String in
            let stem = path.dropLast(".gguf".count)
            let tail = stem.suffix("-00001-of-00001".count)
            return numbers(in: tail) == nil ? path : stem.dropLast(tail.count) + "-*" + tail.suffix(9) + ".gguf"
        }
        return groups.map { GGUF(name: $0.key, parts: $0.value.sorted()) }.sorted { $0.name < $1.name }
    }

    private static func choose(_ models: [GGUF]) throws -> GGUF {
        var candidates = models
        if candidates.count > 1 {
            candidates = models.filter { $0.name.uppercased().contains(standardQuantization) }
        }
        guard candidates.count == 1, let model = candidates.first else {
            throw Objection(
                reason:
                    "it has several GGUF models (\(list(models.map(\.name)))); say which one belongs to the model with "
                    + "\"include\" in a catalogue's entry")
        }
        let tail = model.parts[0].dropLast(".gguf".count).suffix("-00001-of-00001".count)
        if let count = numbers(in: tail)?.count, model.parts.count != count {
            throw Objection(reason: "it has \(model.parts.count) of the \(count) parts of \(model.name)")
        }
        return model
    }

    private static func list(_ paths: [String]) -> String {
        let limit = 20
        if paths.isEmpty { return "no files" }
        return paths.prefix(limit).joined(separator: ", ")
            + (paths.count > limit ? " and \(paths.count - limit) more" : "")
    }

    /// Whether a pattern means a path: `*` stands for anything, `/` included, `?` for one character, `[abc]` for one of
    /// some, and a pattern that ends in `/` for all that is below it.
    static func matches(_ path: String, _ pattern: String) -> Bool {
        fnmatch(pattern.hasSuffix("/") ? pattern + "*" : pattern, path, 0) == 0
    }

    /// The files that an index of shards names, each once; nil if it is none, or names what does not lie beside it.
    static func shards(inIndex json: [UInt8]) -> [String]? {
        struct Index: Decodable {
            var weights: [String: String]
            enum CodingKeys: String, CodingKey { case weights = "weight_map" }
        }
        guard let index = try? JSONDecoder().decode(Index.self, from: Data(json)) else { return nil }
        let shards = Set(index.weights.values).sorted()
        return shards.allSatisfy { RelativePath.objection(to: $0) == nil && !$0.contains("/") } ? shards : nil
    }
}

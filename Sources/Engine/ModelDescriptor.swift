internal import Checkpoints
internal import Foundation
package import Generation
package import ModelHub

/// What a model is, whether it comes from the catalogue or from a path that the configuration names.
package struct ModelDescriptor: Sendable {
    /// What the model is for; the catalogue's terms.
    package typealias Task = CatalogEntry.Task

    /// Where its files are.
    package enum Origin: Sendable {
        /// The hub knows how to get it.
        case catalog(CatalogEntry)
        /// Files on this machine, by role.
        case local(path: String, files: [String: String])
    }

    /// The name in requests.
    package var name: String
    /// What it is for.
    package var task: Task
    /// The architecture: `bergamot`, `fasttext`.
    package var family: String
    /// The file format.
    package var format: String
    /// A sentence for people.
    package var summary: String
    /// The licence's SPDX name, as far as it is known.
    package var licence: String
    /// The number of weights; 0 if unknown.
    package var parameters: Int
    /// Source languages (BCP 47); for language identification those told apart.
    package var sourceLanguages: [String]
    /// Target languages.
    package var targetLanguages: [String]
    /// Where it comes from.
    package var source: String
    /// The version.
    package var revision: String
    /// Bytes on disk.
    package var sizeBytes: Int
    /// Bytes that it is expected to take in memory.
    package var memoryBytes: Int
    /// How a chat model is asked to translate; nil for one that is not asked to.
    package var translationPrompt: TranslationPrompt?
    /// A question whose answer is known; nil if there is none.
    package var canary: CatalogCanary?
    /// Where its files are.
    package var origin: Origin

    /// A model of the catalogue.
    ///
    /// - Throws: `TranslationPrompt.Malformed`, which no catalogue that was read gives.
    package init(_ entry: CatalogEntry) throws {
        name = entry.name
        task = entry.task
        family = entry.family
        format = entry.format
        summary = entry.summary
        licence = entry.licence
        parameters = entry.parameters
        sourceLanguages = entry.languages.source.isEmpty ? entry.languages.detect : entry.languages.source
        targetLanguages = entry.languages.target
        source = entry.source.description
        revision =
            switch entry.source {
            case .pip(_, let version): version
            case .huggingFace(_, _, let revision): revision ?? "main"
            case .file, .https: "local"
            }
        sizeBytes = entry.files.reduce(0) { $0 + $1.sizeBytes }
        memoryBytes = entry.memoryBytes
        translationPrompt = try entry.translationPrompt.map { try TranslationPrompt($0) }
        canary = entry.canary
        origin = .catalog(entry)
    }

    /// Whether it translates: a translation model, or a chat model that is asked to.
    package var canTranslate: Bool { task == .translation || translationPrompt != nil }

    /// Whether it can place what a translation of such texts needs: a model that translates by prompts does not say which
    /// word comes from which.
    func reads(_ format: TranslationFormat) -> Bool { format == .text || task == .translation }

    /// Whether it translates from one language into another. What is one language to the model (`en` and `en-GB`) needs no
    /// translation.
    package func translates(from source: LanguageTag, to target: LanguageTag) -> Bool {
        guard canTranslate, let known = source.best(of: sourceLanguages), let wanted = target.best(of: targetLanguages)
        else { return false }
        return known != wanted
    }
}

extension ModelDescriptor {
    /// Whether text names a path rather than a model of the catalogue.
    package static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") || text.hasPrefix("./") || text.hasPrefix("../") || text.hasPrefix("~/")
    }

    /// A model at a path: a GGUF file, a fastText file, a directory with a checkpoint in the layout of Hugging Face, or one
    /// with a Marian model beside its vocabulary.
    ///
    /// - Throws: `EngineError.unusablePath` saying what is missing.
    package init(path text: String) throws {
        let path = NSString(string: text).expandingTildeInPath
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw EngineError.unusablePath(path: text, reason: "there is no such file or directory")
        }
        let url = URL(fileURLWithPath: path)
        if isDirectory.boolValue, FileManager.default.fileExists(atPath: "\(path)/config.json") {
            self = try Self.huggingFace(directory: url, text: text)
        } else if isDirectory.boolValue {
            self = try Self.bergamot(directory: url, text: text)
        } else if url.pathExtension == "gguf" {
            self = try Self.gguf(file: url, text: text)
        } else {
            self = try Self.fastText(file: url, text: text)
        }
    }

    init(path url: URL, task: Task, family: String, format: String, files: [String: String]) {
        name = url.lastPathComponent
        self.task = task
        self.family = family
        self.format = format
        summary = "A model that the configuration names by its path"
        licence = "unknown"
        parameters = 0
        sourceLanguages = []
        targetLanguages = []
        source = "file:\(url.lastPathComponent)"
        revision = "local"
        sizeBytes = files.values.reduce(0) { total, path in
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            return total + ((attributes?[.size] as? Int) ?? 0)
        }
        memoryBytes = sizeBytes * 2
        origin = .local(path: url.path, files: files)
    }

    private static func fastText(file: URL, text: String) throws -> ModelDescriptor {
        guard ["ftz", "bin"].contains(file.pathExtension) else {
            throw EngineError.unusablePath(
                path: text,
                reason:
                    "a single file is a chat model, which ends in .gguf, or a fastText model, which ends in .ftz or "
                    + ".bin; for a translation model name its directory")
        }
        return ModelDescriptor(
            path: file, task: .languageIdentification, family: "fasttext", format: "fasttext",
            files: ["model": file.path])
    }

    /// A GGUF file, or one part of a split one. What it holds is told when it is loaded, but for the family.
    private static func gguf(file: URL, text: String) throws -> ModelDescriptor {
        let checkpoint: GGUFCheckpoint
        let family: String
        do {
            checkpoint = try GGUFCheckpoint(path: file.path)
            family = try checkpoint.metadata.string("general.architecture")
        } catch {
            throw EngineError.unusablePath(path: text, reason: "\(error)")
        }
        var descriptor = ModelDescriptor(
            path: file, task: .generation, family: family, format: "gguf",
            files: Dictionary(
                uniqueKeysWithValues: checkpoint.files.enumerated().map {
                    ($0.offset == 0 ? "model" : "part-\($0.offset + 1)", $0.element)
                }))
        descriptor.parameters = checkpoint.tensors.values.reduce(0) { $0 + $1.count }
        descriptor.memoryBytes = descriptor.sizeBytes + descriptor.sizeBytes / 4
        if let licence = try? checkpoint.metadata.stringIfPresent("general.license") { descriptor.licence = licence }
        return descriptor
    }

    /// Firefox's file names: model.enpt.….bin, vocab.enpt.spm or srcvocab… and trgvocab…, lex….bin.
    private static func bergamot(directory: URL, text: String) throws -> ModelDescriptor {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        func file(_ prefix: String, _ suffix: String) -> String? {
            names.first { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }
        }
        guard let model = file("model", ".bin") else {
            throw EngineError.unusablePath(path: text, reason: "it holds neither a config.json nor a model*.bin")
        }
        var files = ["model": model]
        files["vocabulary"] = file("vocab", ".spm")
        files["source-vocabulary"] = file("srcvocab", ".spm")
        files["target-vocabulary"] = file("trgvocab", ".spm")
        files["shortlist"] = file("lex", ".bin")
        guard files["vocabulary"] != nil || (files["source-vocabulary"] != nil && files["target-vocabulary"] != nil)
        else {
            throw EngineError.unusablePath(
                path: text, reason: "it holds no vocab*.spm, nor srcvocab*.spm and trgvocab*.spm")
        }
        var descriptor = ModelDescriptor(
            path: directory, task: .translation, family: "bergamot", format: "marian",
            files: files.mapValues { directory.appendingPathComponent($0).path })
        // model.enpt.intgemm.alphas.bin: two letters for each language.
        let pair = model.split(separator: ".").dropFirst().first.map(String.init) ?? ""
        guard pair.count == 4, pair.allSatisfy({ $0.isASCII && $0.isLetter }) else {
            throw EngineError.unusablePath(
                path: text, reason: "the languages cannot be told from \(model); name it model.<source><target>.….bin")
        }
        descriptor.sourceLanguages = [String(pair.prefix(2))]
        descriptor.targetLanguages = [String(pair.suffix(2))]
        return descriptor
    }
}

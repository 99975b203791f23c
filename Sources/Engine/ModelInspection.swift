internal import Architectures
internal import Checkpoints
internal import Compute
internal import Foundation
package import ModelHub

/// What a model's files say of it, without loading it: for people who decide whether to.
package struct ModelInspection: Sendable {
    /// The architecture.
    package var family: String
    /// The format of the weights.
    package var format: String
    /// The number of weights; nil if the files do not tell.
    package var parameters: Int?
    /// Tokens that the model reads at once; nil if it has no such bound.
    package var contextTokens: Int?
    /// The size of the vocabulary.
    package var vocabularySize: Int?
    /// What cuts text into tokens.
    package var tokenizer: String?
    /// The licence's name, as far as the files tell.
    package var licence: String?
    /// The memory that weights take by each quantisation, the least first.
    package var memory: [(quantization: String, bytes: Int)]
    /// Why it cannot be run; nil if it can.
    package var problem: String?
    /// The models of the catalogue that are nearest to one that cannot be run.
    package var nearest: [String] = []
}

extension ModelDescriptor {
    /// Looks into the model's files. A file that cannot be read is the inspection's `problem`, not an error.
    ///
    /// - Parameter hub: where the files of the catalogue's models are, and what stands in for one that cannot be run.
    package func inspect(_ hub: ModelHub) -> ModelInspection {
        var inspection = ModelInspection(
            family: family, format: format, parameters: parameters > 0 ? parameters : nil, licence: licence,
            memory: memoryBytes > 0 ? [("stored", memoryBytes)] : [])
        do {
            guard let files = try files(hub) else { return inspection }
            if HuggingFaceDirectory.isOne(files.keys) {
                try inspection.read(HuggingFaceDirectory(name: name, files: files))
            } else if format.hasPrefix("gguf"), let path = files["model"] {
                try inspection.read(GGUFCheckpoint(path: path))
            }
        } catch {
            inspection.problem = "\(error)"
            inspection.nearest = nearest(in: hub)
        }
        return inspection
    }

    private func files(_ hub: ModelHub) throws -> [String: String]? {
        switch origin {
        case .local(_, let files): files
        case .catalog(let entry): try hub.installed(entry)?.files
        }
    }

    /// Models for the same task: those that are here first, then the nearest in size.
    private func nearest(in hub: ModelHub) -> [String] {
        let others = hub.catalog.entries.filter { $0.task == task && $0.name != name }
        let ranked = others.map { entry in
            (name: entry.name, isAbsent: hub.state(of: entry) != .present, distance: abs(entry.parameters - parameters))
        }
        return ranked.sorted { ($0.isAbsent ? 1 : 0, $0.distance) < ($1.isAbsent ? 1 : 0, $1.distance) }
            .prefix(3).map(\.name)
    }
}

extension ModelInspection {
    fileprivate mutating func read(_ directory: HuggingFaceDirectory) throws {
        let configuration = try directory.configuration()
        family = try configuration.string("model_type")
        let text = try configuration.object("text_config") ?? configuration
        contextTokens = try Self.first(["max_position_embeddings", "n_positions"], of: text)
        vocabularySize = try Self.first(["vocab_size"], of: text)
        tokenizer = Self.tokenizers.first { directory.files[$0.file] != nil }?.name
        if let readme = try directory.textIfPresent("README.md"), let licence = Self.licence(readme) {
            self.licence = licence
        }
        format = try directory.weights().contains(".safetensors") ? "safetensors" : "pytorch"
        let estimate = MemoryEstimate(try Checkpoint(path: directory.weights()))
        parameters = estimate.parameters
        memory = [("q4", estimate.q4Bytes), ("int8", estimate.int8Bytes), ("stored", estimate.storedBytes)]
        // Last, so that everything else is known of a model that cannot be run.
        _ = try HuggingFaceModel(directory)
    }

    fileprivate mutating func read(_ checkpoint: GGUFCheckpoint) throws {
        let metadata = checkpoint.metadata
        family = try metadata.string("general.architecture")
        contextTokens = try metadata.integerIfPresent("\(family).context_length")
        vocabularySize = try metadata.strings("tokenizer.ggml.tokens").count
        tokenizer = try metadata.stringIfPresent("tokenizer.ggml.model").map { "GGUF: \($0)" }
        if let licence = try metadata.stringIfPresent("general.license") { self.licence = licence }
        let estimate = MemoryEstimate(Checkpoint(checkpoint))
        parameters = estimate.parameters
        memory = [("stored", estimate.storedBytes)]
        guard CausalModelFamily(ggufArchitecture: family) != nil else {
            throw CheckpointError.unsupported(
                file: checkpoint.file, offset: 0,
                reason: "general.architecture is \(family); families: "
                    + CausalModelFamily.ggufArchitectures.joined(separator: ", "))
        }
    }

    private static let tokenizers = [
        (file: "tokenizer.json", name: "tokenizer.json"),
        (file: "sentencepiece.bpe.model", name: "SentencePiece BPE, sentencepiece.bpe.model"),
        (file: "source.spm", name: "SentencePiece, source.spm and target.spm"),
        (file: "spiece.model", name: "SentencePiece, spiece.model"),
        (file: "tokenizer.model", name: "SentencePiece, tokenizer.model"),
        (file: "vocab.txt", name: "WordPiece, vocab.txt"),
        (file: "vocab.json", name: "byte-level BPE, vocab.json and merges.txt"),
    ]

    private static func first(_ keys: [String], of configuration: ModelConfiguration) throws -> Int? {
        guard let key = keys.first(where: { configuration[$0] != nil }) else { return nil }
        return try configuration.integer(key)
    }

    /// `license:` in the lines between `---` that a model card begins with.
    private static func licence(_ readme: String) -> String? {
        let lines = readme.split(separator: "\n", maxSplits: 200, omittingEmptySubsequences: false)
        guard lines.first == "---" else { return nil }
        for line in lines.dropFirst() {
            if line == "---" { return nil }
            guard line.hasPrefix("license:") else { continue }
            return line.dropFirst("license:".count).trimmingCharacters(in: .whitespaces)
        }
        return nil
    }
}

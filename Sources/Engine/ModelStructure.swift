internal import Architectures
internal import Checkpoints
internal import Foundation
internal import ModelHub
internal import Tokenizers

/// Whether files make a model, as far as can be told without loading it: headers parse, shards are complete, the tokenizer
/// and the weights go together.
enum ModelStructure {
    /// What is wrong; nil where nothing is. Blocking: it maps the files and reads headers and vocabularies.
    static func problem(_ descriptor: ModelDescriptor, _ files: [String: String]) -> String? {
        do {
            if HuggingFaceDirectory.isOne(files.keys) {
                try huggingFace(HuggingFaceDirectory(name: descriptor.name, files: files))
            } else if CausalModelFamily(ggufArchitecture: descriptor.family) != nil {
                try gguf(files["model"] ?? files.keys.filter { $0.hasSuffix(".gguf") }.min().flatMap { files[$0] })
            } else {
                try small(descriptor, files)
            }
            return nil
        } catch let failure as ModelFailure {
            return failure.reason
        } catch {
            return "\(error)"
        }
    }

    private static func huggingFace(_ directory: HuggingFaceDirectory) throws {
        let model = try HuggingFaceModel(directory)
        // Reading the headers finds every shard, and every tensor inside a file that is long enough.
        let checkpoint = try model.checkpoint()
        let tokens =
            switch model.family {
            case .translation: try model.translationTokenizer().targetVocabularySize
            case .generation, .embedding: try model.tokenizer().vocabularySize
            }
        try compare(tokens, with: checkpoint.tensors, in: directory.name)
    }

    private static func gguf(_ path: String?) throws {
        guard let path else { throw failure("there is no model file") }
        let checkpoint = try GGUFCheckpoint(path: path)
        let tokenizer = try GGUFTokenizer.tokenizer(checkpoint.metadata)
        try compare(tokenizer.vocabularySize, with: checkpoint.tensors, in: path)
    }

    /// The ends of the names that embeddings of tokens have.
    private static let embeddings = [
        "token_embd.weight", "embed_tokens.weight", "word_embeddings.weight", "shared.weight", "wte.weight",
    ]

    /// Every token of the vocabulary has a row in the embedding.
    private static func compare(_ tokens: Int, with tensors: [String: CheckpointTensor], in file: String) throws {
        for (name, tensor) in tensors where embeddings.contains(where: name.hasSuffix) {
            guard let rows = tensor.shape.first, rows < tokens else { continue }
            throw failure("\(file): the tokenizer has \(tokens) tokens, and \(name) has \(rows) rows")
        }
    }

    private static func failure(_ reason: String) -> ModelFailure {
        ModelFailure(kind: .integrity, stage: .verifying, reason: reason, action: "Get the model again.")
    }

    private static func small(_ descriptor: ModelDescriptor, _ files: [String: String]) throws {
        func region(_ role: String) throws -> ByteRegion? { try files[role].map { try ByteRegion(mapping: $0) } }
        switch descriptor.family {
        case "bergamot":
            if let weights = try region("model") { _ = try MarianCheckpoint(weights) }
            for role in ["vocabulary", "source-vocabulary", "target-vocabulary"] {
                if let vocabulary = try region(role) { _ = try SentencePieceModel(vocabulary) }
            }
        default: break
        }
    }
}

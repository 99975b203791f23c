package import Checkpoints
package import Compute

/// A decoder-only language model: token ids in, for each position the logits of the next token.
package protocol CausalLanguageModel: Sendable {
    /// The model's sizes.
    var configuration: DecoderConfiguration { get }
    /// The number of token ids.
    var vocabularySize: Int { get }
    /// What the model keeps of each position.
    var cacheLayout: KVCacheLayout { get }
    /// Bytes of the weights.
    var sizeBytes: Int { get }

    /// Reads the step's tokens, whose ids must be of the vocabulary, and writes their keys and values into the caches,
    /// which the caller then advances. Returns the logits of the rows that the segments want, in their order, in scratch
    /// memory: `[wanted rows, vocabularySize]`.
    func forward(_ step: DecoderStep) -> MatrixView
}

/// The families by the name that GGUF files give in `general.architecture`.
package enum CausalModelFamily: String, Sendable, CaseIterable {
    /// Llama, Mistral, SmolLM2.
    case llama
    case qwen2
    case qwen3
    case gemma3

    /// Binds a checkpoint's tensors to the model of its family.
    ///
    /// - Throws: `CheckpointError`, `GGUFMetadataError`: what is missing, unused, of another shape, or not computed here.
    package static func model(_ checkpoint: GGUFCheckpoint) throws -> any CausalLanguageModel {
        let name = try checkpoint.metadata.string("general.architecture")
        switch CausalModelFamily(rawValue: name) {
        case .llama: return try Llama(checkpoint)
        case .qwen2: return try Qwen2(checkpoint)
        case .qwen3: return try Qwen3(checkpoint)
        case .gemma3: return try Gemma3(checkpoint)
        case nil:
            throw CheckpointError.unsupported(
                file: checkpoint.file, offset: 0,
                reason: "general.architecture is \(name); families: \(allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
    }
}

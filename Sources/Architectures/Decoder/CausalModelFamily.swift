package import Checkpoints
internal import Compute

/// The families of decoder-only models. One that is read from GGUF and from Hugging Face is one network: names, the
/// pairs of RoPE and the storage of norms differ, and `DecoderConfiguration` says how.
package enum CausalModelFamily: String, Sendable, CaseIterable {
    /// Llama (Touvron et al., 2023), SmolLM2; in GGUF Mistral also.
    case llama
    /// Mistral (Jiang et al., 2023): Llama with a sliding window in every layer, or none.
    case mistral
    /// Qwen2 and Qwen2.5 (Yang et al., 2024): Llama with biases on queries, keys and values.
    case qwen2
    /// Qwen3 (Yang et al., 2025): Llama with normalised queries and keys, and a head's size of its own.
    case qwen3
    /// Gemma 3 (Gemma Team, 2025), text.
    case gemma3
    /// Cohere: Command R, Aya.
    case cohere
    /// Cohere2: Command R7B, Command A.
    case cohere2

    /// By the name in GGUF's `general.architecture`.
    package init?(ggufArchitecture name: String) {
        switch name {
        case "command-r": self = .cohere
        case "llama", "qwen2", "qwen3", "gemma3", "cohere2": self.init(rawValue: name)
        default: return nil
        }
    }

    /// By `model_type` of a `config.json`.
    package init?(modelType name: String) {
        switch name {
        case "gemma3_text": self = .gemma3
        default: self.init(rawValue: name)
        }
    }

    /// The names in GGUF's `general.architecture`.
    package static let ggufArchitectures = ["llama", "qwen2", "qwen3", "gemma3", "command-r", "cohere2"]
    /// The values of `model_type` in `config.json`.
    package static let modelTypes = [
        "llama", "mistral", "qwen2", "qwen3", "gemma3_text", "gemma3", "cohere", "cohere2",
    ]

    /// Binds a GGUF file's tensors to the model of its family.
    ///
    /// - Parameters:
    ///   - quantizer: makes every matrix; nil to multiply by the tensors as they are stored.
    ///   - interleaver: makes faster copies of matrices.
    /// - Throws: `CheckpointError`, `GGUFMetadataError`: what is missing, unused, of another shape, or not computed
    ///   here.
    package static func model(
        _ checkpoint: GGUFCheckpoint, quantizer: WeightBinder.Quantizer? = nil,
        interleaver: WeightBinder.Interleaver? = nil
    ) throws -> any CausalLanguageModel {
        try model(DecoderConfiguration(checkpoint.metadata), Checkpoint(checkpoint), quantizer, interleaver)
    }

    /// Binds the tensors of a Hugging Face checkpoint to the model of its family. Of a multimodal Gemma 3 the text
    /// model is read, and the weights that look at images are left.
    ///
    /// - Parameters:
    ///   - file: `config.json`
    ///   - quantizer: makes every matrix; nil to multiply by the tensors as they are stored.
    ///   - interleaver: makes faster copies of matrices.
    /// - Throws: `CheckpointError`: what is missing, unused, of another shape, or not computed here.
    package static func model(
        _ file: ModelConfiguration, _ checkpoint: Checkpoint, quantizer: WeightBinder.Quantizer? = nil,
        interleaver: WeightBinder.Interleaver? = nil
    ) throws -> any CausalLanguageModel {
        try model(DecoderConfiguration(file), checkpoint, quantizer, interleaver)
    }

    private static func model(
        _ configuration: DecoderConfiguration, _ checkpoint: Checkpoint, _ quantizer: WeightBinder.Quantizer?,
        _ interleaver: WeightBinder.Interleaver?
    ) throws -> any CausalLanguageModel {
        let names = DecoderNames(configuration, checkpoint)
        let binder = WeightBinder(
            checkpoint, quantizer: quantizer, interleaver: interleaver, rename: names.stored)
        names.ignoreUnread(binder)
        switch configuration.family {
        case .llama, .mistral, .qwen2, .qwen3: return try StackedDecoder<PreNormBlock>(binder, configuration)
        case .gemma3: return try StackedDecoder<SandwichNormBlock>(binder, configuration)
        case .cohere, .cohere2: return try StackedDecoder<ParallelBlock>(binder, configuration)
        }
    }

    // MARK: What the family decides

    /// LayerNorm without bias, and attention beside the feed-forward layer.
    var isCohere: Bool { self == .cohere || self == .cohere2 }

    /// Which features of a head turn together. GGUF's converter reorders the rows of Llama's W_q and W_k, and no
    /// other's.
    func pairing(_ format: DecoderConfiguration.Format) -> RoPE.Pairing {
        switch self {
        case .llama, .mistral: format == .gguf ? .interleaved : .halves
        case .qwen2, .qwen3, .gemma3: .halves
        case .cohere, .cohere2: .interleaved
        }
    }

    /// Layers of which all but the last see a window only; nil where the family has no such pattern.
    var localRun: Int? {
        switch self {
        case .gemma3: 6
        case .cohere2: 4
        case .llama, .mistral, .qwen2, .qwen3, .cohere: nil
        }
    }

    /// Of the feed-forward layer's gate.
    var activation: GateActivation { self == .gemma3 ? .geluTanh : .silu }

    /// Whether queries and keys are normalised by head; nil where each model decides.
    var normalizesHeads: Bool? {
        switch self {
        case .qwen3, .gemma3: true
        case .llama, .mistral, .qwen2, .cohere2: false
        case .cohere: nil
        }
    }
}

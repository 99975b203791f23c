package import Checkpoints
package import Compute

/// The families of encoder-decoders that are read in the layout of Hugging Face, by the `model_type` of `config.json`.
package enum SequenceToSequenceFamily: String, Sendable, CaseIterable {
    /// M2M100 and NLLB-200.
    case m2m100 = "m2m_100"
    /// OPUS-MT.
    case marian
    /// T5, T5 v1.1, MADLAD-400.
    case t5
    /// mT5.
    case mt5

    /// The family that a configuration names.
    ///
    /// - Throws: `CheckpointError` if it is none of them.
    package init(_ configuration: ModelConfiguration) throws {
        guard let family = Self(rawValue: try configuration.string("model_type")) else {
            let names = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw configuration.mismatch("model_type", expected: "one of \(names)")
        }
        self = family
    }

    /// Binds a checkpoint's tensors to the network that its configuration describes. Strict: every tensor needs a place
    /// and every place a tensor.
    ///
    /// - Parameters:
    ///   - binder: the tensors.
    ///   - configuration: `config.json`.
    ///   - generation: `generation_config.json`; its tokens win over those of `config.json`.
    ///   - backend: who does the arithmetic.
    ///   - pool: the threads that share each operation.
    /// - Throws: `CheckpointError` naming the key or the tensor.
    package static func model(
        _ binder: WeightBinder, configuration: ModelConfiguration, generation: ModelConfiguration? = nil,
        backend: ComputeBackend, pool: ThreadPool
    ) throws -> any EncoderDecoderModel {
        switch try Self(configuration) {
        case .m2m100:
            try M2M100(binder, configuration: configuration, generation: generation, backend: backend, pool: pool)
        case .marian:
            try Marian(binder, configuration: configuration, generation: generation, backend: backend, pool: pool)
        case .t5, .mt5:
            try T5(binder, configuration: configuration, generation: generation, backend: backend, pool: pool)
        }
    }
}

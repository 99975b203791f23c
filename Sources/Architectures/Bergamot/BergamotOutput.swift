internal import Checkpoints
internal import Compute
internal import Synchronization

/// The output layer `logits = x · Wᵀ + b`, tied to the target embedding or with a matrix of its own, over all tokens
/// or over a sentence's shortlist.
final class OutputLayer: Sendable {
    private let table: EmbeddingTable
    private let bias: [Float]?
    private let activations: ActivationQuantization
    /// The layer over the whole vocabulary: built when first asked for, since a shortlist is the usual case.
    private let whole = Mutex<Linear?>(nil)

    init(
        _ embeddingName: String, _ embedding: EmbeddingTable, _ configuration: BergamotConfiguration,
        _ binder: MarianBinder
    ) throws {
        let (tokens, size) = (configuration.targetVocabularySize, configuration.hiddenSize)
        if configuration.tiedOutput {
            table = embedding
            activations = try binder.activationQuantization(of: embeddingName, "none")
        } else {
            let name = "decoder_ff_logit_out_Wt"
            table = try binder.embedding(name, tokens: tokens, hiddenSize: size)
            activations = try binder.activationQuantization(of: name, "none")
        }
        bias = configuration.outputBias ? try binder.vector("decoder_ff_logit_out_b", count: tokens) : nil
    }

    func layer(for candidates: [Int32]?, on backend: ComputeBackend, in workspace: Workspace) -> Linear {
        guard let candidates else { return layerOverAll(on: backend) }
        return build(candidates, on: backend, in: workspace)
    }

    private func layerOverAll(on backend: ComputeBackend) -> Linear {
        whole.withLock { layer in
            if let layer { return layer }
            let built = build(nil, on: backend, in: nil)
            layer = built
            return built
        }
    }

    private func build(_ ids: [Int32]?, on backend: ComputeBackend, in workspace: Workspace?) -> Linear {
        do {
            return try table.outputLayer(
                selecting: ids, bias: bias, activations: activations, for: backend, in: workspace)
        } catch {
            preconditionFailure("the embedding table was checked when it was bound: \(error)")
        }
    }
}

package import Checkpoints
package import Compute

/// M2M100 (Fan et al., "Beyond English-Centric Multilingual Machine Translation", 2020) and NLLB-200 (NLLB Team, "No
/// Language Left Behind", 2022): a transformer with norms before each sublayer, one embedding for all sides, and waves for
/// positions. `models/m2m100/MODEL.md` is the same in prose.
package final class M2M100: EncoderDecoderModel {
    package let configuration: EncoderDecoderConfiguration
    package let backend: ComputeBackend
    package let sizeBytes: Int
    let pool: ThreadPool
    private let embedding: PositionedEmbedding  // model.shared [vocabularySize, hiddenSize]
    private let encoder: [EncoderBlock]  // model.encoder.layers.N
    private let encoderNorm: LayerNorm  // model.encoder.layer_norm
    private let decoder: [DecoderBlock]  // model.decoder.layers.N
    private let decoderNorm: LayerNorm  // model.decoder.layer_norm
    let output: TokenLogits  // model.shared, or lm_head [vocabularySize, hiddenSize]

    /// ε of all norms, which stands in no key.
    private static let epsilon: Float = 1e-5

    /// Binds a checkpoint's tensors.
    ///
    /// - Throws: `CheckpointError` naming the key or the tensor.
    package init(
        _ binder: WeightBinder, configuration: ModelConfiguration, generation: ModelConfiguration? = nil,
        backend: ComputeBackend, pool: ThreadPool
    ) throws {
        let keys = EncoderDecoderKeys(model: configuration, generation: generation)
        let sizes = try Self.sizes(keys)
        let hidden = sizes.hiddenSize
        let activation = try Activation(configuration, key: "activation_function", default: "relu")
        let shared = try binder.matrix(
            "model.shared.weight", inputs: hidden, outputs: sizes.sourceVocabularySize)
        try binder.ignoreCopies(
            ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"], of: "model.shared.weight")
        // The formula counts, whatever an old file's table says.
        binder.ignore("model.encoder.embed_positions.weights")
        binder.ignore("model.decoder.embed_positions.weights")
        embedding = PositionedEmbedding(
            matrix: shared, scale: try keys.embeddingScale(hiddenSize: hidden, default: true),
            positions: PositionWaves(
                // Counted from the one after the padding's place.
                hiddenSize: hidden, offset: 2, limit: sizes.maximumPositions ?? 0, .fairseq))
        encoder = try (0..<sizes.encoder.layers).map {
            try EncoderBlock(binder, "model.encoder.layers.\($0)", sizes, activation)
        }
        encoderNorm = try binder.layerNorm(at: "model.encoder.layer_norm", count: hidden, epsilon: Self.epsilon)
        decoder = try (0..<sizes.decoder.layers).map {
            try DecoderBlock(binder, "model.decoder.layers.\($0)", sizes, activation)
        }
        decoderNorm = try binder.layerNorm(at: "model.decoder.layer_norm", count: hidden, epsilon: Self.epsilon)
        let last = try binder.outputMatrix("lm_head.weight", tied: "model.shared.weight", shared)
        output = TokenLogits(projection: Projection(weights: last, bias: nil))
        try binder.finish()
        (self.configuration, self.backend, self.pool) = (sizes, backend, pool)
        sizeBytes = binder.sizeBytes + embedding.positions.sizeBytes
    }

    private static func sizes(_ keys: EncoderDecoderKeys) throws -> EncoderDecoderConfiguration {
        let hidden = try keys.evenHiddenSize(default: 1024)
        let vocabulary = try keys.vocabulary("vocab_size", default: 128_112)
        return EncoderDecoderConfiguration(
            hiddenSize: hidden, encoder: try keys.stack("encoder", hiddenSize: hidden),
            decoder: try keys.stack("decoder", hiddenSize: hidden), sourceVocabularySize: vocabulary,
            targetVocabularySize: vocabulary,
            tokens: try keys.tokens(start: 2, end: 2, padding: 1, unknown: 3, vocabularySize: vocabulary),
            maximumPositions: try keys.size("max_position_embeddings", upTo: 1 << 20, default: 1024))
    }

    /// A layer of the encoder.
    private struct EncoderBlock: Sendable {
        let attentionNorm: LayerNorm  // self_attn_layer_norm
        let attention: SourceAttention  // self_attn
        let feedForwardNorm: LayerNorm  // final_layer_norm
        let feedForward: FeedForwardNetwork  // fc1, fc2

        init(
            _ binder: WeightBinder, _ name: String, _ sizes: EncoderDecoderConfiguration, _ activation: Activation
        ) throws {
            let hidden = sizes.hiddenSize
            attentionNorm = try binder.layerNorm(
                at: "\(name).self_attn_layer_norm", count: hidden, epsilon: M2M100.epsilon)
            attention = SourceAttention(
                weights: try binder.attention(
                    at: "\(name).self_attn", hiddenSize: hidden, heads: sizes.encoder.heads))
            feedForwardNorm = try binder.layerNorm(
                at: "\(name).final_layer_norm", count: hidden, epsilon: M2M100.epsilon)
            feedForward = try binder.feedForward(
                at: name, hiddenSize: hidden, innerSize: sizes.encoder.feedForwardSize, activation)
        }

        /// Changes x `[rows, hiddenSize]` in place.
        func callAsFunction(_ x: MatrixView, _ batch: SourceBatch) {
            let resources = batch.resources
            resources.workspace.scoped {
                resources.accumulate(attention(resources.normalized(x, by: attentionNorm), batch), into: x)
            }
            resources.workspace.scoped {
                resources.accumulate(feedForward(resources.normalized(x, by: feedForwardNorm), resources), into: x)
            }
        }
    }

    /// A layer of the decoder.
    private struct DecoderBlock: Sendable {
        let attentionNorm: LayerNorm  // self_attn_layer_norm
        let attention: TargetAttention  // self_attn
        let memoryNorm: LayerNorm  // encoder_attn_layer_norm
        let memoryAttention: MemoryAttention  // encoder_attn
        let feedForwardNorm: LayerNorm  // final_layer_norm
        let feedForward: FeedForwardNetwork  // fc1, fc2

        init(
            _ binder: WeightBinder, _ name: String, _ sizes: EncoderDecoderConfiguration, _ activation: Activation
        ) throws {
            let (hidden, heads) = (sizes.hiddenSize, sizes.decoder.heads)
            func norm(_ part: String) throws -> LayerNorm {
                try binder.layerNorm(at: "\(name).\(part)_layer_norm", count: hidden, epsilon: M2M100.epsilon)
            }
            attentionNorm = try norm("self_attn")
            attention = TargetAttention(
                weights: try binder.attention(at: "\(name).self_attn", hiddenSize: hidden, heads: heads))
            memoryNorm = try norm("encoder_attn")
            memoryAttention = MemoryAttention(
                weights: try binder.attention(at: "\(name).encoder_attn", hiddenSize: hidden, heads: heads))
            feedForwardNorm = try norm("final")
            feedForward = try binder.feedForward(
                at: name, hiddenSize: hidden, innerSize: sizes.decoder.feedForwardSize, activation)
        }

        /// Changes x `[rows, hiddenSize]` in place.
        func callAsFunction(_ x: MatrixView, layer: Int, _ step: TargetStep) {
            let resources = step.resources
            resources.workspace.scoped {
                let h = resources.normalized(x, by: attentionNorm)
                resources.accumulate(attention(h, layer: layer, step), into: x)
            }
            resources.workspace.scoped {
                let h = resources.normalized(x, by: memoryNorm)
                resources.accumulate(memoryAttention(h, layer: layer, step), into: x)
            }
            resources.workspace.scoped {
                resources.accumulate(feedForward(resources.normalized(x, by: feedForwardNorm), resources), into: x)
            }
        }
    }
}

extension M2M100: EncoderDecoderNetwork {
    var memoryAttention: [MemoryAttention] { decoder.map(\.memoryAttention) }

    func encode(_ batch: SourceBatch) -> MatrixView {
        let x = embedding(batch)
        for block in encoder { block(x, batch) }
        return batch.resources.normalized(x, by: encoderNorm)
    }

    func decode(_ step: TargetStep) -> MatrixView {
        let x = embedding(step)
        for (layer, block) in decoder.enumerated() { block(x, layer: layer, step) }
        return step.resources.normalized(x, by: decoderNorm)
    }
}

package import Checkpoints
package import Compute

/// OPUS-MT, trained with Marian and converted to the layout of Hugging Face (Junczys-Dowmunt et al., "Marian", 2018;
/// Tiedemann and Thottingal, "OPUS-MT", 2020): a transformer with norms after each sublayer, one or two vocabularies, and a
/// bias of the logits. `models/marian/MODEL.md` is the same in prose. Files of Marian itself are `BergamotModel`'s.
package final class Marian: EncoderDecoderModel {
    package let configuration: EncoderDecoderConfiguration
    package let backend: ComputeBackend
    package let sizeBytes: Int
    let pool: ThreadPool
    private let sourceEmbedding: PositionedEmbedding
    private let targetEmbedding: PositionedEmbedding
    private let encoder: [EncoderBlock]  // model.encoder.layers.N
    private let decoder: [DecoderBlock]  // model.decoder.layers.N
    let output: TokenLogits  // the target's embedding, or lm_head; final_logits_bias [1, targetVocabularySize]

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
        let shared = try configuration.boolean("share_encoder_decoder_embeddings", default: true)
        let sizes = try Self.sizes(keys, shared: shared)
        let hidden = sizes.hiddenSize
        let activation = try Activation(configuration, key: "activation_function", default: "gelu")
        let scale = try keys.embeddingScale(hiddenSize: hidden, default: false)

        let targetName = shared ? "model.shared.weight" : "model.decoder.embed_tokens.weight"
        let target = try binder.matrix(targetName, inputs: hidden, outputs: sizes.targetVocabularySize)
        let source =
            shared
            ? target
            : try binder.matrix(
                "model.encoder.embed_tokens.weight", inputs: hidden, outputs: sizes.sourceVocabularySize,
                byRow: true)
        if shared {
            try binder.ignoreCopies(
                ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"], of: targetName)
        }
        sourceEmbedding = PositionedEmbedding(
            matrix: source, scale: scale, positions: try Self.positions(binder, "encoder", sizes))
        targetEmbedding = PositionedEmbedding(
            matrix: target, scale: scale, positions: try Self.positions(binder, "decoder", sizes))
        encoder = try (0..<sizes.encoder.layers).map {
            try EncoderBlock(binder, "model.encoder.layers.\($0)", sizes, activation)
        }
        decoder = try (0..<sizes.decoder.layers).map {
            try DecoderBlock(binder, "model.decoder.layers.\($0)", sizes, activation)
        }
        output = TokenLogits(
            projection: Projection(
                weights: try binder.outputMatrix("lm_head.weight", tied: targetName, target),
                bias: AlignedBuffer(
                    try binder.floats("final_logits_bias", shape: [1, sizes.targetVocabularySize]), paddedTo: 16)))
        try binder.finish()
        (self.configuration, self.backend, self.pool) = (sizes, backend, pool)
        sizeBytes = binder.sizeBytes + sourceEmbedding.positions.sizeBytes + targetEmbedding.positions.sizeBytes
    }

    private static func sizes(_ keys: EncoderDecoderKeys, shared: Bool) throws -> EncoderDecoderConfiguration {
        let hidden = try keys.evenHiddenSize(default: 1024)
        let source = try keys.vocabulary("vocab_size", default: 58_101)
        let target = try keys.vocabulary("decoder_vocab_size", default: source)
        guard !shared || target == source else {
            throw keys.model.mismatch(
                "decoder_vocab_size", expected: "vocab_size, \(source), since both sides share one embedding")
        }
        let padding = Int32(target - 1)
        return EncoderDecoderConfiguration(
            hiddenSize: hidden, encoder: try keys.stack("encoder", hiddenSize: hidden),
            decoder: try keys.stack("decoder", hiddenSize: hidden), sourceVocabularySize: source,
            targetVocabularySize: target,
            tokens: try keys.tokens(start: padding, end: 0, padding: padding, unknown: 1, vocabularySize: target),
            maximumPositions: try keys.size("max_position_embeddings", upTo: 1 << 20, default: 1024))
    }

    /// The table of positions where a file has one, rounded as it may be: it is what such a model is usually run with.
    private static func positions(
        _ binder: WeightBinder, _ side: String, _ sizes: EncoderDecoderConfiguration
    ) throws -> PositionWaves {
        let (name, limit) = ("model.\(side).embed_positions.weight", sizes.maximumPositions ?? 0)
        guard binder.has(name) else { return PositionWaves(hiddenSize: sizes.hiddenSize, limit: limit, .original) }
        return PositionWaves(
            table: try binder.floats(name, shape: [limit, sizes.hiddenSize]), hiddenSize: sizes.hiddenSize)
    }

    /// A layer of the encoder.
    private struct EncoderBlock: Sendable {
        let attention: SourceAttention  // self_attn
        let attentionNorm: LayerNorm  // self_attn_layer_norm
        let feedForward: FeedForwardNetwork  // fc1, fc2
        let feedForwardNorm: LayerNorm  // final_layer_norm

        init(
            _ binder: WeightBinder, _ name: String, _ sizes: EncoderDecoderConfiguration, _ activation: Activation
        ) throws {
            let hidden = sizes.hiddenSize
            attention = SourceAttention(
                weights: try binder.attention(
                    at: "\(name).self_attn", hiddenSize: hidden, heads: sizes.encoder.heads))
            attentionNorm = try binder.layerNorm(
                at: "\(name).self_attn_layer_norm", count: hidden, epsilon: Marian.epsilon)
            feedForward = try binder.feedForward(
                at: name, hiddenSize: hidden, innerSize: sizes.encoder.feedForwardSize, activation)
            feedForwardNorm = try binder.layerNorm(
                at: "\(name).final_layer_norm", count: hidden, epsilon: Marian.epsilon)
        }

        /// Changes x `[rows, hiddenSize]` in place.
        func callAsFunction(_ x: MatrixView, _ batch: SourceBatch) {
            let resources = batch.resources
            resources.workspace.scoped {
                resources.accumulate(attention(x, batch), into: x, normalizedBy: attentionNorm)
            }
            resources.workspace.scoped {
                resources.accumulate(feedForward(x, resources), into: x, normalizedBy: feedForwardNorm)
            }
        }
    }

    /// A layer of the decoder.
    private struct DecoderBlock: Sendable {
        let attention: TargetAttention  // self_attn
        let attentionNorm: LayerNorm  // self_attn_layer_norm
        let memoryAttention: MemoryAttention  // encoder_attn
        let memoryNorm: LayerNorm  // encoder_attn_layer_norm
        let feedForward: FeedForwardNetwork  // fc1, fc2
        let feedForwardNorm: LayerNorm  // final_layer_norm

        init(
            _ binder: WeightBinder, _ name: String, _ sizes: EncoderDecoderConfiguration, _ activation: Activation
        ) throws {
            let (hidden, heads) = (sizes.hiddenSize, sizes.decoder.heads)
            func norm(_ part: String) throws -> LayerNorm {
                try binder.layerNorm(at: "\(name).\(part)_layer_norm", count: hidden, epsilon: Marian.epsilon)
            }
            attention = TargetAttention(
                weights: try binder.attention(at: "\(name).self_attn", hiddenSize: hidden, heads: heads))
            attentionNorm = try norm("self_attn")
            memoryAttention = MemoryAttention(
                weights: try binder.attention(at: "\(name).encoder_attn", hiddenSize: hidden, heads: heads))
            memoryNorm = try norm("encoder_attn")
            feedForward = try binder.feedForward(
                at: name, hiddenSize: hidden, innerSize: sizes.decoder.feedForwardSize, activation)
            feedForwardNorm = try norm("final")
        }

        /// Changes x `[rows, hiddenSize]` in place.
        func callAsFunction(_ x: MatrixView, layer: Int, _ step: TargetStep) {
            let resources = step.resources
            resources.workspace.scoped {
                resources.accumulate(attention(x, layer: layer, step), into: x, normalizedBy: attentionNorm)
            }
            resources.workspace.scoped {
                resources.accumulate(memoryAttention(x, layer: layer, step), into: x, normalizedBy: memoryNorm)
            }
            resources.workspace.scoped {
                resources.accumulate(feedForward(x, resources), into: x, normalizedBy: feedForwardNorm)
            }
        }
    }
}

extension Marian: EncoderDecoderNetwork {
    var memoryAttention: [MemoryAttention] { decoder.map(\.memoryAttention) }
    var alignment: AttentionRecord.Place { .guided(layers: decoder.count) }

    func encode(_ batch: SourceBatch) -> MatrixView {
        let x = sourceEmbedding(batch)
        for block in encoder { block(x, batch) }
        return x
    }

    func decode(_ step: TargetStep) -> MatrixView {
        let x = targetEmbedding(step)
        for (layer, block) in decoder.enumerated() { block(x, layer: layer, step) }
        return x
    }
}

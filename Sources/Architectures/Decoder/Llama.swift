package import Checkpoints
package import Compute

/// Llama (Touvron et al., 2023), and what shares its architecture under that name in GGUF: Mistral (Jiang et al., 2023)
/// and SmolLM2. Pre-norm blocks, grouped-query attention with RoPE over neighbouring features, SwiGLU. The converter has
/// reordered the rows of W_q and W_k of each head, which is why neighbours make the pairs here and halves in the
/// original (`models/llama/MODEL.md`).
package final class Llama: CausalLanguageModel {
    package let configuration: DecoderConfiguration
    package let sizeBytes: Int
    package let cacheLayout: KVCacheLayout
    private let decoder: PreNormDecoder

    package var vocabularySize: Int { decoder.embedding.vocabularySize }

    /// Binds a checkpoint's tensors.
    ///
    /// - Throws: `CheckpointError`, `GGUFMetadataError`.
    package init(_ checkpoint: GGUFCheckpoint) throws {
        let configuration = try DecoderConfiguration(checkpoint.metadata)
        let binder = GGUFBinder(checkpoint)
        decoder = PreNormDecoder(
            embedding: try TokenEmbedding(binder, configuration),
            rope: try Self.rope(binder, configuration),
            blocks: try (0..<configuration.layers).map { try Self.block(binder, configuration, layer: $0) })
        try binder.finish()
        self.configuration = configuration
        sizeBytes = binder.sizeBytes
        cacheLayout = decoder.cacheLayout
    }

    private static func rope(_ binder: GGUFBinder, _ configuration: DecoderConfiguration) throws -> RoPE {
        guard binder.has("rope_freqs.weight") else { return configuration.rope(.interleaved) }
        // Llama 3.1 and later: each frequency has its own divisor.
        let divisors = try binder.vector("rope_freqs.weight", count: configuration.ropeDimensions / 2)
        return RoPE(
            dimensions: configuration.ropeDimensions, base: configuration.ropeBase, pairing: .interleaved,
            divisors: divisors.map { $0 * Float(configuration.ropeFactor) })
    }

    private static func block(
        _ binder: GGUFBinder, _ configuration: DecoderConfiguration, layer: Int
    ) throws -> PreNormBlock {
        let name = "blk.\(layer)"
        let (hidden, headDim) = (configuration.hiddenSize, configuration.headDim)
        let (queries, keys) = (configuration.heads * headDim, configuration.kvHeads * headDim)
        let feedForward = configuration.feedForwardSize
        return PreNormBlock(
            attentionNorm: try binder.norm(
                "\(name).attn_norm.weight", count: hidden, epsilon: configuration.normEpsilon),
            attention: GroupedQueryAttention(
                query: try binder.projection("\(name).attn_q", inputs: hidden, outputs: queries),
                key: try binder.projection("\(name).attn_k", inputs: hidden, outputs: keys),
                value: try binder.projection("\(name).attn_v", inputs: hidden, outputs: keys),
                output: try binder.projection("\(name).attn_output", inputs: queries, outputs: hidden),
                heads: configuration.heads, kvHeads: configuration.kvHeads, headDim: headDim,
                scale: 1 / Float(headDim).squareRoot(), window: configuration.window),
            feedForwardNorm: try binder.norm(
                "\(name).ffn_norm.weight", count: hidden, epsilon: configuration.normEpsilon),
            feedForward: GatedFeedForward(
                gate: try binder.projection("\(name).ffn_gate", inputs: hidden, outputs: feedForward),
                up: try binder.projection("\(name).ffn_up", inputs: hidden, outputs: feedForward),
                down: try binder.projection("\(name).ffn_down", inputs: feedForward, outputs: hidden),
                activation: .silu))
    }

    package func forward(_ step: DecoderStep) -> MatrixView { decoder.forward(step) }
}

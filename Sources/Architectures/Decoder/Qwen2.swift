package import Checkpoints
package import Compute

/// Qwen2 and Qwen2.5 (Yang et al., "Qwen2 Technical Report", 2024): Llama's blocks with biases on queries, keys and
/// values, and RoPE over the halves of a head (`models/qwen2/MODEL.md`).
package final class Qwen2: CausalLanguageModel {
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
            rope: configuration.rope(.halves),
            blocks: try (0..<configuration.layers).map { try Self.block(binder, configuration, layer: $0) })
        try binder.finish()
        self.configuration = configuration
        sizeBytes = binder.sizeBytes
        cacheLayout = decoder.cacheLayout
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
                query: try binder.projection("\(name).attn_q", inputs: hidden, outputs: queries, bias: true),
                key: try binder.projection("\(name).attn_k", inputs: hidden, outputs: keys, bias: true),
                value: try binder.projection("\(name).attn_v", inputs: hidden, outputs: keys, bias: true),
                output: try binder.projection("\(name).attn_output", inputs: queries, outputs: hidden),
                heads: configuration.heads, kvHeads: configuration.kvHeads, headDim: headDim,
                scale: 1 / Float(headDim).squareRoot()),
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

internal import Compute

/// A block of Llama (Touvron et al., 2023) and of those that follow it: normalise, transform, add.
///
///     x ← x + attention(norm(x))
///     x ← x + feedForward(norm(x))
///
/// - Llama, SmolLM2 and Mistral (Jiang et al., 2023) are this, with grouped-query attention, RoPE and SwiGLU. Mistral's
///   first release sees a sliding window. In GGUF the rows of W_q and W_k of each head are reordered, which is why
///   neighbours make RoPE's pairs there and halves in the published weights (`models/llama/MODEL.md`).
/// - Qwen2 and Qwen2.5 (Yang et al., "Qwen2 Technical Report", 2024) add biases to queries, keys and values
///   (`models/qwen2/MODEL.md`).
/// - Qwen3 (Yang et al., "Qwen3 Technical Report", 2025) normalises each head's queries and keys before RoPE, and a
///   head's size is not bound to the hidden size (`models/qwen3/MODEL.md`).
struct PreNormBlock: DecoderBlock {
    let attentionNorm: Normalization
    let attention: GroupedQueryAttention
    let feedForwardNorm: Normalization
    let feedForward: GatedFeedForward

    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration, layer: Int) throws {
        let (name, hidden) = ("model.layers.\(layer)", configuration.hiddenSize)
        attentionNorm = try Normalization(binder, configuration, "\(name).input_layernorm", count: hidden)
        attention = try GroupedQueryAttention(binder, configuration, layer: layer)
        feedForwardNorm = try Normalization(binder, configuration, "\(name).post_attention_layernorm", count: hidden)
        feedForward = try GatedFeedForward(binder, configuration, layer: layer)
    }

    func callAsFunction(
        _ x: inout MatrixView, layer: Int, angles: RoPE.Angles?, _ step: DecoderStep, wanted: DecoderStep.Wanted?
    ) {
        let next = wanted?.step ?? step
        let sum = wanted.map { step.select(x, for: $0.step) } ?? x
        step.resources.workspace.scoped {
            let h = step.norm(x, attentionNorm)
            next.add(attention(h, layer: layer, angles: angles, step, wanted: wanted), to: sum)
        }
        step.resources.workspace.scoped {
            next.add(feedForward(next.norm(sum, feedForwardNorm), next), to: sum)
        }
        x = sum
    }
}

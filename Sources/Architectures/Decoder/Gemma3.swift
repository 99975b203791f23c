internal import Compute

/// A block of Gemma 3 (Gemma Team, "Gemma 3 Technical Report", 2025): what attention and feed-forward layer give is
/// normalised once more before it is added, and queries and keys by head (`models/gemma3/MODEL.md`).
///
///     x ← x + postNorm(attention(norm(x)))
///     x ← x + postNorm(feedForward(norm(x)))
///
/// Five of six layers see a sliding window and turn with their own RoPE base; the sixth sees everything. Embeddings are
/// multiplied by √hiddenSize. Published norms hold their scale less 1; in GGUF the 1 is already added.
struct SandwichNormBlock: DecoderBlock {
    let attentionNorm: Normalization
    let attention: GroupedQueryAttention
    let attentionPostNorm: Normalization
    let feedForwardNorm: Normalization
    let feedForward: GatedFeedForward
    let feedForwardPostNorm: Normalization

    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration, layer: Int) throws {
        func norm(_ part: String) throws -> Normalization {
            try Normalization(binder, configuration, "model.layers.\(layer).\(part)", count: configuration.hiddenSize)
        }
        attentionNorm = try norm("input_layernorm")
        attention = try GroupedQueryAttention(binder, configuration, layer: layer)
        attentionPostNorm = try norm("post_attention_layernorm")
        feedForwardNorm = try norm("pre_feedforward_layernorm")
        feedForward = try GatedFeedForward(binder, configuration, layer: layer)
        feedForwardPostNorm = try norm("post_feedforward_layernorm")
    }

    func callAsFunction(
        _ x: inout MatrixView, layer: Int, angles: RoPE.Angles?, _ step: DecoderStep, wanted: DecoderStep.Wanted?
    ) {
        let next = wanted?.step ?? step
        let sum = wanted.map { step.select(x, for: $0.step) } ?? x
        step.resources.workspace.scoped {
            let h = step.norm(x, attentionNorm)
            let attended = attention(h, layer: layer, angles: angles, step, wanted: wanted)
            next.add(next.norm(attended, attentionPostNorm), to: sum)
        }
        step.resources.workspace.scoped {
            next.add(next.norm(feedForward(next.norm(sum, feedForwardNorm), next), feedForwardPostNorm), to: sum)
        }
        x = sum
    }
}

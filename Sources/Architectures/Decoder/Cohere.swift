internal import Compute

/// A block of Cohere's models (Command R, Aya; Cohere2: Command R7B, Command A): one norm, behind which attention and
/// feed-forward layer stand side by side (`models/cohere/MODEL.md`).
///
///     h = LN(x)                        without a bias
///     x ← x + attention(h) + feedForward(h)
///
/// RoPE turns neighbours. In Cohere2 every fourth layer sees everything and has no positions, the others see a window;
/// Command R+ normalises queries and keys with scales of each head's own. Logits are multiplied by `logit_scale`.
struct ParallelBlock: DecoderBlock {
    let norm: Normalization
    let attention: GroupedQueryAttention
    let feedForward: GatedFeedForward

    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration, layer: Int) throws {
        norm = try Normalization(
            binder, configuration, "model.layers.\(layer).input_layernorm", count: configuration.hiddenSize)
        attention = try GroupedQueryAttention(binder, configuration, layer: layer)
        feedForward = try GatedFeedForward(binder, configuration, layer: layer)
    }

    func callAsFunction(
        _ x: inout MatrixView, layer: Int, angles: RoPE.Angles?, _ step: DecoderStep, wanted: DecoderStep.Wanted?
    ) {
        let next = wanted?.step ?? step
        let sum = wanted.map { step.select(x, for: $0.step) } ?? x
        step.resources.workspace.scoped {
            let h = step.norm(x, norm)
            let kept = wanted.map { step.select(h, for: $0.step) } ?? h
            next.add(attention(h, layer: layer, angles: angles, step, wanted: wanted), to: sum)
            next.add(feedForward(kept, next), to: sum)
        }
        x = sum
    }
}

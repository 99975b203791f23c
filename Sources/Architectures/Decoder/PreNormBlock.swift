internal import Compute

/// A block of Llama and its relatives: normalise, transform, add.
///
///     x ← x + attention(norm(x))
///     x ← x + feedForward(norm(x))
struct PreNormBlock: Sendable {
    let attentionNorm: RMSNorm
    let attention: GroupedQueryAttention
    let feedForwardNorm: RMSNorm
    let feedForward: GatedFeedForward

    /// Changes x `[rows, hiddenSize]` in place.
    ///
    /// - Parameter wanted: the rows to go on with, which is what x has then.
    func callAsFunction(
        _ x: inout MatrixView, layer: Int, angles: RoPE.Angles, _ step: DecoderStep, wanted: DecoderStep.Wanted? = nil
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

/// A stack of such blocks between the embedding and the logits.
struct PreNormDecoder: Sendable {
    let embedding: TokenEmbedding
    let rope: RoPE
    let blocks: [PreNormBlock]

    var cacheLayout: KVCacheLayout { KVCacheLayout(layers: blocks.map(\.attention.cacheLayer)) }

    func forward(_ step: DecoderStep) -> MatrixView {
        var x = embedding.embed(step)
        let angles = step.angles(rope)
        let wanted = step.wanted(rope)
        for (layer, block) in blocks.enumerated() {
            block(&x, layer: layer, angles: angles, step, wanted: layer == blocks.count - 1 ? wanted : nil)
        }
        return embedding.logits(x, step)
    }
}

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
    func callAsFunction(_ x: MatrixView, layer: Int, angles: RoPE.Angles, _ step: DecoderStep) {
        step.resources.workspace.scoped {
            step.add(attention(step.norm(x, attentionNorm), layer: layer, angles: angles, step), to: x)
        }
        step.resources.workspace.scoped {
            step.add(feedForward(step.norm(x, feedForwardNorm), step), to: x)
        }
    }
}

/// A stack of such blocks between the embedding and the logits.
struct PreNormDecoder: Sendable {
    let embedding: TokenEmbedding
    let rope: RoPE
    let blocks: [PreNormBlock]

    var cacheLayout: KVCacheLayout { KVCacheLayout(layers: blocks.map(\.attention.cacheLayer)) }

    func forward(_ step: DecoderStep) -> MatrixView {
        let x = embedding.embed(step)
        let angles = rope.angles(at: step.positions, step.resources.workspace)
        for (layer, block) in blocks.enumerated() { block(x, layer: layer, angles: angles, step) }
        return embedding.logits(x, step)
    }
}

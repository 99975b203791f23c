internal import Compute

/// Causal self-attention in which groups of query heads share a key/value head (Ainslie et al., "GQA", 2023):
///
///     q = norm?(W_q h + b_q), k = norm?(W_k h + b_k), v = W_v h + b_v    the norms by head: Qwen3, Gemma 3, Command R+
///     q, k ← RoPE(q), RoPE(k)                                            not where Cohere2 sees everything
///     out = W_o · concat_heads softmax(scale · q kᵀ, over the positions ≤ its own and within the window) v
struct GroupedQueryAttention: Sendable {
    let query: Projection
    let key: Projection
    let value: Projection
    let output: Projection
    /// Over the features of each head.
    let queryNorm: HeadNormalization?
    let keyNorm: HeadNormalization?
    let heads: Int
    let kvHeads: Int
    let headDim: Int
    /// What scores are multiplied by.
    let scale: Float
    /// Positions that a query sees, its own included; nil for all.
    let window: Int?

    /// Binds a layer's tensors.
    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration, layer: Int) throws {
        let (name, hidden) = ("model.layers.\(layer).self_attn", configuration.hiddenSize)
        (heads, kvHeads, headDim) = (configuration.heads, configuration.kvHeads, configuration.headDim)
        let biases = configuration.biases
        func inward(_ part: String, _ heads: Int) throws -> Projection {
            try binder.projection(
                "\(name).\(part)_proj", inputs: hidden, outputs: heads * configuration.headDim,
                bias: biases.queriesKeysValues)
        }
        query = try inward("q", heads)
        key = try inward("k", kvHeads)
        value = try inward("v", kvHeads)
        output = try binder.projection(
            "\(name).o_proj", inputs: heads * headDim, outputs: hidden, bias: biases.attentionOutput)
        if configuration.normalizesHeads ?? binder.has("\(name).q_norm.weight") {
            queryNorm = try HeadNormalization(binder, configuration, "\(name).q_norm", heads: heads)
            keyNorm = try HeadNormalization(binder, configuration, "\(name).k_norm", heads: kvHeads)
        } else {
            (queryNorm, keyNorm) = (nil, nil)
        }
        scale = configuration.attentionScale
        window = configuration.window(layer: layer)
    }

    /// The layer's part of a cache's layout.
    var cacheLayer: KVCacheLayout.Layer { .init(kvHeads: kvHeads, headDim: headDim, window: window) }

    /// h `[rows, hiddenSize]` → `[rows, hiddenSize]`. Writes the rows' keys and values into their caches.
    ///
    /// - Parameters:
    ///   - angles: of the rows' positions; nil where the layer has none.
    ///   - wanted: the rows that attend, if not all do; then only these have a result.
    func callAsFunction(
        _ h: MatrixView, layer: Int, angles: RoPE.Angles?, _ step: DecoderStep, wanted: DecoderStep.Wanted? = nil
    ) -> MatrixView {
        let asking = wanted?.step ?? step
        let q = asking.matrix(columns: heads * headDim)
        let k = step.matrix(columns: kvHeads * headDim)
        let v = step.matrix(columns: kvHeads * headDim)
        let resources = step.resources
        var products = [(layer: key, out: k), (layer: value, out: v)]
        if let wanted {
            asking.apply([(query, q)], to: step.select(h, for: wanted.step))
        } else {
            products.append((query, q))
        }
        step.apply(products, to: h)
        if let wanted {
            asking.forRows(columns: 2 * q.columns) { turn(q, rows: $0, heads, queryNorm, wanted.angles, resources) }
        }
        // Keys go to every sixteenth place of a page: as much work as a few that follow one another.
        step.forRows(columns: 2 * q.columns + 6 * k.columns) { range in
            if wanted == nil { turn(q, rows: range, heads, queryNorm, angles, resources) }
            turn(k, rows: range, kvHeads, keyNorm, angles, resources)
            for (segment, rows) in zip(step.segments, step.rows) {
                let part = rows.clamped(to: range)
                if part.isEmpty { continue }
                segment.cache.store(
                    k.slice(part), v.slice(part), layer: layer, after: part.lowerBound - rows.lowerBound)
            }
        }
        let attended = asking.matrix(columns: heads * headDim)
        attend(q, layer: layer, into: attended, asking)
        return asking.apply(output, to: attended)
    }

    /// Normalises and rotates each head of some rows.
    private func turn(
        _ x: MatrixView, rows: Range<Int>, _ heads: Int, _ norm: HeadNormalization?, _ angles: RoPE.Angles?,
        _ resources: ComputeResources
    ) {
        norm?.apply(x.slice(rows), heads: heads, on: resources.backend)
        angles?.apply(to: x, rows: rows, heads: heads, on: resources.backend)
    }

    /// A piece of attention's work: some rows of a sequence, and some heads that share a key/value head.
    private struct Piece {
        var segment: Int
        var rows: Range<Int>
        var heads: Range<Int>
    }

    /// Pieces of a size that keeps every thread busy: few rows are shared out by heads.
    private func pieces(_ step: DecoderStep) -> [Piece] {
        let threads = step.resources.pool.threads
        let group = heads / kvHeads
        let rowsPerPiece = max(1, 32 / group)
        let rowPieces = step.rows.reduce(0) { $0 + ($1.count + rowsPerPiece - 1) / rowsPerPiece }
        let headsPerPiece = rowPieces * kvHeads >= threads ? group : max(1, group / threads)
        var pieces: [Piece] = []
        // The longest contexts come first, so that no thread is left with one at the end.
        for (segment, rows) in step.rows.enumerated() {
            for row in stride(from: 0, to: rows.count, by: rowsPerPiece).reversed() {
                for kvHead in 0..<kvHeads {
                    for head in stride(from: kvHead * group, to: (kvHead + 1) * group, by: headsPerPiece) {
                        pieces.append(
                            Piece(
                                segment: segment, rows: row..<min(rows.count, row + rowsPerPiece),
                                heads: head..<min((kvHead + 1) * group, head + headsPerPiece)))
                    }
                }
            }
        }
        return pieces
    }

    private func attend(_ q: MatrixView, layer: Int, into out: MatrixView, _ step: DecoderStep) {
        let resources = step.resources
        let group = heads / kvHeads
        let pieces = pieces(step)
        let end = zip(step.starts, step.rows).map { $0 + $1.count }.max() ?? 0
        let scratchFloats = CachedAttention.scratchFloats(end: end)
        resources.pool.forEach(pieces.count) { index, thread in
            let piece = pieces[index]
            let cache = step.segments[piece.segment].cache
            let (rows, start) = (step.rows[piece.segment], step.starts[piece.segment])
            let workspace = resources.pool.workspace(thread)
            workspace.scoped {
                cache.attention(layer: layer, kvHead: piece.heads.lowerBound / group, scale: scale)
                    .attend(
                        q.slice(rows), rows: piece.rows, heads: piece.heads, position: start,
                        into: out.slice(rows), scratch: workspace.take(Float.self, count: scratchFloats),
                        on: resources.backend)
            }
        }
    }
}

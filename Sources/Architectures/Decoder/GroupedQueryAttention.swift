internal import Compute

/// A linear layer of a decoder: quantised rows and, in some families, a bias.
struct Projection: Sendable {
    let weights: QuantizedLinear
    let bias: AlignedBuffer<Float>?

    /// Adds the bias, where there is one, to each row.
    func addBias(to out: MatrixView, _ step: DecoderStep) {
        guard let bias else { return }
        let biasRow = MatrixView(pointer: bias.pointer, rows: 1, columns: out.columns)
        step.forRows(columns: out.columns) { range in
            for row in range { step.resources.backend.add(biasRow, to: out.slice(row..<row + 1)) }
        }
    }

    func callAsFunction(_ x: MatrixView, _ step: DecoderStep) -> MatrixView {
        let out = step.matrix(columns: weights.outputs)
        weights.apply(x, into: out, on: step.resources.backend, step.resources.pool)
        addBias(to: out, step)
        return out
    }
}

/// Causal self-attention in which groups of query heads share a key/value head (Ainslie et al., "GQA", 2023):
///
///     q = norm?(W_q h + b_q), k = norm?(W_k h + b_k), v = W_v h + b_v     by head; the norms in Qwen3 and Gemma 3
///     q, k ← RoPE(q), RoPE(k)
///     out = W_o · concat_heads softmax(scale · q kᵀ, over the positions ≤ its own and within the window) v
struct GroupedQueryAttention: Sendable {
    let query: Projection
    let key: Projection
    let value: Projection
    let output: Projection
    /// Over the features of each head.
    var queryNorm: RMSNorm?
    var keyNorm: RMSNorm?
    let heads: Int
    let kvHeads: Int
    let headDim: Int
    /// What scores are multiplied by.
    let scale: Float
    /// Positions that a query sees, its own included; nil for all.
    var window: Int?

    /// The layer's part of a cache's layout.
    var cacheLayer: KVCacheLayout.Layer { .init(kvHeads: kvHeads, headDim: headDim, window: window) }

    /// h `[rows, hiddenSize]` → `[rows, hiddenSize]`. Writes the rows' keys and values into their caches.
    ///
    /// - Parameter wanted: the rows that attend, if not all do; then only these have a result.
    func callAsFunction(
        _ h: MatrixView, layer: Int, angles: RoPE.Angles, _ step: DecoderStep, wanted: DecoderStep.Wanted? = nil
    ) -> MatrixView {
        let asking = wanted?.step ?? step
        let q = asking.matrix(columns: heads * headDim)
        let k = step.matrix(columns: kvHeads * headDim)
        let v = step.matrix(columns: kvHeads * headDim)
        let resources = step.resources
        var products = [(key.weights, k), (value.weights, v)]
        if let wanted {
            query.weights.apply(step.select(h, for: wanted.step), into: q, on: resources.backend, resources.pool)
        } else {
            products.append((query.weights, q))
        }
        QuantizedLinear.applyAll(products, to: h, on: resources.backend, resources.pool)
        query.addBias(to: q, asking)
        key.addBias(to: k, step)
        value.addBias(to: v, step)
        turn(q, heads, queryNorm, wanted?.angles ?? angles, asking)
        turn(k, kvHeads, keyNorm, angles, step)
        step.forRows(columns: 2 * k.columns) { range in
            for (segment, rows) in zip(step.segments, step.rows) {
                let part = rows.clamped(to: range)
                if part.isEmpty { continue }
                segment.cache.store(
                    k.slice(part), v.slice(part), layer: layer, after: part.lowerBound - rows.lowerBound)
            }
        }
        let attended = asking.matrix(columns: heads * headDim)
        attend(q, layer: layer, into: attended, asking)
        return output(attended, asking)
    }

    /// Normalises and rotates each head.
    private func turn(_ x: MatrixView, _ heads: Int, _ norm: RMSNorm?, _ angles: RoPE.Angles, _ step: DecoderStep) {
        let backend = step.resources.backend
        step.forRows(columns: x.columns) { range in
            if let norm {
                let perHead = MatrixView(
                    pointer: x.row(range.lowerBound), rows: range.count * heads, columns: headDim)
                norm.apply(perHead, into: perHead, on: backend)
            }
            angles.apply(to: x, rows: range, heads: heads, on: backend)
        }
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

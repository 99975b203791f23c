internal import CKernels

/// The keys and values of one sequence, laid out for scaled dot-product attention over all heads
/// (Vaswani et al., "Attention Is All You Need", 2017, §3.2).
///
/// `keys`: `[heads · headDim, paddedLength]`, transposed so that the scores of 16 positions are one vector;
/// `values`: `[length, valueStride]`, of which the first heads · headDim of each row are used.
package struct AttentionMemory {
    /// The number of positions.
    package let length: Int
    let keys: UnsafePointer<Float>
    let values: UnsafePointer<Float>
    let valueStride: Int

    /// `length` rounded up to the 16 positions of a vector.
    package static func paddedLength(_ length: Int) -> Int { (length + 15) / 16 * 16 }

    /// Floats that the transposed keys of a sequence take.
    package static func keyCount(length: Int, hiddenSize: Int) -> Int { paddedLength(length) * hiddenSize }

    /// Transposes `keys` `[length, hiddenSize]` into `storage`, which must hold `keyCount(…)` floats. `storage` and
    /// `values` must outlive the result.
    package init(
        keys: MatrixView, values: MatrixView, storage: UnsafeMutablePointer<Float>, on backend: ComputeBackend
    ) {
        precondition(keys.rows == values.rows && keys.rows > 0, "keys and values of different lengths")
        backend.kernels.pointee.transpose(
            keys.pointer, keys.columns, keys.rows, keys.columns, Self.paddedLength(keys.rows), storage)
        self.length = keys.rows
        self.keys = UnsafePointer(storage)
        self.values = UnsafePointer(values.pointer)
        self.valueStride = values.columns
    }
}

extension AttentionMemory {
    /// `shares ← softmax(scale · q_h · Kᵀ_h)`: how one query is shared out over the positions, in one head.
    ///
    /// - Parameter query: `[heads · headDim]`
    package func share(
        _ query: UnsafePointer<Float>, head: Int, headDim: Int, scale: Float,
        into shares: UnsafeMutableBufferPointer<Float>, on backend: ComputeBackend
    ) {
        let padded = Self.paddedLength(length)
        shareAttention(
            query + head * headDim, keys + head * headDim * padded, stride: padded, headDim: headDim, scale: scale,
            into: shares, on: backend)
    }
}

/// The shares of `shares.count` positions, whose keys `[headDim, stride]` are transposed.
func shareAttention(
    _ query: UnsafePointer<Float>, _ keys: UnsafePointer<Float>, stride: Int, headDim: Int, scale: Float,
    into shares: UnsafeMutableBufferPointer<Float>, on backend: ComputeBackend
) {
    guard let first = shares.baseAddress else { return }
    shares.update(repeating: 0)
    for feature in 0..<headDim {
        for position in shares.indices { shares[position] += query[feature] * keys[feature * stride + position] }
    }
    for position in shares.indices { shares[position] *= scale }
    backend.softmax(first, count: shares.count)
}

extension ComputeBackend {
    /// `out[r] = concat_h softmax(scale · q_h · Kᵀ_h) V_h` for every query row.
    /// queries and out: `[rows, heads · headDim]`.
    package func attend(
        _ queries: MatrixView, to memory: AttentionMemory, heads: Int, scale: Float, into out: MatrixView,
        _ workspace: Workspace
    ) {
        let headDim = queries.columns / heads
        let padded = AttentionMemory.paddedLength(memory.length)
        workspace.scoped {
            if products == .native {
                let scores = workspace.take(Float.self, count: 4 * padded)
                kernels.pointee.attention(
                    queries.pointer, queries.columns, memory.keys, memory.values, memory.valueStride, queries.rows,
                    memory.length, heads, headDim, scale, scores, out.pointer, out.columns)
                return
            }
            let scores = workspace.matrix(rows: queries.rows, columns: memory.length)
            for head in 0..<heads {
                let offset = head * headDim
                OpenBLAS.multiply(
                    queries.pointer + offset, lda: queries.columns, memory.keys + offset * padded, ldb: padded,
                    bTransposed: false, m: queries.rows, n: memory.length, k: headDim, alpha: scale,
                    into: scores.pointer, ldout: scores.columns)
                for row in 0..<scores.rows { softmax(scores.row(row), count: scores.columns) }
                OpenBLAS.multiply(
                    scores.pointer, lda: scores.columns, memory.values + offset, ldb: memory.valueStride,
                    bTransposed: false, m: queries.rows, n: headDim, k: memory.length, into: out.pointer + offset,
                    ldout: out.columns)
            }
        }
    }
}

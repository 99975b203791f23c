internal import CKernels

/// What is added to the scores of a head: a row of a table by distance, so that neighbouring queries read it one place
/// apart.
package struct AttentionBias {
    /// The bias of the first query for position 0; readable for as many positions as keys, rounded up to 16.
    package var first: UnsafePointer<Float>
    /// From one query's biases to the next one's.
    package var step: Int

    /// The biases of queries that stand `step` apart in a table.
    package init(first: UnsafePointer<Float>, step: Int) { (self.first, self.step) = (first, step) }
}

/// The keys and values of one sequence, head by head, as attention reads them: what an encoder's sentence is to itself and
/// to every hypothesis of its translation.
///
/// Of each head first the keys `[headDim, paddedLength]`, transposed so that the scores of 16 positions are one vector, then
/// the values `[length, headDim]`.
package struct SequenceMemory {
    /// The number of positions.
    package let length: Int
    /// The number of heads.
    package let heads: Int
    /// Features of a head; any number.
    package let headDim: Int
    private let storage: UnsafeMutablePointer<Float>

    /// `length` rounded up to the 16 positions of a vector.
    private static func padded(_ length: Int) -> Int { (length + 15) / 16 * 16 }

    private static func headFloats(length: Int, headDim: Int) -> Int {
        (headDim * padded(length) + length * headDim + 15) / 16 * 16
    }

    /// Floats that a sequence takes.
    package static func floats(length: Int, heads: Int, headDim: Int) -> Int {
        heads * headFloats(length: length, headDim: headDim)
    }

    /// Room for the keys and values of a sequence, to be stored head by head. `storage` holds `floats(…)` and outlives this.
    package init(length: Int, heads: Int, headDim: Int, storage: UnsafeMutablePointer<Float>) {
        precondition(length > 0 && heads > 0 && headDim > 0, "attention over nothing")
        (self.length, self.heads, self.headDim, self.storage) = (length, heads, headDim, storage)
    }

    private func keys(_ head: Int) -> UnsafeMutablePointer<Float> {
        storage + head * Self.headFloats(length: length, headDim: headDim)
    }

    /// Takes one head out of keys and values `[length, heads · headDim]`.
    package func store(head: Int, keys: MatrixView, values: MatrixView, on backend: ComputeBackend) {
        precondition(
            keys.rows == length && values.rows == length && keys.columns == heads * headDim && head < heads
                && values.columns == heads * headDim, "shapes of keys and values")
        let padded = Self.padded(length)
        let transposed = self.keys(head)
        backend.kernels.pointee.transpose(
            keys.pointer + head * headDim, keys.columns, length, headDim, padded, transposed)
        let rows = transposed + headDim * padded
        for row in 0..<length {
            (rows + row * headDim).update(from: values.row(row) + head * headDim, count: headDim)
        }
    }

    /// As `AttentionMemory.share`.
    package func share(
        _ query: UnsafePointer<Float>, head: Int, scale: Float, into shares: UnsafeMutableBufferPointer<Float>,
        on backend: ComputeBackend
    ) {
        shareAttention(
            query + head * headDim, keys(head), stride: Self.padded(length), headDim: headDim, scale: scale,
            into: shares, on: backend)
    }

    /// Floats of scratch memory that `attend` takes.
    package static func scratchFloats(length: Int) -> Int { 8 * padded(length) }

    /// `out[r] ← Σ_t softmax_t(scale · q_r · k_t + bias_r(t)) v_t` in one head of every row. queries and out:
    /// `[rows, heads · headDim]`. A row's result does not depend on the others.
    ///
    /// - Parameter scratch: `scratchFloats(length:)` floats.
    package func attend(
        _ queries: MatrixView, head: Int, scale: Float, bias: AttentionBias? = nil, into out: MatrixView,
        scratch: UnsafeMutablePointer<Float>, on backend: ComputeBackend
    ) {
        precondition(queries.columns == heads * headDim && out.columns == queries.columns && head < heads, "shapes")
        let keys = keys(head)
        backend.kernels.pointee.sequence_attention(
            queries.pointer + head * headDim, queries.columns, queries.rows, keys,
            keys + headDim * Self.padded(length), length, headDim, scale, bias?.first, bias?.step ?? 0, scratch,
            out.pointer + head * headDim, out.columns)
    }
}

/// Attention of hypotheses over the positions of their own pasts, each position's key and value wherever it was once
/// written: hypotheses that share a beginning share its memory, and a change of their order moves nothing.
package struct GatheredAttention {
    /// By row and position: where the block of a position's slot begins. Rows stand `stride` apart.
    package var slots: UnsafePointer<UnsafePointer<Float>>
    /// From one row's slots to the next one's.
    package var stride: Int
    /// How many positions each row sees.
    package var length: Int
    /// Features of a head; any number.
    package var headDim: Int
    /// What scores are multiplied by.
    package var scale: Float

    /// Rows with a past of one length.
    package init(
        slots: UnsafePointer<UnsafePointer<Float>>, stride: Int, length: Int, headDim: Int, scale: Float
    ) {
        precondition(length > 0 && length <= stride, "a past of \(length) positions")
        (self.slots, self.stride, self.length, self.headDim, self.scale) = (slots, stride, length, headDim, scale)
    }

    /// Floats of scratch memory that `attend` takes.
    package static func scratchFloats(length: Int) -> Int { (length + 15) / 16 * 16 }

    /// As `SequenceMemory.attend`, each row over its own positions.
    ///
    /// - Parameters:
    ///   - keyOffset: floats from a slot to the head's key.
    ///   - valueOffset: floats from a slot to the head's value.
    ///   - bias: by position, the same for every row; readable for `length` rounded up to 16.
    package func attend(
        _ queries: MatrixView, head: Int, keyOffset: Int, valueOffset: Int, bias: UnsafePointer<Float>? = nil,
        into out: MatrixView, scratch: UnsafeMutablePointer<Float>, on backend: ComputeBackend
    ) {
        precondition((head + 1) * headDim <= queries.columns && out.columns == queries.columns, "shapes")
        let kernel = backend.kernels.pointee.gathered_attention
        // The header's pointers may be null, these are not: the same memory under another type.
        UnsafeRawPointer(slots).withMemoryRebound(
            to: UnsafePointer<Float>?.self, capacity: max(1, queries.rows * stride)
        ) { slots in
            kernel?(
                queries.pointer + head * headDim, queries.columns, queries.rows, slots, stride, length, keyOffset,
                valueOffset, headDim, scale, bias, scratch, out.pointer + head * headDim, out.columns)
        }
    }
}

internal import CKernels

/// 8-bit weights `[outputs, inputs]`, a scale for each row, times activations that are rounded to 8 bits, a scale for each
/// row too: `out[t][j] = (Σ_k a[t][k] · w[j][k]) · scale[t] · scale[j]`, the sum exact in 32 bits. A row's result depends
/// neither on the rows beside it nor on threads or instruction sets.
///
/// `@unchecked Sendable`: the weights are immutable as long as `owner` lives.
package struct PackedInt8Matrix: @unchecked Sendable {
    /// A piece of work reads about this many bytes of weights, which the second-level cache holds.
    private static let pieceBytes = 128 << 10
    /// Activations that are rounded on one thread: less work than waking another.
    private static let aloneActivations = 1 << 15

    /// Where the parts lie.
    package let layout: PackedLayout
    private let scales: UnsafePointer<Float>
    private let corrections: UnsafePointer<Int32>
    private let weights: UnsafePointer<Int8>
    private let owner: AnyObject

    /// A matrix over packed bytes, which begin at a multiple of 64.
    ///
    /// - Parameter owner: what keeps the memory alive.
    package init(_ layout: PackedLayout, _ bytes: UnsafeRawPointer, owner: AnyObject) {
        precondition(layout.format == .int8Panels, "panels of 8-bit weights")
        precondition(UInt(bitPattern: bytes) % 64 == 0, "a packed matrix begins at a multiple of 64 bytes")
        self.layout = layout
        scales = (bytes + layout.scalesOffset).assumingMemoryBound(to: Float.self)
        corrections = (bytes + layout.correctionsOffset).assumingMemoryBound(to: Int32.self)
        weights = (bytes + layout.weightsOffset).assumingMemoryBound(to: Int8.self)
        self.owner = owner
    }

    /// Several matrices over the same x `[rows, inputs]`, which is rounded once, in one parallel region.
    static func applyAll(
        _ matrices: [(matrix: PackedInt8Matrix, out: MatrixView)], to x: MatrixView, on backend: ComputeBackend,
        _ pool: ThreadPool
    ) {
        guard let depth = matrices.first?.matrix.layout.paddedColumns else { return }
        var pieces = 0
        for (matrix, out) in matrices {
            precondition(
                x.columns == matrix.layout.columns && out.columns == matrix.layout.rows && x.rows == out.rows,
                "shapes of a linear layer")
            pieces += matrix.pieces
        }
        guard x.rows > 0 else { return }
        // Rows at multiples of 4096 bytes would share few lines of the first-level cache.
        let stride = depth % 1024 == 0 ? depth + 64 : depth
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: x.rows * stride) { values in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: x.rows) { scales in
                guard let values = values.baseAddress, let scales = scales.baseAddress else { return }
                let activations = Activations(values: values, stride: stride, scales: scales)
                activations.round(x, on: backend, pool)
                pool.forEach(pieces) { piece, thread in
                    var piece = piece
                    for (matrix, out) in matrices {
                        guard piece >= matrix.pieces else {
                            let first = piece * matrix.pieceOutputs
                            let range = first..<min(first + matrix.pieceOutputs, matrix.layout.rows)
                            matrix.multiply(activations, range, into: out, on: backend, pool.workspace(thread))
                            return
                        }
                        piece -= matrix.pieces
                    }
                }
            }
        }
    }

    /// `out` ← row `index` as floats.
    func expandRow(_ index: Int, into out: UnsafeMutablePointer<Float>) {
        precondition((0..<layout.rows).contains(index), "row \(index) of \(layout.rows)")
        let scale = scales[index]
        let row = rowStart(index)
        for k in 0..<layout.columns { out[k] = Float(row[k / 4 * 64 + k % 4]) * scale }
    }

    /// The first four weights of a row; the next four are 64 bytes further.
    private func rowStart(_ index: Int) -> UnsafePointer<Int8> {
        weights + index / 16 * 16 * layout.paddedColumns + index % 16 * 4
    }

    private var pieceOutputs: Int { max(32, Self.pieceBytes / layout.paddedColumns / 64 * 64) }

    private var pieces: Int { (layout.rows + pieceOutputs - 1) / pieceOutputs }

    /// The outputs of a range, on this thread.
    private func multiply(
        _ activations: Activations, _ range: Range<Int>, into out: MatrixView, on backend: ComputeBackend,
        _ workspace: Workspace
    ) {
        if backend.products == .openblas {
            multiplyByOpenBLAS(activations, range, into: out, workspace)
            return
        }
        let first = range.lowerBound
        var matrix = svc_int8_matrix(
            packed: weights + first * layout.paddedColumns, offset: nil, correction: corrections + first,
            scales: scales + first, columns: range.count, padded_depth: layout.paddedColumns, streamed: 1)
        backend.kernels.pointee.int8_gemm(
            activations.values, activations.stride, &matrix, out.rows, activations.scales, nil, out.pointer + first,
            out.columns)
    }

    /// The same sums through `sgemm`: products of at most 127 · 127 over 1024 inputs stay below 2^24, where floats hold
    /// every integer, so each partial sum is exact whatever the order of additions.
    private func multiplyByOpenBLAS(
        _ activations: Activations, _ range: Range<Int>, into out: MatrixView, _ workspace: Workspace
    ) {
        let rows = out.rows
        workspace.scoped {
            let sums = workspace.take(Int32.self, count: rows * range.count)
            sums.update(repeating: 0, count: rows * range.count)
            let a = workspace.matrix(rows: rows, columns: 1024)
            let b = workspace.matrix(rows: range.count, columns: 1024)
            let partial = workspace.matrix(rows: rows, columns: range.count)
            for start in Swift.stride(from: 0, to: layout.columns, by: 1024) {
                let depth = min(1024, layout.columns - start)
                for row in 0..<rows {
                    let source = activations.values + row * activations.stride + start, target = a.row(row)
                    for k in 0..<depth { target[k] = Float(Int32(source[k]) - Int32(SVC_ACTIVATION_ZERO)) }
                }
                for (row, index) in range.enumerated() {
                    let source = rowStart(index) + start * 16, target = b.row(row)
                    for k in 0..<depth { target[k] = Float(source[k / 4 * 64 + k % 4]) }
                }
                OpenBLAS.multiply(
                    a.pointer, lda: 1024, b.pointer, ldb: 1024, bTransposed: true, m: rows, n: range.count, k: depth,
                    into: partial.pointer, ldout: range.count)
                for i in 0..<(rows * range.count) { sums[i] += Int32(partial.pointer[i]) }
            }
            for row in 0..<rows {
                let target = out.row(row) + range.lowerBound
                for j in 0..<range.count {
                    target[j] =
                        Float(sums[row * range.count + j]) * activations.scales[row] * scales[range.lowerBound + j]
                }
            }
        }
    }

    /// Rows of activations rounded to 8 bits: `a = rint(x · 127 / max|x|)`, stored with 128 added.
    private struct Activations {
        /// `[rows][stride]`
        let values: UnsafeMutablePointer<UInt8>
        let stride: Int
        /// max|x| / 127 of each row
        let scales: UnsafeMutablePointer<Float>

        func round(_ x: MatrixView, on backend: ComputeBackend, _ pool: ThreadPool) {
            let chunk = max(1, aloneActivations / x.columns)
            if x.rows <= chunk {
                for row in 0..<x.rows { round(row, of: x, on: backend) }
                return
            }
            pool.forEach((x.rows + chunk - 1) / chunk) { piece in
                for row in (piece * chunk)..<min(x.rows, (piece + 1) * chunk) { round(row, of: x, on: backend) }
            }
        }

        private func round(_ row: Int, of x: MatrixView, on backend: ComputeBackend) {
            var magnitude = backend.kernels.pointee.max_magnitude(x.row(row), x.columns)
            // 127 divided by less could be infinite.
            if magnitude < 1e-30 { magnitude = 0 }
            let out = values + row * stride
            backend.kernels.pointee.quantize(x.row(row), magnitude > 0 ? 127 / magnitude : 0, out, x.columns)
            // The weights are zero there; any value will do, but it has to be one.
            for k in x.columns..<stride { out[k] = UInt8(SVC_ACTIVATION_ZERO) }
            scales[row] = magnitude / 127
        }
    }
}

internal import CKernels

extension ComputeBackend {
    /// Whether quantised rows are multiplied faster where they lie together by sixteen: `InterleavedMatrix`. That is so where
    /// bytes are multiplied in groups of four (AVX-512 with VNNI).
    package var interleaves: Bool { products == .native && kernels.pointee.digit_dot != nil }
}

/// A quantised matrix whose rows lie together by sixteen, times activations of 23 bits: in each run of 128 columns these are
/// whole numbers of so many bits times a power of two, nearly what floats hold, and their products with whole weights are
/// added exactly (`include/interleaved.h` has the definition). An output's bits depend neither on the rows beside it, nor on
/// how outputs are cut into pieces, nor on the number of threads.
///
/// It is a copy of the stored rows, and takes the memory of these. What one row of activations needs from memory is expanded
/// with a third of the instructions that stored rows take, so that an answer is bound by the reading.
///
/// `@unchecked Sendable`: nothing is written after `init`.
package final class InterleavedMatrix: @unchecked Sendable {
    /// A piece of work for few rows reads about this many bytes of weights, as in `QuantizedLinear`.
    private static let pieceBytes = 128 << 10
    /// A piece of work for many rows has about this many weights.
    private static let pieceWeights = 16 << 10

    /// Inputs of a row.
    package let inputs: Int
    /// Outputs of a row.
    package let outputs: Int
    /// How the weights were stored.
    package let type: WeightType
    private let groups: AlignedBuffer<UInt8>
    /// What each output is multiplied by besides, one for each.
    private let scales: AlignedBuffer<Float>?
    private let groupBytes: Int

    /// Copies a matrix, on all threads.
    ///
    /// - Returns: nil for a matrix that is not faster so, and where there is no memory for another.
    package init?(_ linear: QuantizedLinear, on backend: ComputeBackend, _ pool: ThreadPool) {
        guard backend.interleaves, let interleave = backend.kernels.pointee.interleave else { return nil }
        let bytes = backend.kernels.pointee.group_bytes(linear.type.code, linear.inputs)
        let count = (linear.outputs + Int(SVC_GROUP) - 1) / Int(SVC_GROUP)
        guard bytes > 0, count > 0, let groups = AlignedBuffer<UInt8>(mapped: count * bytes, largePages: true) else {
            return nil
        }
        (inputs, outputs, type) = (linear.inputs, linear.outputs, linear.type)
        (self.groups, groupBytes) = (groups, bytes)
        scales = linear.scales.map { AlignedBuffer(UnsafeBufferPointer(start: $0, count: linear.outputs)) }
        let rowBytes = type.rowBytes(inputs)
        pool.forEach(count) { group in
            let first = group * Int(SVC_GROUP)
            interleave(
                linear.type.code, linear.weights + first * rowBytes, rowBytes,
                min(Int(SVC_GROUP), linear.outputs - first), linear.inputs, groups.pointer + group * bytes)
        }
    }

    /// The bytes of the weights.
    package var sizeBytes: Int { groups.count + 4 * (scales?.count ?? 0) }

    /// `out` ← row `index` of the weights as floats.
    package func expandRow(_ index: Int, into out: UnsafeMutablePointer<Float>, on backend: ComputeBackend) {
        precondition((0..<outputs).contains(index), "row \(index) of \(outputs)")
        backend.kernels.pointee.interleaved_rows(
            type.code, groups.pointer + index / Int(SVC_GROUP) * groupBytes, index % Int(SVC_GROUP), 1, inputs, out,
            inputs)
        guard let scales else { return }
        for k in 0..<inputs { out[k] *= scales.pointer[index] }
    }

    private func checkShapes(_ x: MatrixView, _ out: MatrixView) {
        precondition(x.columns == inputs && out.columns == outputs && x.rows == out.rows, "shapes of a linear layer")
    }

    /// Its part of `SplitProduct.applyAll`.
    func split(_ x: MatrixView, into out: MatrixView) -> SplitProduct.Part {
        checkShapes(x, out)
        return SplitProduct.Part(
            type: type, weights: UnsafePointer(groups.pointer), stride: groupBytes, isInterleaved: true,
            scales: scales.map { UnsafePointer($0.pointer) }, out: out)
    }

    /// `out ← x · Wᵀ` for several matrices over the same x in one parallel region. x `[rows, inputs]`, each out
    /// `[rows, outputs]`.
    ///
    /// - Parameters:
    ///   - backend: one that interleaves.
    ///   - workspace: the caller's scratch memory.
    package static func applyAll(
        _ layers: [(matrix: InterleavedMatrix, out: MatrixView)], to x: MatrixView, on backend: ComputeBackend,
        _ pool: ThreadPool, _ workspace: Workspace
    ) {
        let (rows, inputs) = (x.rows, x.columns)
        guard rows > 0 else { return }
        guard let vectors = backend.kernels.pointee.digit_vectors, let product = backend.kernels.pointee.digit_dot
        else {
            preconditionFailure("the kernels for \(backend.instructionSet) multiply no interleaved rows")
        }
        workspace.scoped {
            let digits = workspace.take(UInt8.self, count: svc_digit_bytes(rows, inputs))
            let tiles = svc_digit_tiles(rows)
            if tiles == 1 {
                vectors(x.pointer, inputs, rows, inputs, 0, 1, digits)
            } else {
                pool.forEach(tiles) { vectors(x.pointer, inputs, rows, inputs, $0, 1, digits) }
            }
            let shares = layers.map { $0.matrix.share(rows: rows, pool.threads) }
            let parts = zip(layers, shares).map { layer, share in
                layer.matrix.checkShapes(x, layer.out)
                return (Part(layer.matrix, layer.out), OutputPieces(outputs: layer.matrix.outputs, step: share.outputs))
            }
            pool.forOutputs(of: parts, longest: shares.map(\.run).max() ?? 1) { part, outputs, own in
                own.scoped {
                    let panel =
                        rows > SVC_DIGIT_FEW ? own.take(UInt8.self, count: svc_digit_panel_bytes(inputs)) : nil
                    product(
                        part.type.code, part.groups + outputs.lowerBound / Int(SVC_GROUP) * part.groupBytes,
                        outputs.count, inputs, digits, rows, part.out.pointer + outputs.lowerBound, part.out.columns,
                        panel)
                }
                QuantizedLinear.scale(part.out, outputs, by: part.scales)
            }
        }
    }

    /// How many outputs a piece of work has, whole groups, and how many pieces a thread takes at a time: for many rows what
    /// is expanded together, and less of it towards the end.
    private func share(rows: Int, _ threads: Int) -> (outputs: Int, run: Int) {
        let group = Int(SVC_GROUP)
        guard rows > SVC_DIGIT_FEW else {
            return (max(1, min(outputs / (2 * threads * group), Self.pieceBytes / groupBytes)) * group, 1)
        }
        let panel = svc_digit_panel_groups(inputs)
        let step = max(1, min(panel, Self.pieceWeights / (group * inputs)))
        return (step * group, max(1, panel / step))
    }

    /// A matrix' part of a parallel product.
    private struct Part: BitwiseCopyable {
        let type: WeightType
        let groups: UnsafePointer<UInt8>
        let groupBytes: Int
        let scales: UnsafePointer<Float>?
        let out: MatrixView

        init(_ matrix: InterleavedMatrix, _ out: MatrixView) {
            (type, groupBytes, self.out) = (matrix.type, matrix.groupBytes, out)
            groups = UnsafePointer(matrix.groups.pointer)
            scales = matrix.scales.map { UnsafePointer($0.pointer) }
        }
    }
}

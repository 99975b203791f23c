/// A matrix of weights `[outputs, inputs]`, whatever it is stored as: what a linear layer multiplies by, and what an
/// embedding takes rows of. A row's product depends neither on the rows beside it nor on the number of threads.
package enum WeightMatrix: Sendable {
    /// Stored rows, floats or blocks of quantised weights, times activations that are not rounded.
    case rows(QuantizedLinear)
    /// The same with rows that the kernels cannot take as they are: zeros at their ends up to a multiple of 16, or 32.
    case padded(QuantizedLinear, inputs: Int)
    /// Quantised rows that lie together by sixteen, times activations of 23 bits.
    case interleaved(InterleavedMatrix)
    /// 8-bit weights times activations that are rounded to 8 bits.
    case int8(PackedInt8Matrix)

    /// A matrix over stored weights `[outputs, inputs]`, which stay where they are if the kernels can read them there.
    ///
    /// - Parameter owner: what keeps the memory alive.
    /// - Precondition: whole blocks make a row.
    package init(
        weights: UnsafePointer<UInt8>, type: WeightType, inputs: Int, outputs: Int, owner: AnyObject,
        expand: (_ row: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) -> Void
    ) {
        guard inputs % type.columnMultiple != 0 else {
            self = .rows(
                QuantizedLinear(weights: weights, type: type, inputs: inputs, outputs: outputs, owner: owner))
            return
        }
        let padded = (inputs + 15) / 16 * 16
        let copy = AlignedBuffer<Float>(count: outputs * padded)
        copy.pointer.update(repeating: 0, count: outputs * padded)
        for row in 0..<outputs { expand(weights + row * type.rowBytes(inputs), copy.pointer + row * padded) }
        let bytes = UnsafeRawPointer(copy.pointer).assumingMemoryBound(to: UInt8.self)
        self = .padded(
            QuantizedLinear(weights: bytes, type: .f32, inputs: padded, outputs: outputs, owner: copy), inputs: inputs)
    }

    /// A matrix that was quantised while it was loaded, over its packed bytes, which begin at a multiple of 64.
    ///
    /// - Parameter owner: what keeps the memory alive.
    package init(_ layout: PackedLayout, _ bytes: UnsafeRawPointer, owner: AnyObject) {
        let weights = (bytes + layout.weightsOffset).assumingMemoryBound(to: UInt8.self)
        let linear: QuantizedLinear
        switch layout.format {
        case .int8Panels:
            self = .int8(PackedInt8Matrix(layout, bytes, owner: owner))
            return
        case .int8Rows:
            linear = QuantizedLinear(
                weights: weights, type: .i8, inputs: layout.paddedColumns, outputs: layout.rows,
                scales: (bytes + layout.scalesOffset).assumingMemoryBound(to: Float.self), owner: owner)
        case .blocks4:
            linear = QuantizedLinear(
                weights: weights, type: .iq4_NL, inputs: layout.paddedColumns, outputs: layout.rows, owner: owner)
        }
        self = layout.paddedColumns == layout.columns ? .rows(linear) : .padded(linear, inputs: layout.columns)
    }

    /// Inputs of a row.
    package var inputs: Int {
        switch self {
        case .rows(let linear): linear.inputs
        case .padded(_, let inputs): inputs
        case .interleaved(let matrix): matrix.inputs
        case .int8(let matrix): matrix.layout.columns
        }
    }

    /// Outputs of a row.
    package var outputs: Int {
        switch self {
        case .rows(let linear), .padded(let linear, _): linear.outputs
        case .interleaved(let matrix): matrix.outputs
        case .int8(let matrix): matrix.layout.rows
        }
    }

    /// The bytes of the weights.
    package var sizeBytes: Int {
        switch self {
        case .rows(let linear), .padded(let linear, _): linear.sizeBytes
        case .interleaved(let matrix): matrix.sizeBytes
        case .int8(let matrix): matrix.layout.bytes
        }
    }

    /// The same matrix with its rows interleaved, where that makes products faster; nil elsewhere.
    package func interleaved(on backend: ComputeBackend, _ pool: ThreadPool) -> WeightMatrix? {
        guard case .rows(let linear) = self else { return nil }
        return InterleavedMatrix(linear, on: backend, pool).map { .interleaved($0) }
    }

    /// Lets go of the memory that is mapped from a file, from which it is read again when it is needed.
    package func releasePages() {
        if case .rows(let linear) = self { linear.releasePages() }
    }

    /// `out ← x · Wᵀ`, in parallel over the pool. x `[rows, inputs]`, out `[rows, outputs]`.
    ///
    /// - Parameter workspace: the caller's scratch memory.
    package func apply(
        _ x: MatrixView, into out: MatrixView, on backend: ComputeBackend, _ pool: ThreadPool, _ workspace: Workspace
    ) {
        Self.applyAll([(self, out)], to: x, on: backend, pool, workspace)
    }

    /// Several matrices over the same x (query, key and value; gate and up): those of a kind in one parallel region.
    ///
    /// - Parameters:
    ///   - workspace: the caller's scratch memory.
    ///   - ofPrompts: whether the rows are of prompts, which may have products of their own
    ///     (`ComputeBackend.splitsPrompts`).
    package static func applyAll(
        _ matrices: [(matrix: WeightMatrix, out: MatrixView)], to x: MatrixView, on backend: ComputeBackend,
        _ pool: ThreadPool, _ workspace: Workspace, ofPrompts: Bool = false
    ) {
        var rows: [(linear: QuantizedLinear, out: MatrixView)] = []
        var interleaved: [(matrix: InterleavedMatrix, out: MatrixView)] = []
        var integers: [(matrix: PackedInt8Matrix, out: MatrixView)] = []
        var padded: [(linear: QuantizedLinear, out: MatrixView)] = []
        for (matrix, out) in matrices {
            switch matrix {
            case .rows(let linear): rows.append((linear, out))
            case .interleaved(let matrix): interleaved.append((matrix, out))
            case .int8(let matrix): integers.append((matrix, out))
            case .padded(let linear, let inputs):
                precondition(x.columns == inputs, "shapes of a linear layer")
                padded.append((linear, out))
            }
        }
        if ofPrompts, backend.splitsPrompts {
            let parts =
                rows.map { $0.linear.split(x, into: $0.out) } + interleaved.map { $0.matrix.split(x, into: $0.out) }
            SplitProduct.applyAll(parts, to: x, on: backend, pool, workspace)
        } else {
            if !rows.isEmpty { QuantizedLinear.applyAll(rows, to: x, on: backend, pool) }
            if !interleaved.isEmpty { InterleavedMatrix.applyAll(interleaved, to: x, on: backend, pool, workspace) }
        }
        if !integers.isEmpty { PackedInt8Matrix.applyAll(integers, to: x, on: backend, pool) }
        for (linear, out) in padded { applyPadded(linear, to: x, into: out, on: backend, pool) }
    }

    private static func applyPadded(
        _ linear: QuantizedLinear, to x: MatrixView, into out: MatrixView, on backend: ComputeBackend,
        _ pool: ThreadPool
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, x.rows * linear.inputs)) { buffer in
            guard let base = buffer.baseAddress else { return }
            buffer.initialize(repeating: 0)
            for row in 0..<x.rows { (base + row * linear.inputs).update(from: x.row(row), count: x.columns) }
            linear.apply(
                MatrixView(pointer: base, rows: x.rows, columns: linear.inputs), into: out, on: backend, pool)
        }
    }

    /// `out` ← row `index` as floats: the embedding of a token where the matrix is one.
    package func expandRow(_ index: Int, into out: UnsafeMutablePointer<Float>, on backend: ComputeBackend) {
        switch self {
        case .rows(let linear): linear.expandRow(index, into: out, on: backend)
        case .interleaved(let matrix): matrix.expandRow(index, into: out, on: backend)
        case .int8(let matrix): matrix.expandRow(index, into: out)
        case .padded(let linear, let inputs):
            withUnsafeTemporaryAllocation(of: Float.self, capacity: linear.inputs) { row in
                guard let base = row.baseAddress else { return }
                linear.expandRow(index, into: base, on: backend)
                out.update(from: base, count: inputs)
            }
        }
    }
}

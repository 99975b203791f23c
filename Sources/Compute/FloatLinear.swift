internal import CKernels

/// A linear layer with 32-bit float weights. Each output is summed in the order of the inputs, so a row's result does
/// not depend on the rows beside it.
package struct FloatLinear: Sendable {
    /// Inputs of a row.
    package let inputs: Int
    /// Outputs of a row.
    package let outputs: Int
    private let packed: AlignedBuffer<Float>
    private let bias: AlignedBuffer<Float>?
    /// `[inputs, outputs]`, kept only where OpenBLAS multiplies.
    private let plain: AlignedBuffer<Float>?

    /// Packs the layer.
    ///
    /// - Parameters:
    ///   - weights: `[inputs, outputs]`, or `[outputs, inputs]` if `transposed`.
    ///   - selecting: only with `transposed`: the rows that become the outputs, in this order; all where nil.
    ///   - bias: one value per output, padded to whole panels of 16.
    package init(
        weights: UnsafePointer<Float>, transposed: Bool, inputs: Int, outputs: Int,
        selecting ids: UnsafePointer<Int32>? = nil, bias: AlignedBuffer<Float>?, for backend: ComputeBackend
    ) {
        precondition(ids == nil || transposed, "outputs can be selected where each output's weights are a row")
        let panels = (outputs + Int(SVC_PANEL) - 1) / Int(SVC_PANEL)
        if let bias { precondition(bias.count >= panels * Int(SVC_PANEL), "a bias is padded to whole panels") }
        self.inputs = inputs
        self.outputs = outputs
        self.bias = bias
        packed = AlignedBuffer(count: panels * Int(SVC_PANEL) * inputs)
        svc_pack_f32(weights, transposed ? 1 : 0, ids, outputs, inputs, packed.pointer)
        if backend.products == .openblas {
            let copy = AlignedBuffer<Float>(count: inputs * outputs)
            for k in 0..<inputs {
                for j in 0..<outputs {
                    let source = ids.map { Int($0[j]) } ?? j
                    copy.pointer[k * outputs + j] = transposed ? weights[source * inputs + k] : weights[k * outputs + j]
                }
            }
            plain = copy
        } else {
            plain = nil
        }
    }

    /// The bytes that the layer takes.
    package var sizeBytes: Int { (packed.count + (bias?.count ?? 0) + (plain?.count ?? 0)) * 4 }

    func apply(_ x: MatrixView, into out: MatrixView, on backend: ComputeBackend, _ workspace: Workspace) {
        guard let plain else {
            backend.kernels.pointee.f32_gemm(
                x.pointer, x.columns, packed.pointer, x.rows, outputs, inputs, bias?.pointer, out.pointer, out.columns)
            return
        }
        OpenBLAS.multiply(
            x.pointer, lda: x.columns, plain.pointer, ldb: outputs, bTransposed: false, m: x.rows, n: outputs,
            k: inputs, into: out.pointer, ldout: outputs)
        guard let bias else { return }
        for row in 0..<out.rows { backend.kernels.pointee.add(out.row(row), bias.pointer, outputs) }
    }
}

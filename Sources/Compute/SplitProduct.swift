internal import CKernels

extension ComputeBackend {
    /// Whether the rows of prompts have products of their own: those of `QuantizedLinear.applyAllSplit`. That is so where
    /// the widest multiplier takes bfloat16 (AMX).
    package var splitsPrompts: Bool { products == .native && kernels.pointee.split_dot != nil }
}

/// Products in which activations and weights are two bfloat16 each, 16 bits and the sign together. Three products of such
/// parts take a fifth of the time of one product of floats where tiles multiply them. A row's result depends neither on
/// the other rows, nor on how the outputs are divided into pieces, nor on the number of threads; but it differs in its low
/// bits from that of `applyAll`, so that which of the two a row has must not depend on its company.
extension QuantizedLinear {
    /// Outputs of a piece of work: what one row of tiles takes.
    private static let splitStep = 32
    /// Rows that are split together.
    private static let splitRows = 16

    /// Several layers over the same x, `out ← x · Wᵀ` for each, for rows of prompts. x `[rows, inputs]`, each out
    /// `[rows, outputs]`.
    ///
    /// - Parameter workspace: the caller's scratch memory.
    /// - Precondition: `backend.splitsPrompts`.
    package static func applyAllSplit(
        _ layers: [(linear: QuantizedLinear, out: MatrixView)], to x: MatrixView, on backend: ComputeBackend,
        _ pool: ThreadPool, _ workspace: Workspace
    ) {
        guard let split = backend.kernels.pointee.split_vectors, let product = backend.kernels.pointee.split_dot else {
            preconditionFailure("the kernels for \(backend.instructionSet) split no products")
        }
        guard x.rows > 0 else { return }
        let (inputs, depth) = (x.columns, svc_split_depth(x.columns))
        let longest = svc_split_panel(inputs)
        workspace.scoped {
            let parts = workspace.take(UInt16.self, count: svc_split_numbers(x.rows, inputs))
            pool.forEach((x.rows + splitRows - 1) / splitRows) { block in
                let rows = block * splitRows..<min(x.rows, (block + 1) * splitRows)
                split(
                    x.pointer + rows.lowerBound * inputs, inputs, rows.count, inputs,
                    parts + svc_split_numbers(rows.lowerBound, inputs))
            }
            forOutputs(of: layers, to: x, pool, share: { _ in (splitStep, longest / splitStep) }) {
                part, outputs, own in
                own.scoped {
                    let rowBytes = part.type.rowBytes(inputs)
                    product(
                        part.type.code, part.weights + outputs.lowerBound * rowBytes, rowBytes, outputs.count, inputs,
                        parts, x.rows, part.out.pointer + outputs.lowerBound, part.out.columns,
                        own.take(Float.self, count: (longest + 1) * depth))
                }
                scale(part.out, outputs, by: part.scales)
            }
        }
    }
}

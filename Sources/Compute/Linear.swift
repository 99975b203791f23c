/// A linear layer, `y = x · W + b`: x `[rows, inputs]`, y `[rows, outputs]`. What the weights are stored as decides
/// who multiplies.
package enum Linear: Sendable {
    /// 8-bit weights and activations, exact 32-bit sums.
    case int8(Int8Linear)
    /// 32-bit floats.
    case float32(FloatLinear)

    /// The number of inputs of a row.
    package var inputs: Int {
        switch self {
        case .int8(let linear): linear.inputs
        case .float32(let linear): linear.inputs
        }
    }

    /// The number of outputs of a row.
    package var outputs: Int {
        switch self {
        case .int8(let linear): linear.outputs
        case .float32(let linear): linear.outputs
        }
    }

    /// The bytes that the weights and biases take.
    package var sizeBytes: Int {
        switch self {
        case .int8(let linear): linear.sizeBytes
        case .float32(let linear): linear.sizeBytes
        }
    }

    /// Whether the rows of a sequence share a multiplier that is measured over them, so that they must come together.
    package var isDynamic: Bool {
        if case .int8(let linear) = self { return linear.isDynamic }
        return false
    }

    /// `out ← x · W + b`. x `[rows, inputs]`, out `[rows, outputs]`. A row's result depends on no row but, where the
    /// activations are quantised dynamically, those of its own sequence.
    ///
    /// - Parameter sequences: the rows of each sequence; each row by itself where nil.
    package func apply(
        _ x: MatrixView, sequences: [Range<Int>]? = nil, into out: MatrixView, on backend: ComputeBackend,
        _ workspace: Workspace
    ) {
        precondition(x.columns == inputs && out.columns == outputs && x.rows == out.rows, "shapes of a linear layer")
        guard x.rows > 0 else { return }
        switch self {
        case .int8(let linear): linear.apply(x, sequences: sequences, into: out, on: backend, workspace)
        case .float32(let linear): linear.apply(x, into: out, on: backend, workspace)
        }
    }

    /// `x · W + b` in memory of the workspace.
    package func callAsFunction(
        _ x: MatrixView, sequences: [Range<Int>]? = nil, on backend: ComputeBackend, _ workspace: Workspace
    ) -> MatrixView {
        let out = workspace.matrix(rows: x.rows, columns: outputs)
        apply(x, sequences: sequences, into: out, on: backend, workspace)
        return out
    }
}

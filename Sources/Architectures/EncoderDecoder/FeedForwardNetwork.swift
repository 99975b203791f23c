internal import Compute

/// The network that works on each token by itself (Vaswani et al., 2017, §3.3), or that with a gate (Shazeer, "GLU Variants
/// Improve Transformer", 2020):
///
///     W_2 f(W_1 h + b_1) + b_2        or        W_2 (f(W_1 h) ⊙ V h)
struct FeedForwardNetwork: Sendable {
    /// What leads into the network.
    enum Inner: Sendable {
        /// W_1 `[feedForwardSize, hiddenSize]`
        case plain(Projection, Activation)
        /// W_1 and V, both `[feedForwardSize, hiddenSize]`
        case gated(gate: Projection, up: Projection, GateActivation)
    }

    /// Rows that pass through both products together, so that what lies between them takes bounded memory.
    private static let rowsAtOnce = 512

    let inner: Inner
    /// W_2 `[hiddenSize, feedForwardSize]`
    let output: Projection

    /// h `[rows, hiddenSize]` → `[rows, hiddenSize]`.
    func callAsFunction(_ h: MatrixView, _ resources: ComputeResources) -> MatrixView {
        let out = resources.workspace.matrix(rows: h.rows, columns: output.weights.outputs)
        for first in stride(from: 0, to: h.rows, by: Self.rowsAtOnce) {
            let rows = first..<min(first + Self.rowsAtOnce, h.rows)
            resources.workspace.scoped {
                output.apply(expand(h.slice(rows), resources), into: out.slice(rows), resources)
            }
        }
        return out
    }

    /// h `[rows, hiddenSize]` → `[rows, feedForwardSize]`.
    private func expand(_ h: MatrixView, _ resources: ComputeResources) -> MatrixView {
        let (backend, workspace) = (resources.backend, resources.workspace)
        let x = workspace.matrix(rows: h.rows, columns: output.weights.inputs)
        switch inner {
        case .plain(let layer, let activation):
            layer.weights.apply(h, into: x, on: backend, resources.pool, workspace)
            resources.forRows(x.rows, columns: x.columns) { rows in
                if let bias = layer.bias {
                    backend.activate(x.slice(rows), bias: bias, activation)
                } else {
                    backend.activate(x.slice(rows), activation)
                }
            }
        case .gated(let gate, let up, let activation):
            let upward = workspace.matrix(rows: x.rows, columns: x.columns)
            Projection.applyAll([(gate, x), (up, upward)], to: h, resources)
            resources.forRows(x.rows, columns: x.columns) { rows in
                backend.applyGate(x.slice(rows), activation, to: upward.slice(rows))
            }
        }
        return x
    }
}

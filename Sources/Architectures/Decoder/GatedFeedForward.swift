internal import Compute

/// A feed-forward layer with a gate: `W_down (f(W_gate h) ⊙ W_up h)` (Shazeer, "GLU Variants Improve Transformer", 2020).
struct GatedFeedForward: Sendable {
    let gate: Projection
    let up: Projection
    let down: Projection
    /// f
    let activation: GateActivation

    /// h `[rows, hiddenSize]` → `[rows, hiddenSize]`.
    func callAsFunction(_ h: MatrixView, _ step: DecoderStep) -> MatrixView {
        let gated = step.matrix(columns: gate.weights.outputs)
        let upward = step.matrix(columns: up.weights.outputs)
        let resources = step.resources
        QuantizedLinear.applyAll(
            [(gate.weights, gated), (up.weights, upward)], to: h, on: resources.backend, resources.pool)
        gate.addBias(to: gated, step)
        up.addBias(to: upward, step)
        step.forRows(columns: gated.columns) { range in
            resources.backend.applyGate(gated.slice(range), activation, to: upward.slice(range))
        }
        return down(gated, step)
    }
}

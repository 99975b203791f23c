internal import Compute

/// A feed-forward layer with a gate: `W_down (f(W_gate h) ⊙ W_up h)` (Shazeer, "GLU Variants Improve Transformer",
/// 2020).
struct GatedFeedForward: Sendable {
    let gate: Projection
    let up: Projection
    let down: Projection
    /// f
    let activation: GateActivation

    /// Binds a layer's tensors.
    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration, layer: Int) throws {
        let (hidden, inner) = (configuration.hiddenSize, configuration.feedForwardSize)
        let (name, bias) = ("model.layers.\(layer).mlp", configuration.biases.feedForward)
        gate = try binder.projection("\(name).gate_proj", inputs: hidden, outputs: inner, bias: bias)
        up = try binder.projection("\(name).up_proj", inputs: hidden, outputs: inner, bias: bias)
        down = try binder.projection("\(name).down_proj", inputs: inner, outputs: hidden, bias: bias)
        activation = configuration.activation
    }

    /// h `[rows, hiddenSize]` → `[rows, hiddenSize]`.
    func callAsFunction(_ h: MatrixView, _ step: DecoderStep) -> MatrixView {
        let gated = step.matrix(columns: gate.weights.outputs)
        let upward = step.matrix(columns: up.weights.outputs)
        let resources = step.resources
        step.apply([(gate, gated), (up, upward)], to: h)
        step.forRows(columns: 4 * gated.columns) { range in
            resources.backend.applyGate(gated.slice(range), activation, to: upward.slice(range))
        }
        return step.apply(down, to: gated)
    }
}

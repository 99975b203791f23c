internal import CKernels

/// What a feed-forward layer applies between its two products.
package enum Activation: String, Sendable, CaseIterable {
    /// max(x, 0)
    case relu
    /// x · sigmoid(x), also called SiLU
    case swish
    /// x · sigmoid(1.702 x), as Marian defines it
    case gelu
    /// x/2 · (1 + erf(x/√2)): the Gaussian error linear unit itself (Hendrycks and Gimpel, 2016)
    case geluErf
    /// x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))), its approximation
    case geluTanh

    var code: svc_activation {
        switch self {
        case .relu: svc_activation_relu
        case .swish: svc_activation_swish
        case .gelu: svc_activation_gelu
        case .geluErf: svc_activation_gelu_erf
        case .geluTanh: svc_activation_gelu_tanh
        }
    }
}

/// A layer normalisation: `scale ⊙ (x − mean) / sqrt(variance + epsilon) + bias` over each row, with the population
/// variance (Ba, Kiros and Hinton, "Layer Normalization", 2016).
package struct LayerNorm: Sendable {
    private let scale: AlignedBuffer<Float>
    private let bias: AlignedBuffer<Float>
    private let epsilon: Float

    /// A normalisation of rows with `scale.count` features.
    package init(scale: some Collection<Float>, bias: some Collection<Float>, epsilon: Float) {
        precondition(scale.count == bias.count, "scale and bias of different sizes")
        self.scale = AlignedBuffer(scale, paddedTo: 16)
        self.bias = AlignedBuffer(bias, paddedTo: 16)
        self.epsilon = epsilon
    }

    /// `out ← LN(x + residual)`, or `LN(x)` without a residual. All `[rows, features]`; `out` may be `x`.
    package func apply(
        _ x: MatrixView, adding residual: MatrixView? = nil, into out: MatrixView, on backend: ComputeBackend
    ) {
        backend.kernels.pointee.layer_norm(
            x.pointer, residual?.pointer, scale.pointer, bias.pointer, epsilon, x.rows, x.columns, out.pointer)
    }
}

extension ComputeBackend {
    /// `x ← activation(x)`.
    package func activate(_ x: MatrixView, _ activation: Activation) {
        kernels.pointee.activate(x.pointer, x.count, activation.code)
    }

    /// `x ← activation(x + bias)`, the bias `[columns]` added to each row.
    package func activate(_ x: MatrixView, bias: AlignedBuffer<Float>, _ activation: Activation) {
        precondition(bias.count >= x.columns, "a bias for each column")
        kernels.pointee.bias_activate(x.pointer, bias.pointer, x.rows, x.columns, activation.code)
    }

    /// `x ← x + y`, matrices of one shape.
    package func add(_ y: MatrixView, to x: MatrixView) {
        kernels.pointee.add(x.pointer, y.pointer, x.count)
    }

    /// `x ← softmax(x)` over `count` values.
    package func softmax(_ x: UnsafeMutablePointer<Float>, count: Int) {
        kernels.pointee.softmax(x, count)
    }

    /// ln Σ exp(x) over `count` values.
    package func logSumExp(_ x: UnsafePointer<Float>, count: Int) -> Float {
        kernels.pointee.log_sum_exp(x, count)
    }

    /// The index of the largest of `count` values, the lowest index on a tie.
    package func argmax(_ x: UnsafePointer<Float>, count: Int) -> Int {
        kernels.pointee.argmax(x, count)
    }

    /// One step of the simpler simple recurrent unit (Kim et al., "From Research to Production and Back", 2019),
    /// elementwise: `cell ← σ(gate) ⊙ cell + (1 − σ(gate)) ⊙ input`, `out ← max(cell, 0)`. All of one shape.
    package func ssru(gate: MatrixView, input: MatrixView, cell: MatrixView, into out: MatrixView) {
        kernels.pointee.ssru(gate.pointer, input.pointer, cell.pointer, out.pointer, gate.count)
    }
}

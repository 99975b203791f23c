internal import CKernels
internal import Foundation

/// Root-mean-square normalisation: `scale ⊙ x / sqrt(mean(x²) + epsilon)` over each row (Zhang and Sennrich, "Root Mean
/// Square Layer Normalization", 2019).
package struct RMSNorm: Sendable {
    private let scale: AlignedBuffer<Float>
    private let epsilon: Float

    /// A normalisation of rows with `scale.count` features.
    package init(scale: some Collection<Float>, epsilon: Float) {
        self.scale = AlignedBuffer(scale, paddedTo: 16)
        self.epsilon = epsilon
    }

    /// `out ← RMSNorm(x)`, both `[rows, features]`; `out` may be `x`.
    package func apply(_ x: MatrixView, into out: MatrixView, on backend: ComputeBackend) {
        backend.kernels.pointee.rms_norm(x.pointer, scale.pointer, epsilon, x.rows, x.columns, out.pointer)
    }
}

/// What a gated feed-forward layer applies to its gate before it multiplies (Shazeer, "GLU Variants Improve
/// Transformer", 2020).
package enum GateActivation: String, Sendable, CaseIterable {
    /// x · sigmoid(x): SwiGLU.
    case silu
    /// 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))): GeGLU.
    case geluTanh

    var code: svc_gate { self == .silu ? svc_gate_silu : svc_gate_gelu_tanh }
}

extension ComputeBackend {
    /// `gate ← f(gate) ⊙ up`, matrices of one shape.
    package func applyGate(_ gate: MatrixView, _ activation: GateActivation, to up: MatrixView) {
        kernels.pointee.gate(gate.pointer, up.pointer, gate.count, activation.code)
    }
}

/// Rotary position embedding: pairs of features turn by an angle that grows with the position,
/// `θ_i = base^(−2i/d)` (Su et al., "RoFormer", 2021).
package struct RoPE: Sendable, Equatable {
    /// Which features make a pair: the same network in two layouts, and never to be mixed.
    package enum Pairing: Sendable {
        /// (2i, 2i + 1): GGUF's Llama and Cohere.
        case interleaved
        /// (i, i + d/2): NeoX, Qwen, Gemma, and Hugging Face's Llama.
        case halves
    }

    /// Features of a head that turn; the rest stay.
    package let dimensions: Int
    private let pairing: Pairing
    /// `[dimensions / 2]`: radians per position.
    fileprivate let frequencies: [Float]

    /// A rotation of `dimensions` features.
    ///
    /// - Parameter divisors: what each frequency is divided by, for scaled contexts; nil for none.
    package init(dimensions: Int, base: Double, pairing: Pairing, divisors: [Float]? = nil) {
        precondition(dimensions % 2 == 0, "features turn in pairs")
        if let divisors { precondition(divisors.count == dimensions / 2, "one divisor for each pair") }
        self.dimensions = dimensions
        self.pairing = pairing
        frequencies = (0..<(dimensions / 2)).map { i in
            Float(pow(base, -2 * Double(i) / Double(dimensions)) / Double(divisors?[i] ?? 1))
        }
    }

    /// The cosines and sines of rows at given positions, computed once for all layers that share them.
    package struct Angles {
        let cosines: UnsafeMutablePointer<Float>
        let sines: UnsafeMutablePointer<Float>
        /// The number of rows.
        package let rows: Int
        let rope: RoPE

        /// Room for the angles of `rows` rows in memory of the workspace, to be filled.
        package init(_ rope: RoPE, rows: Int, _ workspace: Workspace) {
            let count = max(1, rows * rope.dimensions / 2)
            cosines = workspace.take(Float.self, count: count)
            sines = workspace.take(Float.self, count: count)
            self.rows = rows
            self.rope = rope
        }

        /// Computes the angles of some rows. An angle is rounded to a float before its cosine is taken, as in the
        /// implementations that the models were trained with.
        package func fill(_ range: Range<Int>, positions: some Collection<Int>) {
            precondition(positions.count == range.count && range.upperBound <= rows, "a position for each row")
            let half = rope.dimensions / 2
            for (row, position) in zip(range, positions) {
                for i in 0..<half {
                    let angle = Double(Float(position) * rope.frequencies[i])
                    cosines[row * half + i] = Float(cos(angle))
                    sines[row * half + i] = Float(sin(angle))
                }
            }
        }
    }

    /// Turns each head of each row of x `[rows, heads · headDim]` in place by the angle of the row's position.
    package func apply(
        _ x: MatrixView, heads: Int, positions: some Collection<Int>, on backend: ComputeBackend, _ workspace: Workspace
    ) {
        precondition(positions.count == x.rows, "a position for each row")
        workspace.scoped {
            let angles = Angles(self, rows: x.rows, workspace)
            angles.fill(0..<x.rows, positions: positions)
            angles.apply(to: x, rows: 0..<x.rows, heads: heads, on: backend)
        }
    }
}

extension RoPE.Angles {
    /// Turns each head of `rows` of x `[rows, heads · headDim]` in place.
    package func apply(to x: MatrixView, rows range: Range<Int>, heads: Int, on backend: ComputeBackend) {
        precondition(x.columns % heads == 0 && range.upperBound <= min(rows, x.rows), "angles for each row")
        let half = rope.dimensions / 2
        backend.kernels.pointee.rope(
            x.row(range.lowerBound), x.columns, range.count, heads, x.columns / heads, rope.dimensions,
            cosines + range.lowerBound * half, sines + range.lowerBound * half, rope.isInterleaved ? 1 : 0)
    }
}

extension RoPE {
    fileprivate var isInterleaved: Bool { pairing == .interleaved }
}

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
/// `θ_i = base^(−2i/d)` (Su et al., "RoFormer", 2021), or by frequencies made of that for longer contexts.
package struct RoPE: Sendable, Equatable {
    /// Which features make a pair: the same network in two layouts, and never to be mixed.
    package enum Pairing: Sendable {
        /// (2i, 2i + 1): GGUF's Llama, and Cohere.
        case interleaved
        /// (i, i + d/2): NeoX, Qwen, Gemma, and Hugging Face's Llama.
        case halves
    }

    /// A base that grows with the length L of a sequence once that is beyond `originalTokens` T:
    /// `base · (factor · L / T − factor + 1)^(d / (d − 2))` ("dynamic NTK").
    package struct GrowingBase: Sendable, Equatable {
        package var base: Double
        package var factor: Double
        package var originalTokens: Int

        package init(base: Double, factor: Double, originalTokens: Int) {
            (self.base, self.factor, self.originalTokens) = (base, factor, originalTokens)
        }

        fileprivate func frequencies(dimensions: Int, length: Int) -> [Float] {
            let length = Double(max(length, originalTokens))
            let growth = factor * length / Double(originalTokens) - factor + 1
            return RoPE.frequencies(dimensions, base * pow(growth, Double(dimensions) / Double(dimensions - 2)))
                .map(Float.init)
        }
    }

    /// Features of a head that turn; the rest stay.
    package let dimensions: Int
    /// Where frequencies depend on the length of the sequence, how; nil where they do not.
    package let growingBase: GrowingBase?
    private let pairing: Pairing
    /// `[dimensions / 2]`: radians per position.
    fileprivate let frequencies: [Float]
    /// What cosines and sines are multiplied by.
    fileprivate let magnitude: Double

    /// A rotation of `dimensions` features.
    ///
    /// - Parameter divisors: what each frequency is divided by, for scaled contexts; nil for none.
    package init(dimensions: Int, base: Double, pairing: Pairing, divisors: [Float]? = nil) {
        precondition(dimensions % 2 == 0, "features turn in pairs")
        if let divisors { precondition(divisors.count == dimensions / 2, "one divisor for each pair") }
        self.init(
            frequencies: Self.frequencies(dimensions, base).enumerated().map { i, frequency in
                frequency / Double(divisors?[i] ?? 1)
            }, pairing: pairing)
    }

    /// A rotation of as many pairs as there are frequencies, in radians per position.
    ///
    /// - Parameter magnitude: what cosines and sines are multiplied by, and the scores of turned heads by its square.
    package init(frequencies: [Double], pairing: Pairing, magnitude: Double = 1) {
        dimensions = 2 * frequencies.count
        self.pairing = pairing
        self.frequencies = frequencies.map(Float.init)
        self.magnitude = magnitude
        growingBase = nil
    }

    /// A rotation of `dimensions` features, at least 4, whose frequencies depend on the length of the sequence.
    package init(dimensions: Int, growing base: GrowingBase, pairing: Pairing) {
        precondition(dimensions % 2 == 0 && dimensions > 2, "a base grows for two pairs of features or more")
        self.dimensions = dimensions
        self.pairing = pairing
        frequencies = Self.frequencies(dimensions, base.base).map(Float.init)
        magnitude = 1
        growingBase = base
    }

    /// The rotation whose frequencies are divided by the divisors, one for each pair; itself without divisors.
    ///
    /// - Precondition: the frequencies do not depend on the length.
    package func dividing(by divisors: [Float]?) -> RoPE {
        guard let divisors else { return self }
        precondition(divisors.count == frequencies.count && growingBase == nil, "one divisor for each pair")
        return RoPE(
            frequencies: zip(frequencies, divisors).map { Double($0) / Double($1) }, pairing: pairing,
            magnitude: magnitude)
    }

    /// `base^(−2i/dimensions)` for each pair i.
    package static func frequencies(_ dimensions: Int, _ base: Double) -> [Double] {
        (0..<(dimensions / 2)).map { pow(base, -2 * Double($0) / Double(dimensions)) }
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
            fill(range, positions: positions, lengths: positions.lazy.map { $0 + 1 })
        }

        /// The same where the frequencies may depend on the length that each row's sequence counts as.
        package func fill(_ range: Range<Int>, positions: some Collection<Int>, lengths: some Collection<Int>) {
            precondition(
                positions.count == range.count && lengths.count == range.count && range.upperBound <= rows,
                "a position and a length for each row")
            let half = rope.dimensions / 2
            var frequencies = rope.frequencies
            var known = 0
            for (row, (position, length)) in zip(range, zip(positions, lengths)) {
                if let growing = rope.growingBase, length != known {
                    frequencies = growing.frequencies(dimensions: rope.dimensions, length: length)
                    known = length
                }
                for i in 0..<half {
                    let angle = Double(Float(position) * frequencies[i])
                    cosines[row * half + i] = Float(cos(angle) * rope.magnitude)
                    sines[row * half + i] = Float(sin(angle) * rope.magnitude)
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

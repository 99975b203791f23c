internal import Compute

/// The normalisation of a family: of whole rows.
enum Normalization: Sendable {
    /// Of most families.
    case rootMeanSquare(RMSNorm)
    /// Of Cohere, without a bias.
    case layer(LayerNorm)

    /// Binds the scales of `count` features, as the configuration's family normalises.
    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration, _ name: String, count: Int) throws {
        let scale = try binder.vector("\(name).weight", count: count)
        self =
            configuration.family.isCohere
            ? .layer(
                LayerNorm(
                    scale: scale, bias: Array(repeating: 0, count: count), epsilon: configuration.normEpsilon))
            : .rootMeanSquare(
                RMSNorm(scale: scale.map { $0 + configuration.normOffset }, epsilon: configuration.normEpsilon))
    }

    /// `out ← norm(x)`, both `[rows, features]`; `out` may be `x`.
    func apply(_ x: MatrixView, into out: MatrixView, on backend: ComputeBackend) {
        switch self {
        case .rootMeanSquare(let norm): norm.apply(x, into: out, on: backend)
        case .layer(let norm): norm.apply(x, into: out, on: backend)
        }
    }
}

/// The normalisation of each head's features.
enum HeadNormalization: Sendable {
    /// Every head has the same scales: Qwen3, Gemma 3.
    case shared(RMSNorm)
    /// Each head has its own: Cohere.
    case each([LayerNorm])

    /// Binds the scales of `heads` heads: `[headDim]`, or `[heads, headDim]`.
    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration, _ name: String, heads: Int) throws {
        let (headDim, epsilon) = (configuration.headDim, configuration.normEpsilon)
        guard configuration.family.isCohere else {
            let scale = try binder.vector("\(name).weight", count: headDim)
            self = .shared(RMSNorm(scale: scale.map { $0 + configuration.normOffset }, epsilon: epsilon))
            return
        }
        let scales = try binder.floats("\(name).weight", shape: [heads, headDim])
        let bias = [Float](repeating: 0, count: headDim)
        self = .each(
            (0..<heads).map { head in
                LayerNorm(scale: scales[head * headDim..<(head + 1) * headDim], bias: bias, epsilon: epsilon)
            })
    }

    /// Normalises the heads of x `[rows, heads · headDim]` in place.
    func apply(_ x: MatrixView, heads: Int, on backend: ComputeBackend) {
        let headDim = x.columns / heads
        switch self {
        case .shared(let norm):
            let perHead = MatrixView(pointer: x.pointer, rows: x.rows * heads, columns: headDim)
            norm.apply(perHead, into: perHead, on: backend)
        case .each(let norms):
            for row in 0..<x.rows {
                for (head, norm) in norms.enumerated() {
                    let one = MatrixView(pointer: x.row(row) + head * headDim, rows: 1, columns: headDim)
                    norm.apply(one, into: one, on: backend)
                }
            }
        }
    }
}

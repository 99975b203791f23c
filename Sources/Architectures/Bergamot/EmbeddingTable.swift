internal import Checkpoints
internal import Compute

/// A table of token embeddings `[tokens, hiddenSize]`, used where it lies in the mapped file. It serves as input
/// embedding, and tied, as the output layer.
struct EmbeddingTable: Sendable {
    enum Weights: Sendable, Equatable {
        /// real = int / multiplier
        case int8(multiplier: Float)
        case float32
    }

    let hiddenSize: Int
    let weights: Weights
    private let elements: ByteRegion

    init(_ elements: ByteRegion, hiddenSize: Int, weights: Weights) {
        self.elements = elements
        self.hiddenSize = hiddenSize
        self.weights = weights
    }

    var sizeBytes: Int { elements.count }

    var tokens: Int { elements.count / hiddenSize / (weights == .float32 ? 4 : 1) }

    /// `out ← scale · E[token] + offset`, each of hiddenSize values.
    func lookUp(
        _ token: Int32, scale: Float, adding offset: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>
    ) {
        precondition(token >= 0 && Int(token) < tokens, "token \(token) of a table of \(tokens)")
        let bytes = elements.buffer
        let start = Int(token) * hiddenSize
        switch weights {
        case .int8(let multiplier):
            let unit = 1 / multiplier
            let row = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + hiddenSize)])
            for i in 0..<hiddenSize {
                out[i] = Float(Int8(bitPattern: row[i])) * unit * scale + offset[i]
            }
        case .float32:
            for i in 0..<hiddenSize {
                out[i] = bytes.loadUnaligned(fromByteOffset: (start + i) * 4, as: Float.self) * scale + offset[i]
            }
        }
    }

    /// The output layer `logits = x · Eᵀ + bias` over the tokens `ids`, or over all where nil.
    func outputLayer(
        selecting ids: [Int32]?, bias: [Float]?, activations: ActivationQuantization, for backend: ComputeBackend,
        in workspace: Workspace?
    ) throws -> Linear {
        let outputs = ids?.count ?? tokens
        let selected = bias.map { bias in
            AlignedBuffer(ids.map { $0.map { bias[Int($0)] } } ?? bias, paddedTo: 16)
        }
        func build(_ ids: UnsafePointer<Int32>?) throws -> Linear {
            switch weights {
            case .int8(let multiplier):
                try elements.withElements(Int8.self) {
                    .int8(
                        Int8Linear(
                            weights: $0, inputs: hiddenSize, outputs: outputs, selecting: ids,
                            weightMultiplier: multiplier, activations: activations, bias: selected, for: backend,
                            in: workspace))
                }
            case .float32:
                try elements.withElements(Float.self) {
                    .float32(
                        FloatLinear(
                            weights: $0, transposed: true, inputs: hiddenSize, outputs: outputs, selecting: ids,
                            bias: selected, for: backend))
                }
            }
        }
        guard let ids else { return try build(nil) }
        precondition(ids.allSatisfy { $0 >= 0 && Int($0) < tokens }, "a candidate is not in the vocabulary")
        return try ids.withUnsafeBufferPointer { try build($0.baseAddress) }
    }
}

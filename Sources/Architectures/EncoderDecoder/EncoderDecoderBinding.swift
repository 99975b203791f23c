internal import Checkpoints
internal import Compute

extension WeightBinder {
    /// A layer normalisation: `prefix.weight` and `prefix.bias`, both `[count]`.
    func layerNorm(at prefix: String, count: Int, epsilon: Float) throws -> LayerNorm {
        LayerNorm(
            scale: try vector("\(prefix).weight", count: count), bias: try vector("\(prefix).bias", count: count),
            epsilon: epsilon)
    }

    /// Attention as M2M100 and Marian name it: `prefix.{q,k,v,out}_proj`, weights and biases; scores divided by √headDim.
    func attention(
        at prefix: String, hiddenSize: Int, heads: Int
    ) throws -> AttentionWeights {
        func projection(_ name: String) throws -> Projection {
            try self.projection("\(prefix).\(name)_proj", inputs: hiddenSize, outputs: hiddenSize, bias: true)
        }
        let headDim = hiddenSize / heads
        return AttentionWeights(
            query: try projection("q"), key: try projection("k"), value: try projection("v"),
            output: try projection("out"), heads: heads, headDim: headDim, scale: 1 / Float(headDim).squareRoot())
    }

    /// A feed-forward network as M2M100 and Marian name it: `prefix.fc1` and `prefix.fc2`, weights and biases.
    func feedForward(
        at prefix: String, hiddenSize: Int, innerSize: Int, _ activation: Activation
    ) throws -> FeedForwardNetwork {
        FeedForwardNetwork(
            inner: .plain(
                try projection("\(prefix).fc1", inputs: hiddenSize, outputs: innerSize, bias: true), activation),
            output: try projection("\(prefix).fc2", inputs: innerSize, outputs: hiddenSize, bias: true))
    }

    /// The matrix of the last layer: `name` where the file has it and it is not a copy of `tied`, else the matrix of `tied`,
    /// which is `embedding`.
    func outputMatrix(_ name: String, tied: String, _ embedding: WeightMatrix) throws -> WeightMatrix {
        guard has(name), try !areEqual(name, tied) else {
            ignore(name)
            return embedding
        }
        return try matrix(name, inputs: embedding.inputs, outputs: embedding.outputs)
    }

    /// Says that tensors have their place, where the checkpoint has them, because they are copies of another.
    ///
    /// - Throws: `CheckpointError` if one is not.
    func ignoreCopies(_ names: [String], of original: String) throws {
        for name in names where has(name) {
            guard try areEqual(name, original) else {
                throw CheckpointError.mismatchedTensor(
                    file: checkpoint.file, name: name, expected: "a copy of \(original)", found: "another matrix")
            }
            ignore(name)
        }
    }
}

extension Activation {
    /// The activation that `config.json` calls by a name.
    init(_ configuration: ModelConfiguration, key: String, default fallback: String) throws {
        switch try configuration.string(key, default: fallback) {
        case "relu": self = .relu
        case "silu", "swish": self = .swish
        case "gelu": self = .geluErf
        case "gelu_new", "gelu_pytorch_tanh": self = .geluTanh
        default:
            throw configuration.mismatch(key, expected: "relu, silu, swish, gelu, gelu_new or gelu_pytorch_tanh")
        }
    }
}

/// The first layer of either side of M2M100 and Marian: `x = E[id] · scale + P(t)`.
struct PositionedEmbedding: Sendable {
    /// E `[vocabularySize, hiddenSize]`
    let matrix: WeightMatrix
    let scale: Float
    let positions: PositionWaves

    /// The embeddings of sentences, `[rows, hiddenSize]`.
    func callAsFunction(_ batch: SourceBatch) -> MatrixView {
        let x = batch.resources.workspace.matrix(rows: batch.rowCount, columns: matrix.inputs)
        let tokens = batch.sources.flatMap { $0 }
        let places = batch.sources.flatMap { Array(0..<$0.count) }
        embed(tokens, places, into: x, batch.resources)
        return x
    }

    /// The embeddings of a step's tokens, `[rows, hiddenSize]`.
    func callAsFunction(_ step: TargetStep) -> MatrixView {
        let x = step.resources.workspace.matrix(rows: step.rowCount, columns: matrix.inputs)
        embed(step.tokens, step.positions, into: x, step.resources)
        return x
    }

    private func embed(_ tokens: [Int32], _ places: [Int], into x: MatrixView, _ resources: ComputeResources) {
        resources.forRows(x.rows, columns: 4 * x.columns) { rows in
            for index in rows {
                let row = x.row(index)
                matrix.expandRow(Int(tokens[index]), into: row, on: resources.backend)
                for i in 0..<x.columns { row[i] *= scale }
                positions.add(places[index], to: row)
            }
        }
    }
}

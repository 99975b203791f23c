internal import Checkpoints
internal import Compute
internal import Foundation

/// The first and the last layer of a decoder: rows of the embedding for ids, and logits over the vocabulary. Most small
/// models use one matrix for both.
struct TokenEmbedding: Sendable {
    /// `token_embd.weight` `[vocabularySize, hiddenSize]`
    let embedding: QuantizedLinear
    /// `output.weight`, or the embedding where the file has none
    let output: Projection
    /// `output_norm.weight`
    let norm: RMSNorm
    /// What embeddings are multiplied by.
    let scale: Float?
    /// Logits become `cap · tanh(logits / cap)`.
    let logitCap: Float?

    init(
        _ binder: GGUFBinder, _ configuration: DecoderConfiguration, scale: Float? = nil, logitCap: Float? = nil
    ) throws {
        let hidden = configuration.hiddenSize
        let shape = try binder.checkpoint.tensor("token_embd.weight").shape
        guard shape.count == 2, shape[0] < 1 << 21 else {
            throw CheckpointError.mismatchedTensor(
                file: binder.checkpoint.file, name: "token_embd.weight", expected: "[vocabulary, \(hidden)]",
                found: "\(shape)")
        }
        embedding = try binder.matrix("token_embd.weight", inputs: hidden, outputs: shape[0])
        output =
            binder.has("output.weight")
            ? try binder.projection("output", inputs: hidden, outputs: shape[0])
            : Projection(weights: embedding, bias: nil)
        norm = try binder.norm("output_norm.weight", count: hidden, epsilon: configuration.normEpsilon)
        self.scale = scale
        self.logitCap = logitCap
    }

    /// The number of token ids.
    var vocabularySize: Int { embedding.outputs }

    /// x `[rows, hiddenSize]` of the step's tokens.
    func embed(_ step: DecoderStep) -> MatrixView {
        let x = step.matrix(columns: embedding.inputs)
        let backend = step.resources.backend
        for (segment, rows) in zip(step.segments, step.rows) {
            for (row, id) in zip(rows, segment.tokens) { embedding.expandRow(Int(id), into: x.row(row), on: backend) }
        }
        if let scale { for i in 0..<x.count { x.pointer[i] *= scale } }
        return x
    }

    /// The logits of x, which are the rows that the step's segments want; changes x.
    func logits(_ x: MatrixView, _ step: DecoderStep) -> MatrixView {
        let resources = step.resources
        let logits = resources.workspace.matrix(rows: x.rows, columns: vocabularySize)
        norm.apply(x, into: x, on: resources.backend)
        output.weights.apply(x, into: logits, on: resources.backend, resources.pool)
        if let bias = output.bias {
            let row = MatrixView(pointer: bias.pointer, rows: 1, columns: logits.columns)
            for index in 0..<logits.rows { resources.backend.add(row, to: logits.slice(index..<index + 1)) }
        }
        if let logitCap { cap(logits, at: logitCap) }
        return logits
    }

    private func cap(_ logits: MatrixView, at limit: Float) {
        for i in 0..<logits.count { logits.pointer[i] = limit * tanh(logits.pointer[i] / limit) }
    }
}

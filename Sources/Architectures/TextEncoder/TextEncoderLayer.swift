internal import Compute

/// The texts of a batch: their rows lie one after the other in one matrix, without padding.
struct TextBatch {
    let resources: ComputeResources
    /// The rows of each text.
    let rows: [Range<Int>]

    /// The rows of all texts.
    var rowCount: Int { rows.last?.upperBound ?? 0 }

    func matrix(columns: Int) -> MatrixView { resources.workspace.matrix(rows: rowCount, columns: columns) }
}

/// A layer of BERT (Devlin et al., 2019): transform, add, normalise, with biases everywhere.
///
///     x ← LN(x + W_o attention(W_q x + b_q, W_k x + b_k, W_v x + b_v) + b_o)
///     x ← LN(x + W_2 f(W_1 x + b_1) + b_2)
struct TextEncoderLayer: Sendable {
    /// Rows of a text that make a piece of attention's work.
    private static let rowsPerPiece = 32

    private let query: Projection
    private let key: Projection
    private let value: Projection
    private let output: Projection
    private let attentionNorm: LayerNorm
    private let inner: Projection
    private let outer: Projection
    private let outputNorm: LayerNorm
    private let heads: Int
    private let activation: Activation

    init(_ binder: WeightBinder, _ configuration: TextEncoderConfiguration, layer: Int) throws {
        let (name, hidden) = ("encoder.layer.\(layer)", configuration.hiddenSize)
        func projection(_ part: String, _ inputs: Int, _ outputs: Int) throws -> Projection {
            try binder.projection("\(name).\(part)", inputs: inputs, outputs: outputs, bias: .required)
        }
        query = try projection("attention.self.query", hidden, hidden)
        key = try projection("attention.self.key", hidden, hidden)
        value = try projection("attention.self.value", hidden, hidden)
        output = try projection("attention.output.dense", hidden, hidden)
        attentionNorm = try LayerNorm(binder, configuration, "\(name).attention.output.LayerNorm")
        inner = try projection("intermediate.dense", hidden, configuration.feedForwardSize)
        outer = try projection("output.dense", configuration.feedForwardSize, hidden)
        outputNorm = try LayerNorm(binder, configuration, "\(name).output.LayerNorm")
        heads = configuration.heads
        activation = configuration.activation
    }

    /// Changes x `[rows, hiddenSize]` in place.
    func callAsFunction(_ x: MatrixView, _ batch: TextBatch) {
        let resources = batch.resources
        resources.workspace.scoped {
            normalize(x, adding: output(attention(x, batch), resources), attentionNorm, resources)
        }
        resources.workspace.scoped {
            let h = inner(x, resources)
            resources.forRows(h.rows, columns: h.columns) { resources.backend.activate(h.slice($0), activation) }
            normalize(x, adding: outer(h, resources), outputNorm, resources)
        }
    }

    private func normalize(_ x: MatrixView, adding y: MatrixView, _ norm: LayerNorm, _ resources: ComputeResources) {
        resources.forRows(x.rows, columns: x.columns) { range in
            norm.apply(x.slice(range), adding: y.slice(range), into: x.slice(range), on: resources.backend)
        }
    }

    /// `concat_heads softmax(q kᵀ / √headDim) v` within each text, `[rows, hiddenSize]`.
    private func attention(_ x: MatrixView, _ batch: TextBatch) -> MatrixView {
        let resources = batch.resources
        let attended = batch.matrix(columns: x.columns)
        resources.workspace.scoped {
            let (q, k, v) = (
                batch.matrix(columns: x.columns), batch.matrix(columns: x.columns), batch.matrix(columns: x.columns)
            )
            Projection.applyAll([(query, q), (key, k), (value, v)], to: x, resources)
            let storage = batch.rows.map { rows in
                resources.workspace.take(
                    Float.self, count: AttentionMemory.keyCount(length: rows.count, hiddenSize: x.columns))
            }
            var pieces: [(text: Int, rows: Range<Int>)] = []
            for (text, rows) in batch.rows.enumerated() {
                for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.rowsPerPiece) {
                    pieces.append((text, first..<min(first + Self.rowsPerPiece, rows.upperBound)))
                }
            }
            let memories = UnsafeMutableBufferPointer<AttentionMemory>.allocate(capacity: batch.rows.count)
            defer { memories.deallocate() }
            resources.pool.forEach(batch.rows.count) { text in
                let rows = batch.rows[text]
                memories.initializeElement(
                    at: text,
                    to: AttentionMemory(
                        keys: k.slice(rows), values: v.slice(rows), storage: storage[text], on: resources.backend))
            }
            let scale = 1 / Float(x.columns / heads).squareRoot()
            resources.pool.forEach(pieces.count) { index, thread in
                let (text, rows) = pieces[index]
                resources.backend.attend(
                    q.slice(rows), to: memories[text], heads: heads, scale: scale, into: attended.slice(rows),
                    resources.pool.workspace(thread))
            }
        }
        return attended
    }
}

extension LayerNorm {
    /// Binds a norm over the hidden size.
    init(_ binder: WeightBinder, _ configuration: TextEncoderConfiguration, _ name: String) throws {
        let count = configuration.hiddenSize
        self.init(
            scale: try binder.vector("\(name).weight", count: count),
            bias: try binder.vector("\(name).bias", count: count), epsilon: configuration.normEpsilon)
    }
}

internal import Checkpoints
internal import Compute
internal import Foundation

/// The first and the last layer of a decoder: rows of the embedding for ids, and logits over the vocabulary. Most small
/// models use one matrix for both.
struct TokenEmbedding: Sendable {
    /// `[vocabularySize, hiddenSize]`
    private let embedding: WeightMatrix
    /// `[vocabularySize, hiddenSize]`: a matrix of its own, or the embedding's
    private let output: WeightMatrix
    private let norm: Normalization
    /// What embeddings are multiplied by.
    private let scale: Float?
    /// Finds the largest logits without all others, for a large vocabulary.
    private let bounded: BoundedProduct?
    private let isTied: Bool
    /// Bytes of the matrices that a greedy step does not read: an embedding of which only rows are read, the output being
    /// another matrix, and what bounds spare.
    let unreadBytes: Int
    /// What logits are multiplied by.
    private let logitScale: Float?
    /// Logits become `cap · tanh(logits / cap)`.
    private let logitCap: Float?

    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration) throws {
        let (name, outputName) = ("model.embed_tokens.weight", "lm_head.weight")
        let hidden = configuration.hiddenSize
        let shape = try binder.shape(name)
        guard shape.count == 2, shape[0] < 1 << 21 else {
            throw CheckpointError.mismatchedTensor(
                file: binder.checkpoint.file, name: name, expected: "[vocabulary, \(hidden)]", found: "\(shape)")
        }
        let tokens = configuration.vocabularySize ?? shape[0]
        let embedding = try binder.matrix(name, inputs: hidden, outputs: tokens, byRow: true)
        isTied = try Self.isTied(binder, configuration, name, outputName)
        if isTied { binder.ignore(outputName) }
        let output = isTied ? embedding : try binder.matrix(outputName, inputs: hidden, outputs: tokens, byRow: true)
        norm = try Normalization(binder, configuration, "model.norm", count: hidden)
        scale = configuration.embeddingScale
        logitScale = configuration.logitScale
        logitCap = configuration.logitCap
        // What changes logits may make equals of them.
        bounded =
            logitScale == nil && logitCap == nil
            ? try Self.bounded(output, isTied ? name : outputName, binder) : nil
        self.output = bounded == nil ? binder.interleaved(output) : output
        self.embedding = isTied ? self.output : embedding
        let outputBytes = output.sizeBytes
        unreadBytes =
            (isTied ? 0 : embedding.sizeBytes) + (bounded.map { outputBytes - $0.boundBytes } ?? 0)
    }

    /// Of the bytes of all weights, how much the output must be for its bounds to be worth the memory they take.
    private static let boundedShare = 0.25
    /// And how many tokens there must be. Logits of small vocabularies lie too close together: of SmolLM2's 49,152 tokens
    /// bounds let a fifth through, of Gemma's 262,144 less than a hundredth.
    private static let boundedTokens = 1 << 16

    private static func bounded(
        _ output: WeightMatrix, _ name: String, _ binder: WeightBinder
    ) throws -> BoundedProduct? {
        guard case .rows(let linear) = output, linear.outputs >= boundedTokens else { return nil }
        let all = binder.checkpoint.tensors.values.reduce(0) { $0 + $1.bytes.count }
        guard Double(linear.sizeBytes) >= boundedShare * Double(all) else { return nil }
        let source = try binder.bytes(name)
        return BoundedProduct(linear) { bytes in
            try? source.slice(offset: bytes.lowerBound, count: bytes.count, what: name).releasePages()
        }
    }

    /// Bytes of what bounds logits.
    var boundedBytes: Int { bounded?.sizeBytes ?? 0 }

    /// Whether the output is the embedding's matrix: no other is there, or one that is its copy although the
    /// configuration ties them. One that differs is used.
    private static func isTied(
        _ binder: WeightBinder, _ configuration: DecoderConfiguration, _ name: String, _ outputName: String
    ) throws -> Bool {
        guard binder.has(outputName) else { return configuration.isTied ?? true }
        return try configuration.isTied == true && binder.areEqual(name, outputName)
    }

    /// The number of token ids.
    var vocabularySize: Int { embedding.outputs }

    /// x `[rows, hiddenSize]` of the step's tokens.
    func embed(_ step: DecoderStep) -> MatrixView {
        let x = step.matrix(columns: embedding.inputs)
        let backend = step.resources.backend
        for (segment, rows) in zip(step.segments, step.rows) {
            for (row, id) in zip(rows, segment.tokens) {
                if isTied, bounded?.expandRow(Int(id), into: x.row(row), on: backend) == true { continue }
                embedding.expandRow(Int(id), into: x.row(row), on: backend)
            }
        }
        if let scale { for i in 0..<x.count { x.pointer[i] *= scale } }
        return x
    }

    /// `x ← norm(x)`
    func normalize(_ x: MatrixView, _ step: DecoderStep) {
        let resources = step.resources
        resources.forRows(x.rows, columns: x.columns) { range in
            norm.apply(x.slice(range), into: x.slice(range), on: resources.backend)
        }
    }

    /// The logits of x, states behind the last norm. Where the step wants only the largest, others may be −∞.
    func logits(_ x: MatrixView, _ step: DecoderStep) -> MatrixView {
        let resources = step.resources
        let logits = resources.workspace.matrix(rows: x.rows, columns: output.outputs)
        // Neither scale nor cap changes which logit is the largest. Where several are weighed, models with either compute
        // all.
        if let wanted = step.largestWanted, wanted == LargestValues() || (logitScale == nil && logitCap == nil),
            let bounded, wanted.count <= BoundedProduct.mostWanted, BoundedProduct.pays(on: resources.backend),
            bounded.apply(
                x, largest: wanted, into: logits, on: resources.backend, resources.pool, resources.workspace)
        {
            return logits
        }
        output.apply(x, into: logits, on: resources.backend, resources.pool, resources.workspace)
        if let logitScale { for i in 0..<logits.count { logits.pointer[i] *= logitScale } }
        if let logitCap { cap(logits, at: logitCap) }
        return logits
    }

    private func cap(_ logits: MatrixView, at limit: Float) {
        for i in 0..<logits.count { logits.pointer[i] = limit * tanh(logits.pointer[i] / limit) }
    }
}

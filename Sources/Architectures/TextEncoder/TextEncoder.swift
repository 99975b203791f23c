package import Checkpoints
internal import Compute

/// An encoder of texts, BERT or RoBERTa, and the vector that it makes of each (`models/bert/MODEL.md`). Immutable and
/// shared; what belongs to one batch lives in the caller's workspace.
///
///     x ← LN(E[id] + P[position] + T[0])
///     x ← layer(x), …
///     embedding = pooling(x)
package final class TextEncoder: Sendable {
    /// Rows that are computed at once; a larger batch is cut between texts.
    private static let maximumRows = 4096

    /// The model's sizes.
    package let configuration: TextEncoderConfiguration
    /// How states become a vector.
    package let pooling: SentencePooling
    /// Bytes of the weights.
    package let sizeBytes: Int
    /// E `[vocabularySize, hiddenSize]`
    private let words: WeightMatrix
    /// P + T[0] `[positions, hiddenSize]`
    private let positions: AlignedBuffer<Float>
    private let norm: LayerNorm
    private let layers: [TextEncoderLayer]

    /// Binds the tensors of a checkpoint. Those of a head that the model was trained with are left.
    ///
    /// - Parameters:
    ///   - quantizer: makes every matrix; nil to multiply by the tensors as they are stored.
    ///   - interleaver: makes faster copies of matrices.
    /// - Throws: `CheckpointError`: what is missing, unused, or of another shape.
    package convenience init(
        _ configuration: TextEncoderConfiguration, _ checkpoint: Checkpoint, pooling: SentencePooling,
        quantizer: WeightBinder.Quantizer? = nil, interleaver: WeightBinder.Interleaver? = nil
    ) throws {
        let names = TextEncoderNames(checkpoint)
        let binder = WeightBinder(
            checkpoint, quantizer: quantizer, interleaver: interleaver, rename: names.stored)
        binder.ignore(where: names.isHead)
        try self.init(binder, configuration, pooling: pooling)
    }

    /// Binds tensors by their names in `BertModel` or `XLMRobertaModel`.
    ///
    /// - Throws: `CheckpointError`.
    package init(_ binder: WeightBinder, _ configuration: TextEncoderConfiguration, pooling: SentencePooling) throws {
        let hidden = configuration.hiddenSize
        words = try binder.matrix(
            "embeddings.word_embeddings.weight", inputs: hidden, outputs: configuration.vocabularySize, byRow: true)
        var table = try binder.floats(
            "embeddings.position_embeddings.weight", shape: [configuration.positions, hidden])
        let types = try binder.floats(
            "embeddings.token_type_embeddings.weight", shape: [configuration.tokenTypes, hidden])
        for i in table.indices { table[i] += types[i % hidden] }
        positions = AlignedBuffer(table)
        norm = try LayerNorm(binder, configuration, "embeddings.LayerNorm")
        layers = try (0..<configuration.layers).map { try TextEncoderLayer(binder, configuration, layer: $0) }
        try binder.finish()
        self.configuration = configuration
        self.pooling = pooling
        sizeBytes = binder.sizeBytes
    }

    /// Features of an embedding.
    package var dimensions: Int { pooling.modes.count * configuration.hiddenSize }

    /// Tokens that a text may have, those that begin and end it included. The caller cuts longer ones.
    package var maximumTokens: Int { min(configuration.maximumTokens, pooling.maximumTokens ?? .max) }

    /// A vector of `dimensions` features for each text. A text's vector does not depend on the texts beside it.
    ///
    /// - Precondition: no text is empty or longer than `maximumTokens`, and all ids are of the vocabulary.
    package func embed(_ batch: [[Int32]], resources: ComputeResources) -> [[Float]] {
        map(batch, resources) { pooling.embedding($0) }
    }

    /// The states behind the last layer, for each text `[tokens · hiddenSize]`.
    ///
    /// - Precondition: no text is empty or longer than `maximumTokens`, and all ids are of the vocabulary.
    package func hiddenStates(_ batch: [[Int32]], resources: ComputeResources) -> [[Float]] {
        map(batch, resources) { Array(UnsafeBufferPointer(start: $0.pointer, count: $0.count)) }
    }

    /// What `result` makes of each text's states.
    private func map(
        _ batch: [[Int32]], _ resources: ComputeResources, _ result: (MatrixView) -> [Float]
    ) -> [[Float]] {
        precondition(
            batch.allSatisfy { !$0.isEmpty && $0.count <= configuration.maximumTokens },
            "a text has 1 to \(configuration.maximumTokens) tokens")
        var out: [[Float]] = []
        out.reserveCapacity(batch.count)
        while out.count < batch.count {
            var rows: [Range<Int>] = []
            for text in batch[out.count...] {
                let first = rows.last?.upperBound ?? 0
                if first > 0, first + text.count > Self.maximumRows { break }
                rows.append(first..<first + text.count)
            }
            let texts = batch[out.count..<out.count + rows.count]
            resources.workspace.scoped {
                let states = encode(texts, TextBatch(resources: resources, rows: rows))
                out += rows.map { result(states.slice($0)) }
            }
        }
        return out
    }

    /// The states behind the last layer, `[rows, hiddenSize]`.
    private func encode(_ texts: ArraySlice<[Int32]>, _ batch: TextBatch) -> MatrixView {
        let resources = batch.resources
        let x = batch.matrix(columns: configuration.hiddenSize)
        for (text, rows) in zip(texts, batch.rows) {
            var next = configuration.firstPosition
            for (id, row) in zip(text, rows) {
                words.expandRow(Int(id), into: x.row(row), on: resources.backend)
                let isPadding = configuration.family != .bert && id == configuration.padding
                let position = isPadding ? Int(configuration.padding) : next
                let embedded = MatrixView(
                    pointer: positions.pointer + position * x.columns, rows: 1, columns: x.columns)
                resources.backend.add(embedded, to: x.slice(row..<row + 1))
                if !isPadding { next += 1 }
            }
        }
        resources.forRows(x.rows, columns: x.columns) { range in
            norm.apply(x.slice(range), into: x.slice(range), on: resources.backend)
        }
        for layer in layers { layer(x, batch) }
        return x
    }
}

/// What tensors are called in checkpoints of an encoder alone, of one with a head, and in those of the first releases.
private struct TextEncoderNames: Sendable {
    private let prefix: String
    private let isOld: Bool

    init(_ checkpoint: Checkpoint) {
        let word = "embeddings.word_embeddings.weight"
        prefix = ["bert.", "roberta."].first { checkpoint.tensors[$0 + word] != nil } ?? ""
        isOld = checkpoint.tensors["\(prefix)embeddings.LayerNorm.gamma"] != nil
    }

    func stored(_ name: String) -> String {
        guard isOld else { return prefix + name }
        if name.hasSuffix("LayerNorm.weight") { return prefix + name.dropLast("weight".count) + "gamma" }
        if name.hasSuffix("LayerNorm.bias") { return prefix + name.dropLast("bias".count) + "beta" }
        return prefix + name
    }

    /// Whether a tensor belongs to what stands behind the encoder: the pooler of the next-sentence task, a language
    /// model's head, a classifier.
    func isHead(_ name: String) -> Bool {
        ["\(prefix)pooler.", "pooler.", "cls.", "lm_head.", "classifier."].contains { name.hasPrefix($0) }
    }
}

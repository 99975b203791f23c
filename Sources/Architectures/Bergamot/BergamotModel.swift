package import Checkpoints
package import Compute
internal import Foundation
internal import Synchronization

/// The Bergamot family: Marian models trained for browsers, with a transformer encoder and a light recurrent decoder
/// (SSRU), 8-bit weights and a lexical shortlist. `models/bergamot/MODEL.md` is the same in prose.
package final class BergamotModel: SequenceToSequenceModel {
    /// The sizes and options.
    package let configuration: BergamotConfiguration
    package let backend: ComputeBackend
    package let endOfSequence: Int32 = 0
    package let unknown: Int32 = 1

    private let sourceEmbedding: EmbeddingTable
    private let positions: PositionSignal
    private let encoderEmbeddingNorm: LayerNorm?
    private let encoder: [EncoderLayer]
    private let encoderTop: LayerNorm?
    let targetEmbedding: EmbeddingTable
    private let decoderEmbeddingNorm: LayerNorm?
    private let decoder: [DecoderLayer]
    private let decoderTop: LayerNorm?
    private let output: OutputLayer

    struct EncoderLayer: Sendable {
        let attention: MultiHeadAttention  // encoder_lN_self_*
        let feedForward: FeedForward  // encoder_lN_ffn_*
    }

    struct DecoderLayer: Sendable {
        let recurrent: RecurrentUnit  // decoder_lN_rnn_*
        let attention: MultiHeadAttention  // decoder_lN_context_*
        let feedForward: FeedForward  // decoder_lN_ffn_*
    }

    /// Binds a checkpoint. Strict: every tensor needs a place and every place a tensor.
    ///
    /// - Throws: `CheckpointError` naming the option or the tensor.
    package init(_ checkpoint: MarianCheckpoint, backend: ComputeBackend) throws {
        let configuration = try BergamotConfiguration(yaml: checkpoint.configuration, file: checkpoint.file)
        let binder = MarianBinder(checkpoint, backend: backend)
        let size = configuration.hiddenSize
        self.configuration = configuration
        self.backend = backend

        let shared = configuration.sharedEmbeddings
        let sourceName = shared ? "Wemb" : "encoder_Wemb", targetName = shared ? "Wemb" : "decoder_Wemb"
        sourceEmbedding = try binder.embedding(
            sourceName, tokens: configuration.sourceVocabularySize, hiddenSize: size)
        targetEmbedding = try binder.embedding(
            targetName, tokens: configuration.targetVocabularySize, hiddenSize: size)
        positions = PositionSignal(hiddenSize: size, prepared: 512)

        func norm(_ prefix: String, _ operations: [LayerOperation], suffix: String = "") throws -> LayerNorm? {
            operations.contains(.normalize) ? try binder.layerNorm(prefix, suffix: suffix, count: size) : nil
        }
        let embeddingOperations = configuration.embeddingPostprocess
        encoderEmbeddingNorm = try norm("encoder_emb", embeddingOperations, suffix: "_pre")
        encoder = try (1...configuration.encoderLayers).map { layer in
            EncoderLayer(
                attention: try MultiHeadAttention("encoder_l\(layer)_self", configuration, binder),
                feedForward: try FeedForward("encoder_l\(layer)", configuration, binder))
        }
        encoderTop = try norm("encoder_top", configuration.topPostprocess)
        decoderEmbeddingNorm = try norm("decoder_emb", embeddingOperations, suffix: "_pre")
        decoder = try (1...configuration.decoderLayers).map { layer in
            DecoderLayer(
                recurrent: try RecurrentUnit("decoder_l\(layer)", configuration, binder),
                attention: try MultiHeadAttention("decoder_l\(layer)_context", configuration, binder),
                feedForward: try FeedForward("decoder_l\(layer)", configuration, binder))
        }
        decoderTop = try norm("decoder_top", configuration.topPostprocess)
        output = try OutputLayer(targetName, targetEmbedding, configuration, binder)
        try binder.requireAllUsed()
    }

    package var sourceVocabularySize: Int { configuration.sourceVocabularySize }
    package var targetVocabularySize: Int { configuration.targetVocabularySize }

    package var sizeBytes: Int {
        encoder.reduce(0) { $0 + $1.attention.sizeBytes + $1.feedForward.sizeBytes }
            + decoder.reduce(0) { $0 + $1.recurrent.sizeBytes + $1.attention.sizeBytes + $1.feedForward.sizeBytes }
    }

    /// Bytes of the embedding tables, which stay in the mapped file and become resident as sentences use them.
    package var embeddingBytes: Int {
        sourceEmbedding.sizeBytes + (configuration.sharedEmbeddings ? 0 : targetEmbedding.sizeBytes)
    }

    /// Encodes token sequences laid one after the other: `[tokens, hiddenSize]`.
    private func encode(_ sources: [[Int32]], sequences: [Range<Int>], _ workspace: Workspace) -> MatrixView {
        let tokens = sequences.last?.upperBound ?? 0
        let x = workspace.matrix(rows: tokens, columns: configuration.hiddenSize)
        let scale = Float(configuration.hiddenSize).squareRoot()
        for (source, rows) in zip(sources, sequences) {
            for (position, token) in source.enumerated() {
                positions.withSignal(at: position) {
                    sourceEmbedding.lookUp(token, scale: scale, adding: $0, into: x.row(rows.lowerBound + position))
                }
            }
        }
        encoderEmbeddingNorm?.apply(x, into: x, on: backend)
        for layer in encoder {
            layer.attention.apply(x, sequences: sequences, on: backend, workspace)
            layer.feedForward.apply(x, sequences: sequences, on: backend, workspace)
        }
        encoderTop?.apply(x, into: x, on: backend)
        return x
    }

    package func startDecoding(
        sources: [[Int32]], candidates: [[Int32]?], maximumRows: Int, workspace: Workspace
    ) -> any Decoding {
        precondition(sources.count == candidates.count && sources.allSatisfy { !$0.isEmpty }, "a source without tokens")
        var end = 0
        let sequences = sources.map { source in
            defer { end += source.count }
            return end..<(end + source.count)
        }
        let encoded = encode(sources, sequences: sequences, workspace)
        let memories = decoder.map { layer in
            layer.attention.memories(of: encoded, sequences: sequences, on: backend, workspace)
        }
        let outputs = candidates.map { output.layer(for: $0, on: backend, in: workspace) }
        return BergamotDecoding(
            model: self, memories: memories, outputs: outputs, maximumRows: maximumRows, workspace: workspace)
    }

    /// The embedding of the last tokens: at position 0 there is none, and the decoder reads zeros.
    func embed(_ rows: [DecoderRow], into x: MatrixView) {
        let scale = Float(configuration.hiddenSize).squareRoot()
        for (index, row) in rows.enumerated() {
            positions.withSignal(at: row.position) { signal in
                if row.position == 0 {
                    x.row(index).update(from: signal, count: x.columns)
                } else {
                    targetEmbedding.lookUp(row.token, scale: scale, adding: signal, into: x.row(index))
                }
            }
        }
        decoderEmbeddingNorm?.apply(x, into: x, on: backend)
    }

    /// The decoder's layers over one token of each row: x `[rows, hiddenSize]`, cells one matrix per layer.
    func decode(
        _ x: MatrixView, cells: [MatrixView], memory: (_ layer: Int, _ row: Int) -> AttentionMemory,
        record: AttentionRecord? = nil, _ workspace: Workspace
    ) {
        for (index, layer) in decoder.enumerated() {
            layer.recurrent.apply(x, cell: cells[index], on: backend, workspace)
            layer.attention.apply(
                x, layer: index, to: { memory(index, $0) }, record: record, on: backend, workspace)
            layer.feedForward.apply(x, sequences: nil, on: backend, workspace)
        }
        decoderTop?.apply(x, into: x, on: backend)
    }
}

/// The positions of tokens as waves: `P(p) = [sin(p · e^(−i·inc)) | cos(p · e^(−i·inc))]`, i = 0 … n − 1, n half the
/// hidden size, inc = ln 10000 / (n − 1), as Marian computes it.
struct PositionSignal: Sendable {
    private let hiddenSize: Int
    private let table: AlignedBuffer<Float>
    private let prepared: Int

    init(hiddenSize: Int, prepared: Int) {
        self.hiddenSize = hiddenSize
        self.prepared = prepared
        table = AlignedBuffer(count: hiddenSize * prepared)
        for position in 0..<prepared {
            Self.write(position, hiddenSize, table.pointer + position * hiddenSize)
        }
    }

    private static func write(_ position: Int, _ hiddenSize: Int, _ out: UnsafeMutablePointer<Float>) {
        let half = hiddenSize / 2
        let increment = log(Float(10000)) / Float(max(1, half - 1))
        for i in 0..<half {
            let angle = Float(position) * exp(Float(i) * -increment)
            out[i] = sin(angle)
            out[half + i] = cos(angle)
        }
    }

    /// Calls `body` with the hiddenSize values of a position.
    func withSignal(at position: Int, _ body: (UnsafePointer<Float>) -> Void) {
        if position < prepared {
            body(UnsafePointer(table.pointer + position * hiddenSize))
            return
        }
        let signal = AlignedBuffer<Float>(count: hiddenSize)
        withExtendedLifetime(signal) {
            Self.write(position, hiddenSize, signal.pointer)
            body(UnsafePointer(signal.pointer))
        }
    }
}

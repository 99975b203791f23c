package import Compute

/// A transformer with an encoder and an autoregressive decoder.
package protocol EncoderDecoderModel: SequenceToSequenceModel {
    /// The sizes, and the tokens that mean something.
    var configuration: EncoderDecoderConfiguration { get }

    /// The states of the encoder behind its last layer, `[tokens of all sources, hiddenSize]`, in memory of the workspace.
    func encoderStates(of sources: [[Int32]], _ workspace: Workspace) -> MatrixView
}

extension EncoderDecoderModel {
    package var sourceVocabularySize: Int { configuration.sourceVocabularySize }
    package var targetVocabularySize: Int { configuration.targetVocabularySize }
    package var endOfSequence: Int32 { configuration.tokens.end[0] }
    package var endTokens: [Int32] { configuration.tokens.end }
    package var unknown: Int32 { configuration.tokens.unknown }
    package var startToken: Int32? { configuration.tokens.start }
    package var bannedTokens: [Int32] { configuration.tokens.banned }
    package var forcedEndOfSequence: Int32? { configuration.tokens.forcedEnd }
    package var maximumSourceLength: Int { configuration.maximumPositions ?? .max }
    package var maximumTargetLength: Int { configuration.maximumPositions ?? .max }
}

/// What the families implement, each in its own file; the rest of a translation is the same for all of them.
protocol EncoderDecoderNetwork: EncoderDecoderModel {
    /// The threads that share each operation.
    var pool: ThreadPool { get }
    /// The attention of each layer of the decoder to what the encoder said.
    var memoryAttention: [MemoryAttention] { get }
    /// The last layer.
    var output: TokenLogits { get }
    /// Where the decoder looks at what it translates.
    var alignment: AttentionRecord.Place { get }

    /// The states of the encoder, `[rows, hiddenSize]`.
    func encode(_ batch: SourceBatch) -> MatrixView
    /// The states of the decoder behind the last tokens, `[rows, hiddenSize]`.
    func decode(_ step: TargetStep) -> MatrixView
}

extension EncoderDecoderNetwork {
    var alignment: AttentionRecord.Place {
        .averaged(layers: configuration.decoder.layers, heads: configuration.decoder.heads)
    }

    /// Nobody else uses the threads while the tokens of a step are chosen.
    package var searchPool: ThreadPool? { pool }

    package func encoderStates(of sources: [[Int32]], _ workspace: Workspace) -> MatrixView {
        encode(
            SourceBatch(sources, ComputeResources(backend: backend, pool: pool, workspace: workspace), of: self))
    }

    package func startDecoding(
        sources: [[Int32]], candidates: [[Int32]?], maximumRows: Int, workspace: Workspace
    ) -> any Decoding {
        EncoderDecoderDecoding(
            self, sources: sources, candidates: candidates, maximumRows: maximumRows, workspace: workspace)
    }
}

/// Sentences to encode: their tokens lie one after the other in one matrix, without padding. What works row by row runs
/// over the whole matrix, attention sentence by sentence.
struct SourceBatch {
    let sources: [[Int32]]
    /// The rows of each sentence.
    let rows: [Range<Int>]
    let resources: ComputeResources

    /// - Precondition: every source has tokens, and every token is in the vocabulary. `SequenceToSequenceModel.check` says
    ///   more, and throws.
    init(_ sources: [[Int32]], _ resources: ComputeResources, of model: some SequenceToSequenceModel) {
        let vocabulary = model.sourceVocabularySize
        var rows: [Range<Int>] = []
        var end = 0
        for source in sources {
            precondition(!source.isEmpty, "a source without tokens")
            precondition(source.allSatisfy { $0 >= 0 && Int($0) < vocabulary }, "a token without embedding")
            rows.append(end..<end + source.count)
            end += source.count
        }
        (self.sources, self.rows, self.resources) = (sources, rows, resources)
    }

    /// The number of tokens of all sentences.
    var rowCount: Int { rows.last?.upperBound ?? 0 }
    /// The number of tokens of the longest.
    var longest: Int { sources.map(\.count).max() ?? 0 }
}

extension ComputeResources {
    /// `norm(x)` in scratch memory.
    func normalized(_ x: MatrixView, by norm: LayerNorm) -> MatrixView {
        let out = workspace.matrix(rows: x.rows, columns: x.columns)
        forRows(x.rows, columns: x.columns) { norm.apply(x.slice($0), into: out.slice($0), on: backend) }
        return out
    }

    /// `norm(x)` in scratch memory.
    func normalized(_ x: MatrixView, by norm: RMSNorm) -> MatrixView {
        let out = workspace.matrix(rows: x.rows, columns: x.columns)
        forRows(x.rows, columns: x.columns) { norm.apply(x.slice($0), into: out.slice($0), on: backend) }
        return out
    }

    /// `x ← x + y`.
    func accumulate(_ y: MatrixView, into x: MatrixView) {
        forRows(x.rows, columns: x.columns) { backend.add(y.slice($0), to: x.slice($0)) }
    }

    /// `x ← norm(x + y)`.
    func accumulate(_ y: MatrixView, into x: MatrixView, normalizedBy norm: LayerNorm) {
        forRows(x.rows, columns: x.columns) {
            norm.apply(y.slice($0), adding: x.slice($0), into: x.slice($0), on: backend)
        }
    }
}

package import Compute

/// A model that reads a whole source sentence and writes its translation token by token. Immutable and shared by all
/// workers; what belongs to one batch lives in its `Decoding`.
package protocol SequenceToSequenceModel: AnyObject, Sendable {
    /// The number of source tokens that exist.
    var sourceVocabularySize: Int { get }
    /// The number of target tokens that exist.
    var targetVocabularySize: Int { get }
    /// The token that ends a source and a target.
    var endOfSequence: Int32 { get }
    /// The token for what the vocabulary does not know; never generated.
    var unknown: Int32 { get }
    /// The bytes that the model's own copies of weights take, mapped files aside.
    var sizeBytes: Int { get }
    /// Who does the arithmetic.
    var backend: ComputeBackend { get }
    /// Threads that may share the choice of tokens with the caller; nil where all cores have batches of their own.
    var searchPool: ThreadPool? { get }
    /// The tokens that end a target: `endOfSequence`, and any others.
    var endTokens: [Int32] { get }
    /// The token that stands before a target and is no part of it; nil if the decoder begins with none. A row at position
    /// 0 is given it, whatever its own token is.
    var startToken: Int32? { get }
    /// Tokens that are never to be generated.
    var bannedTokens: [Int32] { get }
    /// The token that the longest target allowed has to end with; nil if it may be cut off anywhere.
    var forcedEndOfSequence: Int32? { get }
    /// The most tokens of a source, its end included.
    var maximumSourceLength: Int { get }
    /// The most tokens of a target, its end included.
    var maximumTargetLength: Int { get }

    /// Runs the encoder over a batch and prepares its decoding.
    ///
    /// - Parameters:
    ///   - sources: token ids, each ending in `endOfSequence`; none empty. Sentences share no padding: each one's
    ///     result is the same whatever else is in the batch.
    ///   - candidates: for each sentence the target ids that may be generated, ascending; nil for all.
    ///   - maximumRows: the most hypotheses that a step will have.
    ///   - workspace: memory that stays taken as long as the decoding is used.
    func startDecoding(
        sources: [[Int32]], candidates: [[Int32]?], maximumRows: Int, workspace: Workspace
    ) -> any Decoding
}

extension SequenceToSequenceModel {
    package var endTokens: [Int32] { [endOfSequence] }
    package var startToken: Int32? { nil }
    package var searchPool: ThreadPool? { nil }
    package var bannedTokens: [Int32] { [unknown] }
    package var forcedEndOfSequence: Int32? { nil }
    package var maximumSourceLength: Int { .max }
    package var maximumTargetLength: Int { .max }

    /// Checks what `startDecoding` takes for granted of a source.
    ///
    /// - Throws: `SourceError`.
    package func check(_ source: [Int32]) throws {
        guard !source.isEmpty else { throw SourceError.empty }
        guard source.count <= maximumSourceLength else {
            throw SourceError.tooLong(tokens: source.count, maximum: maximumSourceLength)
        }
        if let token = source.first(where: { $0 < 0 || Int($0) >= sourceVocabularySize }) {
            throw SourceError.noSuchToken(token, vocabularySize: sourceVocabularySize)
        }
    }
}

/// Why a model cannot read a source.
package enum SourceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no token, not even the end.
    case empty
    /// The source has more tokens than the model has positions.
    case tooLong(tokens: Int, maximum: Int)
    /// A token that the vocabulary does not have: tokenizer and model do not belong together.
    case noSuchToken(Int32, vocabularySize: Int)

    package var description: String {
        switch self {
        case .empty: "the source has no tokens"
        case .tooLong(let tokens, let maximum):
            "the source has \(tokens) tokens, the model reads \(maximum) at most; split it"
        case .noSuchToken(let token, let size):
            "the source has the token \(token), the model knows 0 to \(size - 1): the tokenizer is another model's"
        }
    }
}

/// One hypothesis that a step extends.
package struct DecoderRow: Sendable {
    /// Which sentence of the batch it translates. The rows of a sentence stand together.
    package var sentence: Int
    /// Which row of the previous step it continues; ignored at position 0.
    package var parent: Int
    /// The token chosen last; ignored at position 0.
    package var token: Int32
    /// How many tokens it has already.
    package var position: Int

    /// A hypothesis to extend.
    package init(sentence: Int, parent: Int, token: Int32, position: Int) {
        self.sentence = sentence
        self.parent = parent
        self.token = token
        self.position = position
    }
}

/// The decoding of one batch: what the encoder said, and the recurrent state of every hypothesis. One worker's.
package protocol Decoding: AnyObject {
    /// The logits of every row's next token over its sentence's candidates, in workspace memory of the caller's scope.
    func step(_ rows: [DecoderRow], _ workspace: Workspace) -> [UnsafeMutableBufferPointer<Float>]

    /// Takes a step whose logits nobody needs; rows may begin again at position 0.
    ///
    /// - Returns: for every row how its next token is shared out over the tokens of its source, which says what it
    ///   translates. Adds up to 1.
    func sourceShares(_ rows: [DecoderRow], _ workspace: Workspace) -> [[Float]]
}

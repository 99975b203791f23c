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
}

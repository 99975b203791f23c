package import Compute

/// A decoder-only language model: token ids in, for each position the logits of the next token.
package protocol CausalLanguageModel: Sendable {
    /// The model's sizes.
    var configuration: DecoderConfiguration { get }
    /// The number of token ids.
    var vocabularySize: Int { get }
    /// What the model keeps of each position.
    var cacheLayout: KVCacheLayout { get }
    /// Bytes of the weights, and of what may be made of them.
    var sizeBytes: Int { get }
    /// Bytes of the weights that a step for one greedy answer reads: all but those of an embedding that is not the
    /// output's matrix too, and of an output whose products are bounded as much as the bounds take.
    var stepBytes: Int { get }

    /// Whether a sequence with a prompt of so many tokens may begin with the full pages of another that began with the
    /// same tokens, and leave its own for others. It is asked for both. Keys of a model whose RoPE depends on the
    /// length of the prompt ("dynamic") are another prompt's as long as both are within the length it was trained with.
    func reusesPrefixes(promptTokens: Int) -> Bool

    /// Reads the step's tokens, whose ids must be of the vocabulary, and writes their keys and values into the caches,
    /// which the caller then advances. Returns the states behind the last norm of the rows that the segments want, in
    /// their order, in scratch memory: `[wanted rows, hiddenSize]`.
    func hiddenStates(_ step: DecoderStep) -> MatrixView

    /// The logits after such states, in scratch memory: `[rows, vocabularySize]`. Where the segments want the largest of
    /// one row and nothing else, what is surely smaller may be −∞.
    func logits(_ hiddenStates: MatrixView, _ step: DecoderStep) -> MatrixView
}

extension CausalLanguageModel {
    /// `hiddenStates`, and the logits after them: `[wanted rows, vocabularySize]`.
    package func forward(_ step: DecoderStep) -> MatrixView { logits(hiddenStates(step), step) }
}

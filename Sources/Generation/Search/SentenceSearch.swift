internal import Architectures
internal import Compute

/// The search for the translation of one sentence, driven step by step with the logits of its own rows, so that
/// sentences with different strategies share a batch.
///
/// A step has two halves: `continuations` of every row, which may run at the same time on several threads, then `advance`.
protocol SentenceSearch: AnyObject {
    /// The hypotheses to extend next; empty when the search has ended. `parent` counts from this sentence's first row.
    var rows: [DecoderRow] { get }
    /// The best continuations of one of `rows`, best first; none if nothing can follow. Changes nothing but the
    /// logits, which it may overwrite.
    func continuations(
        ofRow row: Int, _ logits: UnsafeMutableBufferPointer<Float>, on backend: ComputeBackend
    ) -> [Continuation]
    /// Takes what may follow each of `rows`.
    func advance(_ continuations: ArraySlice<[Continuation]>)
    /// The translations found, best first; at least one once the search has ended by itself.
    var results: [Hypothesis] { get }
}

/// A hypothesis and a token that may follow it.
struct Continuation: Equatable {
    /// The row of the sentence that it continues.
    var parent: Int
    var token: Int32
    /// Σ log p with the token; in greedy search of the token alone, and NaN where it was not computed.
    var logProbability: Float
}

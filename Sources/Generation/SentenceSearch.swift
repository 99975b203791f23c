internal import Architectures
internal import Compute

/// The search for the translation of one sentence, driven step by step with the logits of its own rows, so that
/// sentences with different strategies share a batch.
protocol SentenceSearch: AnyObject {
    /// The hypotheses to extend next; empty when the search has ended. `parent` counts from this sentence's first row.
    var rows: [DecoderRow] { get }
    /// Takes the logits of each of `rows` over the candidates. May overwrite them.
    func advance(_ logits: ArraySlice<UnsafeMutableBufferPointer<Float>>, on backend: ComputeBackend)
    /// The translations found, best first.
    var results: [Hypothesis] { get }
}

/// What a search needs to know of its sentence.
struct SearchContext {
    /// The sentence's index in the batch.
    var sentence: Int
    /// The target ids of the logits; nil where logit i is token i.
    var candidates: [Int32]?
    var options: SearchOptions
    var limit: Int
    var endOfSequence: Int32
    /// Where the unknown token and the end token stand in the logits, if they do.
    var unknownIndex: Int?
    var endIndex: Int?

    init(
        sentence: Int, source: [Int32], candidates: [Int32]?, options: SearchOptions, model: any SequenceToSequenceModel
    ) {
        self.sentence = sentence
        self.candidates = candidates
        self.options = options
        limit = options.limit(sourceLength: source.count)
        endOfSequence = model.endOfSequence
        func index(of token: Int32) -> Int? {
            guard let candidates else { return Int(token) }
            return candidates.firstIndex(of: token)
        }
        unknownIndex = index(of: model.unknown)
        endIndex = index(of: model.endOfSequence)
    }

    func token(_ index: Int) -> Int32 { candidates?[index] ?? Int32(index) }
}

/// Takes the most probable token at each step.
final class GreedySearch: SentenceSearch {
    private let context: SearchContext
    private var tokens: [Int32] = []
    private var logProbability: Float = 0
    private var ended = false
    private var reachedLimit = false

    init(_ context: SearchContext) { self.context = context }

    var rows: [DecoderRow] {
        if ended { return [] }
        return [
            DecoderRow(sentence: context.sentence, parent: 0, token: tokens.last ?? 0, position: tokens.count)
        ]
    }

    func advance(_ logits: ArraySlice<UnsafeMutableBufferPointer<Float>>, on backend: ComputeBackend) {
        guard let row = logits.first, let base = row.baseAddress else { return }
        let total = context.options.scores ? backend.logSumExp(base, count: row.count) : 0
        if let unknown = context.unknownIndex { row[unknown] = -.infinity }
        if tokens.count < context.options.minimumTokens, let end = context.endIndex { row[end] = -.infinity }
        let best = backend.argmax(base, count: row.count)
        let token = context.token(best)
        logProbability += row[best] - total
        if token == context.endOfSequence {
            ended = true
            return
        }
        tokens.append(token)
        if tokens.count >= context.limit {
            reachedLimit = true
            ended = true
        }
    }

    var results: [Hypothesis] {
        let length = Float(tokens.count + (reachedLimit ? 0 : 1))
        let sum = context.options.scores ? logProbability : nil
        return [
            Hypothesis(
                tokens: tokens, logProbability: sum,
                score: sum.map { $0 / power(length, context.options.lengthPenalty) },
                reachedLimit: reachedLimit)
        ]
    }
}

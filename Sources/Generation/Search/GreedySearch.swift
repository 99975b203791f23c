internal import Architectures
internal import Compute

/// Takes the most probable token at each step, the lowest id on a tie. The processors see logits.
final class GreedySearch: SentenceSearch {
    private let context: SearchContext
    private var tokens: [Int32] = []
    private var logProbability: Float = 0
    private var ended = false
    private var endToken: Int32?

    init(_ context: SearchContext) { self.context = context }

    var rows: [DecoderRow] {
        if ended { return [] }
        return [
            DecoderRow(sentence: context.sentence, parent: 0, token: tokens.last ?? 0, position: tokens.count)
        ]
    }

    /// The log-probability is the model's own, before the processors; that of a forced token is 0.
    func continuations(
        ofRow row: Int, _ logits: UnsafeMutableBufferPointer<Float>, on backend: ComputeBackend
    ) -> [Continuation] {
        switch context.processors.forced(after: tokens) {
        case .token(let token): return [Continuation(parent: row, token: token, logProbability: 0)]
        case .impossible: return []
        case .nothing: break
        }
        guard let base = logits.baseAddress, !logits.isEmpty else { return [] }
        let total = context.options.scores ? backend.logSumExp(base, count: logits.count) : .nan
        context.processors.apply(to: logits, after: tokens, normalizer: 0)
        let best = backend.argmax(base, count: logits.count)
        guard logits[best].isFinite else { return [] }
        let token = context.columns.token(best)
        let own = context.processors.withoutPenalty(logits[best], of: token, after: tokens)
        return [Continuation(parent: row, token: token, logProbability: own - total)]
    }

    func advance(_ continuations: ArraySlice<[Continuation]>) {
        guard let next = continuations.first?.first else {
            ended = true
            return
        }
        logProbability += next.logProbability
        if context.isEnd(next.token) {
            endToken = next.token
            ended = true
            return
        }
        tokens.append(next.token)
        ended = tokens.count >= context.limit
    }

    var results: [Hypothesis] {
        let length = Float(max(1, tokens.count + (endToken == nil ? 0 : 1)))
        // NaN logits have no log-probabilities.
        let sum = context.options.scores && logProbability.isFinite ? logProbability : nil
        return [
            Hypothesis(
                tokens: tokens, logProbability: sum,
                score: sum.map { $0 / power(length, context.options.lengthPenalty) },
                reachedLimit: endToken == nil, endToken: endToken)
        ]
    }
}

internal import Architectures
internal import Compute

/// Beam search as `generate()` of transformers does it: beside the beam, whose width stays the same, a pool of as many
/// finished hypotheses.
///
/// Each step looks at the best `(1 + number of end tokens) · width` continuations, so that `width` remain that did not
/// end; of those that ended only what is among the first `width` enters the pool, with the score
/// log-probability / length^lengthPenalty. On a tie the earlier hypothesis and the lower token come first; transformers
/// leaves the order of ties open. Where it fills up a beam for lack of possible tokens with impossible ones, the beam is
/// narrower here.
final class PooledBeamSearch: SentenceSearch {
    private let context: SearchContext
    private let beam: BeamStep
    private var live = [LiveHypothesis(tokens: [], logProbability: 0, parent: 0)]
    private var pool: HypothesisPool
    private var ended = false

    init(_ context: SearchContext) {
        self.context = context
        beam = BeamStep(context: context)
        pool = HypothesisPool(capacity: context.options.beamSize)
    }

    var rows: [DecoderRow] {
        if ended { return [] }
        return live.map {
            DecoderRow(
                sentence: context.sentence, parent: $0.parent, token: $0.tokens.last ?? 0, position: $0.tokens.count)
        }
    }

    private var width: Int { context.options.beamSize }

    /// Continuations looked at in each step.
    private var kept: Int { (1 + context.endTokens.count) * width }

    func continuations(
        ofRow row: Int, _ logits: UnsafeMutableBufferPointer<Float>, on backend: ComputeBackend
    ) -> [Continuation] {
        beam.continuations(
            ofRow: row, tokens: live[row].tokens, logProbability: live[row].logProbability, count: kept, logits,
            on: backend)
    }

    func advance(_ continuations: ArraySlice<[Continuation]>) {
        let length = (live.first?.tokens.count ?? 0) + 1
        let stopsWhenFull = context.options.earlyStopping == .whenFull
        // A pool that was full before this step stays as it is, if that ends the search.
        let poolIsOpen = !(stopsWhenFull && pool.isFull)
        var next: [LiveHypothesis] = []
        for (rank, continuation) in BeamStep.best(kept, of: continuations).enumerated() {
            let parent = live[continuation.parent]
            let isEnd = context.isEnd(continuation.token)
            guard isEnd || length >= context.limit else {
                if next.count == width { continue }
                next.append(
                    LiveHypothesis(
                        tokens: parent.tokens + [continuation.token], logProbability: continuation.logProbability,
                        parent: continuation.parent))
                continue
            }
            guard rank < width, poolIsOpen else { continue }
            pool.add(
                hypothesis(
                    isEnd ? parent.tokens : parent.tokens + [continuation.token], continuation.logProbability,
                    endToken: isEnd ? continuation.token : nil))
        }
        // Where nothing can follow and nothing has ended, what there is must do.
        if next.isEmpty, pool.hypotheses.isEmpty, let best = live.first {
            pool.add(hypothesis(best.tokens, best.logProbability, endToken: nil))
        }
        ended = next.isEmpty || (stopsWhenFull && pool.isFull) || !canImprove(next, length: length)
        live = next
    }

    /// Whether a live hypothesis may still be better than the worst of the pool.
    private func canImprove(_ live: [LiveHypothesis], length: Int) -> Bool {
        guard pool.isFull, let best = live.first else { return true }
        let options = context.options
        let atLimit = options.earlyStopping == .never && options.lengthPenalty > 0
        let reach = best.logProbability / power(Float(atLimit ? context.limit : length), options.lengthPenalty)
        return reach > pool.worst
    }

    private func hypothesis(_ tokens: [Int32], _ logProbability: Float, endToken: Int32?) -> Hypothesis {
        let length = Float(max(1, tokens.count + (endToken == nil ? 0 : 1)))
        return Hypothesis(
            tokens: tokens, logProbability: logProbability,
            score: logProbability / power(length, context.options.lengthPenalty), reachedLimit: endToken == nil,
            endToken: endToken)
    }

    var results: [Hypothesis] { Array(pool.hypotheses.prefix(context.options.results)) }
}

internal import Architectures
internal import Compute

/// Marian's beam search: at each step the best continuations of all live hypotheses; one that ends leaves the beam,
/// which shrinks by it, and the search ends with the last. Finished hypotheses are compared by
/// log-probability / length^lengthPenalty, the end token counted.
final class MarianBeamSearch: SentenceSearch {
    private let context: SearchContext
    private let beam: BeamStep
    private var live = [LiveHypothesis(tokens: [], logProbability: 0, parent: 0)]
    private var finished: [Hypothesis] = []

    init(_ context: SearchContext) {
        self.context = context
        beam = BeamStep(context: context)
    }

    var rows: [DecoderRow] {
        live.map {
            DecoderRow(
                sentence: context.sentence, parent: $0.parent, token: $0.tokens.last ?? 0, position: $0.tokens.count)
        }
    }

    /// The hypotheses that the next step leaves.
    private var width: Int { context.options.beamSize - finished.count }

    func continuations(
        ofRow row: Int, _ logits: UnsafeMutableBufferPointer<Float>, on backend: ComputeBackend
    ) -> [Continuation] {
        beam.continuations(
            ofRow: row, tokens: live[row].tokens, logProbability: live[row].logProbability, count: width, logits,
            on: backend)
    }

    func advance(_ continuations: ArraySlice<[Continuation]>) {
        var next: [LiveHypothesis] = []
        for continuation in BeamStep.best(width, of: continuations) {
            let parent = live[continuation.parent]
            if context.isEnd(continuation.token) {
                finish(parent.tokens, continuation.logProbability, endToken: continuation.token)
                continue
            }
            let tokens = parent.tokens + [continuation.token]
            if tokens.count >= context.limit {
                finish(tokens, continuation.logProbability, endToken: nil)
            } else {
                next.append(
                    LiveHypothesis(
                        tokens: tokens, logProbability: continuation.logProbability, parent: continuation.parent))
            }
        }
        // Where nothing can follow, what there is must do.
        if next.isEmpty, finished.isEmpty, let best = live.first {
            finish(best.tokens, best.logProbability, endToken: nil)
        }
        live = next
    }

    private func finish(_ tokens: [Int32], _ logProbability: Float, endToken: Int32?) {
        let length = Float(max(1, tokens.count + (endToken == nil ? 0 : 1)))
        finished.append(
            Hypothesis(
                tokens: tokens, logProbability: logProbability,
                score: logProbability / power(length, context.options.lengthPenalty), reachedLimit: endToken == nil,
                endToken: endToken))
    }

    var results: [Hypothesis] {
        // A stable order: of two equal scores the one that finished first.
        let order = finished.indices.sorted {
            let (a, b) = (finished[$0].score ?? 0, finished[$1].score ?? 0)
            return a == b ? $0 < $1 : a > b
        }
        return order.prefix(context.options.results).map { finished[$0] }
    }
}

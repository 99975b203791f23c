internal import Compute
internal import Foundation

/// `length^penalty`, exactly the length where the penalty is 1.
func power(_ length: Float, _ penalty: Float) -> Float {
    penalty == 1 ? length : Float(pow(Double(length), Double(penalty)))
}

/// What the two kinds of beam search have in common: the continuations of one hypothesis, and the best of all.
struct BeamStep {
    let context: SearchContext

    /// The best `count` continuations of a hypothesis, best first, the lower token on a tie. None if its logits have no
    /// finite log-sum-exp (NaN, +∞, or nothing at all), or if all are banned.
    func continuations(
        ofRow row: Int, tokens: [Int32], logProbability: Float, count: Int,
        _ logits: UnsafeMutableBufferPointer<Float>, on backend: ComputeBackend
    ) -> [Continuation] {
        switch context.processors.forced(after: tokens) {
        case .token(let token): return [Continuation(parent: row, token: token, logProbability: logProbability)]
        case .impossible: return []
        case .nothing: break
        }
        guard let base = logits.baseAddress, !logits.isEmpty else { return [] }
        var normalizer = backend.logSumExp(base, count: logits.count)
        guard normalizer.isFinite else { return [] }
        let changed = context.processors.apply(to: logits, after: tokens, normalizer: normalizer)
        if changed, context.options.renormalizes {
            normalizer = backend.logSumExp(base, count: logits.count)
            guard normalizer.isFinite else { return [] }
        }
        return CandidateScan.best(count, of: logits, normalizer: normalizer, offset: logProbability).map {
            Continuation(parent: row, token: context.columns.token($0.index), logProbability: $0.score)
        }
    }

    /// The best `count` of all rows, best first; on a tie the earlier hypothesis and the lower token.
    static func best(_ count: Int, of rows: ArraySlice<[Continuation]>) -> [Continuation] {
        let all = rows.flatMap(\.self)
        let order = all.indices.sorted {
            let (a, b) = (all[$0].logProbability, all[$1].logProbability)
            return a == b ? $0 < $1 : a > b
        }
        return order.prefix(count).map { all[$0] }
    }
}

/// A hypothesis that the beam extends.
struct LiveHypothesis {
    var tokens: [Int32]
    var logProbability: Float
    /// The row of the last step that it continues.
    var parent: Int
}

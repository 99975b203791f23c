internal import Architectures
internal import Compute
internal import Foundation

/// `length^penalty`, exactly the length where the penalty is 1.
func power(_ length: Float, _ penalty: Float) -> Float { penalty == 1 ? length : pow(length, penalty) }

/// Marian's beam search: at each step the best continuations of all live hypotheses; one that ends leaves the beam,
/// which shrinks by it, and the search ends with the last. Finished hypotheses are compared by
/// log-probability / length^lengthPenalty, the end token counted.
final class BeamSearch: SentenceSearch {
    private struct Live {
        var tokens: [Int32]
        var logProbability: Float
        var parent: Int
    }

    private struct Continuation {
        var parent: Int
        var index: Int
        var logProbability: Float
    }

    private let context: SearchContext
    private var live: [Live] = [Live(tokens: [], logProbability: 0, parent: 0)]
    private var finished: [Hypothesis] = []

    init(_ context: SearchContext) { self.context = context }

    var rows: [DecoderRow] {
        live.map {
            DecoderRow(
                sentence: context.sentence, parent: $0.parent, token: $0.tokens.last ?? 0, position: $0.tokens.count)
        }
    }

    func advance(_ logits: ArraySlice<UnsafeMutableBufferPointer<Float>>, on backend: ComputeBackend) {
        let length = (live.first?.tokens.count ?? 0) + 1
        let width = length == 1 ? context.options.beamSize : live.count
        var best: [Continuation] = []
        for (parent, row) in logits.enumerated() {
            collect(row, of: parent, width: width, length: length, into: &best, on: backend)
        }
        var next: [Live] = []
        for continuation in best {
            let parent = live[continuation.parent]
            let token = context.token(continuation.index)
            if token == context.endOfSequence {
                finish(parent.tokens, continuation.logProbability, length: length, reachedLimit: false)
                continue
            }
            let tokens = parent.tokens + [token]
            if length >= context.limit {
                finish(tokens, continuation.logProbability, length: length, reachedLimit: true)
            } else {
                next.append(
                    Live(tokens: tokens, logProbability: continuation.logProbability, parent: continuation.parent))
            }
        }
        live = next
    }

    /// Merges the best continuations of one hypothesis into `best`, which stays sorted and at most `width` long; on a
    /// tie the earlier hypothesis and the lower token win.
    private func collect(
        _ row: UnsafeMutableBufferPointer<Float>, of parent: Int, width: Int, length: Int,
        into best: inout [Continuation], on backend: ComputeBackend
    ) {
        guard let base = row.baseAddress else { return }
        let offset = live[parent].logProbability - backend.logSumExp(base, count: row.count)
        if let unknown = context.unknownIndex { row[unknown] = -.infinity }
        if length <= context.options.minimumTokens, let end = context.endIndex { row[end] = -.infinity }
        for index in 0..<row.count {
            let value = offset + row[index]
            guard value > -.infinity else { continue }
            if best.count == width, let worst = best.last, value <= worst.logProbability { continue }
            let place = best.firstIndex { $0.logProbability < value } ?? best.count
            best.insert(Continuation(parent: parent, index: index, logProbability: value), at: place)
            if best.count > width { best.removeLast() }
        }
    }

    private func finish(_ tokens: [Int32], _ logProbability: Float, length: Int, reachedLimit: Bool) {
        finished.append(
            Hypothesis(
                tokens: tokens, logProbability: logProbability,
                score: logProbability / power(Float(length), context.options.lengthPenalty), reachedLimit: reachedLimit)
        )
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

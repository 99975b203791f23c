internal import Compute
internal import Foundation

/// What T5 adds to the scores of attention in place of positions: a number for each head and each bucket of distances
/// (Raffel et al., "Exploring the Limits of Transfer Learning", 2019, §2.1). With n the distance and N the buckets of one
/// direction,
///
///     bucket(n) = n                                                                                   if n < ⌊N/2⌋
///     bucket(n) = min(N − 1, ⌊N/2⌋ + ⌊ln(n / ⌊N/2⌋) / ln(farthest / ⌊N/2⌋) · (N − ⌊N/2⌋)⌋)            else
///
/// Where keys may stand behind the query too, half of the buckets are theirs.
struct RelativePositionBias: Sendable {
    /// `[buckets, heads]`
    private let table: [Float]
    private let heads: Int
    /// The bucket of every distance up to `farthest`, which has the last.
    private let buckets: [Int]
    /// Where the buckets of keys behind the query begin; nil where there are no such keys.
    private let behind: Int?

    /// - Parameters:
    ///   - table: `[buckets, heads]`, at least two buckets for each direction.
    ///   - farthest: the distance from which on all share a bucket; more than half the buckets of a direction.
    ///   - bothDirections: whether keys may stand behind the query.
    init(table: [Float], heads: Int, farthest: Int, bothDirections: Bool) {
        let count = table.count / heads / (bothDirections ? 2 : 1)
        let exact = count / 2
        precondition(exact >= 1 && farthest > exact, "\(count) buckets for distances up to \(farthest)")
        (self.table, self.heads) = (table, heads)
        behind = bothDirections ? count : nil
        // Single precision, as in the implementation that the models were trained with.
        let range = Float(log(Double(farthest) / Double(exact)))
        buckets = (0...farthest).map { distance in
            if distance < exact { return distance }
            let share = log(Float(distance) / Float(exact)) / range
            return min(count - 1, exact + Int(share * Float(count - exact)))
        }
    }

    private func bucket(_ relative: Int) -> Int {
        if relative > 0 { return behind.map { $0 + buckets[min(relative, buckets.count - 1)] } ?? buckets[0] }
        return buckets[min(-relative, buckets.count - 1)]
    }

    /// The biases of all heads for keys that stand so far from the query, in memory of the workspace.
    func biases(_ relative: ClosedRange<Int>, _ workspace: Workspace) -> DistanceBias {
        // A vector is read from the last position on.
        let stride = relative.count + 16
        let values = workspace.take(Float.self, count: heads * stride)
        for place in 0..<stride {
            let row = bucket(min(relative.lowerBound + place, relative.upperBound)) * heads
            for head in 0..<heads { values[head * stride + place] = table[row + head] }
        }
        return DistanceBias(values: UnsafePointer(values), stride: stride, lowest: relative.lowerBound)
    }
}

/// Biases by the key's position minus the query's.
struct DistanceBias {
    /// `[heads, stride]`, the first of `lowest`
    let values: UnsafePointer<Float>
    let stride: Int
    let lowest: Int

    /// The biases of the queries from a position on, in one head.
    func biases(head: Int, query position: Int) -> AttentionBias {
        AttentionBias(first: values + head * stride - position - lowest, step: -1)
    }
}

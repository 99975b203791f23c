internal import Compute

/// Finds the best few of a row of logits in one pass. Blocks whose largest logit is no better than the worst found so far
/// are skipped, which soon are nearly all.
struct CandidateScan {
    /// A logit's place in its row and its score.
    struct Candidate: Equatable {
        var index: Int
        var score: Float
    }

    /// Logits in a block.
    private static let block = 128
    private static let lanes = 16

    /// The best `count` logits by score, the lower index first on a tie. Those without a score above −∞, or with NaN,
    /// are left out.
    ///
    /// - Parameter offset: the score of x is `(x − normalizer) + offset`, rounded twice.
    static func best(
        _ count: Int, of logits: UnsafeMutableBufferPointer<Float>, normalizer: Float, offset: Float
    ) -> [Candidate] {
        guard count > 0, let base = UnsafePointer(logits.baseAddress) else { return [] }
        var found: [Candidate] = []
        found.reserveCapacity(min(count, logits.count) + 1)
        var worst = -Float.infinity
        for start in stride(from: 0, to: logits.count, by: block) {
            let end = min(start + block, logits.count)
            if end - start == block, !((largest(base + start) - normalizer) + offset > worst) { continue }
            for index in start..<end {
                let score = (base[index] - normalizer) + offset
                guard score > worst else { continue }
                insert(Candidate(index: index, score: score), into: &found, atMost: count)
                if found.count == count { worst = found[count - 1].score }
            }
        }
        return found
    }

    /// The largest of a block; NaN is never the largest.
    @inline(__always)
    private static func largest(_ logits: UnsafePointer<Float>) -> Float {
        let start = UnsafeRawPointer(logits)
        var best = SIMD16<Float>(repeating: -.infinity)
        for offset in stride(from: 0, to: block * 4, by: lanes * 4) {
            let vector = start.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self)
            best.replace(with: vector, where: vector .> best)
        }
        var half = best.lowHalf
        half.replace(with: best.highHalf, where: best.highHalf .> half)
        var quarter = half.lowHalf
        quarter.replace(with: half.highHalf, where: half.highHalf .> quarter)
        return max(max(quarter[0], quarter[1]), max(quarter[2], quarter[3]))
    }

    /// Puts a candidate behind those that are as good.
    private static func insert(_ candidate: Candidate, into found: inout [Candidate], atMost count: Int) {
        var (low, high) = (0, found.count)
        while low < high {
            let middle = (low + high) / 2
            if found[middle].score < candidate.score { high = middle } else { low = middle + 1 }
        }
        found.insert(candidate, at: low)
        if found.count > count { found.removeLast() }
    }
}

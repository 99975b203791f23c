/// Passes over a row of logits in blocks of 128: the largest of each block, which tells the blocks that cannot matter,
/// and the sum of each, which makes a draw short. The order of additions is fixed.
struct LogitBlocks: Sendable {
    /// Logits in a block.
    static let size = 128
    private static let lanes = 16

    /// The largest logit overall; −∞ if none is above that.
    private(set) var top = -Float.infinity
    /// One value for each block: after `read` the largest, after `sum` the sum.
    private var values: [Float] = []
    private var selection: [RankedCandidate] = []

    /// Finds the largest of each block and overall. NaN is never the largest.
    mutating func read(_ logits: UnsafePointer<Float>, count: Int) {
        resize(count)
        top = values.withUnsafeMutableBufferPointer { values in
            let whole = count / Self.size
            var overall = SIMD4<Float>(repeating: -.infinity)
            for block in 0..<whole {
                let start = UnsafeRawPointer(logits + block * Self.size)
                var best = SIMD16<Float>(repeating: -.infinity)
                for offset in stride(from: 0, to: Self.size * 4, by: Self.lanes * 4) {
                    let vector = start.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self)
                    best.replace(with: vector, where: vector .> best)
                }
                var half = best.lowHalf
                half.replace(with: best.highHalf, where: best.highHalf .> half)
                var quarter = half.lowHalf
                quarter.replace(with: half.highHalf, where: half.highHalf .> quarter)
                values[block] = max(max(quarter[0], quarter[1]), max(quarter[2], quarter[3]))
                overall.replace(with: quarter, where: quarter .> overall)
            }
            var top = max(max(overall[0], overall[1]), max(overall[2], overall[3]))
            if whole < values.count {
                var best = -Float.infinity
                for index in (whole * Self.size)..<count where logits[index] > best { best = logits[index] }
                values[whole] = best
                top = max(top, best)
            }
            return top
        }
    }

    /// A bound at or above which at least `wanted` logits lie, and not many more; −∞ if the blocks cannot tell one.
    mutating func bound(forLargest wanted: Int) -> Float {
        guard wanted < values.count else { return -.infinity }
        if selection.count < values.count {
            selection = Array(repeating: RankedCandidate(rank: 0, weight: 1), count: values.count)
        }
        for index in values.indices {
            selection[index] = RankedCandidate(
                rank: RankedCandidate.rank(RankedCandidate.descending(values[index]), Int32(index)), weight: 1)
        }
        let cut = selection.withUnsafeMutableBufferPointer { selection in
            RankedCandidate.cut(UnsafeMutableBufferPointer(rebasing: selection[..<values.count]), at: Double(wanted))
        }
        return values[Int(RankedCandidate.id(cut))]
    }

    /// Calls `body` with the range of each block whose largest logit is at or above the bound.
    func forEachBlock(from bound: Float, count: Int, _ body: (Range<Int>) -> Void) {
        values.withUnsafeBufferPointer { values in
            for block in 0..<values.count where values[block] >= bound {
                body(block * Self.size..<min(count, (block + 1) * Self.size))
            }
        }
    }

    /// The number of logits in the blocks whose largest logit is at or above the bound.
    func countOfLogits(from bound: Float) -> Int { values.count { $0 >= bound } * Self.size }

    /// The lowest index of the largest logit, while the row is as it was read.
    func indexOfTop(_ logits: UnsafePointer<Float>, count: Int) -> Int {
        guard let block = values.firstIndex(of: top) else { return 0 }
        return (block * Self.size..<min(count, (block + 1) * Self.size)).first { logits[$0] == top } ?? 0
    }

    /// Draws an index with a probability in proportion to its weight.
    ///
    /// - Parameters:
    ///   - weights: the row; what is below `least` is never drawn.
    ///   - uniform: where to cut, [0, 1).
    /// - Returns: nil if nothing can be drawn.
    mutating func draw(_ weights: UnsafePointer<Float>, count: Int, least: Float, uniform: Double) -> Int? {
        sum(weights, count: count)
        return values.withUnsafeBufferPointer { sums in
            var total = 0.0
            for sum in sums { total += Double(sum) }
            let target = total * uniform
            var before = 0.0
            var last: Int?
            for block in 0..<sums.count {
                let after = before + Double(sums[block])
                if after > target || block == sums.count - 1 {
                    for index in (block * Self.size)..<min(count, (block + 1) * Self.size) where weights[index] >= least
                    {
                        before += Double(weights[index])
                        last = index
                        if before > target { return index }
                    }
                    // The block's sum was rounded up, or what it holds may not be drawn.
                    if last != nil, after > target { return last }
                }
                before = after
            }
            return last
        }
    }

    private mutating func sum(_ weights: UnsafePointer<Float>, count: Int) {
        resize(count)
        values.withUnsafeMutableBufferPointer { values in
            let whole = count / Self.size
            for block in 0..<whole {
                let start = UnsafeRawPointer(weights + block * Self.size)
                var sum = SIMD16<Float>.zero
                for offset in stride(from: 0, to: Self.size * 4, by: Self.lanes * 4) {
                    sum += start.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self)
                }
                let half = sum.lowHalf + sum.highHalf
                let quarter = half.lowHalf + half.highHalf
                values[block] = (quarter[0] + quarter[2]) + (quarter[1] + quarter[3])
            }
            if whole < values.count {
                var sum: Float = 0
                for index in (whole * Self.size)..<count { sum += weights[index] }
                values[whole] = sum
            }
        }
    }

    private mutating func resize(_ count: Int) {
        let blocks = (count + Self.size - 1) / Self.size
        if values.count != blocks { values = Array(repeating: 0, count: blocks) }
    }

    /// `x ← (x − top) · factor`, and −∞ where that is NaN or at most `least`.
    static func temper(
        _ logits: UnsafeMutablePointer<Float>, count: Int, top: Float, factor: Float, least: Float
    ) {
        let whole = count / lanes * lanes
        let row = UnsafeMutableRawPointer(logits)
        let (tops, factors) = (SIMD16<Float>(repeating: top), SIMD16<Float>(repeating: factor))
        let (leasts, nothing) = (SIMD16<Float>(repeating: least), SIMD16<Float>(repeating: -.infinity))
        for offset in stride(from: 0, to: whole * 4, by: lanes * 4) {
            let vector = (row.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self) - tops) * factors
            row.storeBytes(
                of: nothing.replacing(with: vector, where: vector .> leasts), toByteOffset: offset,
                as: SIMD16<Float>.self)
        }
        for index in whole..<count {
            let value = (logits[index] - top) * factor
            logits[index] = value > least ? value : -.infinity
        }
    }

    /// Whether a logit is NaN or +∞.
    static func hasImpossible(_ logits: UnsafePointer<Float>, count: Int) -> Bool {
        let whole = count / lanes * lanes
        let row = UnsafeRawPointer(logits)
        let limit = SIMD16<Float>(repeating: .infinity)
        var possible = SIMDMask<SIMD16<Int32>>(repeating: true)
        for offset in stride(from: 0, to: whole * 4, by: lanes * 4) {
            possible .&= row.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self) .< limit
        }
        return !all(possible) || (whole..<count).contains { !(logits[$0] < .infinity) }
    }

    /// Puts −∞ in the place of what is not finite, which the kernels can cope with.
    static func discardImpossible(_ logits: UnsafeMutablePointer<Float>, count: Int) {
        for index in 0..<count where !logits[index].isFinite { logits[index] = -.infinity }
    }
}

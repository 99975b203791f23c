internal import Compute

/// The tokens that may yet be chosen, in the order of their ids, and the filters that leave fewer of them. Its memory
/// stays for the next token.
struct Candidates: Sendable {
    /// How many there are.
    private(set) var count = 0
    private var ids: [Int32] = []
    /// Logits; after `normalise` probabilities.
    private var weights: [Float] = []
    /// Where each stands in the order of the filter at work.
    private var keys: [UInt32] = []
    /// How surprising each is, while `keepTypical` is at work.
    private var surprises: [Double] = []
    private var order = CandidateOrder()

    /// The id of one.
    func id(_ index: Int) -> Int32 { ids[index] }
    /// The logit or probability of one.
    func weight(_ index: Int) -> Float { weights[index] }

    /// Takes all tokens whose logit (or probability) is at or above the bound. The blocks are those of the row, or of
    /// what it was made from in a way that kept the order, and `blockBound` is the bound in their terms.
    mutating func gather(
        _ row: UnsafePointer<Float>, count total: Int, from bound: Float, blocks: LogitBlocks, blockBound: Float
    ) {
        reserve(min(total, blocks.countOfLogits(from: blockBound)) + 1)
        count = ids.withUnsafeMutableBufferPointer { ids in
            weights.withUnsafeMutableBufferPointer { weights in
                var place = 0
                blocks.forEachBlock(from: blockBound, count: total) { range in
                    for index in range {
                        // Written always and kept if it fits: no branch to predict.
                        ids[place] = Int32(truncatingIfNeeded: index)
                        weights[place] = row[index]
                        place += row[index] >= bound ? 1 : 0
                    }
                }
                return place
            }
        }
    }

    /// Takes those of the mask whose logit is finite.
    mutating func gather(_ row: UnsafePointer<Float>, count total: Int, allowed: TokenMask, population: Int) {
        reserve(population)
        count = 0
        for (index, word) in allowed.words.enumerated() where word != 0 {
            var bits = word
            while bits != 0 {
                append(Int32(index << 6 | bits.trailingZeroBitCount), row, total)
                bits &= bits - 1
            }
        }
    }

    /// Takes those of the ids whose logit is finite. The ids ascend.
    mutating func gather(_ row: UnsafePointer<Float>, count total: Int, ids list: [Int32]) {
        reserve(list.count)
        count = 0
        for id in list { append(id, row, total) }
    }

    private mutating func append(_ id: Int32, _ row: UnsafePointer<Float>, _ total: Int) {
        guard Int(id) < total, row[Int(id)].isFinite else { return }
        ids[count] = id
        weights[count] = row[Int(id)]
        count += 1
    }

    private mutating func reserve(_ capacity: Int) {
        guard ids.count < capacity else { return }
        let size = max(capacity, ids.count * 2, 256)
        ids = Array(repeating: 0, count: size)
        weights = Array(repeating: 0, count: size)
        keys = Array(repeating: 0, count: size)
    }

    /// The place of the one with the largest weight, the lowest id on a tie; nil if there is none.
    var best: Int? {
        guard count > 0 else { return nil }
        var best = 0
        for index in 1..<max(count, 1) where weights[index] > weights[best] { best = index }
        return best
    }

    /// Leaves the `wanted` with the largest logits.
    mutating func keepLargest(_ wanted: Int) {
        guard count > wanted else { return }
        for index in 0..<count { keys[index] = RankedCandidate.descending(weights[index]) }
        keepFirst(until: Double(wanted), counting: true)
    }

    /// Turns logits into probabilities at a temperature whose inverse is `factor`. Those for which it is below
    /// e^`least` of the largest fall out.
    mutating func normalise(factor: Float, least: Float, on backend: ComputeBackend) {
        guard let best else { return }
        let top = weights[best]
        var kept = 0
        for index in 0..<count {
            let value = (weights[index] - top) * factor
            ids[kept] = ids[index]
            weights[kept] = value
            kept += value > least ? 1 : 0
        }
        count = kept
        weights.withUnsafeMutableBufferPointer { weights in
            if let base = weights.baseAddress { backend.softmax(base, count: kept) }
        }
    }

    /// Top-p, "nucleus" (Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020): leaves the fewest most
    /// probable ones whose probabilities sum to `mass`. The probabilities are of a distribution that sums to 1.
    mutating func keepNucleus(_ mass: Double) {
        guard count > 1 else { return }
        for index in 0..<count { keys[index] = RankedCandidate.descending(weights[index]) }
        keepFirst(until: mass, counting: false)
    }

    /// Min-p: leaves those of at least `share` of the largest probability.
    mutating func keepAbove(share: Double) {
        guard let best else { return }
        let least = share * Double(weights[best])
        var kept = 0
        for index in 0..<count {
            let isKept = Double(weights[index]) >= least
            move(index, to: kept)
            kept += isKept ? 1 : 0
        }
        count = kept
    }

    /// Locally typical (Meister et al., "Locally Typical Sampling", 2023): leaves the fewest whose surprise −ln p is
    /// nearest its mean, until their share of the probability is `mass`.
    mutating func keepTypical(_ mass: Double) {
        guard count > 1 else { return }
        let total = self.total
        let logTotal = portableLogarithm(total)
        if surprises.count < count { surprises = Array(repeating: 0, count: ids.count) }
        var entropy = 0.0
        for index in 0..<count {
            let probability = Double(weights[index])
            surprises[index] = logTotal - portableLogarithm(probability)
            entropy += probability * surprises[index]
        }
        entropy /= total
        for index in 0..<count {
            keys[index] = RankedCandidate.ascending(Float(abs(surprises[index] - entropy)))
        }
        keepFirst(until: mass * total, counting: false)
    }

    /// The sum of the weights.
    var total: Double {
        var total = 0.0
        for index in 0..<count { total += Double(weights[index]) }
        return total
    }

    /// The id at `uniform`, [0, 1), of the total along the ids. There is at least one candidate.
    func draw(_ uniform: Double) -> Int32 {
        let target = uniform * total
        var before = 0.0
        for index in 0..<count {
            before += Double(weights[index])
            if before > target { return ids[index] }
        }
        return ids[count - 1]
    }

    /// The `wanted` with the largest weights, best first.
    mutating func largest(_ wanted: Int) -> [(id: Int32, weight: Float)] {
        keepLargest(wanted)
        return (0..<count).map { (ids[$0], weights[$0]) }.sorted { ($1.weight, $0.id) < ($0.weight, $1.id) }
    }

    /// Leaves those that come first in the order of the keys, until their weights (or their number) reach `target`.
    private mutating func keepFirst(until target: Double, counting: Bool) {
        let cut = order.cut(keys: keys, ids: ids, weights: counting ? nil : weights, count: count, at: target)
        var kept = 0
        for index in 0..<count {
            let isKept = RankedCandidate.rank(keys[index], ids[index]) <= cut
            move(index, to: kept)
            kept += isKept ? 1 : 0
        }
        count = kept
    }

    private mutating func move(_ index: Int, to place: Int) {
        ids[place] = ids[index]
        weights[place] = weights[index]
    }
}

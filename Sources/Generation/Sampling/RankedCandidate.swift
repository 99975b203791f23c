/// A token at its place in some order, and how much it counts for.
struct RankedCandidate: BitwiseCopyable, Sendable {
    /// The order: the lower, the earlier. The id is part of it, so that no two are equal and the lower id comes first.
    var rank: UInt64
    /// What it adds to a sum along the order.
    var weight: Float

    /// A key and an id as one number to compare.
    static func rank(_ key: UInt32, _ id: Int32) -> UInt64 {
        UInt64(key) << 32 | UInt64(UInt32(bitPattern: id))
    }

    /// The id in a rank.
    static func id(_ rank: UInt64) -> Int32 { Int32(bitPattern: UInt32(truncatingIfNeeded: rank)) }

    /// A key that orders numbers from the largest to the smallest.
    static func descending(_ value: Float) -> UInt32 { ~ascending(value) }

    /// A key that orders numbers from the smallest to the largest.
    static func ascending(_ value: Float) -> UInt32 {
        let bits = value.bitPattern
        return bits >> 31 == 0 ? bits | 1 << 31 : ~bits
    }

    /// The rank at which the weights, summed in order, reach `target`: the last one if they never do. Reorders the
    /// candidates; linear in their number but for the last few (Hoare's "Find", with weights).
    ///
    /// - Parameter before: the sum of what comes before all of them.
    static func cut(
        _ candidates: UnsafeMutableBufferPointer<RankedCandidate>, at target: Double, before: Double = 0
    ) -> UInt64 {
        precondition(!candidates.isEmpty, "nothing to choose from")
        var (low, high) = (0, candidates.count)
        var before = before
        // Pivots at places that no input was made for; the same on every run.
        var places: UInt64 = 0x2545_f491_4f6c_dd1d
        while high - low > 48 {
            func sample() -> UInt64 {
                places = places &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return candidates[low + Int(places >> 33) % (high - low)].rank
            }
            let (a, b, c) = (sample(), sample(), sample())
            let pivot = max(min(a, b), min(max(a, b), c))
            // Up to the pivot, itself included, comes first.
            var middle = low
            var mass = 0.0
            for index in low..<high {
                let candidate = candidates[index]
                let isFirst = candidate.rank <= pivot
                candidates[index] = candidates[middle]
                candidates[middle] = candidate
                mass += isFirst ? Double(candidate.weight) : 0
                middle += isFirst ? 1 : 0
            }
            if before + mass >= target {
                // With the last one as the pivot nothing falls away: once more, with another pivot.
                high = middle
            } else if middle == high {
                return pivot
            } else {
                before += mass
                low = middle
            }
        }
        sort(candidates, low, high)
        for index in low..<high {
            before += Double(candidates[index].weight)
            if before >= target { return candidates[index].rank }
        }
        return candidates[high - 1].rank
    }

    /// Insertion sort of a few.
    private static func sort(_ candidates: UnsafeMutableBufferPointer<RankedCandidate>, _ low: Int, _ high: Int) {
        for index in (low + 1)..<high {
            let candidate = candidates[index]
            var place = index
            while place > low, candidates[place - 1].rank > candidate.rank {
                candidates[place] = candidates[place - 1]
                place -= 1
            }
            candidates[place] = candidate
        }
    }
}

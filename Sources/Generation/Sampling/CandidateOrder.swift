/// Finds where an order of candidates is cut. Many candidates are first counted into bins by their keys, so that only
/// those of one bin have to be put in order: linear, and without a copy of them all.
struct CandidateOrder: Sendable {
    private static let bins = 2048
    /// So few are put in order without bins.
    private static let few = 512

    private var ranked: [RankedCandidate] = []
    private var masses: [Double] = []

    /// The rank at which the weights, summed in the order of the keys and then of the ids, reach `target`: that of the
    /// last candidate if they never do.
    ///
    /// - Parameter weights: nil counts candidates.
    mutating func cut(keys: [UInt32], ids: [Int32], weights: [Float]?, count: Int, at target: Double) -> UInt64 {
        precondition(count > 0 && count <= keys.count && count <= ids.count, "nothing to put in order")
        return keys.withUnsafeBufferPointer { keys in
            ids.withUnsafeBufferPointer { ids in
                guard let weights else { return cut(keys, ids, nil, count, target) }
                return weights.withUnsafeBufferPointer { cut(keys, ids, $0, count, target) }
            }
        }
    }

    private mutating func cut(
        _ keys: UnsafeBufferPointer<UInt32>, _ ids: UnsafeBufferPointer<Int32>, _ weights: UnsafeBufferPointer<Float>?,
        _ count: Int, _ target: Double
    ) -> UInt64 {
        var (least, shift, bin) = (UInt32.min, UInt32(31), UInt32(0))
        var before = 0.0
        var wanted = count
        if count > Self.few {
            var greatest = UInt32.min
            least = .max
            for index in 0..<count {
                least = min(least, keys[index])
                greatest = max(greatest, keys[index])
            }
            shift = UInt32(max(0, 21 - (greatest - least).leadingZeroBitCount))
            (bin, before, wanted) = border(keys, weights, count, target, least: least, shift: shift)
        }
        if ranked.count < wanted {
            ranked = Array(repeating: RankedCandidate(rank: 0, weight: 0), count: max(wanted, Self.few))
        }
        return ranked.withUnsafeMutableBufferPointer { ranked in
            var place = 0
            for index in 0..<count where count <= Self.few || (keys[index] - least) >> shift == bin {
                ranked[place] = RankedCandidate(
                    rank: RankedCandidate.rank(keys[index], ids[index]), weight: weights?[index] ?? 1)
                place += 1
            }
            return RankedCandidate.cut(
                UnsafeMutableBufferPointer(rebasing: ranked[..<place]), at: target, before: before)
        }
    }

    /// The bin in which the target is reached, the mass before it and the candidates in it; the last one that holds any
    /// if it never is.
    private mutating func border(
        _ keys: UnsafeBufferPointer<UInt32>, _ weights: UnsafeBufferPointer<Float>?, _ count: Int, _ target: Double,
        least: UInt32, shift: UInt32
    ) -> (bin: UInt32, before: Double, count: Int) {
        if masses.isEmpty { masses = Array(repeating: 0, count: Self.bins) }
        return masses.withUnsafeMutableBufferPointer { masses in
            masses.update(repeating: 0)
            if let weights {
                for index in 0..<count { masses[Int((keys[index] - least) >> shift)] += Double(weights[index]) }
            } else {
                for index in 0..<count { masses[Int((keys[index] - least) >> shift)] += 1 }
            }
            var before = 0.0
            var last = (bin: UInt32(0), before: 0.0)
            for bin in 0..<Self.bins where masses[bin] > 0 {
                last = (UInt32(bin), before)
                before += masses[bin]
                if before >= target { break }
            }
            var members = 0
            for index in 0..<count { members += (keys[index] - least) >> shift == last.bin ? 1 : 0 }
            return (last.bin, last.before, members)
        }
    }
}

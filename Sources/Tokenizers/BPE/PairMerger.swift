/// What two neighbours become, and how soon: the lowest rank is merged first.
struct PairMerge {
    var rank: UInt32
    var id: Int32

    /// Neighbours that stay apart.
    static let none = PairMerge(rank: .max, id: -1)
}

/// Which neighbours can be merged.
protocol MergeRules {
    /// What two neighbours with the ids `left` and `right` become. They are what the units from `start` up to
    /// `middle` and from there up to `end` have become, units being what merging began with.
    func merge(_ left: Int32, _ right: Int32, from start: Int, middle: Int, to end: Int) -> PairMerge
}

/// Joins neighbours, those of the lowest rank first and the leftmost of these, until no rule applies.
///
/// A word of a few units is searched for its best pair again after each merge. A longer one is a linked list
/// with a heap of its pairs, so that *n* units take at most *n* log *n* steps. Both give the same.
struct PairMerger<Rules: MergeRules> {
    private let rules: Rules
    /// For words of up to `shortCount` units: their pairs' merges, and where each unit began.
    private let shortMerges: UnsafeMutableBufferPointer<PairMerge>
    private let shortStarts: UnsafeMutableBufferPointer<Int>

    /// The longest word, in units, that is searched anew after each merge.
    static var shortCount: Int { 32 }

    /// Calls `body` with a merger whose working memory lives as long as the call.
    static func with<Result>(_ rules: Rules, _ body: (PairMerger) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: PairMerge.self, capacity: shortCount) { merges in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: shortCount + 1) { starts in
                body(PairMerger(rules: rules, shortMerges: merges, shortStarts: starts))
            }
        }
    }

    /// Merges the first `count` of `ids` in place and returns how many are left.
    ///
    /// - Parameter starts: set for each id that is left to the index of the first unit that it came from, with
    ///   `count` after the last; nil if nobody needs to know.
    func merge(_ ids: UnsafeMutablePointer<Int32>, count: Int, starts: UnsafeMutablePointer<Int>? = nil) -> Int {
        guard count > 1 else {
            starts?[0] = 0
            starts?[count] = count
            return count
        }
        return count <= Self.shortCount
            ? mergeShort(ids, count, starts ?? shortStarts.baseAddress.unsafelyUnwrapped)
            : mergeLong(ids, count, starts)
    }

    private func mergeShort(
        _ ids: UnsafeMutablePointer<Int32>, _ unitCount: Int, _ starts: UnsafeMutablePointer<Int>
    ) -> Int {
        // The buffer has room for the longest short word, so it has an address.
        let merges = shortMerges.baseAddress.unsafelyUnwrapped
        var count = unitCount
        for index in 0...count { starts[index] = index }
        for index in 0..<count {
            merges[index] =
                index + 1 < count
                ? rules.merge(ids[index], ids[index + 1], from: index, middle: index + 1, to: index + 2) : .none
        }
        while count > 1 {
            var best = PairMerge.none
            var position = 0
            for index in 0..<(count - 1) where merges[index].rank < best.rank {
                best = merges[index]
                position = index
            }
            guard best.rank != .max else { break }
            ids[position] = best.id
            count -= 1
            for index in (position + 1)..<max(count, position + 1) {
                ids[index] = ids[index + 1]
                starts[index] = starts[index + 1]
                merges[index] = merges[index + 1]
            }
            starts[count] = unitCount
            if position > 0 { merges[position - 1] = pair(ids, starts, position - 1) }
            if position + 1 < count { merges[position] = pair(ids, starts, position) }
        }
        return count
    }

    @inline(__always)
    private func pair(_ ids: UnsafeMutablePointer<Int32>, _ starts: UnsafeMutablePointer<Int>, _ index: Int)
        -> PairMerge
    {
        rules.merge(ids[index], ids[index + 1], from: starts[index], middle: starts[index + 1], to: starts[index + 2])
    }

    /// A pair in the heap is out of date when the rank at its place has changed; it is left there and dropped
    /// when its turn comes. Each merge takes one pair out and puts up to two in.
    private func mergeLong(
        _ ids: UnsafeMutablePointer<Int32>, _ count: Int, _ starts: UnsafeMutablePointer<Int>?
    ) -> Int {
        precondition(count < UInt32.max, "a text of 4 GiB without a place to cut it")
        return withUnsafeTemporaryAllocation(of: PairMerge.self, capacity: count) { merges in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 2 * count + 1) { links in
                withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2 * count) { heap in
                    // None of the three is empty, so each has an address.
                    var list = UnitList(
                        ids: ids, merges: merges.baseAddress.unsafelyUnwrapped,
                        next: links.baseAddress.unsafelyUnwrapped,
                        previous: links.baseAddress.unsafelyUnwrapped + count, count: count)
                    var queue = PairQueue(heap.baseAddress.unsafelyUnwrapped)
                    return list.merge(rules, &queue, starts)
                }
            }
        }
    }
}

/// The units of a long word as a list: a merged unit takes the place of its left part.
private struct UnitList {
    let ids: UnsafeMutablePointer<Int32>
    /// For each unit, its merge with the next.
    let merges: UnsafeMutablePointer<PairMerge>
    /// For each unit, the one after; `count` after the last.
    let next: UnsafeMutablePointer<UInt32>
    /// For each unit, the one before; has an entry for `count` as well.
    let previous: UnsafeMutablePointer<UInt32>
    let count: Int

    mutating func merge(_ rules: some MergeRules, _ queue: inout PairQueue, _ starts: UnsafeMutablePointer<Int>?) -> Int
    {
        for index in 0..<count {
            next[index] = UInt32(index + 1)
            previous[index] = UInt32(max(index - 1, 0))
            merges[index] =
                index + 1 < count
                ? rules.merge(ids[index], ids[index + 1], from: index, middle: index + 1, to: index + 2) : .none
            if merges[index].rank != .max { queue.append(rank: merges[index].rank, position: index) }
        }
        previous[count] = UInt32(count - 1)
        queue.order()

        while let (rank, position) = queue.popFirst() {
            guard merges[position].rank == rank else { continue }
            let right = Int(next[position])
            ids[position] = merges[position].id
            next[position] = next[right]
            previous[Int(next[right])] = UInt32(position)
            merges[right] = .none
            if position > 0 { update(Int(previous[position]), rules, &queue) }
            update(position, rules, &queue)
        }

        var (read, write) = (0, 0)
        while read < count {
            ids[write] = ids[read]
            starts?[write] = read
            write += 1
            read = Int(next[read])
        }
        starts?[write] = count
        return write
    }

    /// Sets the merge at `index` and puts it into the queue.
    @inline(__always) private func update(_ index: Int, _ rules: some MergeRules, _ queue: inout PairQueue) {
        let right = Int(next[index])
        guard right < count else {
            merges[index] = .none
            return
        }
        merges[index] = rules.merge(ids[index], ids[right], from: index, middle: right, to: Int(next[right]))
        if merges[index].rank != .max { queue.push(rank: merges[index].rank, position: index) }
    }
}

/// Pairs by rank and then by position: a binary heap of numbers that hold both.
private struct PairQueue {
    private let heap: UnsafeMutablePointer<UInt64>
    private var count = 0

    init(_ memory: UnsafeMutablePointer<UInt64>) { heap = memory }

    /// Appends a pair without ordering the heap.
    @inline(__always) mutating func append(rank: UInt32, position: Int) {
        heap[count] = UInt64(rank) << 32 | UInt64(position)
        count += 1
    }

    /// Orders what has been appended.
    mutating func order() {
        for index in stride(from: count / 2 - 1, through: 0, by: -1) { sink(heap[index], from: index) }
    }

    @inline(__always) mutating func push(rank: UInt32, position: Int) {
        let key = UInt64(rank) << 32 | UInt64(position)
        var index = count
        count += 1
        while index > 0, heap[(index - 1) / 2] > key {
            heap[index] = heap[(index - 1) / 2]
            index = (index - 1) / 2
        }
        heap[index] = key
    }

    @inline(__always) mutating func popFirst() -> (rank: UInt32, position: Int)? {
        guard count > 0 else { return nil }
        let first = heap[0]
        count -= 1
        if count > 0 { sink(heap[count], from: 0) }
        return (UInt32(first >> 32), Int(first & 0xFFFF_FFFF))
    }

    @inline(__always) private func sink(_ key: UInt64, from start: Int) {
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < count else { break }
            if child + 1 < count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < key else { break }
            heap[index] = heap[child]
            index = child
        }
        heap[index] = key
    }
}

/// Which bytes of a file are there: ranges that neither touch nor overlap, in order.
struct ByteRangeSet: Equatable, Sendable {
    private(set) var ranges: [Range<Int>] = []

    /// How many bytes are in it.
    var count: Int { ranges.reduce(0) { $0 + $1.count } }

    var isEmpty: Bool { ranges.isEmpty }

    /// The end of the last byte in it.
    var upperBound: Int { ranges.last?.upperBound ?? 0 }

    /// How many bytes are in it from the file's beginning on without a hole.
    var prefix: Int {
        guard let first = ranges.first, first.lowerBound == 0 else { return 0 }
        return first.upperBound
    }

    /// Adds bytes; some of them may be there.
    mutating func insert(_ new: Range<Int>) {
        guard !new.isEmpty else { return }
        // The ranges from `first` up to `last` touch the new one and become one with it.
        let first = ranges.firstIndex { $0.upperBound >= new.lowerBound } ?? ranges.endIndex
        let last = ranges[first...].firstIndex { $0.lowerBound > new.upperBound } ?? ranges.endIndex
        var merged = new
        if first < last {
            merged =
                min(new.lowerBound, ranges[first].lowerBound)..<max(new.upperBound, ranges[last - 1].upperBound)
        }
        ranges.replaceSubrange(first..<last, with: CollectionOfOne(merged))
    }

    /// Removes all bytes from `position` on.
    mutating func removeAll(from position: Int) {
        ranges = ranges.compactMap { range in
            range.lowerBound >= position ? nil : range.lowerBound..<min(range.upperBound, position)
        }
    }

    /// The first hole within `bounds`.
    func firstHole(in bounds: Range<Int>) -> Range<Int>? {
        var start = bounds.lowerBound
        for range in ranges where range.upperBound > start {
            if range.lowerBound > start { return start..<min(range.lowerBound, bounds.upperBound) }
            start = range.upperBound
            if start >= bounds.upperBound { return nil }
        }
        return start < bounds.upperBound ? start..<bounds.upperBound : nil
    }
}

/// Which values of a row are wanted: the largest.
package struct LargestValues: Sendable, Equatable {
    /// So many of the largest, and all that are equal to one of them.
    package var count: Int
    /// And all that are at most so far below the largest.
    package var margin: Float

    /// The largest alone, or more. `count` is at least 1, `margin` at least 0.
    package init(count: Int = 1, margin: Float = 0) {
        (self.count, self.margin) = (count, margin)
    }
}

/// The indices of the largest values that have been seen, of which only so many are kept. Not for many: each that
/// comes in moves those below it.
struct RankedIndices {
    private let count: Int
    private var values: [Float] = []
    /// The indices, those of the largest values first.
    private(set) var indices: [Int] = []

    /// - Parameter count: how many are kept, at least one.
    init(count: Int) {
        self.count = count
        values.reserveCapacity(count + 1)
        indices.reserveCapacity(count + 1)
    }

    /// The least of as many values as are kept; nil while there are fewer.
    var least: Float? { values.count == count ? values.last : nil }

    /// Takes note of a value. NaN counts as −∞.
    mutating func insert(_ value: Float, _ index: Int) {
        let value = value.isNaN ? -.infinity : value
        if let least, value <= least { return }
        var place = values.count
        while place > 0, value > values[place - 1] { place -= 1 }
        values.insert(value, at: place)
        indices.insert(index, at: place)
        if values.count > count {
            values.removeLast()
            indices.removeLast()
        }
    }
}

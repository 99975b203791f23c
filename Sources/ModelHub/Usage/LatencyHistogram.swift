internal import Histogram

/// How long requests took: a high dynamic range histogram (Tene's HdrHistogram) over microseconds with two significant
/// digits, so a value is known within 1 %, from a microsecond to a day. Those of two days, or of two processes, add up
/// to the one of both.
///
/// Only the ranges that hold something are kept, in rising order: there are some hundred of them in practice, and a
/// history holds very many histograms.
struct LatencyHistogram: Sendable {
    /// A range of values that are not told apart, by its lowest one, and how many requests fell into it.
    private struct Bucket {
        var value: UInt64
        var count: UInt64
    }

    /// The longest time that is told apart, in microseconds: a day. Longer ones count as a day.
    private static let longest: UInt64 = 86_400_000_000
    /// The most requests of one histogram: counts stay exact, and sums of counts do not overflow.
    private static let most: UInt64 = 1 << 53
    /// The form of `encoded()`.
    private static let version: UInt8 = 1
    /// Which values share a range.
    private static let layout = Histogram<UInt64>(
        lowestDiscernibleValue: 1, highestTrackableValue: longest, numberOfSignificantValueDigits: .two)

    private var ranges: [Bucket] = []
    /// How many requests it holds.
    private(set) var total: UInt64 = 0

    init() {}

    /// Adds requests that took `seconds`. What is no time that a clock can measure is left out.
    mutating func record(seconds: Double, requests: Int) {
        guard seconds >= 0, requests > 0, total + min(UInt64(requests), Self.most) <= Self.most else { return }
        let microseconds = UInt64(min(seconds * 1e6, Double(Self.longest)).rounded())
        let value = Self.layout.lowestEquivalentForValue(microseconds)
        let place = self.place(of: value, from: 0)
        total += UInt64(requests)
        if place < ranges.count, ranges[place].value == value {
            ranges[place].count += UInt64(requests)
        } else {
            ranges.insert(Bucket(value: value, count: UInt64(requests)), at: place)
        }
    }

    /// Adds the requests of another histogram; leaves it as it is if they were more than can be counted.
    mutating func add(_ other: LatencyHistogram) {
        guard total + other.total <= Self.most else { return }
        total += other.total
        var added: [Bucket] = []
        var place = 0
        for range in other.ranges {
            place = self.place(of: range.value, from: place)
            if place < ranges.count, ranges[place].value == range.value {
                ranges[place].count += range.count
            } else {
                added.append(range)
            }
        }
        if !added.isEmpty { insert(added) }
    }

    /// Inserts ranges that are not there, in rising order.
    private mutating func insert(_ added: [Bucket]) {
        var merged: [Bucket] = []
        merged.reserveCapacity(ranges.count + added.count)
        var rest = added[...]
        for range in ranges {
            while let next = rest.first, next.value < range.value { merged.append(rest.removeFirst()) }
            merged.append(range)
        }
        ranges = merged + rest
    }

    /// The index of the first range at or above `value`, not before `first`.
    private func place(of value: UInt64, from first: Int) -> Int {
        var (low, high) = (first, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].value < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The times that so many percent of the requests did not exceed, in seconds. `percents` rise, from 0 to 100.
    ///
    /// - Returns: one for each of `percents`; nil if there are no requests.
    func percentiles(_ percents: [Double]) -> [Double]? {
        guard total > 0 else { return nil }
        var times: [Double] = []
        var reached: UInt64 = 0
        for range in ranges {
            reached += range.count
            while times.count < percents.count, Double(reached) >= percents[times.count] / 100 * Double(total) {
                // The middle of the range errs less than either end.
                let last = Self.layout.highestEquivalentForValue(range.value)
                times.append(Double(range.value + last) / 2e6)
            }
        }
        return times.count == percents.count ? times : nil
    }

    /// The histogram as bytes: a version, the number of ranges, and for each of them in rising order the distance from
    /// the one before, in that one's width, and its count. All numbers but the version are LEB128.
    ///
    /// There are at most 3,968 ranges: the bytes of a histogram of real times are a few hundred, and never above 40 KB.
    func encoded() -> [UInt8] {
        var bytes: [UInt8] = [Self.version]
        Self.append(UInt64(ranges.count), to: &bytes)
        var last: UInt64 = 0, width: UInt64 = 1
        for range in ranges {
            Self.append((range.value - last) / width, to: &bytes)
            Self.append(range.count, to: &bytes)
            last = range.value
            width = Self.layout.sizeOfEquivalentRangeForValue(last)
        }
        return bytes
    }

    /// The histogram that was encoded as `bytes`; nil if they are not what `encoded()` writes.
    init?(encoded bytes: [UInt8]) {
        var rest = bytes[...]
        guard rest.popFirst() == Self.version, let number = Self.take(&rest), number <= UInt64(bytes.count) else {
            return nil
        }
        ranges.reserveCapacity(Int(number))
        var value: UInt64 = 0, width: UInt64 = 1
        for index in 0..<number {
            guard let distance = Self.take(&rest), let count = Self.take(&rest), distance > 0 || index == 0,
                distance <= Self.longest, (1...Self.most).contains(count), total + count <= Self.most
            else { return nil }
            // A width is below 2³⁰ and a distance below 2³⁷: nothing overflows.
            value += distance * width
            guard value <= Self.longest, Self.layout.lowestEquivalentForValue(value) == value else { return nil }
            width = Self.layout.sizeOfEquivalentRangeForValue(value)
            ranges.append(Bucket(value: value, count: count))
            total += count
        }
        guard rest.isEmpty else { return nil }
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func take(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            number |= UInt64(byte & 0x7f) << UInt64(shift)
            if byte < 0x80 { return number }
        }
        return nil
    }
}

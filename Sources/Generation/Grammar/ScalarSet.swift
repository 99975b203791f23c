/// A set of Unicode scalars as ranges: ascending, apart from one another, without surrogates.
struct ScalarSet: Sendable, Equatable {
    private(set) var ranges: [ClosedRange<UInt32>]

    /// All scalars.
    static let all = ScalarSet([0...0x10FFFF])

    init(_ ranges: [ClosedRange<UInt32>]) {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged.flatMap(Self.withoutSurrogates)
    }

    init(_ scalar: Unicode.Scalar) { self.init([scalar.value...scalar.value]) }

    var isEmpty: Bool { ranges.isEmpty }

    func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

    /// All scalars that are not in this set.
    var complement: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var start: UInt32 = 0
        for range in ranges {
            if range.lowerBound > start { gaps.append(start...(range.lowerBound - 1)) }
            start = range.upperBound + 1
        }
        if start <= 0x10FFFF { gaps.append(start...0x10FFFF) }
        return ScalarSet(gaps)
    }

    func intersection(_ other: ScalarSet) -> ScalarSet { complement.union(other.complement).complement }
    func subtracting(_ other: ScalarSet) -> ScalarSet { intersection(other.complement) }

    private static func withoutSurrogates(_ range: ClosedRange<UInt32>) -> [ClosedRange<UInt32>] {
        var parts: [ClosedRange<UInt32>] = []
        if range.lowerBound < 0xD800 { parts.append(range.lowerBound...min(range.upperBound, 0xD7FF)) }
        if range.upperBound > 0xDFFF { parts.append(max(range.lowerBound, 0xE000)...range.upperBound) }
        return parts
    }

    /// The byte sequences of the set's UTF-8: each a range for each of its bytes.
    var utf8Sequences: [[ClosedRange<UInt8>]] {
        var sequences: [[ClosedRange<UInt8>]] = []
        for range in ranges {
            for (length, bounds) in [(1, 0...0x7F), (2, 0x80...0x7FF), (3, 0x800...0xFFFF), (4, 0x10000...0x10FFFF)]
                as [(Int, ClosedRange<UInt32>)] where range.overlaps(bounds)
            {
                Self.split(range.clamped(to: bounds), length, &sequences)
            }
        }
        return sequences
    }

    /// Cuts a range of scalars with UTF-8 of one length until each byte's range is independent of the others.
    private static func split(_ range: ClosedRange<UInt32>, _ length: Int, _ output: inout [[ClosedRange<UInt8>]]) {
        let (low, high) = (range.lowerBound, range.upperBound)
        for index in 1..<max(length, 1) {
            let rest: UInt32 = (1 << (6 * UInt32(index))) - 1
            guard low & ~rest != high & ~rest else { continue }
            if low & rest != 0 {
                split(low...(low | rest), length, &output)
                split(((low | rest) + 1)...high, length, &output)
                return
            }
            if high & rest != rest {
                split(low...((high & ~rest) - 1), length, &output)
                split((high & ~rest)...high, length, &output)
                return
            }
        }
        output.append(zip(encode(low, length), encode(high, length)).map { $0...$1 })
    }

    private static func encode(_ scalar: UInt32, _ length: Int) -> [UInt8] {
        guard length > 1 else { return [UInt8(scalar)] }
        let lead: UInt32 = [0xC0, 0xE0, 0xF0][length - 2]
        var bytes = [UInt8(lead | scalar >> (6 * UInt32(length - 1)))]
        for index in stride(from: length - 2, through: 0, by: -1) {
            bytes.append(UInt8(0x80 | scalar >> (6 * UInt32(index)) & 0x3F))
        }
        return bytes
    }
}

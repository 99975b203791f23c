/// A set of characters: kinds of them, ranges, other sets, and what all of its members must be in besides.
struct RegexSet: Equatable, Sendable {
    /// The kinds, one bit each.
    var kinds: UInt32 = 0
    /// Ranges of scalars.
    var ranges: [ClosedRange<UInt32>] = []
    /// Sets that are part of this one.
    var included: [RegexSet] = []
    /// Sets that a member must be in (`&&`).
    var required: [RegexSet] = []
    /// Whether it is everything else.
    var isNegated = false

    /// The set of one scalar.
    init(_ scalar: UInt32) { ranges = [scalar...scalar] }
    /// The set of ranges.
    init(ranges: [ClosedRange<UInt32>]) { self.ranges = ranges }
    /// The set of kinds of scalars.
    init(kinds: UInt32 = 0) { self.kinds = kinds }

    /// Everything else.
    var inverted: RegexSet {
        // The kinds are all there is, so the rest of some is the others.
        if ranges.isEmpty, included.isEmpty, required.isEmpty, !isNegated { return RegexSet(kinds: ~kinds) }
        var inverted = self
        inverted.isNegated.toggle()
        return inverted
    }

    /// Whether kinds and ranges say it all.
    var isFlat: Bool { included.isEmpty && required.isEmpty }

    /// Adds the members of another set.
    mutating func insert(_ other: RegexSet) {
        if other.isFlat, !other.isNegated {
            kinds |= other.kinds
            ranges += other.ranges
        } else {
            included.append(other)
        }
    }

    /// Whether a scalar of a kind is a member.
    func contains(_ scalar: UInt32, kind: UInt8) -> Bool {
        let isIncluded =
            kinds >> UInt32(kind) & 1 != 0 || ranges.contains { $0.contains(scalar) }
            || included.contains { $0.contains(scalar, kind: kind) }
        return (isIncluded && required.allSatisfy { $0.contains(scalar, kind: kind) }) != isNegated
    }

    /// Adds the first bytes of the members, and perhaps others.
    func addFirstBytes(to bytes: inout [Bool]) {
        for byte in 0..<0x80 where contains(UInt32(byte), kind: ScalarTraits.shared.kind(UInt32(byte))) {
            bytes[byte] = true
        }
        guard kinds == 0, isFlat, !isNegated else {
            for byte in 0xC2...0xF4 { bytes[byte] = true }
            return
        }
        for range in ranges where range.upperBound >= 0x80 {
            let first = Self.firstByte(max(range.lowerBound, 0x80))
            for byte in first...Self.firstByte(range.upperBound) { bytes[byte] = true }
        }
    }

    /// The first byte of a scalar from U+0080 on in UTF-8.
    private static func firstByte(_ scalar: UInt32) -> Int {
        switch scalar {
        case ..<0x800: Int(0xC0 | scalar >> 6)
        case ..<0x10000: Int(0xE0 | scalar >> 12)
        default: Int(0xF0 | scalar >> 18)
        }
    }
}

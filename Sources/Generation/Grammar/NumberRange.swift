/// A number in decimal digits, exactly.
struct DecimalNumber: Sendable, Equatable {
    var isNegative = false
    /// Before the point, without leading zeros but for a single one.
    var whole: [UInt8] = [0]
    /// Behind it, without trailing zeros.
    var fraction: [UInt8] = []

    var isZero: Bool { whole == [0] && fraction.isEmpty }

    static let zero = DecimalNumber()

    init() {}

    /// The shortest digits that give the number back; nil if there are more than `GrammarLimits.boundDigits` of them.
    init?(_ value: Double) {
        guard value.isFinite else { return nil }
        self.init(description: "\(value)")
    }

    init?(_ value: Int) { self.init(description: "\(value)") }

    /// Digits with perhaps a sign, a point and an exponent.
    private init?(description: String) {
        var text = Substring(description)
        isNegative = text.first == "-"
        if isNegative { text = text.dropFirst() }
        let parts = text.split(separator: "e")
        guard let mantissa = parts.first, let exponent = parts.count > 1 ? Int(parts[1]) : 0 else { return nil }
        guard abs(exponent) <= GrammarLimits.boundDigits else { return nil }
        let sides = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        whole = sides[0].utf8.map { $0 & 0x0F }
        fraction = sides.count > 1 ? sides[1].utf8.map { $0 & 0x0F } : []
        for _ in 0..<max(exponent, 0) { whole.append(fraction.isEmpty ? 0 : fraction.removeFirst()) }
        for _ in 0..<max(-exponent, 0) { fraction.insert(whole.popLast() ?? 0, at: 0) }
        while whole.count > 1, whole[0] == 0 { whole.removeFirst() }
        if whole.isEmpty { whole = [0] }
        while fraction.last == 0 { fraction.removeLast() }
        if isZero { isNegative = false }
        guard whole.count <= GrammarLimits.boundDigits, fraction.count <= GrammarLimits.boundDigits else {
            return nil
        }
    }

    var magnitude: DecimalNumber {
        var copy = self
        copy.isNegative = false
        return copy
    }

    static func < (left: DecimalNumber, right: DecimalNumber) -> Bool {
        if left.isNegative != right.isNegative { return left.isNegative }
        let (one, another) = left.isNegative ? (right, left) : (left, right)
        if one.whole.count != another.whole.count { return one.whole.count < another.whole.count }
        return (one.whole + one.fraction).lexicographicallyPrecedes(another.whole + another.fraction)
    }
}

/// The numbers between two bounds, as digits: an automaton that follows the digits of both bounds for as long as a
/// number agrees with them. With bounds, and for integers, numbers are written without an exponent, and zero without
/// a sign.
struct NumberRange: Sendable, Equatable {
    struct Bound: Sendable, Equatable {
        var value: DecimalNumber
        var isInclusive: Bool
    }

    var low: Bound?
    var high: Bound?
    var isInteger = false

    var isUnbounded: Bool { low == nil && high == nil }

    /// Tells two ranges apart.
    var key: String { "\(isInteger) \(String(describing: low)) \(String(describing: high))" }

    /// Whether the bounds exclude each other.
    var isContradictory: Bool {
        guard let low, let high else { return false }
        return high.value < low.value || low.value == high.value && !(low.isInclusive && high.isInclusive)
    }

    /// Narrows the range.
    mutating func raise(_ bound: Bound) {
        if let low, bound.value < low.value || bound.value == low.value && !low.isInclusive { return }
        low = bound
    }

    mutating func lower(_ bound: Bound) {
        if let high, high.value < bound.value || bound.value == high.value && !high.isInclusive { return }
        high = bound
    }

    func emit(
        _ from: AutomatonBuilder.State, _ to: AutomatonBuilder.State, _ builder: AutomatonBuilder
    ) throws(GrammarError) {
        let zero = Bound(value: .zero, isInclusive: true)
        if !(high?.value.isNegative ?? false) {
            let start = low.map { $0.value.isNegative ? zero : $0 } ?? zero
            try MagnitudeRange(low: start, high: high, isInteger: isInteger).emit(from, to, builder)
        }
        if low?.value.isNegative ?? true {
            let minus = try builder.addState()
            try builder.byte(from, "-", minus)
            var start = Bound(value: .zero, isInclusive: false)
            if let high, high.value.isNegative {
                start = Bound(value: high.value.magnitude, isInclusive: high.isInclusive)
            }
            let end = low.map { Bound(value: $0.value.magnitude, isInclusive: $0.isInclusive) }
            try MagnitudeRange(low: start, high: end, isInteger: isInteger).emit(minus, to, builder)
        }
    }
}

/// The same without signs.
private struct MagnitudeRange {
    var low: NumberRange.Bound
    var high: NumberRange.Bound?
    var isInteger: Bool

    /// Which of the bounds the digits so far agree with.
    private struct Place: Hashable {
        var position: Int
        var followsLow: Bool
        var followsHigh: Bool
    }

    func emit(
        _ from: AutomatonBuilder.State, _ to: AutomatonBuilder.State, _ builder: AutomatonBuilder
    ) throws(GrammarError) {
        var wholes: [Place: AutomatonBuilder.State] = [:]
        let longest = min(GrammarLimits.integerDigits, high?.value.whole.count ?? GrammarLimits.integerDigits)
        guard low.value.whole.count <= longest else { return }
        for length in low.value.whole.count...longest {
            let start = Place(
                position: 0, followsLow: length == low.value.whole.count,
                followsHigh: length == high?.value.whole.count)
            var level = [start: from]
            for position in 0..<length {
                var next: [Place: AutomatonBuilder.State] = [:]
                for (place, state) in level {
                    let least = max(
                        place.followsLow ? low.value.whole[position] : 0, position == 0 && length > 1 ? 1 : 0)
                    let most = place.followsHigh ? high?.value.whole[position] ?? 9 : 9
                    try step(place, state, least, most, low.value.whole, high?.value.whole ?? [], &next, builder)
                }
                level = next
            }
            for (place, state) in level {
                let end = Place(position: 0, followsLow: place.followsLow, followsHigh: place.followsHigh)
                if let shared = wholes[end] {
                    try builder.epsilon(state, shared)
                } else {
                    wholes[end] = state
                }
            }
        }
        try emitFraction(wholes, to, builder)
    }

    private func emitFraction(
        _ wholes: [Place: AutomatonBuilder.State], _ to: AutomatonBuilder.State, _ builder: AutomatonBuilder
    ) throws(GrammarError) {
        for (place, state) in wholes where canEnd(place) { try builder.epsilon(state, to) }
        guard !isInteger else { return }
        var level: [Place: AutomatonBuilder.State] = [:]
        for (place, state) in wholes {
            let point = try builder.addState()
            try builder.byte(state, ".", point)
            level[place] = point
        }
        let digits = max(
            GrammarLimits.boundedFractionDigits, low.value.fraction.count, high?.value.fraction.count ?? 0)
        for position in 0..<digits {
            var next: [Place: AutomatonBuilder.State] = [:]
            for (place, state) in level {
                let least = place.followsLow ? digit(low.value.fraction, position) : 0
                let most = place.followsHigh ? digit(high?.value.fraction ?? [], position) : 9
                try step(
                    place, state, least, most, low.value.fraction, high?.value.fraction ?? [], &next, builder)
            }
            for (place, state) in next where canEnd(place) { try builder.epsilon(state, to) }
            level = next
        }
    }

    private func digit(_ digits: [UInt8], _ position: Int) -> UInt8 {
        position < digits.count ? digits[position] : 0
    }

    private func step(
        _ place: Place, _ state: AutomatonBuilder.State, _ least: UInt8, _ most: UInt8, _ lowDigits: [UInt8],
        _ highDigits: [UInt8], _ next: inout [Place: AutomatonBuilder.State], _ builder: AutomatonBuilder
    ) throws(GrammarError) {
        guard least <= most else { return }
        for value in least...most {
            let target = Place(
                position: place.position + 1,
                followsLow: place.followsLow && value == digit(lowDigits, place.position),
                followsHigh: place.followsHigh && value == digit(highDigits, place.position))
            let known = next[target]
            let end = if let known { known } else { try builder.addState() }
            next[target] = end
            try builder.byte(state, (0x30 + value)...(0x30 + value), end)
        }
    }

    /// Whether a number with so many digits behind its point lies between the bounds.
    private func canEnd(_ place: Place) -> Bool {
        if place.followsLow, place.position < low.value.fraction.count || !low.isInclusive { return false }
        if place.followsHigh, let high, place.position >= high.value.fraction.count, !high.isInclusive {
            return false
        }
        return true
    }
}

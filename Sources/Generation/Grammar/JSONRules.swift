/// JSON itself as rules, which the rules of a schema call: strings, numbers, any value.
///
/// What is narrower than RFC 8259: white space is none, one space, or a line break and at most
/// `GrammarLimits.indentation` spaces or tabs, behind `{ [ : ,` and before `} ]` and nowhere else; numbers have few
/// digits. A weak model would otherwise write white space or digits for ever. Strings are UTF-8 and have all escapes,
/// but a surrogate only in a pair.
struct JSONRules {
    let builder: AutomatonBuilder
    private var strings: [LengthBounds: AutomatonBuilder.Rule] = [:]
    private var numbers: [String: AutomatonBuilder.Rule] = [:]
    private var value: AutomatonBuilder.Rule?
    private var objectOfAny: AutomatonBuilder.Rule?
    private var arrayOfAny: AutomatonBuilder.Rule?

    init(_ builder: AutomatonBuilder) { self.builder = builder }

    /// What a string may hold as it is.
    static let plainScalars = ScalarSet([0x20...0x21, 0x23...0x5B, 0x5D...0x10FFFF])
    private static let space: ClosedRange<UInt8> = 0x20...0x20
    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    /// White space, perhaps none; the state behind it.
    func whitespace(_ from: AutomatonBuilder.State) throws(GrammarError) -> AutomatonBuilder.State {
        let end = try builder.addState()
        try builder.epsilon(from, end)
        try builder.byte(from, Self.space, end)
        var state = try builder.addState()
        try builder.byte(from, "\n", state)
        try builder.epsilon(state, end)
        for _ in 0..<GrammarLimits.indentation {
            let next = try builder.addState()
            try builder.byte(state, Self.space, next)
            try builder.byte(state, "\t", next)
            try builder.epsilon(next, end)
            state = next
        }
        return end
    }

    /// White space and a closing bracket.
    func close(
        _ from: AutomatonBuilder.State, _ bracket: Unicode.Scalar, _ to: AutomatonBuilder.State
    ) throws(GrammarError) {
        try builder.byte(try whitespace(from), bracket, to)
    }

    /// A string behind its opening quote, with its closing one.
    mutating func stringTail(_ bounds: LengthBounds?) throws(GrammarError) -> AutomatonBuilder.Rule {
        let key = bounds ?? LengthBounds(minimum: 0, maximum: nil)
        if let rule = strings[key] { return rule }
        let isBounded = key.minimum > 0 || key.maximum != nil
        let rule = try builder.addRule(pointer: builder.pointer, length: isBounded ? key : nil)
        strings[key] = rule
        let marks: EdgeMarks = isBounded ? .beginsCharacter : []
        let body = builder.start(rule)
        try builder.scalar(body, of: Self.plainScalars, body, marks: marks)
        let escape = try builder.addState()
        try builder.byte(body, "\\", escape, marks: marks)
        for scalar in "\"\\/bfnrt".unicodeScalars { try builder.byte(escape, scalar, body) }
        let digits = try builder.addState()
        try builder.byte(escape, "u", digits)
        for range in ["0"..."9", "A"..."C", "E"..."F", "a"..."c", "e"..."f"] as [ClosedRange<Unicode.Scalar>] {
            try hexadecimal(digits, first: range, digits: 3, body)
        }
        let surrogate = try builder.addState()
        try builder.byte(digits, "D", surrogate)
        try builder.byte(digits, "d", surrogate)
        try hexadecimal(surrogate, first: "0"..."7", digits: 2, body)
        let second = try builder.addState()
        for range in ["8"..."9", "A"..."B", "a"..."b"] as [ClosedRange<Unicode.Scalar>] {
            try hexadecimal(surrogate, first: range, digits: 2, second)
        }
        let low = try builder.addState()
        let lowDigits = try builder.literal(second, "\\u")
        try builder.byte(lowDigits, "D", low)
        try builder.byte(lowDigits, "d", low)
        for range in ["C"..."F", "c"..."f"] as [ClosedRange<Unicode.Scalar>] {
            try hexadecimal(low, first: range, digits: 2, body)
        }
        try builder.byte(body, "\"", builder.end(rule), marks: isBounded ? .endsString : [])
        return rule
    }

    /// A digit of `first` and then `digits` hexadecimal ones.
    private func hexadecimal(
        _ from: AutomatonBuilder.State, first: ClosedRange<Unicode.Scalar>, digits: Int, _ to: AutomatonBuilder.State
    ) throws(GrammarError) {
        var state = try builder.addState()
        try builder.byte(from, UInt8(ascii: first.lowerBound)...UInt8(ascii: first.upperBound), state)
        for index in 0..<digits {
            let next = index == digits - 1 ? to : try builder.addState()
            for range in ["0"..."9", "A"..."F", "a"..."f"] as [ClosedRange<Unicode.Scalar>] {
                try builder.byte(state, UInt8(ascii: range.lowerBound)...UInt8(ascii: range.upperBound), next)
            }
            state = next
        }
    }

    /// A number without bounds, or an integer.
    mutating func number(_ range: NumberRange) throws(GrammarError) -> AutomatonBuilder.Rule {
        if let rule = numbers[range.key] { return rule }
        let rule = try builder.addRule(pointer: builder.pointer)
        numbers[range.key] = rule
        let (start, end) = (builder.start(rule), builder.end(rule))
        guard range.isUnbounded, !range.isInteger else {
            try range.emit(start, end, builder)
            return rule
        }
        let unsigned = try builder.addState()
        try builder.epsilon(start, unsigned)
        try builder.byte(start, "-", unsigned)
        let whole = try builder.addState()
        let first = try builder.addState()
        try builder.byte(unsigned, "0", whole)
        try builder.byte(unsigned, UInt8(ascii: "1")...UInt8(ascii: "9"), first)
        try digits(first, 0...(GrammarLimits.integerDigits - 1), whole)
        let mantissa = try builder.addState()
        try builder.epsilon(whole, mantissa)
        let point = try builder.addState()
        try builder.byte(whole, ".", point)
        try digits(point, 1...GrammarLimits.fractionDigits, mantissa)
        try builder.epsilon(mantissa, end)
        let exponent = try builder.addState()
        let sign = try builder.addState()
        try builder.byte(mantissa, "e", sign)
        try builder.byte(mantissa, "E", sign)
        try builder.epsilon(sign, exponent)
        try builder.byte(sign, "+", exponent)
        try builder.byte(sign, "-", exponent)
        try digits(exponent, 1...GrammarLimits.exponentDigits, end)
        return rule
    }

    private func digits(
        _ from: AutomatonBuilder.State, _ counts: ClosedRange<Int>, _ to: AutomatonBuilder.State
    ) throws(GrammarError) {
        var state = from
        for count in 0...counts.upperBound {
            if counts.contains(count) { try builder.epsilon(state, to) }
            guard count < counts.upperBound else { break }
            let next = try builder.addState()
            try builder.byte(state, Self.digits, next)
            state = next
        }
    }

    /// Any value.
    mutating func anyValue() throws(GrammarError) -> AutomatonBuilder.Rule {
        if let value { return value }
        let rule = try builder.addRule(pointer: builder.pointer)
        value = rule
        let (start, end) = (builder.start(rule), builder.end(rule))
        for word in ["true", "false", "null"] { try builder.epsilon(try builder.literal(start, word), end) }
        try builder.call(start, try number(NumberRange()), end)
        let quoted = try builder.addState()
        try builder.byte(start, "\"", quoted)
        try builder.call(quoted, try stringTail(nil), end)
        try builder.call(start, try anyObject(), end)
        try builder.call(start, try anyArray(), end)
        return rule
    }

    /// Any object.
    mutating func anyObject() throws(GrammarError) -> AutomatonBuilder.Rule {
        if let objectOfAny { return objectOfAny }
        let rule = try builder.addRule(pointer: builder.pointer, isContainer: true)
        objectOfAny = rule
        let end = builder.end(rule)
        let open = try builder.addState()
        try builder.byte(builder.start(rule), "{", open)
        let first = try whitespace(open)
        try builder.byte(first, "}", end)
        let quoted = try builder.addState()
        try builder.byte(first, "\"", quoted)
        let keyed = try builder.addState()
        try builder.call(quoted, try stringTail(nil), keyed)
        let colon = try builder.addState()
        try builder.byte(keyed, ":", colon)
        let after = try builder.addState()
        try builder.call(try whitespace(colon), try anyValue(), after)
        let comma = try builder.addState()
        try builder.byte(after, ",", comma)
        try builder.byte(try whitespace(comma), "\"", quoted)
        try close(after, "}", end)
        return rule
    }

    /// Any array.
    mutating func anyArray() throws(GrammarError) -> AutomatonBuilder.Rule {
        if let arrayOfAny { return arrayOfAny }
        let rule = try builder.addRule(pointer: builder.pointer, isContainer: true)
        arrayOfAny = rule
        let end = builder.end(rule)
        let open = try builder.addState()
        try builder.byte(builder.start(rule), "[", open)
        let first = try whitespace(open)
        try builder.byte(first, "]", end)
        let after = try builder.addState()
        try builder.call(first, try anyValue(), after)
        let comma = try builder.addState()
        try builder.byte(after, ",", comma)
        try builder.call(try whitespace(comma), try anyValue(), after)
        try close(after, "]", end)
        return rule
    }
}

import Tokenizers

extension SchemaCompiler {
    /// A string with its quotes.
    mutating func emitString(
        _ keywords: SchemaKeywords, _ start: AutomatonBuilder.State, _ end: AutomatonBuilder.State
    ) throws(GrammarError) {
        let bounds = LengthBounds(
            minimum: try keywords.count("minLength") ?? 0, maximum: try keywords.count("maxLength"))
        if let maximum = bounds.maximum, maximum < bounds.minimum { throw .unsatisfiable(pointer: keywords.pointer) }
        let quoted = try builder.addState()
        try builder.byte(start, "\"", quoted)
        guard let pattern = try pattern(keywords) else {
            try builder.call(quoted, try json.stringTail(bounds), end)
            return
        }
        // A rule of its own: what a token may do within it does not depend on where it is.
        let tail = try builder.addRule(pointer: keywords.pointer)
        let close = try builder.addState()
        var automaton = ScalarAutomaton(pointer: keywords.pointer)
        try automaton.add(pattern, automaton.start, automaton.end)
        try automaton.emitString(bounds, builder.start(tail), close, builder)
        try builder.byte(close, "\"", builder.end(tail))
        try builder.call(quoted, tail, end)
    }

    /// What `pattern` or `format` demands.
    private func pattern(_ keywords: SchemaKeywords) throws(GrammarError) -> PatternNode? {
        var format: StringFormat?
        if let value = keywords.values["format"] {
            guard case .string(let name) = value else { throw keywords.invalid("format", "a string") }
            format = StringFormat(rawValue: name)
        }
        guard let value = keywords.values["pattern"] else {
            return try format.map { format throws(GrammarError) in try parse(format.pattern, keywords) }
        }
        guard case .string(let pattern) = value else { throw keywords.invalid("pattern", "a string") }
        if format != nil { throw keywords.unsupported("format", "beside \"pattern\" it is not held to; keep one") }
        return try parse(pattern, keywords)
    }

    private func parse(_ pattern: String, _ keywords: SchemaKeywords) throws(GrammarError) -> PatternNode {
        do throws(PatternFault) {
            return try PatternParser.parse(pattern)
        } catch {
            throw .unsupportedPattern(pointer: keywords.pointer, pattern: pattern, reason: error.reason)
        }
    }

    /// The bounds of a number.
    func range(_ keywords: SchemaKeywords, isInteger: Bool) throws(GrammarError) -> NumberRange {
        var range = NumberRange()
        range.isInteger = isInteger
        for (keyword, isInclusive) in [("minimum", true), ("exclusiveMinimum", false)] {
            guard let value = try bound(keyword, keywords) else { continue }
            range.raise(NumberRange.Bound(value: value, isInclusive: isInclusive))
        }
        for (keyword, isInclusive) in [("maximum", true), ("exclusiveMaximum", false)] {
            guard let value = try bound(keyword, keywords) else { continue }
            range.lower(NumberRange.Bound(value: value, isInclusive: isInclusive))
        }
        if range.isContradictory { throw .unsatisfiable(pointer: keywords.pointer) }
        return range
    }

    private func bound(_ keyword: String, _ keywords: SchemaKeywords) throws(GrammarError) -> DecimalNumber? {
        let value: DecimalNumber?
        switch keywords.values[keyword] {
        case nil: return nil
        case .int(let number)?: value = DecimalNumber(number)
        case .float(let number)?: value = DecimalNumber(number)
        default: throw keywords.invalid(keyword, "a number")
        }
        guard let value else {
            throw keywords.invalid(keyword, "a number of at most \(GrammarLimits.boundDigits) digits")
        }
        return value
    }
}

/// Values that are given by `enum` and `const`.
enum JSONLiteral {
    /// One value, with white space where JSON rules have it.
    static func emit(
        _ value: TemplateValue, _ start: AutomatonBuilder.State, _ end: AutomatonBuilder.State, _ json: JSONRules,
        _ keywords: SchemaKeywords, _ keyword: String, depth: Int = 0
    ) throws(GrammarError) {
        let builder = json.builder
        guard depth < GrammarLimits.nesting else {
            throw .tooLarge(
                pointer: keywords.pointer, what: "levels of values in one another", limit: GrammarLimits.nesting)
        }
        switch value {
        case .none: try builder.epsilon(try builder.literal(start, "null"), end)
        case .bool(let value): try builder.epsilon(try builder.literal(start, value ? "true" : "false"), end)
        case .int(let value): try builder.epsilon(try builder.literal(start, "\(value)"), end)
        case .float(let value):
            guard value.isFinite else { throw keywords.invalid(keyword, "JSON") }
            try builder.epsilon(try builder.literal(start, "\(value)"), end)
            if let integer = Int(exactly: value) {
                try builder.epsilon(try builder.literal(start, "\(integer)"), end)
            }
        case .string(let text): try builder.epsilon(try builder.literal(start, JSONSpelling.quoted(text)), end)
        case .list(let items), .tuple(let items):
            var state = try builder.literal(start, "[")
            for (index, item) in items.enumerated() {
                state = try json.whitespace(index == 0 ? state : try builder.literal(state, ","))
                let after = try builder.addState()
                try emit(item, state, after, json, keywords, keyword, depth: depth + 1)
                state = after
            }
            try json.close(state, "]", end)
        case .dictionary(let entries):
            var state = try builder.literal(start, "{")
            for (index, (key, item)) in entries.enumerated() {
                guard case .string(let name) = key else { throw keywords.invalid(keyword, "JSON") }
                state = try json.whitespace(index == 0 ? state : try builder.literal(state, ","))
                state = try builder.literal(try builder.literal(state, JSONSpelling.quoted(name)), ":")
                state = try json.whitespace(state)
                let after = try builder.addState()
                try emit(item, state, after, json, keywords, keyword, depth: depth + 1)
                state = after
            }
            try json.close(state, "}", end)
        case .undefined, .object: throw keywords.invalid(keyword, "JSON")
        }
    }
}

extension TemplateValue {
    /// Whether a JSON value is of one of these types.
    func hasType(in names: [String]) -> Bool {
        switch self {
        case .none: names.contains("null")
        case .bool: names.contains("boolean")
        case .int: names.contains("integer") || names.contains("number")
        case .float(let value):
            names.contains("number") || names.contains("integer") && value.rounded() == value
        case .string: names.contains("string")
        case .list, .tuple: names.contains("array")
        case .dictionary: names.contains("object")
        case .undefined, .object: false
        }
    }
}

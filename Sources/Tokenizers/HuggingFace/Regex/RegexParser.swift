/// Reads a regular expression in the notation of Oniguruma as far as the tokenizers of published models need it, and
/// names what it does not read.
struct RegexParser {
    /// Why an expression is refused.
    struct Failure: Error, Equatable, CustomStringConvertible {
        /// What cannot be read, and at which character.
        var description: String
    }

    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private var ignoresCase = false
    private var dotIsAny = false

    private static let maximumLength = 1 << 14
    private static let maximumDepth = 32
    private static let maximumCount = 1000

    /// The tree of an expression.
    ///
    /// - Throws: `Failure`.
    static func parse(_ pattern: String) throws(Failure) -> RegexNode {
        var parser = RegexParser(scalars: Array(pattern.unicodeScalars))
        guard parser.scalars.count <= maximumLength else {
            throw Failure(description: "it has more than \(maximumLength) characters")
        }
        let node = try parser.alternation()
        guard parser.index == parser.scalars.count else {
            throw parser.failure("a closing parenthesis without an opening one")
        }
        return node
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private func failure(_ what: String, at position: Int? = nil) -> Failure {
        Failure(description: "\(what), at character \(position ?? index)")
    }

    private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func takes(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[index...].starts(with: wanted) else { return false }
        index += wanted.count
        return true
    }

    // MARK: - Structure

    private mutating func alternation() throws(Failure) -> RegexNode {
        depth += 1
        guard depth <= Self.maximumDepth else { throw failure("groups nested more than \(Self.maximumDepth) deep") }
        // Options in the middle of a group hold to the group's end.
        let options = (ignoresCase, dotIsAny)
        defer {
            depth -= 1
            (ignoresCase, dotIsAny) = options
        }
        var alternatives: [RegexNode] = []
        repeat { alternatives.append(try sequence()) } while takes("|")
        return alternatives.count == 1 ? alternatives[0] : .alternation(alternatives)
    }

    private mutating func sequence() throws(Failure) -> RegexNode {
        var nodes: [RegexNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            guard let node = try atom() else { continue }
            nodes.append(try repeated(node))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func repeated(_ node: RegexNode) throws(Failure) -> RegexNode {
        var node = node
        while let scalar = next {
            var bounds: (minimum: Int, maximum: Int?)
            let start = index
            var hasBraces = false
            switch scalar {
            case "*": bounds = (0, nil)
            case "+": bounds = (1, nil)
            case "?": bounds = (0, 1)
            case "{":
                guard let braces = try counts() else { return node }
                bounds = braces
                hasBraces = true
            default: return node
            }
            if !hasBraces { index += 1 }
            if case .assertion = node { throw failure("a repeated assertion", at: start) }
            if bounds.maximum != 1, bounds.maximum != 0, bounds.maximum == nil, node.canBeEmpty {
                throw failure("an unlimited repetition of what may be empty", at: start)
            }
            var greed = RegexNode.Greed.greedy
            if takes("?") {
                greed = .lazy
            } else if !hasBraces, takes("+") {
                // Behind braces a plus repeats the repetition.
                greed = .possessive
            }
            node = .repetition(node, minimum: bounds.minimum, maximum: bounds.maximum, greed)
        }
        return node
    }

    /// The numbers between braces; nil, with nothing taken, if it is a brace like any other character.
    private mutating func counts() throws(Failure) -> (minimum: Int, maximum: Int?)? {
        let start = index
        index += 1
        let minimum = try number()
        var maximum = minimum
        if takes(",") { maximum = try number() }
        let hasComma = scalars[start..<index].contains(",")
        guard takes("}"), minimum != nil || (hasComma && maximum != nil) else {
            index = start
            return nil
        }
        if let minimum, let maximum, minimum > maximum { throw failure("counts in the wrong order", at: start) }
        return (minimum ?? 0, maximum)
    }

    private mutating func number() throws(Failure) -> Int? {
        var value: Int?
        while let digit = next.flatMap({ $0.isASCII ? Character($0).wholeNumberValue : nil }) {
            value = (value ?? 0) * 10 + digit
            guard value ?? 0 <= Self.maximumCount else { throw failure("a count above \(Self.maximumCount)") }
            index += 1
        }
        return value
    }

    // MARK: - Atoms

    /// One character, set, group or assertion; nil for options, which are none.
    private mutating func atom() throws(Failure) -> RegexNode? {
        guard let scalar = next else { throw failure("the expression ends too early") }
        let start = index
        index += 1
        switch scalar {
        case "(": return try group()
        case "[": return .set(try bracket(start))
        case ".": return .set(dotIsAny ? .any : .noNewline)
        case "^": return .assertion(.startOfLine)
        case "$": return .assertion(.endOfLine)
        case "\\": return try escape(start)
        case "*", "+", "?": throw failure("a repetition of nothing", at: start)
        case "{":
            index = start
            if try counts() != nil { throw failure("a repetition of nothing", at: start) }
            index = start + 1
            return literal(scalar)
        default: return literal(scalar)
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> RegexNode {
        .set(folded(RegexSet(scalar.value)))
    }

    private mutating func group() throws(Failure) -> RegexNode? {
        let start = index - 1
        if takes("?") {
            if takes(":") { return try closed(start) { $0 } }
            if takes("=") { return try closed(start) { .lookahead($0, negative: false) } }
            if takes("!") { return try closed(start) { .lookahead($0, negative: true) } }
            if takes(">") { return try closed(start) { .atomic($0) } }
            if takes("<=") { return try lookbehind(start, negative: false) }
            if takes("<!") { return try lookbehind(start, negative: true) }
            return try options(start)
        }
        return try closed(start) { $0 }
    }

    private mutating func closed(
        _ start: Int, _ wrap: (RegexNode) -> RegexNode
    ) throws(Failure) -> RegexNode {
        let node = try alternation()
        guard takes(")") else { throw failure("a group without an end", at: start) }
        return wrap(node)
    }

    private mutating func lookbehind(_ start: Int, negative: Bool) throws(Failure) -> RegexNode {
        let node = try closed(start) { $0 }
        guard case .set(let set) = node else { throw failure("a look behind at more than one character", at: start) }
        return .lookbehind(set, negative: negative)
    }

    /// `(?i)`, `(?i:…)` and their like.
    private mutating func options(_ start: Int) throws(Failure) -> RegexNode? {
        let before = (ignoresCase, dotIsAny)
        var turnsOn = true
        while let scalar = next {
            index += 1
            switch scalar {
            case "-": turnsOn = false
            case "i": ignoresCase = turnsOn
            // In this notation the dot's option is called m.
            case "m": dotIsAny = turnsOn
            case ")": return nil
            case ":":
                let node = try closed(start) { $0 }
                (ignoresCase, dotIsAny) = before
                return node
            default: throw failure("the group (?\(scalar)", at: start)
            }
        }
        throw failure("a group without an end", at: start)
    }

    private mutating func escape(_ start: Int) throws(Failure) -> RegexNode {
        switch next {
        case "b": index += 1; return .assertion(.wordBoundary)
        case "B": index += 1; return .assertion(.noWordBoundary)
        case "A": index += 1; return .assertion(.startOfText)
        case "z": index += 1; return .assertion(.endOfText)
        default: return .set(try escapedSet(start))
        }
    }

    // MARK: - Sets

    /// What stands behind a backslash, in or outside brackets.
    private mutating func escapedSet(_ start: Int) throws(Failure) -> RegexSet {
        guard let scalar = next else { throw failure("a backslash at the end", at: start) }
        index += 1
        switch scalar {
        case "s": return .space
        case "S": return RegexSet.space.inverted
        case "d": return .digit
        case "D": return RegexSet.digit.inverted
        case "w": return .word
        case "W": return RegexSet.word.inverted
        case "p", "P":
            let set = try property(start)
            return scalar == "P" ? set.inverted : set
        case "n": return RegexSet(0x0A)
        case "r": return RegexSet(0x0D)
        case "t": return RegexSet(0x09)
        case "f": return RegexSet(0x0C)
        case "v": return RegexSet(0x0B)
        case "a": return RegexSet(0x07)
        case "e": return RegexSet(0x1B)
        case "x", "u": return RegexSet(try code(start, isLong: scalar == "u"))
        default:
            guard scalar.isASCII, !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) else {
                if scalar.isASCII { throw failure("the escape \\\(scalar)", at: start) }
                return folded(RegexSet(scalar.value))
            }
            return RegexSet(scalar.value)
        }
    }

    private mutating func property(_ start: Int) throws(Failure) -> RegexSet {
        guard takes("{") else { throw failure("a property without braces", at: start) }
        let isNegated = takes("^")
        var name = ""
        while let scalar = next, scalar != "}" {
            name.unicodeScalars.append(scalar)
            index += 1
        }
        guard takes("}") else { throw failure("a property without an end", at: start) }
        guard let set = RegexSet.named(name) else { throw failure("the property \\p{\(name)}", at: start) }
        if ignoresCase, ["lu", "ll", "lt"].contains(name.lowercased()) {
            throw failure("a property of case where case does not count", at: start)
        }
        return isNegated ? set.inverted : set
    }

    private mutating func code(_ start: Int, isLong: Bool) throws(Failure) -> UInt32 {
        let hasBraces = !isLong && takes("{")
        var value: UInt32 = 0
        var count = 0
        while count < (hasBraces ? 8 : isLong ? 4 : 2), let digit = next.flatMap({ Character($0).hexDigitValue }) {
            value = value << 4 | UInt32(digit)
            count += 1
            index += 1
        }
        guard count > 0, !isLong || count == 4, !hasBraces || takes("}"), Unicode.Scalar(value) != nil else {
            throw failure("a character code that is none", at: start)
        }
        return value
    }

    private mutating func bracket(_ start: Int) throws(Failure) -> RegexSet {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw failure("brackets nested more than \(Self.maximumDepth) deep") }
        let isNegated = takes("^")
        var set = RegexSet()
        var whole: [RegexSet] = []
        var isFirst = true
        while true {
            guard let scalar = next else { throw failure("a bracket without an end", at: start) }
            if scalar == "]", !isFirst { break }
            isFirst = false
            if takes("&&") {
                whole.append(folded(set))
                set = RegexSet()
                continue
            }
            let position = index
            index += 1
            if scalar == "[" {
                if next == ":" { throw failure("a set of POSIX", at: position) }
                set.insert(try bracket(position))
                continue
            }
            let first = scalar == "\\" ? try escapedSet(position) : RegexSet(scalar.value)
            set.insert(try range(from: first))
        }
        index += 1
        var result = folded(set)
        if !whole.isEmpty {
            result = RegexSet()
            result.included = [whole[0]]
            result.required = whole[1...] + [folded(set)]
        }
        return isNegated ? result.inverted : result
    }

    /// The range that begins with `first`, or `first` itself.
    private mutating func range(from first: RegexSet) throws(Failure) -> RegexSet {
        guard next == "-", index + 1 < scalars.count, scalars[index + 1] != "]",
            first.kinds == 0, first.isFlat, !first.isNegated, first.ranges.count == 1
        else { return first }
        let start = index
        index += 1
        let scalar = scalars[index]
        index += 1
        if scalar == "[" { throw failure("a range that ends with a bracket", at: start) }
        let last = scalar == "\\" ? try escapedSet(index - 1) : RegexSet(scalar.value)
        guard last.kinds == 0, last.isFlat, !last.isNegated, let end = last.ranges.first,
            first.ranges[0].lowerBound <= end.lowerBound
        else { throw failure("a range in the wrong order", at: start) }
        return RegexSet(ranges: [first.ranges[0].lowerBound...end.lowerBound])
    }

    /// The set with its members in both cases, where case does not count.
    private func folded(_ set: RegexSet) -> RegexSet {
        guard ignoresCase else { return set }
        var folded = set
        for range in set.ranges {
            for value in range.prefix(0x3000) {
                guard let scalar = Unicode.Scalar(value) else { continue }
                for mapping in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
                    let scalars = mapping.unicodeScalars
                    if scalars.count == 1, let other = scalars.first { folded.insert(RegexSet(other.value)) }
                }
                // The two letters beyond ASCII that fold into it.
                if scalar == "s" || scalar == "S" { folded.insert(RegexSet(0x17F)) }
                if scalar == "k" || scalar == "K" { folded.insert(RegexSet(0x212A)) }
            }
        }
        return folded
    }
}

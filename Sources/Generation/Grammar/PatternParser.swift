/// A regular expression as a tree.
indirect enum PatternNode: Sendable {
    case set(ScalarSet)
    case sequence([PatternNode])
    case alternation([PatternNode])
    case repetition(PatternNode, minimum: Int, maximum: Int?)

    static let anything = PatternNode.repetition(.set(.all), minimum: 0, maximum: nil)
}

/// Why a regular expression is refused.
struct PatternFault: Error {
    var reason: String
}

/// Reads the regular expressions of ECMA-262 as far as they are regular. As JSON Schema wants, an expression may match
/// anywhere in a text unless it says `^` and `$`, and `\d` and `\w` are ASCII.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    /// The tree for whole texts.
    static func parse(_ pattern: String) throws(PatternFault) -> PatternNode {
        var parser = PatternParser(scalars: Array(pattern.unicodeScalars))
        var branches: [PatternNode] = []
        repeat { branches.append(try parser.outerBranch()) } while parser.skip("|")
        guard parser.position == parser.scalars.count else { throw PatternFault(reason: "a ')' without its '('") }
        return .alternation(branches)
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private mutating func skip(_ text: String) -> Bool {
        guard scalars[position...].starts(with: text.unicodeScalars) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    private mutating func outerBranch() throws(PatternFault) -> PatternNode {
        var nodes: [PatternNode] = []
        if !skip("^" as Unicode.Scalar) { nodes.append(.anything) }
        nodes.append(try branch())
        if skip("$" as Unicode.Scalar) {
            guard next == nil || next == "|" else { throw PatternFault(reason: "'$' is not at the end") }
        } else {
            nodes.append(.anything)
        }
        return .sequence(nodes)
    }

    private mutating func branch() throws(PatternFault) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")", scalar != "$" {
            let node = try atom()
            nodes.append(try quantified(node))
        }
        if next == "$", depth > 0 { throw PatternFault(reason: "'$' in a group") }
        return .sequence(nodes)
    }

    private mutating func quantified(_ node: PatternNode) throws(PatternFault) -> PatternNode {
        var bounds: (Int, Int?)?
        if skip("*" as Unicode.Scalar) {
            bounds = (0, nil)
        } else if skip("+" as Unicode.Scalar) {
            bounds = (1, nil)
        } else if skip("?" as Unicode.Scalar) {
            bounds = (0, 1)
        } else if skip("{" as Unicode.Scalar) {
            let minimum = try number()
            var maximum: Int? = minimum
            if skip("," as Unicode.Scalar) { maximum = next == "}" ? nil : try number() }
            guard skip("}" as Unicode.Scalar) else { throw PatternFault(reason: "a '{' that is no count") }
            if let maximum, maximum < minimum { throw PatternFault(reason: "a count that ends before it begins") }
            bounds = (minimum, maximum)
        }
        guard let bounds else { return node }
        // A lazy quantifier finds the same texts.
        _ = skip("?" as Unicode.Scalar)
        if let next, next == "*" || next == "+" || next == "?" || next == "{" {
            throw PatternFault(reason: "a quantifier behind a quantifier")
        }
        return .repetition(node, minimum: bounds.0, maximum: bounds.1)
    }

    private mutating func number() throws(PatternFault) -> Int {
        var value: Int?
        while let scalar = next, ("0"..."9").contains(scalar) {
            // Counts beyond all limits stay there.
            value = min((value ?? 0) * 10 + Int(scalar.value - 0x30), 1_000_000_000)
            position += 1
        }
        guard let value else { throw PatternFault(reason: "a '{' that is no count") }
        return value
    }

    private mutating func atom() throws(PatternFault) -> PatternNode {
        let scalar = scalars[position]
        position += 1
        switch scalar {
        case "(": return try group()
        case "[": return .set(try characterClass())
        case ".": return .set(ScalarSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]).complement)
        case "\\": return .set(try escape(inClass: false))
        case "*", "+", "?": throw PatternFault(reason: "a quantifier with nothing before it")
        case "^": throw PatternFault(reason: "'^' is not at the start")
        case "{", "}", "]": throw PatternFault(reason: "a '\(scalar)' that is not written '\\\(scalar)'")
        default: return .set(ScalarSet(scalar))
        }
    }

    private mutating func group() throws(PatternFault) -> PatternNode {
        if skip("?" as Unicode.Scalar) {
            if skip("=") || skip("!") || skip("<=") || skip("<!") { throw PatternFault(reason: "look-around") }
            if skip("<" as Unicode.Scalar) {
                while let scalar = next, scalar != ">" {
                    guard scalar.properties.isAlphabetic || scalar == "_" || ("0"..."9").contains(scalar) else { break }
                    position += 1
                }
                guard skip(">" as Unicode.Scalar) else { throw PatternFault(reason: "a group's name has no end") }
            } else if !skip(":" as Unicode.Scalar) {
                throw PatternFault(reason: "flags in a group")
            }
        }
        depth += 1
        defer { depth -= 1 }
        guard depth <= GrammarLimits.patternDepth else {
            throw PatternFault(reason: "more than \(GrammarLimits.patternDepth) groups in one another")
        }
        var branches: [PatternNode] = []
        repeat { branches.append(try branch()) } while skip("|" as Unicode.Scalar)
        guard skip(")" as Unicode.Scalar) else { throw PatternFault(reason: "a group has no end") }
        return .alternation(branches)
    }

    private mutating func characterClass() throws(PatternFault) -> ScalarSet {
        let isComplement = skip("^" as Unicode.Scalar)
        var ranges: [ClosedRange<UInt32>] = []
        while !skip("]" as Unicode.Scalar) {
            let low = try classMember()
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                ranges += low.ranges
                continue
            }
            position += 1
            let high = try classMember()
            guard let first = low.single, let last = high.single, first <= last else {
                throw PatternFault(reason: "a range in a class that is none")
            }
            ranges.append(first...last)
        }
        let set = ScalarSet(ranges)
        return isComplement ? set.complement : set
    }

    private mutating func classMember() throws(PatternFault) -> ScalarSet {
        guard let scalar = next else { throw PatternFault(reason: "a class has no end") }
        position += 1
        return scalar == "\\" ? try escape(inClass: true) : ScalarSet(scalar)
    }

    private static let digits = ScalarSet([0x30...0x39])
    private static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    private static let space = ScalarSet([
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
        0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ])

    private mutating func escape(inClass: Bool) throws(PatternFault) -> ScalarSet {
        guard let scalar = next else { throw PatternFault(reason: "a '\\' at the end") }
        position += 1
        switch scalar {
        case "d": return Self.digits
        case "D": return Self.digits.complement
        case "w": return Self.word
        case "W": return Self.word.complement
        case "s": return Self.space
        case "S": return Self.space.complement
        case "t": return ScalarSet("\t")
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "v": return ScalarSet("\u{0B}")
        case "f": return ScalarSet("\u{0C}")
        case "0": return ScalarSet("\0")
        case "b" where inClass: return ScalarSet("\u{08}")
        case "b", "B": throw PatternFault(reason: "word boundaries")
        case "1"..."9", "k": throw PatternFault(reason: "references to groups")
        case "p", "P": throw PatternFault(reason: "Unicode properties")
        case "x": return ScalarSet(try escaped(digits: 2))
        case "u": return ScalarSet(try escaped(digits: 4))
        case "a"..."z", "A"..."Z": throw PatternFault(reason: "the escape '\\\(scalar)'")
        default: return ScalarSet(scalar)
        }
    }

    /// The character of `\x41`, `\u0041`, `\u{41}` or of a pair of surrogates.
    private mutating func escaped(digits: Int) throws(PatternFault) -> Unicode.Scalar {
        var value = UInt32(0)
        if digits == 4, skip("{" as Unicode.Scalar) {
            while let scalar = next, scalar != "}", value <= 0x10FFFF { value = value << 4 | (try hexadecimal()) }
            guard skip("}" as Unicode.Scalar) else { throw PatternFault(reason: "an escape without its '}'") }
        } else {
            for _ in 0..<digits { value = value << 4 | (try hexadecimal()) }
            if (0xD800...0xDBFF).contains(value), skip("\\u") {
                var low = UInt32(0)
                for _ in 0..<4 { low = low << 4 | (try hexadecimal()) }
                guard (0xDC00...0xDFFF).contains(low) else { throw PatternFault(reason: "half a surrogate pair") }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
        }
        guard let scalar = Unicode.Scalar(value) else { throw PatternFault(reason: "an escape of no character") }
        return scalar
    }

    private mutating func hexadecimal() throws(PatternFault) -> UInt32 {
        guard let scalar = next, scalar.isASCII, let value = Character(scalar).hexDigitValue else {
            throw PatternFault(reason: "an escape without its hexadecimal digits")
        }
        position += 1
        return UInt32(value)
    }
}

extension ScalarSet {
    /// The only member, if there is one.
    fileprivate var single: UInt32? {
        ranges.count == 1 && ranges[0].lowerBound == ranges[0].upperBound ? ranges[0].lowerBound : nil
    }
}

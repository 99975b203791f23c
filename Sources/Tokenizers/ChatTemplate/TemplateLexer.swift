/// Cuts a template into tokens, with Jinja's delimiters and the two settings that chat templates are written for:
/// a line end behind a block tag is dropped (`trim_blocks`), and so is the white space before a block tag that
/// begins its line (`lstrip_blocks`). A `-` or `+` inside a delimiter overrides both.
struct TemplateLexer {
    private let source: TemplateSource
    private var position = 0
    private var tokens: [TemplateToken] = []
    /// Whether what was read last ended a line, so that a tag here begins one.
    private var atLineStart = true

    private var bytes: [UInt8] { source.bytes }

    static func tokens(of source: TemplateSource) throws -> [TemplateToken] {
        var lexer = TemplateLexer(source: source)
        while lexer.position < lexer.source.bytes.count { try lexer.readTextAndTag() }
        lexer.append(.end, at: lexer.position)
        return lexer.tokens
    }

    private init(source: TemplateSource) { self.source = source }

    private mutating func append(_ kind: TemplateToken.Kind, at offset: Int) {
        tokens.append(TemplateToken(kind: kind, offset: offset))
    }

    private func has(_ text: StaticString, at index: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard index + count <= bytes.count else { return false }
        for offset in 0..<count where bytes[index + offset] != text.utf8Start[offset] { return false }
        return true
    }

    // MARK: Text

    /// Where the next `{{`, `{%` or `{#` is, from `start` on.
    private func nextTag(from start: Int) -> Int? {
        var index = start
        while index + 1 < bytes.count {
            if bytes[index] == UInt8(ascii: "{"), let mark = Optional(bytes[index + 1]),
                mark == UInt8(ascii: "{") || mark == UInt8(ascii: "%") || mark == UInt8(ascii: "#")
            {
                return index
            }
            index += 1
        }
        return nil
    }

    private mutating func readTextAndTag() throws {
        let start = position
        guard let tag = nextTag(from: start) else {
            append(.data(source.text(start..<bytes.count)), at: start)
            position = bytes.count
            return
        }
        let mark = bytes[tag + 1]
        let isVariable = mark == UInt8(ascii: "{")
        appendText(start..<tag, before: tag, isVariable: isVariable)
        position = tag + 2
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") || bytes[position] == UInt8(ascii: "+") {
            position += 1
        }
        atLineStart = false
        switch mark {
        case UInt8(ascii: "#"): try skipComment(from: tag)
        case UInt8(ascii: "%"):
            if try readRaw(from: tag) { return }
            append(.blockBegin, at: tag)
            try readTag(from: tag, isVariable: false)
        default:
            append(.variableBegin, at: tag)
            try readTag(from: tag, isVariable: true)
        }
    }

    /// Adds the text of `range`, less the white space that the tag behind it takes away.
    private mutating func appendText(_ range: Range<Int>, before tag: Int, isVariable: Bool) {
        var end = range.upperBound
        let sign = tag + 2 < bytes.count ? bytes[tag + 2] : 0
        if sign == UInt8(ascii: "-") {
            end = range.lowerBound + source.text(range).stripping(.trailing).utf8.count
        } else if sign != UInt8(ascii: "+"), !isVariable {
            var lineStart = end
            while lineStart > range.lowerBound, bytes[lineStart - 1] != 0x0A { lineStart -= 1 }
            let beginsLine = lineStart > range.lowerBound || atLineStart
            if beginsLine, source.text(lineStart..<end).stripping(.leading).isEmpty { end = lineStart }
        }
        if end > range.lowerBound { append(.data(source.text(range.lowerBound..<end)), at: range.lowerBound) }
    }

    private mutating func skipWhitespace() {
        while position < bytes.count {
            let byte = bytes[position]
            if byte < 0x80 {
                guard Unicode.Scalar(byte).isTemplateWhitespace else { return }
                position += 1
            } else {
                let length = min(UTF8Decoding.announcedLength(byte), bytes.count - position)
                let text = source.text(position..<position + length)
                guard let scalar = text.unicodeScalars.first, scalar.isTemplateWhitespace else { return }
                position += length
            }
        }
    }

    /// Goes past the end of a block tag or a comment (`mark` is `%` or `#`) if it is here.
    private mutating func skipEnd(_ mark: Character) -> Bool {
        let end = [mark.asciiValue ?? 0, UInt8(ascii: "}")]
        var index = position
        let sign = index < bytes.count ? bytes[index] : 0
        let isSigned = sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+")
        if isSigned { index += 1 }
        guard index + 1 < bytes.count, bytes[index] == end[0], bytes[index + 1] == end[1] else { return false }
        position = index + 2
        if sign == UInt8(ascii: "-") {
            skipWhitespace()
        } else if !isSigned, position < bytes.count, bytes[position] == 0x0A {
            position += 1
        }
        atLineStart = bytes[position - 1] == 0x0A
        return true
    }

    private mutating func skipComment(from tag: Int) throws {
        while position < bytes.count {
            if skipEnd("#") { return }
            position += 1
        }
        throw TemplateSyntaxFault(message: "the comment that begins here has no '#}'", offset: tag)
    }

    /// Reads `{% raw %} … {% endraw %}` if it begins here, behind `{%` and its sign.
    private mutating func readRaw(from tag: Int) throws -> Bool {
        let saved = position
        skipWhitespace()
        guard has("raw", at: position) else {
            position = saved
            return false
        }
        position += 3
        skipWhitespace()
        if has("-%}", at: position) {
            position += 3
            skipWhitespace()
        } else if has("%}", at: position) {
            position += 2
        } else {
            position = saved
            return false
        }
        atLineStart = bytes[position - 1] == 0x0A
        let start = position
        while position < bytes.count {
            guard has("{%", at: position) else {
                position += 1
                continue
            }
            let endTag = position
            position += 2
            if has("-", at: position) || has("+", at: position) { position += 1 }
            skipWhitespace()
            if has("endraw", at: position) {
                position += 6
                skipWhitespace()
                let wasAtLineStart = atLineStart
                if skipEnd("%") {
                    let isAtLineStart = atLineStart
                    atLineStart = wasAtLineStart
                    appendText(start..<endTag, before: endTag, isVariable: false)
                    atLineStart = isAtLineStart
                    return true
                }
            }
            position = endTag + 1
        }
        throw TemplateSyntaxFault(message: "the 'raw' that begins here has no 'endraw'", offset: tag)
    }

    // MARK: Inside a tag

    private mutating func readTag(from tag: Int, isVariable: Bool) throws {
        var open: [(symbol: UInt8, offset: Int)] = []
        while true {
            skipWhitespace()
            guard position < bytes.count else {
                if let bracket = open.last {
                    throw TemplateSyntaxFault(
                        message: "the '\(Character(Unicode.Scalar(bracket.symbol)))' that opens here is never closed",
                        offset: bracket.offset)
                }
                throw TemplateSyntaxFault(
                    message: "the tag that begins here has no '\(isVariable ? "}}" : "%}")'", offset: tag)
            }
            let start = position
            if open.isEmpty {
                if isVariable, has("}}", at: position) || has("-}}", at: position) {
                    let strips = bytes[position] == UInt8(ascii: "-")
                    position += strips ? 3 : 2
                    if strips { skipWhitespace() }
                    atLineStart = bytes[position - 1] == 0x0A
                    return append(.variableEnd, at: start)
                }
                if !isVariable, skipEnd("%") { return append(.blockEnd, at: start) }
            }
            try readToken(&open)
        }
    }

    private mutating func readToken(_ open: inout [(symbol: UInt8, offset: Int)]) throws {
        let start = position
        let byte = bytes[position]
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return try readNumber()
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), 0x80...:
            while position < bytes.count, Self.isNameByte(bytes[position]) { position += 1 }
            return append(.name(source.text(start..<position)), at: start)
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            let (text, end) = try TemplateStringLiteral.read(source, at: position)
            position = end
            return append(.string(text), at: start)
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): open.append((byte, start))
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
            let pairs: [UInt8: UInt8] = [
                UInt8(ascii: ")"): UInt8(ascii: "("), UInt8(ascii: "]"): UInt8(ascii: "["),
                UInt8(ascii: "}"): UInt8(ascii: "{"),
            ]
            guard let opening = open.popLast(), opening.symbol == pairs[byte] else {
                throw TemplateSyntaxFault(
                    message: "'\(Character(Unicode.Scalar(byte)))' closes nothing that is open here", offset: start)
            }
        default: break
        }
        for symbol in ["**", "//", "==", "!=", ">=", "<="] {
            let symbolBytes = Array(symbol.utf8)
            if position + 1 < bytes.count, byte == symbolBytes[0], bytes[position + 1] == symbolBytes[1] {
                position += 2
                return append(.symbol(symbol), at: start)
            }
        }
        guard "+-/*%~[](){}><=.:|,;".utf8.contains(byte) else {
            throw TemplateSyntaxFault(
                message: "'\(Character(Unicode.Scalar(byte)))' cannot stand here", offset: start)
        }
        position += 1
        append(.symbol(String(Character(Unicode.Scalar(byte)))), at: start)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), 0x80...,
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private mutating func readNumber() throws {
        let start = position
        var isFloat = false
        func digits(_ from: Int) -> Int {
            var index = from
            while index < bytes.count, Self.isDigit(bytes[index]) || bytes[index] == UInt8(ascii: "_") { index += 1 }
            return index
        }
        position = digits(position)
        if position + 1 < bytes.count, bytes[position] == UInt8(ascii: "."), Self.isDigit(bytes[position + 1]) {
            isFloat = true
            position = digits(position + 1)
        }
        if has("e", at: position) || has("E", at: position) {
            var index = position + 1
            if has("+", at: index) || has("-", at: index) { index += 1 }
            if index < bytes.count, Self.isDigit(bytes[index]) {
                isFloat = true
                position = digits(index)
            }
        }
        let text = source.text(start..<position).filter { $0 != "_" }
        if isFloat, let value = Double(text) { return append(.float(value), at: start) }
        guard let value = Int(text) else {
            throw TemplateSyntaxFault(message: "the number \(text) is too large", offset: start)
        }
        append(.integer(value), at: start)
    }
}

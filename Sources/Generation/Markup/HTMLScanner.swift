/// Cuts HTML into text and tags. It follows the tokenizer of WHATWG HTML, 13.2.5, as far as the ends of tags, comments
/// and text go, and nothing is ever wrong: what a browser would repair is kept as it is. A bracket whose tag does not end
/// is a character.
struct HTMLScanner {
    /// A piece of a document.
    enum Token: Equatable {
        /// Characters, which may hold references.
        case text(Range<Int>)
        /// `<name …>`
        case open(HTMLTag)
        /// `</name …>`
        case close(HTMLTag)
        /// A comment or a declaration: copied.
        case other(Range<Int>)
    }

    /// A tag.
    struct HTMLTag: Equatable {
        /// In small letters.
        var name: String
        /// Where it stands, its brackets included.
        var range: Range<Int>
        /// It says of itself that it has no content: `<name … />`.
        var isSelfClosing = false
        /// What it holds is not to be translated: `translate="no"`, or the class `notranslate`.
        var isKept = false
    }

    /// The document.
    let html: ArraySlice<UInt8>
    private(set) var position: Int
    /// Tags that did not end. Each was looked for up to the end of the document; so many make all brackets characters.
    private var endless = 0
    private static let mostEndless = 16

    init(_ html: ArraySlice<UInt8>) {
        self.html = html
        position = html.startIndex
    }

    /// The next piece; nil at the end.
    mutating func next() -> Token? {
        guard position < html.endIndex else { return nil }
        let start = position
        if html[start] == UInt8(ascii: "<"), let token = markup(at: start) {
            return token
        }
        position = html.index(after: start)
        while position < html.endIndex, html[position] != UInt8(ascii: "<") { position += 1 }
        return .text(start..<position)
    }

    /// The tag or comment at a bracket; nil where the bracket is a character.
    private mutating func markup(at start: Int) -> Token? {
        guard start + 1 < html.endIndex, endless < Self.mostEndless else { return nil }
        switch html[start + 1] {
        case UInt8(ascii: "!"):
            let isComment = html[start...].starts(with: "<!--".utf8)
            let isData = html[start...].starts(with: "<![CDATA[".utf8)
            return end(of: isComment ? "-->" : isData ? "]]>" : ">", from: start + 1).map { .other(start..<$0) }
        case UInt8(ascii: "?"): return end(of: ">", from: start + 1).map { .other(start..<$0) }
        case UInt8(ascii: "/"):
            guard start + 2 < html.endIndex, Self.isLetter(html[start + 2]) else { return nil }
            return tag(at: start, name: start + 2).map(Token.close)
        case let byte:
            guard Self.isLetter(byte) else { return nil }
            return tag(at: start, name: start + 1).map(Token.open)
        }
    }

    /// Goes behind the next `mark`.
    private mutating func end(of mark: String, from start: Int) -> Int? {
        let mark = Array(mark.utf8)
        var index = start
        while index + mark.count <= html.endIndex {
            if html[index..<(index + mark.count)].elementsEqual(mark) {
                position = index + mark.count
                return position
            }
            index += 1
        }
        endless += 1
        return nil
    }

    /// A tag with its attributes; nil if it does not end.
    private mutating func tag(at start: Int, name nameStart: Int) -> HTMLTag? {
        guard let tag = wholeTag(at: start, name: nameStart) else {
            endless += 1
            return nil
        }
        position = tag.range.upperBound
        return tag
    }

    private func wholeTag(at start: Int, name nameStart: Int) -> HTMLTag? {
        var index = nameStart
        while index < html.endIndex, !Self.endsName(html[index]) { index += 1 }
        var tag = HTMLTag(
            name: String(decoding: html[nameStart..<index], as: UTF8.self).lowercased(), range: start..<start)
        var previous: UInt8 = 0
        while index < html.endIndex {
            let byte = html[index]
            switch byte {
            case UInt8(ascii: ">"):
                tag.isSelfClosing = previous == UInt8(ascii: "/")
                tag.range = start..<(index + 1)
                return tag
            case UInt8(ascii: "/"), 0x09, 0x0A, 0x0C, 0x0D, 0x20: index += 1
            default:
                guard let (attribute, end) = attribute(at: index) else { return nil }
                tag.isKept = tag.isKept || attribute.keepsContent
                index = end
            }
            previous = byte
        }
        return nil
    }

    private struct Attribute {
        var name: String
        var value: ArraySlice<UInt8>

        var keepsContent: Bool {
            switch name {
            case "translate": String(decoding: value, as: UTF8.self).lowercased() == "no"
            case "class": value.split { $0 <= 0x20 }.contains { $0.elementsEqual("notranslate".utf8) }
            default: false
            }
        }
    }

    /// The attribute at `start` and the place behind it; nil if its value does not end.
    private func attribute(at start: Int) -> (Attribute, Int)? {
        // The first character belongs to the name, whatever it is.
        var index = start + 1
        while index < html.endIndex, !Self.endsName(html[index]), html[index] != UInt8(ascii: "=") { index += 1 }
        let name = String(decoding: html[start..<index], as: UTF8.self).lowercased()
        let nameEnd = index
        index = afterSpaces(index)
        guard index < html.endIndex, html[index] == UInt8(ascii: "=") else {
            return (Attribute(name: name, value: []), nameEnd)
        }
        index = afterSpaces(index + 1)
        guard index < html.endIndex else { return nil }
        let quote = html[index]
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            guard let end = html[(index + 1)...].firstIndex(of: quote) else { return nil }
            return (Attribute(name: name, value: html[(index + 1)..<end]), end + 1)
        }
        let valueStart = index
        while index < html.endIndex, !Self.isSpace(html[index]), html[index] != UInt8(ascii: ">") { index += 1 }
        return (Attribute(name: name, value: html[valueStart..<index]), index)
    }

    private func afterSpaces(_ start: Int) -> Int {
        var index = start
        while index < html.endIndex, Self.isSpace(html[index]) { index += 1 }
        return index
    }

    /// Leaves the content of an element out, up to and with the tag that closes it.
    ///
    /// - Parameter isRaw: its content is no HTML (a script): the first tag that closes it ends it.
    /// - Returns: the place behind it; nil if nothing closes it, and then the scanner stays where it is.
    mutating func skip(_ name: String, isRaw: Bool) -> Int? {
        var ahead = self
        var depth = 1
        while true {
            if isRaw { ahead.moveToClosing(name) }
            guard let token = ahead.next() else { return nil }
            switch token {
            case .open(let tag) where tag.name == name && !tag.isSelfClosing: depth += 1
            case .close(let tag) where tag.name == name:
                depth -= 1
                if depth == 0 {
                    position = ahead.position
                    return position
                }
            default: break
            }
        }
    }

    /// Moves to the next `</name`, or to the end.
    private mutating func moveToClosing(_ name: String) {
        let mark = Array("</\(name)".utf8)
        while position < html.endIndex {
            let end = position + mark.count
            if html[position] == UInt8(ascii: "<"), end < html.endIndex, Self.endsName(html[end]),
                zip(html[position..<end], mark).allSatisfy({ $0 == $1 || $0 ^ 0x20 == $1 && Self.isLetter($0) })
            {
                return
            }
            position += 1
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) }
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) && byte != 0x0B }
    private static func endsName(_ byte: UInt8) -> Bool {
        isSpace(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ">")
    }
}

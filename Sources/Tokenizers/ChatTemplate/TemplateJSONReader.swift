/// JSON into values, in the order of its keys, which a template shows in its output.
struct TemplateJSONReader {
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    static let maximumDepth = 100

    static func read(_ text: String) throws -> TemplateValue {
        var reader = TemplateJSONReader(bytes: Array(text.utf8))
        let value = try reader.value()
        reader.skipWhitespace()
        guard reader.position == reader.bytes.count else { throw reader.fault("something follows the value") }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func fault(_ message: String) -> TemplateFault {
        TemplateFault("JSON, byte \(position): \(message)")
    }

    private mutating func skipWhitespace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private mutating func skip(_ text: String) -> Bool {
        guard bytes[position...].starts(with: text.utf8) else { return false }
        position += text.utf8.count
        return true
    }

    private mutating func value() throws -> TemplateValue {
        skipWhitespace()
        guard position < bytes.count else { throw fault("the text ends where a value should be") }
        switch bytes[position] {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            depth += 1
            defer { depth -= 1 }
            guard depth <= Self.maximumDepth else { throw fault("more than \(Self.maximumDepth) levels") }
            return bytes[position] == UInt8(ascii: "{") ? try dictionary() : try list()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t") where skip("true"): return .bool(true)
        case UInt8(ascii: "f") where skip("false"): return .bool(false)
        case UInt8(ascii: "n") where skip("null"): return .none
        default: return try number()
        }
    }

    private mutating func list() throws -> TemplateValue {
        position += 1
        var items: [TemplateValue] = []
        skipWhitespace()
        if skip("]") { return .list(items) }
        while true {
            items.append(try value())
            skipWhitespace()
            if skip("]") { return .list(items) }
            guard skip(",") else { throw fault("expected ',' or ']'") }
        }
    }

    private mutating func dictionary() throws -> TemplateValue {
        position += 1
        var entries = TemplateDictionary()
        skipWhitespace()
        if skip("}") { return .dictionary(entries) }
        while true {
            skipWhitespace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw fault("expected a key") }
            let key = try string()
            skipWhitespace()
            guard skip(":") else { throw fault("expected ':'") }
            entries[key] = try value()
            skipWhitespace()
            if skip("}") { return .dictionary(entries) }
            guard skip(",") else { throw fault("expected ',' or '}'") }
        }
    }

    /// A number as RFC 8259 writes it: no sign but minus, no leading zero, digits on both sides of a point.
    private mutating func number() throws -> TemplateValue {
        let start = position
        _ = skip("-")
        let firstDigit = position
        var isWritten = skipDigits() > 0
        if position - firstDigit > 1, bytes[firstDigit] == UInt8(ascii: "0") {
            position = firstDigit
            throw fault("a number begins with a zero that means nothing")
        }
        var isInteger = true
        if isWritten, skip(".") {
            isInteger = false
            isWritten = skipDigits() > 0
        }
        if isWritten, skip("e") || skip("E") {
            isInteger = false
            if !skip("-") { _ = skip("+") }
            isWritten = skipDigits() > 0
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWritten, isInteger, let value = Int(text) { return .int(value) }
        guard isWritten, let value = Double(text), value.isFinite else {
            position = start
            throw fault("no value begins here")
        }
        return .float(value)
    }

    /// How many digits stood here.
    private mutating func skipDigits() -> Int {
        let start = position
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
        return position - start
    }

    private mutating func string() throws -> String {
        position += 1
        var result: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard position < bytes.count else { break }
                let escape = bytes[position]
                position += 1
                switch escape {
                case UInt8(ascii: "n"): result.append(0x0A)
                case UInt8(ascii: "t"): result.append(0x09)
                case UInt8(ascii: "r"): result.append(0x0D)
                case UInt8(ascii: "b"): result.append(0x08)
                case UInt8(ascii: "f"): result.append(0x0C)
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(escape)
                case UInt8(ascii: "u"): result.append(contentsOf: String(try escapedScalar()).utf8)
                default: throw fault("there is no such escape")
                }
            case ..<0x20: throw fault("a control character stands in a string")
            default: result.append(byte)
            }
        }
        throw fault("a string has no end")
    }

    /// The character of a `\u` escape, or of the two that are a surrogate pair. Half a pair is no character, and what
    /// cannot be said in UTF-8 cannot be repeated to whoever reads the answer.
    private mutating func escapedScalar() throws -> Unicode.Scalar {
        let start = position - 2
        func half() -> TemplateFault {
            TemplateFault("JSON, byte \(start): half of a surrogate pair, which is no character")
        }
        let high = try hexadecimal()
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, skip("\\u") else { throw half() }
        let low = try hexadecimal()
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw half() }
        return scalar
    }

    private mutating func hexadecimal() throws -> UInt32 {
        let digits = bytes[position...].prefix(4)
        var value: UInt32 = 0
        for byte in digits {
            guard let digit = Self.hexadecimalDigit(byte) else { break }
            value = value << 4 | digit
            position += 1
        }
        guard position == digits.startIndex + 4 else {
            position = digits.startIndex
            throw fault("an escape has no four hexadecimal digits")
        }
        return value
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

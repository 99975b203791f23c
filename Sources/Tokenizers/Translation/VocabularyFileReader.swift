import Checkpoints

/// Reads a `vocab.json` or an `added_tokens.json`: one JSON object of names and ids. Names are kept as bytes, because
/// two spellings that are canonically equivalent are two entries, which a reader with `String` keys would take for one.
struct VocabularyFileReader {
    private let region: ByteRegion
    private var offset = 0

    /// As many ids as the tables of a vocabulary have bits for.
    private static let maximumID = TokenVocabulary.maximumCount - 1

    init(_ region: ByteRegion) { self.region = region }

    /// Calls `body` with each name and id of the file, and where the name stands.
    ///
    /// - Throws: `CheckpointError` for what is no such object, with the byte where it stops being one, and for ids that
    ///   are negative, no whole numbers or beyond what a vocabulary can have.
    mutating func forEach(_ body: (_ name: [UInt8], _ id: Int32, _ offset: Int) throws -> Void) throws {
        try expect(UInt8(ascii: "{"), "the file is no JSON object of names and ids")
        skipSpace()
        if takes(UInt8(ascii: "}")) { return try finish() }
        repeat {
            skipSpace()
            let start = offset
            let name = try string()
            try expect(UInt8(ascii: ":"), "a colon is missing behind a name")
            try body(name, try id(), start)
            skipSpace()
        } while takes(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), "the object does not go on with a comma or a closing brace")
        try finish()
    }

    private func invalid(_ reason: String, at position: Int? = nil) -> CheckpointError {
        .invalid(file: region.source, offset: position ?? offset, reason: reason)
    }

    private mutating func finish() throws {
        skipSpace()
        guard offset == region.count else { throw invalid("\(region.count - offset) bytes follow the object") }
    }

    private mutating func id() throws -> Int32 {
        skipSpace()
        let start = offset
        let isNegative = takes(UInt8(ascii: "-"))
        var value = 0
        let digits = offset
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            offset += 1
            if value <= Self.maximumID { value = 10 * value + Int(byte - UInt8(ascii: "0")) }
        }
        let next = peek() ?? 0x20
        guard offset > digits, next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e") else {
            throw invalid("an id is no whole number", at: start)
        }
        guard !isNegative, value <= Self.maximumID else {
            throw invalid(
                "an id is \(isNegative ? "below 0" : "above \(Self.maximumID), the highest possible")", at: start)
        }
        return Int32(value)
    }

    private mutating func string() throws -> [UInt8] {
        let start = offset
        guard takes(UInt8(ascii: "\"")) else { throw invalid("a name is no JSON string") }
        var bytes: [UInt8] = []
        while let byte = peek() {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard String(validating: bytes, as: UTF8.self) != nil else {
                    throw invalid("a name is not UTF-8", at: start)
                }
                return bytes
            case UInt8(ascii: "\\"): try appendEscape(to: &bytes)
            case 0..<0x20: throw invalid("a name has a control character", at: offset - 1)
            default: bytes.append(byte)
            }
        }
        throw invalid("a name has no end", at: start)
    }

    private mutating func appendEscape(to bytes: inout [UInt8]) throws {
        let start = offset - 1
        guard let byte = peek() else { throw invalid("a name has no end", at: start) }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if (0xD800..<0xDC00).contains(code), region.buffer[offset...].starts(with: "\\u".utf8) {
                offset += 2
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw invalid("a name has half a character", at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw invalid("a name has half a character", at: start) }
            bytes += Array(String(scalar).utf8)
        default: throw invalid("a name has an unknown escape", at: start)
        }
    }

    private mutating func hexadecimal() throws -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = hexadecimalDigit(byte) else {
                throw invalid("a name has an escape without four hexadecimal digits")
            }
            code = code << 4 | digit
            offset += 1
        }
        return code
    }

    private func peek() -> UInt8? { offset < region.count ? region.buffer[offset] : nil }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    private mutating func takes(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ otherwise: String) throws {
        skipSpace()
        guard takes(byte) else { throw invalid(otherwise) }
    }
}

/// Reads JSON (RFC 8259) from untrusted bytes, value by value, without building a tree: memory beyond the caller's own
/// is the names of the objects that are open. Stricter than the standard in one thing: a name that appears twice in an
/// object is an error, because two readers could then see two different files.
struct JSONReader {
    private let region: ByteRegion
    private let end: Int
    /// Where the next read begins, in bytes from the start of the region.
    private(set) var offset: Int

    /// Objects and arrays within each other, beyond which a file is refused.
    private static let maximumNesting = 32

    /// Reads the bytes of `range`; offsets in errors count from the start of `region`.
    ///
    /// - Precondition: `range` lies within `region`.
    init(_ region: ByteRegion, range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= region.count, "\(range) is outside the region")
        self.region = region
        offset = range.lowerBound
        end = range.upperBound
    }

    /// An error about the bytes at `position`, or where the next read begins.
    func invalid(_ reason: String, at position: Int? = nil) -> CheckpointError {
        .invalid(file: region.source, offset: position ?? offset, reason: reason)
    }

    /// Reads an object; `member` reads the value of each name, which stands at the given offset.
    mutating func object(
        _ what: String, _ member: (inout JSONReader, _ name: String, _ position: Int) throws -> Void
    ) throws {
        try expect(UInt8(ascii: "{"), "\(what) is no JSON object")
        var names: Set<String> = []
        if takes(UInt8(ascii: "}")) { return }
        repeat {
            skipSpace()
            let position = offset
            let name = try string("a name in \(what)")
            guard names.insert(name).inserted else {
                throw invalid("\(what) has the name \(quoted(name)) twice", at: position)
            }
            try expect(UInt8(ascii: ":"), "a colon is missing after \(quoted(name)) in \(what)")
            try member(&self, name, position)
        } while takes(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), "\(what) does not go on with a comma or a closing brace")
    }

    /// Reads an array; `element` reads each of its values.
    mutating func array(_ what: String, _ element: (inout JSONReader) throws -> Void) throws {
        try expect(UInt8(ascii: "["), "\(what) is no JSON array")
        if takes(UInt8(ascii: "]")) { return }
        repeat { try element(&self) } while takes(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"), "\(what) does not go on with a comma or a closing bracket")
    }

    /// Reads a whole number from 0 on.
    mutating func count(_ what: String) throws -> Int {
        skipSpace()
        let start = offset
        let digits = takeDigits()
        guard digits > 0 else { throw invalid("\(what) is no whole number", at: start) }
        guard digits == 1 || region.buffer[start] != UInt8(ascii: "0") else {
            throw invalid("\(what) has leading zeros", at: start)
        }
        guard let next = peek(), next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e") else {
            throw invalid("\(what) is no whole number", at: start)
        }
        var value = 0
        for byte in region.buffer[start..<offset] {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            guard !overflow, !carry else { throw invalid("\(what) is larger than any count can be", at: start) }
            value = sum
        }
        return value
    }

    /// Reads a string.
    mutating func string(_ what: String) throws -> String {
        skipSpace()
        let start = offset
        try expect(UInt8(ascii: "\""), "\(what) is no JSON string")
        var units: [UInt8] = []
        while true {
            guard let byte = peek() else { throw invalid("\(what) has no end", at: start) }
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: units, as: UTF8.self) else {
                    throw invalid("\(what) is not UTF-8", at: start)
                }
                return text
            case UInt8(ascii: "\\"): try appendEscape(to: &units, what)
            case 0..<0x20: throw invalid("\(what) has a control character", at: offset - 1)
            default: units.append(byte)
            }
        }
    }

    /// Reads any value and forgets it.
    mutating func skip(_ what: String, nesting: Int = 0) throws {
        guard nesting <= Self.maximumNesting else {
            throw invalid("\(what) is nested more than \(Self.maximumNesting) deep")
        }
        skipSpace()
        switch peek() {
        case UInt8(ascii: "{"): try object(what) { reader, _, _ in try reader.skip(what, nesting: nesting + 1) }
        case UInt8(ascii: "["): try array(what) { try $0.skip(what, nesting: nesting + 1) }
        case UInt8(ascii: "\""): _ = try string(what)
        default: try skipScalar(what)
        }
    }

    /// What a value is, by its first byte.
    enum Kind: Equatable {
        case object, array, string, number
        /// `true`, `false` or `null`, which is read already.
        case literal(String)
    }

    /// What the next value is.
    mutating func kind(_ what: String) throws -> Kind {
        skipSpace()
        switch peek() {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case let byte? where byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
            return .number
        default:
            for word in Self.literals where region.buffer[offset..<end].starts(with: word.utf8) {
                offset += word.utf8.count
                return .literal(word)
            }
            throw invalid("\(what) is no JSON value")
        }
    }

    private static let literals = ["true", "false", "null"]

    /// Reads a number.
    mutating func number(_ what: String) throws -> Double {
        skipSpace()
        let start = offset
        try skipScalar(what)
        guard let value = Double(String(decoding: region.buffer[start..<offset], as: UTF8.self)), value.isFinite else {
            throw invalid("\(what) is no number", at: start)
        }
        return value
    }

    /// Checks that nothing but space follows.
    mutating func finish(_ what: String) throws {
        skipSpace()
        guard offset == end else { throw invalid("\(end - offset) bytes follow \(what)") }
    }

    private mutating func skipScalar(_ what: String) throws {
        for word in Self.literals where region.buffer[offset..<end].starts(with: word.utf8) {
            offset += word.utf8.count
            return
        }
        let start = offset
        if peek() == UInt8(ascii: "-") { offset += 1 }
        let first = peek()
        let whole = takeDigits()
        var sound = whole == 1 || (whole > 1 && first != UInt8(ascii: "0"))
        if peek() == UInt8(ascii: ".") {
            offset += 1
            sound = takeDigits() > 0 && sound
        }
        if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { offset += 1 }
            sound = takeDigits() > 0 && sound
        }
        guard sound else { throw invalid("\(what) is no JSON value", at: start) }
    }

    private mutating func appendEscape(to units: inout [UInt8], _ what: String) throws {
        let start = offset - 1
        guard let byte = peek() else { throw invalid("\(what) has no end", at: start) }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(byte)
        case UInt8(ascii: "b"): units.append(0x08)
        case UInt8(ascii: "f"): units.append(0x0c)
        case UInt8(ascii: "n"): units.append(0x0a)
        case UInt8(ascii: "r"): units.append(0x0d)
        case UInt8(ascii: "t"): units.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal(what)
            // A character beyond the first 65,536 is written as two halves.
            if (0xd800..<0xdc00).contains(code), region.buffer[offset..<end].starts(with: "\\u".utf8) {
                offset += 2
                let low = try hexadecimal(what)
                guard (0xdc00..<0xe000).contains(low) else { throw invalid("\(what) has half a character", at: start) }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw invalid("\(what) has half a character", at: start) }
            units.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw invalid("\(what) has an unknown escape", at: start)
        }
    }

    private mutating func hexadecimal(_ what: String) throws -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = hexadecimalDigit(byte) else {
                throw invalid("\(what) has an escape without four hexadecimal digits")
            }
            code = code << 4 | digit
            offset += 1
        }
        return code
    }

    private func peek() -> UInt8? { offset < end ? region.buffer[offset] : nil }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { offset += 1 }
    }

    private mutating func takeDigits() -> Int {
        let start = offset
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
        return offset - start
    }

    private mutating func takes(_ byte: UInt8) -> Bool {
        skipSpace()
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ otherwise: String) throws {
        guard takes(byte) else { throw invalid(otherwise) }
    }
}

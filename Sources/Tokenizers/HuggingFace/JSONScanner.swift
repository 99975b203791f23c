import Checkpoints

/// Walks over a large JSON file without building values: strings come as bytes, and what a caller has no use for is
/// skipped. Errors name the file and the byte.
struct JSONScanner {
    let region: ByteRegion
    private let bytes: UnsafeRawBufferPointer
    /// Where the next read begins.
    private(set) var offset: Int
    private let end: Int

    private static let maximumNesting = 64

    /// Reads the bytes of `range`.
    ///
    /// - Precondition: `range` lies within `region`.
    init(_ region: ByteRegion, _ range: Range<Int>? = nil) {
        let range = range ?? 0..<region.count
        precondition(range.lowerBound >= 0 && range.upperBound <= region.count, "\(range) is outside the region")
        self.region = region
        bytes = region.buffer
        (offset, end) = (range.lowerBound, range.upperBound)
    }

    /// What has not been read.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[offset..<end]) }

    /// An error about the bytes at `position`, or where the next read begins.
    func invalid(_ reason: String, at position: Int? = nil) -> CheckpointError {
        .invalid(file: region.source, offset: position ?? offset, reason: reason)
    }

    // MARK: - Structure

    private mutating func skipSpace() {
        while offset < end, bytes[offset] <= 0x20 {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    /// The next byte that is no space, which stays; nil at the end.
    mutating func peek() -> UInt8? {
        skipSpace()
        return offset < end ? bytes[offset] : nil
    }

    private mutating func takes(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ what: String, _ missing: String) throws(CheckpointError) {
        guard takes(byte) else { throw invalid("\(what): \(missing) is missing") }
    }

    /// Reads an object; `member` gets each name, whose memory it may use until it reads on, and must read the value.
    mutating func object(
        _ what: String, _ member: (inout JSONScanner, UnsafeRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        try expect(UInt8(ascii: "{"), what, "an opening brace")
        if takes(UInt8(ascii: "}")) { return }
        repeat {
            let name = try string("a name in \(what)")
            try expect(UInt8(ascii: ":"), what, "a colon")
            switch name {
            case .plain(let bytes): try member(&self, bytes)
            case .escaped(let bytes):
                // The closure must not throw through the one that lends the memory.
                var scanner = self
                let failure: CheckpointError? = bytes.withUnsafeBytes { bytes in
                    do throws(CheckpointError) { try member(&scanner, bytes) } catch { return error }
                    return nil
                }
                if let failure { throw failure }
                self = scanner
            }
        } while takes(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), what, "a comma or a closing brace")
    }

    /// Reads an array; `element` reads each of its values.
    mutating func array(
        _ what: String, _ element: (inout JSONScanner) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        try expect(UInt8(ascii: "["), what, "an opening bracket")
        if takes(UInt8(ascii: "]")) { return }
        repeat { try element(&self) } while takes(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"), what, "a comma or a closing bracket")
    }

    /// Reads a comma within an array that is read by hand.
    mutating func comma(_ what: String) throws(CheckpointError) { try expect(UInt8(ascii: ","), what, "a comma") }

    /// Reads the opening bracket of an array that is read by hand.
    mutating func openArray(_ what: String) throws(CheckpointError) {
        try expect(UInt8(ascii: "["), what, "an opening bracket")
    }

    /// Reads the closing bracket of an array that is read by hand.
    mutating func closeArray(_ what: String) throws(CheckpointError) {
        try expect(UInt8(ascii: "]"), what, "a closing bracket")
    }

    /// Checks that nothing but space follows.
    mutating func finish(_ what: String) throws(CheckpointError) {
        if peek() != nil { throw invalid("\(end - offset) bytes follow \(what)") }
    }

    /// The range of the next value, which is skipped. Its strings and numbers are not looked at closely.
    mutating func skip(_ what: String) throws(CheckpointError) -> Range<Int> {
        guard peek() != nil else { throw invalid("\(what) has no value") }
        let start = offset
        var depth = 0
        repeat {
            guard let byte = peek() else { throw invalid("\(what) has no end", at: start) }
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                guard depth <= Self.maximumNesting else {
                    throw invalid("\(what) is nested more than \(Self.maximumNesting) deep")
                }
                offset += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                guard depth >= 0 else { throw invalid("\(what) has no value") }
                offset += 1
            case UInt8(ascii: "\""): try skipString(what)
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { throw invalid("\(what) has no value") }
                offset += 1
            default:
                let before = offset
                while offset < end, Self.isScalarByte(bytes[offset]) { offset += 1 }
                guard offset > before else { throw invalid("\(what) is no JSON value") }
            }
        } while depth > 0
        return start..<offset
    }

    private static func isScalarByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private mutating func skipString(_ what: String) throws(CheckpointError) {
        let start = offset
        offset += 1
        while offset < end, bytes[offset] != UInt8(ascii: "\"") {
            offset += bytes[offset] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard offset < end else { throw invalid("a text in \(what) has no end", at: start) }
        offset += 1
    }

    // MARK: - Values

    /// A text: as it stands in the file, or, where that has escapes, what they stand for.
    enum Text {
        case plain(UnsafeRawBufferPointer)
        case escaped([UInt8])

        /// Calls `body` with the text's bytes.
        @inline(__always) func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
            switch self {
            case .plain(let bytes): body(bytes)
            case .escaped(let bytes): bytes.withUnsafeBytes(body)
            }
        }

        /// The text as a string.
        var string: String { withBytes { String(decoding: $0, as: UTF8.self) } }
    }

    /// Reads a text, which must be well-formed UTF-8.
    mutating func string(_ what: @autoclosure () -> String) throws(CheckpointError) -> Text {
        guard peek() == UInt8(ascii: "\"") else { throw invalid("\(what()) is no text") }
        let start = offset + 1
        var index = start
        while index < end {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                offset = index + 1
                return .plain(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
            }
            if byte == UInt8(ascii: "\\") { break }
            if byte < 0x20 { throw invalid("\(what()) has a control character", at: index) }
            if byte < 0x80 {
                index += 1
            } else {
                guard let length = UTF8Decoding.characterLength(bytes, at: index), index + length <= end else {
                    throw invalid("\(what()) is not UTF-8", at: index)
                }
                index += length
            }
        }
        guard index < end else { throw invalid("\(what()) has no end", at: start - 1) }
        return .escaped(try escapedString(what(), start))
    }

    private mutating func escapedString(_ what: String, _ start: Int) throws(CheckpointError) -> [UInt8] {
        var text: [UInt8] = []
        var index = start
        while index < end, bytes[index] != UInt8(ascii: "\"") {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\\") {
                index = try appendEscape(index, what, to: &text)
            } else if byte < 0x20 {
                throw invalid("\(what) has a control character", at: index)
            } else {
                guard let length = UTF8Decoding.characterLength(bytes, at: index), index + length <= end else {
                    throw invalid("\(what) is not UTF-8", at: index)
                }
                text += bytes[index..<(index + length)]
                index += length
            }
        }
        guard index < end else { throw invalid("\(what) has no end", at: start - 1) }
        offset = index + 1
        return text
    }

    /// Appends what the escape at `start` stands for and returns where it ends.
    private func appendEscape(_ start: Int, _ what: String, to text: inout [UInt8]) throws(CheckpointError) -> Int {
        guard start + 1 < end else { throw invalid("\(what) has no end", at: start) }
        switch bytes[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(bytes[start + 1])
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var stop = start + 6
            var code = try hexadecimal(start + 2, what)
            if (0xD800..<0xDC00).contains(code) {
                guard stop + 1 < end, bytes[stop] == UInt8(ascii: "\\"), bytes[stop + 1] == UInt8(ascii: "u") else {
                    throw invalid("\(what) has half a character", at: start)
                }
                let low = try hexadecimal(stop + 2, what)
                guard (0xDC00..<0xE000).contains(low) else { throw invalid("\(what) has half a character", at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                stop += 6
            }
            guard let scalar = Unicode.Scalar(code) else { throw invalid("\(what) has half a character", at: start) }
            text += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            return stop
        default: throw invalid("\(what) has an unknown escape", at: start)
        }
        return start + 2
    }

    private func hexadecimal(_ start: Int, _ what: String) throws(CheckpointError) -> UInt32 {
        var code: UInt32 = 0
        for index in start..<(start + 4) {
            guard index < end, let digit = hexadecimalDigit(bytes[index]) else {
                throw invalid("\(what) has an escape without four hexadecimal digits", at: start - 2)
            }
            code = code << 4 | digit
        }
        return code
    }

    /// Reads a whole number from 0 up to `maximum`.
    mutating func integer(_ what: @autoclosure () -> String, upTo maximum: Int) throws(CheckpointError) -> Int {
        skipSpace()
        let start = offset
        var value = 0
        while offset < end, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) {
            value = value * 10 + Int(bytes[offset] - UInt8(ascii: "0"))
            guard value <= maximum else { throw invalid("\(what()) is not from 0 to \(maximum)", at: start) }
            offset += 1
        }
        guard offset > start, offset == end || !Self.isScalarByte(bytes[offset]) else {
            throw invalid("\(what()) is not a whole number from 0 to \(maximum)", at: start)
        }
        return value
    }

    /// Reads a number.
    mutating func number(_ what: @autoclosure () -> String) throws(CheckpointError) -> Double {
        skipSpace()
        let start = offset
        // What has up to 15 digits and no exponent is exact as a quotient of two exact numbers.
        var (mantissa, digits, fraction) = (UInt64(0), 0, 0)
        var hasPoint = false
        let isNegative = offset < end && bytes[offset] == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        while offset < end, digits <= 15 {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "."), !hasPoint, digits > 0 {
                hasPoint = true
            } else if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                mantissa = mantissa * 10 + UInt64(byte - UInt8(ascii: "0"))
                digits += 1
                if hasPoint { fraction += 1 }
            } else {
                break
            }
            offset += 1
        }
        if digits > 0, digits <= 15, !hasPoint || fraction > 0, offset == end || !Self.isScalarByte(bytes[offset]) {
            let value = Double(mantissa) / Self.powersOfTen[fraction]
            return isNegative ? -value : value
        }
        offset = start
        while offset < end, Self.isScalarByte(bytes[offset]) { offset += 1 }
        // JSON has no hexadecimal digits, infinities or names for what is no number.
        let text = bytes[start..<offset]
        guard let first = text.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first),
            text.allSatisfy({ (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains($0) }),
            let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite
        else { throw invalid("\(what()) is no number", at: start) }
        return value
    }

    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ]

    /// Reads any value; for small ones.
    mutating func value(_ what: String) throws -> JSONValue {
        let range = try skip(what)
        let slice = try region.slice(offset: range.lowerBound, count: range.count, what: what)
        do {
            return try JSONValue(slice)
        } catch let error as CheckpointError {
            guard case .invalid(let file, let offset, let reason) = error else { throw error }
            throw CheckpointError.invalid(file: file, offset: range.lowerBound + offset, reason: "\(what): \(reason)")
        }
    }
}

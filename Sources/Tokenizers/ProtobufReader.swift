import Checkpoints

/// Reads the fields of one protobuf message, in the wire format, from a window of a region. Offsets are
/// those of the whole region, so that an error in a nested message names a place in the file.
///
/// Only what SentencePiece models use is read: varints, fixed 32-bit values and length-delimited fields.
/// Everything else is checked and skipped.
struct ProtobufReader {
    /// How a field's value is laid out after its tag.
    enum WireType: UInt8 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    /// A field's tag, already read.
    struct Field {
        /// The number that the schema gives the field.
        let number: Int
        /// The layout of the value that follows.
        let wireType: WireType
        /// Where the tag stands in the region.
        let offset: Int
    }

    private let region: ByteRegion
    private let end: Int
    private(set) var offset: Int

    /// Reads the whole of `region` as one message.
    init(_ region: ByteRegion) {
        self.init(region: region, offset: 0, end: region.count)
    }

    private init(region: ByteRegion, offset: Int, end: Int) {
        self.region = region
        self.offset = offset
        self.end = end
    }

    /// The next field's tag, or nil at the end of the message.
    mutating func nextField() throws -> Field? {
        guard offset < end else { return nil }
        let start = offset
        let tag = try varint("a field's tag")
        guard tag >> 3 != 0, tag <= UInt64(UInt32.max), let wireType = WireType(rawValue: UInt8(tag & 7)) else {
            throw invalid("\(tag) is not the tag of a field", at: start)
        }
        return Field(number: Int(tag >> 3), wireType: wireType, offset: start)
    }

    /// Passes over the value of a field that is not needed.
    mutating func skip(_ field: Field) throws {
        switch field.wireType {
        case .varint: _ = try varint("field \(field.number)")
        case .fixed64: _ = try range(count: 8, "field \(field.number)")
        case .lengthDelimited: _ = try lengthDelimited("field \(field.number)")
        case .fixed32: _ = try range(count: 4, "field \(field.number)")
        }
    }

    /// The field's value as a message of its own.
    mutating func message(_ field: Field, _ what: StaticString) throws -> ProtobufReader {
        let bounds = try bytes(field, what)
        return ProtobufReader(region: region, offset: bounds.lowerBound, end: bounds.upperBound)
    }

    /// Where the bytes of the field's value stand in the region.
    mutating func bytes(_ field: Field, _ what: StaticString) throws -> Range<Int> {
        try expect(.lengthDelimited, field, what)
        return try lengthDelimited("\(what)")
    }

    /// The field's value as a boolean: any varint but zero is true.
    mutating func boolean(_ field: Field, _ what: StaticString) throws -> Bool {
        try expect(.varint, field, what)
        return try varint("\(what)") != 0
    }

    /// The field's value as an unsigned varint, such as an enumeration's.
    mutating func unsigned(_ field: Field, _ what: StaticString) throws -> UInt64 {
        try expect(.varint, field, what)
        return try varint("\(what)")
    }

    /// The field's value as a 32-bit float.
    mutating func float32(_ field: Field, _ what: StaticString) throws -> Float {
        try expect(.fixed32, field, what)
        guard end - offset >= 4 else { throw truncated("\(what)", needed: 4) }
        let bits = region.buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        offset += 4
        return Float(bitPattern: UInt32(littleEndian: bits))
    }

    /// An error about the byte at `position`.
    func invalid(_ reason: String, at position: Int) -> CheckpointError {
        .invalid(file: region.source, offset: position, reason: reason)
    }

    private func expect(_ wireType: WireType, _ field: Field, _ what: StaticString) throws {
        guard field.wireType == wireType else {
            throw invalid("\(what) has the wire type \(field.wireType), expected \(wireType)", at: field.offset)
        }
    }

    private func truncated(_ what: String, needed: Int) -> CheckpointError {
        .truncated(file: region.source, offset: offset, what: what, needed: needed, available: end - offset)
    }

    private mutating func range(count: Int, _ what: String) throws -> Range<Int> {
        guard count <= end - offset else { throw truncated(what, needed: count) }
        defer { offset += count }
        return offset..<(offset + count)
    }

    private mutating func lengthDelimited(_ what: @autoclosure () -> String) throws -> Range<Int> {
        let start = offset
        let count = try varint("a length")
        guard count <= UInt64(end - offset) else {
            throw CheckpointError.truncated(
                file: region.source, offset: start, what: what(), needed: Int(clamping: count), available: end - offset)
        }
        defer { offset += Int(count) }
        return offset..<(offset + Int(count))
    }

    private mutating func varint(_ what: @autoclosure () -> String) throws -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        for index in 0..<10 {
            guard offset < end else {
                throw CheckpointError.truncated(
                    file: region.source, offset: start, what: what(), needed: index + 1, available: index)
            }
            let byte = region.buffer[offset]
            offset += 1
            // The tenth byte has room for the one bit that is left of 64.
            guard index < 9 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte < 0x80 { return value }
        }
        throw invalid("\(what()) is not a varint of 64 bits", at: start)
    }
}

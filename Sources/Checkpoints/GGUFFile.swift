/// One GGUF file as it stands, which may be all of a checkpoint or a part of it.
///
/// The layout: `GGUF`, u32 version, u64 number of tensors, u64 number of metadata pairs; the pairs; the tensors' names,
/// dimensions, types and offsets; padding; the tensors' data, each aligned. Numbers are little-endian.
struct GGUFFile {
    let region: ByteRegion
    let version: UInt32
    /// The metadata, and each value's bytes as they stand in the file.
    let metadata: [String: (value: GGUFValue, encoded: ByteRegion)]
    /// In the order of the file.
    let tensors: [CheckpointTensor]

    var file: String { region.source }

    /// The format's own limit for keys; tensors' names are held to it too.
    static let maximumNameLength = (1 << 16) - 1
    /// More than any published model has, and few enough to be harmless.
    private static let maximumPairs = 1 << 16
    private static let maximumTensors = 1 << 16
    /// Arrays inside arrays inside an array; published models have none at all.
    private static let maximumNesting = 4
    /// A key of one byte, its length, a type and a value of one byte.
    private static let smallestPair = 8 + 1 + 4 + 1
    /// A name of one byte, its length, the number of dimensions, a type and an offset.
    private static let smallestTensor = 8 + 1 + 4 + 4 + 8

    /// Reads everything but the tensors' elements.
    ///
    /// - Throws: `CheckpointError` naming the byte where the file stops making sense.
    init(_ region: ByteRegion) throws {
        self.region = region
        var reader = ByteReader(region)
        version = try Self.version(&reader)
        let tensorCount = try reader.count64(
            "the number of tensors", limit: min(Self.maximumTensors, region.count / Self.smallestTensor))
        let pairCount = try reader.count64(
            "the number of metadata pairs", limit: min(Self.maximumPairs, region.count / Self.smallestPair))

        var metadata: [String: (value: GGUFValue, encoded: ByteRegion)] = [:]
        for _ in 0..<pairCount {
            let start = reader.offset
            let key = try Self.name(&reader, "a metadata key")
            let valueStart = reader.offset
            let value = try Self.value(&reader, of: key)
            let encoded = try region.slice(offset: valueStart, count: reader.offset - valueStart, what: key)
            guard metadata.updateValue((value, encoded), forKey: key) == nil else {
                throw reader.invalid("the metadata key \(quoted(key)) appears twice", at: start)
            }
        }
        self.metadata = metadata

        var table = GGUFTensorTable(alignment: try Self.alignment(metadata["general.alignment"]?.value, reader))
        for _ in 0..<tensorCount {
            let start = reader.offset
            try table.readEntry(name: try Self.name(&reader, "a tensor's name"), at: start, &reader)
        }
        tensors = try table.tensors(&reader)
    }

    private static func version(_ reader: inout ByteReader) throws -> UInt32 {
        let magic = try reader.bytes(4, "the letters GGUF").buffer
        guard magic.elementsEqual("GGUF".utf8) else {
            throw reader.invalid("the file does not begin with the letters GGUF", at: 0)
        }
        let version = try reader.integer(UInt32.self, "the version")
        let reason: String
        switch version {
        case 2, 3: return version
        case 1: reason = "GGUF version 1; versions 2 and 3 are read, convert the model again from its source"
        // The low half is empty only if the bytes are the other way round.
        case _ where version & 0xffff == 0 && version != 0:
            reason = "a big-endian GGUF file; convert it to little-endian"
        default: reason = "GGUF version \(version); versions 2 and 3 are read"
        }
        throw CheckpointError.unsupported(file: reader.region.source, offset: 4, reason: reason)
    }

    private static func name(_ reader: inout ByteReader, _ what: String) throws -> String {
        let start = reader.offset
        let length = try reader.count64("the length of \(what)", limit: maximumNameLength)
        let bytes = try reader.bytes(length, what).buffer
        guard length > 0 else { throw reader.invalid("\(what) is empty", at: start) }
        guard let name = String(validating: bytes, as: UTF8.self) else {
            throw reader.invalid("\(what) is not UTF-8", at: start + 8)
        }
        return name
    }

    private static func value(_ reader: inout ByteReader, of key: String) throws -> GGUFValue {
        let what = "the metadata \(quoted(key))"
        let type = try valueType(&reader, what)
        if let scalar = try GGUFValue.scalar(type, &reader, what: what) { return scalar }
        guard type == .string else { return .array(try array(&reader, what, nesting: 1)) }
        let length = try reader.count64("the length of \(what)", limit: reader.remaining)
        return .string(GGUFString(bytes: try reader.bytes(length, what)))
    }

    private static func valueType(_ reader: inout ByteReader, _ what: String) throws -> GGUFValueType {
        let offset = reader.offset
        let number = try reader.integer(UInt32.self, "the type of \(what)")
        guard let type = GGUFValueType(rawValue: number) else {
            throw reader.invalid("\(what) has the type \(number), which the format does not have", at: offset)
        }
        return type
    }

    private static func array(_ reader: inout ByteReader, _ what: String, nesting: Int) throws -> GGUFArray {
        guard nesting <= maximumNesting else {
            throw reader.invalid("\(what) has arrays nested more than \(maximumNesting) deep")
        }
        let type = try valueType(&reader, "the elements of \(what)")
        // An element takes a byte, a string its length, an array its type and length.
        let smallest = type.size ?? (type == .string ? 8 : 12)
        let lengthOffset = reader.offset
        let count = try reader.integer(UInt64.self, "the length of \(what)")
        guard count <= UInt64(reader.remaining / smallest) else {
            throw reader.invalid(
                "\(what) has \(count) elements of \(type), more than the \(reader.remaining) bytes left can hold",
                at: lengthOffset)
        }
        if let size = type.size {
            return .scalars(try GGUFScalarArray(type, size: size, count: Int(count), &reader, what: what))
        }
        if type == .string { return .strings(try GGUFStringArray(count: Int(count), &reader, what: what)) }
        var arrays: [GGUFArray] = []
        for _ in 0..<count { arrays.append(try array(&reader, what, nesting: nesting + 1)) }
        return .arrays(arrays)
    }

    private static func alignment(_ value: GGUFValue?, _ reader: ByteReader) throws -> Int {
        guard let value else { return 32 }
        guard let alignment = value.integer, (8...65536).contains(alignment), alignment & (alignment - 1) == 0 else {
            let found = value.integer.map { "\($0)" } ?? value.typeDescription
            throw reader.invalid("general.alignment is \(found), expected a power of two from 8 to 65536")
        }
        return alignment
    }
}

/// A name from a file as it may stand in a message: in quotes, without control characters, and not too long.
func quoted(_ name: String) -> String {
    let limit = 100
    return name.unicodeScalars.count <= limit
        ? String(reflecting: name) : String(reflecting: String(name.unicodeScalars.prefix(limit))) + "…"
}

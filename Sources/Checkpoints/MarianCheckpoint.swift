/// What the elements of a tensor in a Marian file are.
package enum MarianType: UInt64, Sendable {
    case int8 = 0x0101
    case int16 = 0x0102
    case int32 = 0x0104
    case int64 = 0x0108
    case uint8 = 0x0201
    case uint16 = 0x0202
    case uint32 = 0x0204
    case uint64 = 0x0208
    case float16 = 0x0402
    case float32 = 0x0404
    case float64 = 0x0408
    /// int8 values followed by one float, the multiplier: real = int / multiplier.
    case intgemm8 = 0x4101
    /// int16 values followed by one float, the multiplier.
    case intgemm16 = 0x4102

    /// Bytes per element.
    package var elementSize: Int { Int(rawValue & 0xff) }
    var hasMultiplier: Bool { self == .intgemm8 || self == .intgemm16 }
}

/// One named tensor of a Marian file.
package struct MarianTensor: Sendable {
    /// The parameter's name, for example `encoder_l1_self_Wq`.
    package let name: String
    /// The logical dimensions; ordinary intgemm weights are stored as the transpose of it.
    package let shape: [Int]
    /// What the elements are.
    package let type: MarianType
    /// The elements, without padding and multiplier.
    package let elements: ByteRegion
    /// For the intgemm types: real = int / multiplier.
    package let multiplier: Float?

    /// The number of elements.
    package var count: Int { shape.reduce(1, *) }
}

/// Reads Marian's binary model format, version 1: a table of headers, then names, shapes and data, each tensor aligned
/// to 256 bytes. Everything is checked against the file's size before it is used; the tensors stay where they are in
/// the mapped file.
package struct MarianCheckpoint: Sendable {
    /// The file, for error messages.
    package let file: String
    /// The tensors by name.
    package let tensors: [String: MarianTensor]
    /// The text of `special:model.yml`: the options the model was trained with.
    package let configuration: String

    private static let configurationName = "special:model.yml"
    private static let maximumRank = 8
    /// More than any published model has, and few enough to be harmless.
    private static let maximumTensors = 1 << 16

    private struct Header {
        var offset: Int
        var nameLength: Int
        var type: UInt64
        var rank: Int
        var dataLength: Int
    }

    /// Reads the table of contents.
    ///
    /// - Throws: `CheckpointError` naming the byte where the file stops making sense.
    package init(_ region: ByteRegion) throws {
        file = region.source
        var reader = ByteReader(region)
        let version = try reader.integer(UInt64.self, "the version")
        guard version == 1 else {
            throw CheckpointError.unsupported(
                file: file, offset: 0, reason: "Marian binary version \(version); version 1 is read")
        }
        let headers = try Self.headers(&reader)
        var names: [String] = []
        for header in headers {
            let bytes = try reader.bytes(header.nameLength, "a tensor's name").buffer
            guard let name = String(validating: bytes.dropLast(), as: UTF8.self), bytes.last == 0, !name.isEmpty else {
                throw reader.invalid("a tensor's name is not NUL-terminated UTF-8", at: reader.offset - bytes.count)
            }
            names.append(name)
        }
        var shapes: [[Int]] = []
        for header in headers { shapes.append(try Self.shape(of: header, &reader)) }
        let padding = try reader.count64("the padding before the data", limit: reader.remaining)
        _ = try reader.bytes(padding, "the padding before the data")

        var tensors: [String: MarianTensor] = [:]
        var configuration: String?
        for (index, header) in headers.enumerated() {
            let start = reader.offset
            let data = try reader.bytes(header.dataLength, "the tensor \(names[index])")
            let tensor = try Self.tensor(names[index], header, shapes[index], data, at: start)
            if tensor.name == Self.configurationName {
                let text = tensor.elements.buffer.prefix { $0 != 0 }
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw reader.invalid("\(Self.configurationName) is not UTF-8", at: start)
                }
                configuration = string
            } else if tensors.updateValue(tensor, forKey: tensor.name) != nil {
                throw reader.invalid("the tensor \(tensor.name) appears twice", at: start)
            }
        }
        guard reader.remaining == 0 else {
            throw reader.invalid("\(reader.remaining) bytes follow the last tensor")
        }
        guard let configuration else {
            throw CheckpointError.missingTensor(file: file, name: Self.configurationName)
        }
        self.tensors = tensors
        self.configuration = configuration
    }

    private static func headers(_ reader: inout ByteReader) throws -> [Header] {
        // A header takes 32 bytes, so the file's own size bounds the count before anything is allocated.
        let count = try reader.count64("the number of tensors", limit: min(maximumTensors, reader.remaining / 32))
        return try (0..<count).map { _ in
            let offset = reader.offset
            let nameLength = try reader.count64("a name's length", limit: min(4096, reader.region.count))
            let type = try reader.integer(UInt64.self, "a tensor's type")
            let rank = try reader.count64("a tensor's rank", limit: maximumRank)
            let dataLength = try reader.count64("a tensor's size in bytes", limit: reader.region.count)
            guard nameLength > 0 else { throw reader.invalid("a name's length is 0", at: offset) }
            return Header(offset: offset, nameLength: nameLength, type: type, rank: rank, dataLength: dataLength)
        }
    }

    private static func shape(of header: Header, _ reader: inout ByteReader) throws -> [Int] {
        var count = 1
        return try (0..<header.rank).map { _ in
            let offset = reader.offset
            let dimension = Int(try reader.integer(Int32.self, "a tensor's shape"))
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard dimension > 0, !overflow, product <= reader.region.count else {
                throw reader.invalid("a tensor's dimension is \(dimension), which the file cannot hold", at: offset)
            }
            count = product
            return dimension
        }
    }

    private static func tensor(
        _ name: String, _ header: Header, _ shape: [Int], _ data: ByteRegion, at start: Int
    ) throws -> MarianTensor {
        guard let type = MarianType(rawValue: header.type) else {
            throw CheckpointError.unsupported(
                file: data.source, offset: header.offset + 8,
                reason: "the tensor \(name) has type 0x\(String(header.type, radix: 16)), "
                    + "which is packed for one processor or unknown; export it as intgemm8 or float32")
        }
        let elementBytes = shape.reduce(1, *) * type.elementSize
        let multiplierBytes = type.hasMultiplier ? 4 : 0
        guard data.count >= elementBytes + multiplierBytes else {
            throw CheckpointError.invalid(
                file: data.source, offset: start,
                reason: "the tensor \(name) of shape \(shape) needs \(elementBytes + multiplierBytes) bytes, "
                    + "its header gives it \(data.count)")
        }
        var multiplier: Float?
        if type.hasMultiplier {
            let value = Float(
                bitPattern: UInt32(
                    littleEndian: data.buffer.loadUnaligned(fromByteOffset: elementBytes, as: UInt32.self)))
            guard value.isFinite, value > 0 else {
                throw CheckpointError.invalid(
                    file: data.source, offset: start + elementBytes,
                    reason: "the multiplier of the tensor \(name) is \(value)")
            }
            multiplier = value
        }
        return MarianTensor(
            name: name, shape: shape, type: type,
            elements: try data.slice(offset: 0, count: elementBytes, what: name), multiplier: multiplier)
    }
}

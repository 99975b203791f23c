import Checkpoints

/// Writes GGUF files, correct or not: what is not set follows from the content, what is set is written as it is.
struct GGUFBuilder: Sendable {
    struct Tensor: Sendable {
        var name: [UInt8]
        /// From the innermost dimension on, as in the file.
        var dimensions: [UInt64] = [4]
        var rank: UInt32?
        var type: UInt32 = 0
        var offset: UInt64?
        var size = 16
        var nameLength: UInt64?

        init(
            _ name: String, dimensions: [UInt64] = [4], rank: UInt32? = nil, type: UInt32 = 0, offset: UInt64? = nil,
            size: Int = 16, nameLength: UInt64? = nil
        ) {
            self.name = Array(name.utf8)
            self.dimensions = dimensions
            self.rank = rank
            self.type = type
            self.offset = offset
            self.size = size
            self.nameLength = nameLength
        }
    }

    struct Pair: Sendable {
        var key: [UInt8]
        /// The type and what follows it.
        var value: [UInt8]
        var keyLength: UInt64?

        init(_ key: String, _ value: [UInt8], keyLength: UInt64? = nil) {
            self.key = Array(key.utf8)
            self.value = value
            self.keyLength = keyLength
        }
    }

    var magic = "GGUF"
    var version: UInt32 = 3
    var tensorCount: UInt64?
    var pairCount: UInt64?
    var pairs: [Pair] = []
    var tensors: [Tensor] = []
    var alignment = 32
    /// Bytes behind the last tensor's padding.
    var tail = 0

    /// The file. Elements are numbers that count up, so that a test sees where a tensor's begin.
    var bytes: [UInt8] {
        var bytes = Array(magic.utf8) + little(version)
        bytes += little(tensorCount ?? UInt64(tensors.count)) + little(pairCount ?? UInt64(pairs.count))
        for pair in pairs {
            bytes += little(pair.keyLength ?? UInt64(pair.key.count)) + pair.key + pair.value
        }
        var offset: UInt64 = 0
        for tensor in tensors {
            bytes += little(tensor.nameLength ?? UInt64(tensor.name.count)) + tensor.name
            bytes += little(tensor.rank ?? UInt32(tensor.dimensions.count))
            for dimension in tensor.dimensions { bytes += little(dimension) }
            bytes += little(tensor.type) + little(tensor.offset ?? offset)
            offset += UInt64((tensor.size + alignment - 1) / alignment * alignment)
        }
        guard !tensors.isEmpty else { return bytes + [UInt8](repeating: 0, count: tail) }
        bytes += [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
        bytes += (0..<Int(offset)).map { UInt8(truncatingIfNeeded: $0) }
        return bytes + [UInt8](repeating: 0, count: tail)
    }

    /// Reads the file that this describes.
    func read() throws -> GGUFCheckpoint { try Self.read(bytes) }

    static func read(_ bytes: some Collection<UInt8>) throws -> GGUFCheckpoint {
        try GGUFCheckpoint(ByteRegion(copying: bytes, source: "test.gguf"))
    }

    /// A file with one tensor.
    static func with(_ tensor: Tensor) -> GGUFBuilder { GGUFBuilder(tensors: [tensor]) }

    /// A file with one pair, and a tensor behind it.
    static func with(_ key: String, _ value: [UInt8]) -> GGUFBuilder {
        GGUFBuilder(pairs: [Pair(key, value)], tensors: [Tensor("x")])
    }
}

/// The bytes of an integer, little-endian.
func little(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

/// Values with their types, as they stand in a file.
enum GGUFEncoded {
    static func uint32(_ value: UInt32) -> [UInt8] { little(UInt32(4)) + little(value) }
    static func uint64(_ value: UInt64) -> [UInt8] { little(UInt32(10)) + little(value) }
    static func float32(_ value: Float) -> [UInt8] { little(UInt32(6)) + little(value.bitPattern) }
    static func bool(_ byte: UInt8) -> [UInt8] { little(UInt32(7)) + [byte] }
    static func string(_ value: String, length: UInt64? = nil) -> [UInt8] {
        little(UInt32(8)) + stringBytes(value, length: length)
    }
    static func array(_ type: UInt32, count: UInt64, _ elements: [UInt8]) -> [UInt8] {
        little(UInt32(9)) + little(type) + little(count) + elements
    }
    /// A string inside an array.
    static func stringBytes(_ value: String, length: UInt64? = nil) -> [UInt8] {
        little(length ?? UInt64(value.utf8.count)) + Array(value.utf8)
    }
    /// Arrays in arrays, the innermost with the number 7.
    static func nested(_ depth: Int) -> [UInt8] {
        var value = little(UInt32(4)) + little(UInt64(1)) + little(UInt32(7))
        for _ in 1..<depth { value = little(UInt32(9)) + little(UInt64(1)) + value }
        return little(UInt32(9)) + value
    }
}

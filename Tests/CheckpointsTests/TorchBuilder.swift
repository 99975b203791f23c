import Checkpoints

/// Archives as `torch.save` writes them, with any pickle: stored entries, and CRC-32s that are right.
struct TorchBuilder {
    var root = "archive"
    var pickle: [UInt8]
    /// The storages by their keys.
    var storages: [(key: String, bytes: [UInt8])] = [("0", (0..<24).map { UInt8($0) })]
    var byteOrder: String? = "little"
    /// Other entries.
    var more: [(name: String, bytes: [UInt8])] = []

    var bytes: [UInt8] {
        var entries = [(root + "/data.pkl", pickle)]
        if let byteOrder { entries.append((root + "/byteorder", Array(byteOrder.utf8))) }
        entries += storages.map { (root + "/data/" + $0.key, $0.bytes) }
        return Self.archive(entries + more.map { ($0.name, $0.bytes) })
    }

    static func archive(_ entries: [(String, [UInt8])]) -> [UInt8] {
        var file: [UInt8] = []
        var directory: [UInt8] = []
        for (name, bytes) in entries {
            let size = little(UInt32(bytes.count))
            var common = little(UInt16(20)) + little(UInt16(0)) + little(UInt16(0)) + little(UInt32(0))
            common += little(crc32(bytes)) + size + size + little(UInt16(name.utf8.count)) + little(UInt16(0))
            directory += little(UInt32(0x0201_4b50)) + little(UInt16(20)) + common
            directory += [UInt8](repeating: 0, count: 10) + little(UInt32(file.count)) + name.utf8
            file += little(UInt32(0x0403_4b50)) + common + name.utf8 + bytes
        }
        let count = little(UInt16(entries.count))
        let end = little(UInt32(0x0605_4b50)) + [0, 0, 0, 0] + count + count
        return file + directory + end + little(UInt32(directory.count)) + little(UInt32(file.count)) + [0, 0]
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var register = UInt32.max
        for byte in bytes {
            register ^= UInt32(byte)
            for _ in 0..<8 { register = register >> 1 ^ (register & 1 == 1 ? 0xedb8_8320 : 0) }
        }
        return ~register
    }

    static func read(_ bytes: [UInt8]) throws -> TorchCheckpoint {
        try TorchCheckpoint(ByteRegion(copying: bytes, source: "test.bin"))
    }
}

/// Pieces of pickles.
enum Pickled {
    static func string(_ text: String) -> [UInt8] { [0x58] + little(UInt32(text.utf8.count)) + text.utf8 }
    static func integer(_ value: Int) -> [UInt8] { [0x8a, 8] + little(value) }
    static func tuple(_ parts: [[UInt8]]) -> [UInt8] { [0x28] + parts.flatMap { $0 } + [0x74] }
    static func global(_ module: String, _ name: String) -> [UInt8] {
        [0x63] + module.utf8 + [0x0a] + name.utf8 + [0x0a]
    }
    static func call(_ function: [UInt8], _ arguments: [[UInt8]]) -> [UInt8] { function + tuple(arguments) + [0x52] }
    static let ordered = call(global("collections", "OrderedDict"), [])

    /// Six floats in the storage "0" unless told otherwise.
    static func storage(_ type: String = "FloatStorage", key: String = "0", count: Int = 6) -> [UInt8] {
        tuple([string("storage"), global("torch", type), string(key), string("cpu"), integer(count)]) + [0x51]
    }

    static func tensor(
        _ storage: [UInt8] = storage(), offset: Int = 0, shape: [Int] = [2, 3], strides: [Int] = [3, 1]
    ) -> [UInt8] {
        call(
            global("torch._utils", "_rebuild_tensor_v2"),
            [storage, integer(offset), tuple(shape.map(integer)), tuple(strides.map(integer)), [0x89], ordered])
    }

    /// A whole pickle of a dictionary.
    static func dictionary(_ items: [(String, [UInt8])]) -> [UInt8] {
        program([0x7d, 0x28] + items.flatMap { string($0.0) + $0.1 } + [0x75])
    }

    static func program(_ body: [UInt8]) -> [UInt8] { [0x80, 2] + body + [0x2e] }
}

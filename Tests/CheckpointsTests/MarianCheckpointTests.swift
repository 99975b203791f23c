import Checkpoints
import Foundation
import TestSupport
import Testing

/// Marian files: the real ones, hand-made ones, and what a hostile one may try.
@Suite struct MarianCheckpointTests {
    struct Item {
        var name: String
        var type: UInt64 = 0x0404
        var shape: [Int32] = [1, 2]
        var data = [UInt8](repeating: 0, count: 256)
        var nameLength: UInt64?
        var rank: UInt64?
        var dataLength: UInt64?
    }

    static let configuration = Item(name: "special:model.yml", type: 0x0101, shape: [5], data: Array("a: b\0".utf8))

    static func file(_ items: [Item], version: UInt64 = 1, count: UInt64? = nil, padding: UInt64 = 8) -> [UInt8] {
        var bytes: [UInt8] = []
        func append<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(version)
        append(count ?? UInt64(items.count))
        for item in items {
            append(item.nameLength ?? UInt64(item.name.utf8.count + 1))
            append(item.type)
            append(item.rank ?? UInt64(item.shape.count))
            append(item.dataLength ?? UInt64(item.data.count))
        }
        for item in items { bytes += Array(item.name.utf8) + [0] }
        for item in items { item.shape.forEach { append($0) } }
        append(padding)
        bytes += [UInt8](repeating: 0, count: Int(min(padding, 4096)))
        for item in items { bytes += item.data }
        return bytes
    }

    static func read(_ bytes: [UInt8]) throws -> MarianCheckpoint {
        try MarianCheckpoint(ByteRegion(copying: bytes, source: "model.bin"))
    }

    @Test(arguments: ["firefox-en-pt", "firefox-pt-en"]) func theRealFilesAreReadToTheLastByte(name: String) throws {
        let checkpoint = try MarianCheckpoint(ByteRegion(mapping: try InstalledModels.file("model", of: name)))
        #expect(checkpoint.tensors.count == 194)
        #expect(checkpoint.configuration.contains("dim-emb: 256"))
        let embedding = try #require(checkpoint.tensors["Wemb"])
        #expect(embedding.shape == [32000, 256])
        #expect(embedding.type == .intgemm8)
        #expect(embedding.elements.count == 32000 * 256)
        #expect((embedding.multiplier ?? 0) > 1)
    }

    @Test func everyTypeIsReadWithItsElements() throws {
        let types: [(UInt64, Int)] = [
            (0x0101, 1), (0x0102, 2), (0x0104, 4), (0x0108, 8), (0x0201, 1), (0x0202, 2), (0x0204, 4), (0x0208, 8),
            (0x0402, 2), (0x0404, 4), (0x0408, 8),
        ]
        for (type, size) in types {
            let item = Item(name: "x", type: type, shape: [3, 5], data: Array((0..<120).map { UInt8($0) }))
            let tensor = try #require(try Self.read(Self.file([item, Self.configuration])).tensors["x"])
            #expect(tensor.shape == [3, 5])
            #expect(Array(tensor.elements.buffer) == Array((0..<UInt8(15 * size))))
        }
        var data = [UInt8](repeating: 7, count: 256)
        data.replaceSubrange(2..<6, with: withUnsafeBytes(of: Float(12.5).bitPattern.littleEndian) { Array($0) })
        let integer = Item(name: "w", type: 0x4101, shape: [2, 1], data: data)
        let tensor = try #require(try Self.read(Self.file([integer, Self.configuration])).tensors["w"])
        #expect(tensor.multiplier == 12.5)
        #expect(tensor.elements.count == 2)
    }

    struct Hostile: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var says: String
        var testDescription: String { name }

        init(_ name: String, _ bytes: [UInt8], says: String) {
            (self.name, self.bytes, self.says) = (name, bytes, says)
        }
    }

    static let hostile: [Hostile] = [
        Hostile("empty", [], says: "the version needs 8 bytes, 0 are left"),
        Hostile("another version", file([configuration], version: 2), says: "version 2"),
        Hostile(
            "a huge count", file([configuration], count: .max), says: "the number of tensors is 18446744073709551615"),
        Hostile("a count beyond the file", file([configuration], count: 5000), says: "the number of tensors is 5000"),
        Hostile("a huge name", file([Item(name: "x", nameLength: 1 << 62)]), says: "a name's length"),
        Hostile("no name", file([Item(name: "x", nameLength: 0)]), says: "a name's length is 0"),
        Hostile("a huge rank", file([Item(name: "x", rank: 1 << 40)]), says: "a tensor's rank"),
        Hostile("a huge size", file([Item(name: "x", dataLength: .max)]), says: "a tensor's size in bytes"),
        Hostile("a size beyond the end", file([Item(name: "x", dataLength: 300), configuration]), says: "model.bin"),
        Hostile("a zero dimension", file([Item(name: "x", shape: [0, 4]), configuration]), says: "dimension is 0"),
        Hostile(
            "a negative dimension", file([Item(name: "x", shape: [-1, 4]), configuration]), says: "dimension is -1"),
        Hostile(
            "dimensions that overflow", file([Item(name: "x", shape: [.max, .max, .max]), configuration]),
            says: "which the file cannot hold"),
        Hostile(
            "a shape larger than its data", file([Item(name: "x", shape: [1, 65]), configuration]),
            says: "needs 260 bytes, its header gives it 256"),
        Hostile("a type for one processor", file([Item(name: "x", type: 0x1801), configuration]), says: "0x1801"),
        Hostile("an unknown type", file([Item(name: "x", type: 77), configuration]), says: "0x4d"),
        Hostile(
            "a multiplier of zero", file([Item(name: "x", type: 0x4101), configuration]),
            says: "the multiplier of the tensor x is 0.0"),
        Hostile("the same name twice", file([Item(name: "x"), Item(name: "x"), configuration]), says: "appears twice"),
        Hostile("padding beyond the end", file([configuration], padding: 1 << 50), says: "the padding before the data"),
        Hostile("bytes after the end", file([configuration]) + [1], says: "1 bytes follow"),
        Hostile("no configuration", file([Item(name: "x")]), says: "special:model.yml is missing"),
        Hostile(
            "a name without its end", file([Item(name: "xyz", nameLength: 3), configuration]),
            says: "not NUL-terminated"),
    ]

    @Test(arguments: hostile) func isRefusedWithTheReason(file: Hostile) {
        let error = #expect(throws: CheckpointError.self) { try Self.read(file.bytes) }
        #expect(error?.description.contains(file.says) == true, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("model.bin") == true)
    }

    @Test func everyTruncationIsRefused() throws {
        let whole = Self.file([
            Item(name: "first", shape: [4, 8]), Item(name: "second", type: 0x0101, shape: [3]), Self.configuration,
        ])
        _ = try Self.read(whole)
        for length in 0..<whole.count {
            #expect(throws: CheckpointError.self) { try Self.read(Array(whole.prefix(length))) }
        }
    }

    @Test func flippedBitsNeverCrash() {
        let whole = Self.file([Item(name: "first", shape: [4, 8]), Self.configuration])
        for position in 0..<min(whole.count, 200) {
            for bit in 0..<8 {
                var damaged = whole
                damaged[position] ^= 1 << UInt8(bit)
                // Some flips leave a file that can be read; none may do worse than throw.
                _ = try? Self.read(damaged)
            }
        }
    }
}

@Suite struct ByteReaderTests {
    static let region = ByteRegion(copying: [1, 2, 3, 4, 0x80, 0x3f, 0x41, 0, 9], source: "bytes")

    @Test func valuesAreLittleEndianAndMayBeUnaligned() throws {
        var reader = ByteReader(Self.region)
        #expect(try reader.integer(UInt8.self, "a") == 1)
        #expect(try reader.integer(UInt16.self, "b") == 0x0302)
        try reader.seek(to: 2, what: "c")
        #expect(try reader.float32("d") == Float(bitPattern: 0x3f80_0403))
        #expect(Array(try reader.cString("e").buffer) == [0x41])
        #expect(reader.remaining == 1)
    }

    @Test func nothingIsReadBeyondTheEnd() throws {
        var reader = ByteReader(Self.region)
        try reader.seek(to: 6, what: "the end")
        let error = #expect(throws: CheckpointError.self) { try reader.integer(UInt64.self, "a count") }
        #expect(error == .truncated(file: "bytes", offset: 6, what: "a count", needed: 8, available: 3))
        #expect(throws: CheckpointError.self) { try reader.bytes(-1, "x") }
        #expect(throws: CheckpointError.self) { try reader.bytes(.max, "x") }
        #expect(throws: CheckpointError.self) { try reader.seek(to: 10, what: "x") }
        #expect(throws: CheckpointError.self) { try Self.region.slice(offset: .max, count: 1, what: "x") }
        #expect(throws: CheckpointError.self) { try Self.region.slice(offset: -1, count: 1, what: "x") }
    }

    @Test func filesThatCannotBeMappedAreNamed() {
        for path in ["/nowhere/at/all", "/", ""] {
            let error = #expect(throws: CheckpointError.self) { try ByteRegion(mapping: path) }
            #expect(error?.description.hasPrefix("\(path): cannot") == true)
        }
    }
}

import Checkpoints
import Foundation
import TestSupport
import Testing

/// Packed files: what was written is read, and nothing else is believed.
@Suite struct PackedCheckpointTests {
    static let identity = "int8 0123"

    /// A matrix of format 1 has as many bytes as elements; there is no other format.
    static func size(_ format: UInt32, _ rows: Int, _ columns: Int) -> Int? {
        let (bytes, overflows) = rows.multipliedReportingOverflow(by: columns)
        return format == 1 && rows > 0 && columns > 0 && !overflows ? bytes : nil
    }

    static func read(_ bytes: [UInt8]) throws -> PackedCheckpoint {
        try PackedCheckpoint(ByteRegion(copying: bytes, source: "test.packed"), identity: identity, size: size)
    }

    struct Matrix {
        var name: [UInt8] = Array("a".utf8)
        var format: UInt32 = 1
        var rows: UInt64 = 3
        var columns: UInt64 = 5
        var offset: UInt64 = 65_536
        var bytes: UInt64 = 15
        var checksum: UInt32 = 0
    }

    /// A file as the format says, written apart from the writer.
    static func file(
        _ matrices: [Matrix] = [Matrix()], identity: String = identity, count: UInt32? = nil, after: [UInt8] = [],
        tableOffset: Int = 65_600, change: (inout [UInt8]) -> Void = { _ in }
    ) -> [UInt8] {
        var table = little(UInt32(identity.utf8.count)) + Array(identity.utf8)
        table += little(count ?? UInt32(matrices.count))
        for matrix in matrices {
            table += little(UInt32(matrix.name.count)) + matrix.name + little(matrix.format)
            for value in [matrix.rows, matrix.columns, matrix.offset, matrix.bytes] { table += little(value) }
            table += little(matrix.checksum)
        }
        table += after
        var bytes = Array("svcpack\n".utf8) + little(UInt32(2)) + little(checksum(table))
        bytes += little(UInt64(tableOffset)) + little(UInt64(table.count))
        bytes += (bytes.count..<max(bytes.count, tableOffset)).map { UInt8(truncatingIfNeeded: $0 &* 3) }
        bytes += table
        change(&bytes)
        return bytes
    }

    /// CRC-32, bit by bit.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
        }
    }

    @Test func whatTheFormatSaysIsRead() throws {
        let packed = try Self.read(
            Self.file(
                [Matrix(), Matrix(name: [], rows: 1, columns: 1, offset: 131_072, bytes: 1)], tableOffset: 131_100))
        #expect(packed.entries.count == 2)
        let entry = try #require(packed.entries["a"])
        #expect(entry.rows == 3 && entry.columns == 5 && entry.format == 1)
        #expect(
            Array(try packed.bytes(of: entry).buffer) == (65_536..<65_551).map { UInt8(truncatingIfNeeded: $0 &* 3) })
    }

    static let hostile: [HostileFile] = [
        HostileFile("an empty file", [], "the magic needs 8 bytes, 0 are left"),
        HostileFile("half a magic", Array("svcp".utf8), "the magic needs 8 bytes, 4 are left"),
        HostileFile("another file", Array("GGUF 0123456789".utf8), "not a packed file"),
        HostileFile("a header that ends", Array(file().prefix(20)), "the table's offset needs 8 bytes"),
        HostileFile(
            "a file never finished", file { $0.replaceSubrange(0..<32, with: [UInt8](repeating: 0, count: 32)) },
            "not a packed file"),
        HostileFile("a later version", file { $0[8] = 3 }, "version 3 of packed files"),
        HostileFile("an earlier version", file { $0[8] = 1 }, "version 1 of packed files"),
        HostileFile("a file without its end", Array(file().dropLast()), "the table needs"),
        HostileFile(
            "a file cut at its sections", Array(file().prefix(65_540)), "the table's offset is 65600, more than"),
        HostileFile("a byte too many", file() + [0], "is not the file's end"),
        HostileFile("a table beyond every offset", file { $0[23] = 0x80 }, "more than the"),
        HostileFile("a table larger than can be", file { $0[31] = 0x7f }, "more than the"),
        HostileFile(
            "a table in the header", file { $0.replaceSubrange(16..<24, with: little(UInt64(8))) },
            "is not the file's end"),
        HostileFile("a table that was changed", file { $0[$0.count - 1] ^= 1 }, "another checksum"),
        HostileFile("a checksum that was changed", file { $0[12] ^= 1 }, "another checksum"),
        HostileFile("another model's", file(identity: "int8 4567"), "made of int8 4567, not of int8 0123"),
        HostileFile("another quantisation", file(identity: "q4 0123"), "made of q4 0123"),
        HostileFile("no identity", file(identity: ""), "made of , not of"),
        HostileFile("fewer matrices than it says", file(count: 2), "the length of a name needs 4 bytes, 0 are left"),
        HostileFile(
            "more matrices than it says",
            file([Matrix(), Matrix(name: [98], offset: 131_072)], count: 1, tableOffset: 140_000),
            "follow the last matrix"),
        HostileFile("matrices without end", file(count: .max), "4294967295 matrices"),
        HostileFile("bytes after the last matrix", file(after: [1, 2]), "2 bytes follow the last matrix"),
        HostileFile("a name that is no text", file([Matrix(name: [0xc3, 0x28])]), "a name is no text"),
        HostileFile(
            "a name without end", file([Matrix(name: [UInt8](repeating: 97, count: 5000))]),
            "a name is no text of at most 4096"),
        HostileFile(
            "a name twice", file([Matrix(), Matrix(offset: 131_072)], tableOffset: 140_000), "a is there twice"),
        HostileFile("an unknown format", file([Matrix(format: 9)]), "a is 3 × 5 in the format 9"),
        HostileFile("no rows", file([Matrix(rows: 0, bytes: 0)]), "a is 0 × 5"),
        HostileFile("more rows than integers", file([Matrix(rows: .max)]), "rows is 18446744073709551615"),
        HostileFile("a shape that overflows", file([Matrix(rows: 1 << 40, columns: 1 << 40)]), "a is 1099511627776 ×"),
        HostileFile("fewer bytes than its shape", file([Matrix(bytes: 14)]), "a has 14 bytes, not 15"),
        HostileFile("more bytes than its shape", file([Matrix(bytes: 16)]), "a has 16 bytes, not 15"),
        HostileFile(
            "more bytes than the file", file([Matrix(rows: 1000, columns: 1000, bytes: 1_000_000)]),
            "a size is 1000000, more than"),
        HostileFile("a matrix in the header", file([Matrix(offset: 0)]), "a cannot be 15 bytes from 0 on"),
        HostileFile("a matrix off its pages", file([Matrix(offset: 65_537)]), "a cannot be 15 bytes from 65537 on"),
        HostileFile("a matrix in the table", file([Matrix(rows: 13, bytes: 65)]), "a cannot be 65 bytes from 65536 on"),
        HostileFile("a matrix beyond the file", file([Matrix(offset: 1 << 40)]), "an offset is 1099511627776"),
        HostileFile("two matrices in one place", file([Matrix(), Matrix(name: [98])]), "overlaps another matrix"),
        HostileFile(
            "a matrix over the next",
            file(
                [Matrix(rows: 1, columns: 65_540, bytes: 65_540), Matrix(name: [98], offset: 131_072)],
                tableOffset: 140_000), "b overlaps another matrix"),
    ]

    @Test(arguments: hostile) func whatIsWrongIsSaid(file: HostileFile) {
        let error = #expect(throws: CheckpointError.self) { try Self.read(file.bytes) }
        #expect(error?.description.contains(file.says) == true, "\(String(describing: error))")
    }

    /// Every byte of header and table is covered: changed, the file is refused, or (in the unused header) as it was.
    @Test func noChangedByteOfTheTableIsBelieved() throws {
        let good = Self.file()
        for index in Array(0..<32) + Array(65_600..<good.count) {
            for bit in [UInt8(1), 0x10, 0x80] {
                var bytes = good
                bytes[index] ^= bit
                #expect(throws: CheckpointError.self, "byte \(index)") { try Self.read(bytes) }
            }
        }
    }

    @Test func whatIsWrittenIsRead() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("below/x.packed").path
            #expect(try PackedCheckpoint(path: path, identity: Self.identity, size: Self.size) == nil)
            let parts = [("a", 3, 5), ("b.weight", 300, 400), ("ü", 1, 1)]
            let writer = try PackedCheckpointWriter(path: path, identity: Self.identity)
            var written: [String: ByteRegion] = [:]
            for (name, rows, columns) in parts {
                let count = rows * columns
                let section = writer.section(name: name, format: 1, rows: rows, columns: columns, count: count)
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* rows) }
                // In two pieces, the second first.
                try bytes.withUnsafeBytes { bytes in
                    try section.write(UnsafeRawBufferPointer(rebasing: bytes[(count / 2)...]), at: count / 2)
                    try section.write(UnsafeRawBufferPointer(rebasing: bytes[..<(count / 2)]), at: 0)
                }
                written[name] = try section.finish()
                #expect(try Array(#require(written[name]).buffer) == bytes)
            }
            #expect(!FileManager.default.fileExists(atPath: path), "not before it is whole")
            try writer.finish()
            let packed = try #require(try PackedCheckpoint(path: path, identity: Self.identity, size: Self.size))
            for (name, rows, columns) in parts {
                let entry = try #require(packed.entries[name])
                #expect(entry.rows == rows && entry.columns == columns)
                #expect(try packed.bytes(of: entry).buffer.elementsEqual(#require(written[name]).buffer))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path + "/below") == ["x.packed"])
        }
    }

    /// A bit that turns on the disk, wherever it is.
    @Test func damageIsFoundInEverySection() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let path = directory.path + "/x.packed"
            let writer = try PackedCheckpointWriter(path: path, identity: Self.identity)
            for (index, name) in ["first", "second", "last"].enumerated() {
                let count = 70_000 + index
                let section = writer.section(name: name, format: 1, rows: 1, columns: count, count: count)
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
                // The end of the last one is never written, and is zeros.
                try bytes.withUnsafeBytes {
                    try section.write(UnsafeRawBufferPointer(rebasing: $0[..<60_000]), at: 0)
                }
            }
            try writer.finish()
            #expect(try PackedCheckpoint.damage(inFile: path) == nil)
            let packed = try #require(try PackedCheckpoint(path: path, identity: Self.identity, size: Self.size))
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            var offset = 65_536
            for name in ["first", "second", "last"] {
                let count = try #require(packed.entries[name]).columns
                for place in [offset, offset + count / 2, offset + count - 1] {
                    var bytes = whole
                    bytes[place] ^= 0x20
                    try bytes.write(to: URL(fileURLWithPath: path))
                    let damage = try PackedCheckpoint.damage(inFile: path)
                    #expect(damage == "\(path): \(name) is not what was written")
                }
                offset = (offset + count + 65_535) / 65_536 * 65_536
            }
            try whole.dropLast().write(to: URL(fileURLWithPath: path))
            #expect(try PackedCheckpoint.damage(inFile: path)?.contains("the table needs") == true)
            #expect(throws: CheckpointError.self) { try PackedCheckpoint.damage(inFile: path + ".absent") }
        }
    }

    @Test func aWriterThatIsGivenUpLeavesNothing() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let path = directory.path + "/x.packed"
            var writer: PackedCheckpointWriter? = try PackedCheckpointWriter(path: path, identity: Self.identity)
            let section = writer?.section(name: "a", format: 1, rows: 1, columns: 3, count: 3)
            try [1, 2, 3].withUnsafeBytes { try section?.write(UnsafeRawBufferPointer(rebasing: $0[..<3]), at: 0) }
            let bytes = try #require(try section?.finish())
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).count == 1)
            writer = nil
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
            #expect(bytes.buffer[0] == 1, "what was packed is still there")
        }
    }

    /// What a killed process leaves has no lock; what a living one writes has.
    @Test func leftoversAreRemovedAndWhatIsBeingWrittenIsNot() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let path = directory.path + "/x.packed"
            let others = ["x.packed.old", "y.packed.1.partial", "x.packed"]
            for name in others + ["x.packed.dead.partial"] {
                try Data("rubbish".utf8).write(to: directory.appendingPathComponent(name))
            }
            let first = try PackedCheckpointWriter(path: path, identity: Self.identity)
            let second = try PackedCheckpointWriter(path: path, identity: Self.identity)
            let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
            #expect(names.filter { $0.hasSuffix(".partial") && $0.hasPrefix("x.") }.count == 2)
            #expect(!names.contains("x.packed.dead.partial") && Set(others).isSubset(of: names))
            try first.finish()
            try second.finish()
            let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
            #expect(Set(left) == Set(others))
            #expect(try PackedCheckpoint(path: path, identity: Self.identity, size: Self.size)?.entries.isEmpty == true)
        }
    }

    @Test func whatIsNoFileIsRefusedAtOnce() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let pipe = directory.path + "/pipe.packed"
            try #require(mkfifo(pipe, 0o600) == 0)
            for path in [pipe, directory.path, "/dev/zero"] {
                let error = #expect(throws: CheckpointError.self) {
                    try PackedCheckpoint(path: path, identity: Self.identity, size: Self.size)
                }
                #expect(error?.description.contains("not a regular file") == true)
            }
        }
    }

    @Test(arguments: ["/proc/svc/x.packed", "/dev/null/x.packed"])
    func whereNothingCanBeWrittenTheErrorSaysSo(path: String) {
        let error = #expect(throws: CheckpointError.self) {
            try PackedCheckpointWriter(path: path, identity: Self.identity)
        }
        guard case .io = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}

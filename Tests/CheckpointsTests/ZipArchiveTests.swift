import Checkpoints
import Foundation
import Testing

@Suite struct ZipArchiveTests {
    @Test func listsAndExtractsWhatPythonWrote() throws {
        let archive = try ZipFixtures.open(try ZipFixtures.small())
        #expect(archive.entries.map(\.name) == ["plain.txt", "folder/packed.bin"])
        #expect(archive.entries.map(\.method) == [.stored, .deflated])
        let packed = try #require(archive.entry(named: "folder/packed.bin"))
        #expect(packed.uncompressedSize == 300)
        #expect(packed.compressedSize < 300)
        #expect(try archive.data(of: packed, limit: 300) == Array(String(repeating: "abc", count: 100).utf8))
        #expect(archive.entry(named: "packed.bin") == nil)
        #expect(archive.entry(named: "") == nil)
    }

    @Test func mapsStoredEntriesWithoutACopy() throws {
        let region = ByteRegion(copying: try ZipFixtures.small(), source: "test.zip")
        let archive = try ZipArchive(region)
        let plain = try archive.region(of: try #require(archive.entry(named: "plain.txt")))
        #expect(plain.buffer.elementsEqual("stored as it is".utf8))
        let base = try #require(region.buffer.baseAddress)
        #expect(try #require(plain.buffer.baseAddress) == base + 30 + "plain.txt".utf8.count)
        let packed = try #require(archive.entry(named: "folder/packed.bin"))
        #expect(throws: CheckpointError.self) { try archive.region(of: packed) }
    }

    /// Variants of writing that all hold the same two entries.
    @Test(arguments: [
        ("a comment", #"z.comment = b"c" * 65535"#, "", "b''"),
        ("a comment that looks like an end record", #"z.comment = b"PK\x05\x06" + bytes(40)"#, "", "b''"),
        ("data before the archive", "pass", "", "b'#!/bin/sh;' * 100"),
        ("Zip64 local headers", "pass", ", force_zip64=True", "b''"),
        ("Zip64 local headers after other data", "pass", ", force_zip64=True", "bytes(77)"),
    ])
    func readsEveryWayOfWriting(_ what: String, setup: String, option: String, prefix: String) throws {
        let contents = try ZipFixtures.extractAll(
            ZipFixtures.archive(
                """
                buffer = io.BytesIO()
                with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z:
                    \(setup)
                    for name in ("a", "b/ü.txt"):
                        with z.open(name, "w"\(option)) as f: f.write(b"0123456789" * 500)
                open(path, "wb").write(\(prefix) + buffer.getvalue())
                """))
        let expected = Array(String(repeating: "0123456789", count: 500).utf8)
        #expect(contents == ["a": expected, "b/ü.txt": expected])
    }

    /// A stream that cannot seek back leaves zeros in the local headers and puts the sizes after the data.
    @Test(arguments: ["ZIP_STORED", "ZIP_DEFLATED"], [false, true])
    func toleratesSizesThatFollowTheData(_ method: String, zip64: Bool) throws {
        let bytes = try ZipFixtures.archive(
            """
            class Pipe(io.RawIOBase):
                def __init__(self, file): self.file = file
                def writable(self): return True
                def write(self, data): return self.file.write(data)
            with open(path, "wb") as f, zipfile.ZipFile(Pipe(f), "w", zipfile.\(method)) as z:
                for name in ("one", "two"):
                    with z.open(name, "w", force_zip64=\(zip64 ? "True" : "False")) as e: e.write(b"x" * 1000)
            """)
        #expect(bytes[6] & 8 == 8, "the fixture should put sizes after the data")
        let expected = [UInt8](repeating: UInt8(ascii: "x"), count: 1000)
        #expect(try ZipFixtures.extractAll(bytes) == ["one": expected, "two": expected])
    }

    /// More entries than 16 bits count make Python write a Zip64 end record.
    @Test(arguments: ["b''", "bytes(123)"])
    func readsAZip64Directory(prefix: String) throws {
        let archive = try ZipFixtures.open(
            ZipFixtures.archive(
                """
                buffer = io.BytesIO()
                with zipfile.ZipFile(buffer, "w") as z:
                    for i in range(65600): z.writestr(f"{i}", b"")
                    z.writestr("last", b"found")
                open(path, "wb").write(\(prefix) + buffer.getvalue())
                """))
        #expect(archive.entries.count == 65601)
        let last = try #require(archive.entry(named: "last"))
        #expect(try archive.data(of: last, limit: 5) == Array("found".utf8))
    }

    @Test func readsAnEmptyArchive() throws {
        let archive = try ZipFixtures.open(ZipFixtures.archive(#"zipfile.ZipFile(path, "w").close()"#))
        #expect(archive.entries.isEmpty)
    }

    /// 64 MB go through pieces of 256 KB at most, whatever the method.
    @Test(arguments: ["ZIP_STORED", "ZIP_DEFLATED"])
    func streamsInBoundedPieces(_ method: String) throws {
        let archive = try ZipFixtures.open(
            ZipFixtures.archive(
                """
                with zipfile.ZipFile(path, "w", zipfile.\(method), compresslevel=1) as z:
                    z.writestr("big", bytes(range(256)) * 4096 * 64)
                """))
        var total = 0
        var largest = 0
        var wrong = 0
        try archive.extract(archive.entries[0]) { piece in
            for (index, byte) in piece.enumerated() where byte != UInt8(truncatingIfNeeded: total + index) {
                wrong += 1
            }
            total += piece.count
            largest = max(largest, piece.count)
        }
        #expect(total == 64 << 20)
        #expect(largest <= 1 << 18)
        #expect(wrong == 0)
    }

    @Test func stopsWhenTheSinkThrows() throws {
        struct Enough: Error {}
        let archive = try ZipFixtures.open(try ZipFixtures.small())
        #expect(throws: Enough.self) { try archive.extract(archive.entries[1]) { _ in throw Enough() } }
    }

    /// Two spellings of one character are two names, and each is found by its own.
    @Test func keysNamesByTheirBytes() throws {
        let contents = try ZipFixtures.open(
            ZipFixtures.archive(
                #"""
                with zipfile.ZipFile(path, "w") as z:
                    z.writestr("\u00e9", b"one character")
                    z.writestr("e\u0301", b"two characters")
                """#))
        let composed = try #require(contents.entry(named: "\u{e9}"))
        let decomposed = try #require(contents.entry(named: "e\u{301}"))
        #expect(try contents.data(of: composed, limit: 100) == Array("one character".utf8))
        #expect(try contents.data(of: decomposed, limit: 100) == Array("two characters".utf8))
    }

    @Test(arguments: [
        ("../up", true), ("/etc/passwd", true), ("a/../../b", true), ("a//b", true), ("./a", true), ("a\\b", true),
        ("a/..", true), ("folder/", true), ("a\u{1}b", true), ("a/b.txt", false), ("..a/b..", false), ("ü/x", false),
    ])
    func refusesNamesThatLeaveTheDirectory(_ name: String, refused: Bool) throws {
        let literal = name.unicodeScalars.map { "\\U" + String(repeating: "0", count: 8 - hex($0).count) + hex($0) }
        let archive = try ZipFixtures.open(
            ZipFixtures.archive(#"zipfile.ZipFile(path, "w").writestr("\#(literal.joined())", b"x")"#))
        let entry = try #require(archive.entries.first)
        try #require(entry.name == name)
        if refused {
            let error = #expect(throws: CheckpointError.self) { try archive.relativePath(of: entry) }
            #expect(try #require(error).description.contains(name))
        } else {
            #expect(try archive.relativePath(of: entry) == name)
        }
        func hex(_ scalar: Unicode.Scalar) -> String { String(scalar.value, radix: 16) }
    }
}

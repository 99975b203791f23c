import Checkpoints
import Foundation
import Testing

/// Archives that lie. Each must end in an error that says what is wrong, without a crash and without
/// more memory than the archive has bytes.
@Suite struct ZipHostileTests {
    static let end: UInt32 = 0x0605_4b50
    static let directoryEntry: UInt32 = 0x0201_4b50
    static let localHeader: UInt32 = 0x0403_4b50

    @Test func refusesATruncatedArchiveAtEveryByte() throws {
        let whole = try ZipFixtures.small()
        for length in 0..<whole.count {
            let error = try ZipFixtures.failure(whole.prefix(length))
            #expect(error.description.contains("test.zip"))
        }
    }

    /// With its head cut off, the archive has an end record but not the data that it speaks of.
    @Test func refusesAnArchiveWithoutItsHead() throws {
        let whole = try ZipFixtures.small()
        for length in 1..<whole.count { _ = try ZipFixtures.failure(whole.dropFirst(length)) }
    }

    /// Whatever single bit is wrong, what comes out is either an error or the same bytes: a name, a date or an
    /// attribute may differ, contents never do.
    @Test func neverGivesOtherContentsForAFlippedBit() throws {
        let whole = try ZipFixtures.small()
        let contents = Set(try ZipFixtures.extractAll(whole).values)
        var refused = 0
        for index in whole.indices {
            for bit in 0..<8 {
                var bytes = whole
                bytes[index] ^= 1 << bit
                do {
                    #expect(contents.isSuperset(of: try ZipFixtures.extractAll(bytes).values))
                } catch is CheckpointError {
                    refused += 1
                }
            }
        }
        #expect(refused > whole.count * 4)
    }

    @Test func refusesAWrongChecksum() throws {
        var bytes = try ZipFixtures.small()
        let data = 30 + "plain.txt".utf8.count
        bytes[data] ^= 0xff
        let error = try ZipFixtures.failure(bytes)
        #expect(error.description.contains("plain.txt"))
        #expect(error.description.contains("CRC-32"))
    }

    /// An entry that claims less than it expands to is stopped at its claim; one that claims 4 GB costs nothing.
    @Test(arguments: [1, 299, 301, 0xffff_fff0] as [UInt32])
    func refusesAWrongSize(_ claim: UInt32) throws {
        var bytes = try ZipFixtures.small()
        bytes.put(claim, at: try bytes.lastOffset(of: Self.directoryEntry) + 24)
        bytes.put(claim, at: try bytes.lastOffset(of: Self.localHeader) + 22)
        let archive = try ZipFixtures.open(bytes)
        var given = 0
        let error = #expect(throws: CheckpointError.self) {
            try archive.extract(archive.entries[1]) { given += $0.count }
        }
        #expect(given <= min(Int(claim), 300))
        #expect(try #require(error).description.contains("folder/packed.bin"))
    }

    @Test func refusesMoreThanTheCallerWants() throws {
        let archive = try ZipFixtures.open(try ZipFixtures.small())
        let error = #expect(throws: CheckpointError.self) { try archive.data(of: archive.entries[1], limit: 299) }
        #expect(try #require(error).description.contains("300"))
    }

    /// Fields of the directory and of a local header, each with a value that cannot be.
    @Test(arguments: [
        ("the end record's entry count", end, 10, 60_000),
        ("an entry count below the truth", end, 10, 1),
        ("the directory's size", end, 12, 0x7fff),
        ("a directory size of one byte", end, 12, 1),
        ("the directory's offset", end, 16, 0x7fff),
        ("an offset past the end", directoryEntry, 42, 0x7fff),
        ("an offset within another entry", directoryEntry, 42, 12),
        ("a compressed size past the end", directoryEntry, 20, 0x7fff),
        ("a name length past the directory", directoryEntry, 28, 0x7fff),
        ("an empty name", directoryEntry, 28, 0),
        ("another disk", directoryEntry, 34, 3),
        ("a name length past the archive", localHeader, 26, 0x7fff),
        ("extra fields past the archive", localHeader, 28, 0x7fff),
        ("another method in the local header", localHeader, 8, 0),
        ("another compressed size in the local header", localHeader, 18, 77),
        ("another size in the local header", localHeader, 22, 77),
        ("another CRC-32 in the local header", localHeader, 14, 77),
        ("no local header", localHeader, 0, 0),
        ("no directory entry", directoryEntry, 0, 0),
    ])
    func refusesAnImpossibleField(_ what: String, signature: UInt32, offset: Int, value: Int) throws {
        var bytes = try ZipFixtures.small()
        bytes.put(UInt16(value), at: try bytes.lastOffset(of: signature) + offset)
        _ = try ZipFixtures.failure(bytes)
    }

    @Test(arguments: [(12, "bzip2"), (14, "LZMA"), (93, "Zstandard"), (77, "method 77")])
    func namesTheMethodItDoesNotRead(_ number: Int, name: String) throws {
        var bytes = try ZipFixtures.small()
        bytes.put(UInt16(number), at: try bytes.lastOffset(of: Self.directoryEntry) + 10)
        bytes.put(UInt16(number), at: try bytes.lastOffset(of: Self.localHeader) + 8)
        let error = try ZipFixtures.failure(bytes)
        #expect(error.description.contains(name))
        #expect(error.description.contains("folder/packed.bin"))
    }

    @Test(arguments: [0, 6, 13])
    func refusesEncryption(bit: Int) throws {
        var bytes = try ZipFixtures.small()
        bytes.put(UInt16(1 << bit), at: try bytes.lastOffset(of: Self.directoryEntry) + 8)
        let error = try ZipFixtures.failure(bytes)
        #expect(error.description.contains("encrypted"))
    }

    @Test(arguments: [4, 6, 8])
    func refusesSeveralDisks(field: Int) throws {
        var bytes = try ZipFixtures.small()
        bytes.put(UInt16(1), at: try bytes.lastOffset(of: Self.end) + field)
        #expect(try ZipFixtures.failure(bytes).description.contains("several disks"))
    }

    @Test func refusesTwoEntriesOfOneName() throws {
        let bytes = try ZipFixtures.archive(
            """
            import warnings; warnings.simplefilter("ignore")
            with zipfile.ZipFile(path, "w") as z:
                z.writestr("same", b"first")
                z.writestr("same", b"second")
            """)
        #expect(try ZipFixtures.failure(bytes).description.contains("two entries are named same"))
    }

    /// Two directory entries over one local header: the classic way to make a bomb of a small file.
    @Test func refusesEntriesThatOverlap() throws {
        var bytes = try ZipFixtures.archive(
            """
            with zipfile.ZipFile(path, "w") as z:
                z.writestr("aa", b"x" * 50)
                z.writestr("bb", b"y" * 50)
            """)
        bytes.put(UInt32(0), at: try bytes.lastOffset(of: Self.directoryEntry) + 42)
        #expect(try ZipFixtures.failure(bytes).description.contains("overlaps"))
    }

    /// 65,535 entries, 4 billion, or 2 to the 64 in a directory of two: refused before anything is made for them.
    @Test(arguments: [.max, 1 << 32, 1 << 63, 3] as [UInt64])
    func refusesHugeCounts(_ count: UInt64) throws {
        let small = try ZipFixtures.small()
        let end = try small.lastOffset(of: Self.end)
        let size = UInt64(small[(end + 12)..<(end + 16)].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        let offset = UInt64(end) - size
        _ = try ZipFixtures.extractAll(Self.zip64(small, end, count: 2, size: size, offset: offset))
        _ = try ZipFixtures.failure(Self.zip64(small, end, count: count, size: size, offset: offset))
    }

    /// Sizes and offsets near the ends of 64 bits must not wrap around.
    @Test(arguments: [.max, .max - 45, 1 << 63, (1 << 63) - 1, 1 << 32, 0] as [UInt64])
    func refusesHugeSizesAndOffsets(_ value: UInt64) throws {
        let small = try ZipFixtures.small()
        let end = try small.lastOffset(of: Self.end)
        let size = UInt64(small[(end + 12)..<(end + 16)].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        let offset = UInt64(end) - size
        _ = try ZipFixtures.failure(Self.zip64(small, end, count: 2, size: value, offset: offset))
        if value != 0 {
            _ = try ZipFixtures.failure(Self.zip64(small, end, count: 2, size: size, offset: value))
        }
    }

    @Test(arguments: [.max, 1 << 40, 0] as [UInt64])
    func refusesALocatorThatPointsNowhere(_ position: UInt64) throws {
        let small = try ZipFixtures.small()
        let end = try small.lastOffset(of: Self.end)
        var bytes = Self.zip64(small, end, count: 2, size: 0, offset: 0)
        bytes.put(position, at: bytes.count - 22 - 20 + 8)
        bytes.put(UInt32(0), at: end)
        #expect(try ZipFixtures.failure(bytes).description.contains("locator"))
    }

    /// The archive with a Zip64 end record and locator put between its directory and its end.
    static func zip64(_ small: [UInt8], _ end: Int, count: UInt64, size: UInt64, offset: UInt64) -> [UInt8] {
        var record = [UInt8](repeating: 0, count: 56 + 20)
        record.put(UInt32(0x0606_4b50), at: 0)
        record.put(UInt64(44), at: 4)
        record.put(count, at: 24)
        record.put(count, at: 32)
        record.put(size, at: 40)
        record.put(offset, at: 48)
        record.put(UInt32(0x0706_4b50), at: 56)
        record.put(UInt64(end), at: 64)
        record.put(UInt32(1), at: 72)
        var tail = Array(small[end...])
        for field in [8, 10] { tail.put(UInt16.max, at: field) }
        for field in [12, 16] { tail.put(UInt32.max, at: field) }
        return small[..<end] + record + tail
    }
}

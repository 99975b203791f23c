/// The central directory of a zip archive: where it lies, and the entries it lists (APPNOTE 4.3.12 to 4.3.16).
///
/// The end record is found from the back, past a comment of at most 65,535 bytes. Offsets in an archive
/// count from its first byte, which data put before it moves; `shift` is by how much.
struct ZipDirectory {
    private static let endSignature: UInt32 = 0x0605_4b50
    private static let endSize = 22
    private static let zip64LocatorSignature: UInt32 = 0x0706_4b50
    private static let zip64LocatorSize = 20
    private static let zip64EndSignature: UInt32 = 0x0606_4b50
    private static let zip64EndSize = 56
    private static let entrySignature: UInt32 = 0x0201_4b50
    private static let entrySize = 46

    private let region: ByteRegion
    private let entryCount: UInt64
    private let start: Int
    private let end: Int
    private let shift: Int

    /// Finds the directory and checks that it lies within `region`.
    init(_ region: ByteRegion) throws {
        self.region = region
        let endOffset = try Self.findEnd(region)
        var reader = ByteReader(region)
        try reader.seek(to: endOffset + 4, what: "the end of the zip directory")
        let disk = try reader.integer(UInt16.self, "the number of this disk")
        let directoryDisk = try reader.integer(UInt16.self, "the directory's disk")
        let countOnDisk = try reader.integer(UInt16.self, "the number of entries on this disk")
        let count = try reader.integer(UInt16.self, "the number of entries")
        let size = try reader.integer(UInt32.self, "the directory's size")
        let offset = try reader.integer(UInt32.self, "the directory's offset")

        var wide = Zip64End(count: UInt64(count), size: UInt64(size), offset: UInt64(offset), position: endOffset)
        if let found = try Self.readZip64End(region, before: endOffset) {
            // A field that is not all ones keeps its meaning, so both records must then say the same.
            guard count == .max || UInt64(count) == found.count, size == .max || UInt64(size) == found.size,
                offset == .max || UInt64(offset) == found.offset
            else {
                throw CheckpointError.invalid(
                    file: region.source, offset: endOffset, reason: "the two ends of the zip directory differ")
            }
            wide = found
        } else if disk != 0 || directoryDisk != 0 || countOnDisk != count {
            throw CheckpointError.unsupported(
                file: region.source, offset: endOffset, reason: "the zip archive spans several disks")
        }
        guard wide.size <= UInt64(wide.position) else {
            throw CheckpointError.invalid(
                file: region.source, offset: endOffset,
                reason: "the zip directory of \(wide.size) bytes is longer than what stands before its end")
        }
        start = wide.position - Int(wide.size)
        end = wide.position
        guard wide.offset <= UInt64(start) else {
            throw CheckpointError.invalid(
                file: region.source, offset: endOffset,
                reason: "the zip directory is said to begin at \(wide.offset), but can begin at \(start) at most")
        }
        shift = start - Int(wide.offset)
        entryCount = wide.count
        guard entryCount <= UInt64(end - start) / UInt64(Self.entrySize) else {
            throw CheckpointError.invalid(
                file: region.source, offset: endOffset,
                reason: "\(entryCount) entries cannot stand in a zip directory of \(end - start) bytes")
        }
    }

    /// The entries in the directory's order, each with the bound that its data must keep.
    func readEntries() throws -> [ZipArchive.Entry] {
        var reader = ByteReader(try region.slice(offset: 0, count: end, what: "the zip directory"))
        try reader.seek(to: start, what: "the zip directory")
        var entries: [ZipArchive.Entry] = []
        for _ in 0..<entryCount { entries.append(try readEntry(&reader)) }
        guard reader.remaining == 0 else {
            throw reader.invalid("\(reader.remaining) bytes follow the last of \(entryCount) zip directory entries")
        }
        return try bounded(entries)
    }

    private func readEntry(_ reader: inout ByteReader) throws -> ZipArchive.Entry {
        let at = reader.offset
        guard try reader.integer(UInt32.self, "a zip directory entry") == Self.entrySignature else {
            throw reader.invalid("no zip directory entry begins here", at: at)
        }
        _ = try reader.bytes(4, "an entry's versions")
        let flags = try reader.integer(UInt16.self, "an entry's flags")
        let method = try reader.integer(UInt16.self, "an entry's compression method")
        _ = try reader.bytes(4, "an entry's date")
        let crc32 = try reader.integer(UInt32.self, "an entry's CRC-32")
        let compressed32 = try reader.integer(UInt32.self, "an entry's compressed size")
        let uncompressed32 = try reader.integer(UInt32.self, "an entry's size")
        let nameLength = Int(try reader.integer(UInt16.self, "the length of an entry's name"))
        let extraLength = Int(try reader.integer(UInt16.self, "the length of an entry's extra fields"))
        let commentLength = Int(try reader.integer(UInt16.self, "the length of an entry's comment"))
        let disk16 = try reader.integer(UInt16.self, "an entry's disk")
        _ = try reader.bytes(6, "an entry's attributes")
        let offset32 = try reader.integer(UInt32.self, "an entry's offset")
        let nameBytes = try reader.bytes(nameLength, "an entry's name").buffer
        guard nameLength > 0, let name = String(validating: nameBytes, as: UTF8.self) else {
            throw reader.invalid("an entry's name is empty or not UTF-8", at: at + Self.entrySize)
        }
        let extra = try reader.bytes(extraLength, "the extra fields of \(name)")
        _ = try reader.bytes(commentLength, "the comment of \(name)")

        var wide = try Zip64Extra(extra)
        let uncompressed = try wide.value(of: uncompressed32, "the size of \(name)")
        let compressed = try wide.value(of: compressed32, "the compressed size of \(name)")
        let offset = try wide.value(of: offset32, "the offset of \(name)")
        let disk = try wide.disk(disk16, name)
        guard disk == 0 else {
            throw CheckpointError.unsupported(
                file: region.source, offset: at, reason: "the entry \(name) lies on another disk, \(disk)")
        }
        guard compressed <= UInt64(start), uncompressed <= UInt64(Int.max), offset <= UInt64(start - shift) else {
            throw reader.invalid("the entry \(name) does not lie within the archive", at: at)
        }
        return ZipArchive.Entry(
            name: name, method: .init(number: method), compressedSize: Int(compressed),
            uncompressedSize: Int(uncompressed), crc32: crc32, headerOffset: Int(offset) + shift, flags: flags,
            dataLimit: start)
    }

    /// Gives each entry the start of the next one as its bound, so that no byte belongs to two entries.
    private func bounded(_ entries: [ZipArchive.Entry]) throws -> [ZipArchive.Entry] {
        var entries = entries
        var next = start
        for index in entries.indices.sorted(by: { entries[$0].headerOffset > entries[$1].headerOffset }) {
            let entry = entries[index]
            let shortest = ZipArchive.localHeaderSize + entry.name.utf8.count
            guard shortest <= next - entry.headerOffset,
                entry.compressedSize <= next - entry.headerOffset - shortest
            else {
                throw CheckpointError.invalid(
                    file: region.source, offset: entry.headerOffset,
                    reason: "the entry \(entry.name) overlaps what begins at \(next)")
            }
            entries[index].dataLimit = next
            next = entry.headerOffset
        }
        return entries
    }

    private static func findEnd(_ region: ByteRegion) throws -> Int {
        let bytes = region.buffer
        var at = bytes.count - endSize
        let lowest = max(0, at - Int(UInt16.max))
        while at >= lowest {
            if bytes[at] == 0x50,
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)) == endSignature,
                Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 20, as: UInt16.self)))
                    == bytes.count - at - endSize
            {
                return at
            }
            at -= 1
        }
        throw CheckpointError.invalid(
            file: region.source, offset: bytes.count,
            reason: "no end of a zip directory: not a zip archive, or one cut off")
    }

    /// What both kinds of end record say; `position` is where the directory must end.
    private struct Zip64End {
        var count: UInt64
        var size: UInt64
        var offset: UInt64
        var position: Int
    }

    /// The Zip64 end record that a locator before the plain end points at, or nil where there is no locator.
    private static func readZip64End(_ region: ByteRegion, before endOffset: Int) throws -> Zip64End? {
        let locator = endOffset - zip64LocatorSize
        guard locator >= 0 else { return nil }
        var reader = ByteReader(region)
        try reader.seek(to: locator, what: "the Zip64 locator")
        guard try reader.integer(UInt32.self, "the Zip64 locator") == zip64LocatorSignature else { return nil }
        let disk = try reader.integer(UInt32.self, "the disk of the Zip64 end")
        let stated = try reader.integer(UInt64.self, "the offset of the Zip64 end")
        let disks = try reader.integer(UInt32.self, "the number of disks")
        guard disk == 0, disks <= 1 else {
            throw CheckpointError.unsupported(
                file: region.source, offset: locator, reason: "the zip archive spans several disks")
        }
        // The stated offset is right unless data was put before the archive; then the record, which has no
        // extensible data in practice, stands right before its locator.
        let candidates = [stated <= UInt64(locator) ? Int(stated) : nil, locator - zip64EndSize]
        for case let position? in candidates where position >= 0 && position <= locator - zip64EndSize {
            try reader.seek(to: position, what: "the Zip64 end")
            guard try reader.integer(UInt32.self, "the Zip64 end") == zip64EndSignature else { continue }
            guard try reader.integer(UInt64.self, "the Zip64 end's size") == UInt64(locator - position - 12) else {
                continue
            }
            _ = try reader.bytes(4, "the Zip64 end's versions")
            let thisDisk = try reader.integer(UInt32.self, "the Zip64 end's disk")
            let directoryDisk = try reader.integer(UInt32.self, "the directory's disk")
            let countOnDisk = try reader.integer(UInt64.self, "the number of entries on this disk")
            let count = try reader.integer(UInt64.self, "the number of entries")
            guard thisDisk == 0, directoryDisk == 0, countOnDisk == count else {
                throw CheckpointError.unsupported(
                    file: region.source, offset: position, reason: "the zip archive spans several disks")
            }
            return Zip64End(
                count: count, size: try reader.integer(UInt64.self, "the directory's size"),
                offset: try reader.integer(UInt64.self, "the directory's offset"), position: position)
        }
        throw CheckpointError.invalid(
            file: region.source, offset: locator, reason: "the Zip64 locator points at no Zip64 end")
    }
}

/// The Zip64 extra field of a header (APPNOTE 4.5.3): the wide values of those fields that are all ones,
/// in a fixed order. Values must be asked for in that order.
struct Zip64Extra {
    private static let identifier: UInt16 = 1
    private var values: ByteReader?

    /// Looks for the field in the extra fields of a header. Fields that do not fit end the search: what some
    /// writers leave there is padding.
    init(_ extra: ByteRegion) throws {
        var reader = ByteReader(extra)
        while reader.remaining >= 4 {
            let identifier = try reader.integer(UInt16.self, "an extra field's identifier")
            let size = Int(try reader.integer(UInt16.self, "an extra field's size"))
            guard size <= reader.remaining else { return }
            let body = try reader.bytes(size, "an extra field")
            if identifier == Self.identifier {
                values = ByteReader(body)
                return
            }
        }
    }

    /// `narrow`, or the next wide value if `narrow` is all ones and the header has the field.
    mutating func value(of narrow: UInt32, _ what: String) throws -> UInt64 {
        guard narrow == .max, var reader = values else { return UInt64(narrow) }
        defer { values = reader }
        return try reader.integer(UInt64.self, what)
    }

    mutating func disk(_ narrow: UInt16, _ name: String) throws -> UInt32 {
        guard narrow == .max, var reader = values else { return UInt32(narrow) }
        defer { values = reader }
        return try reader.integer(UInt32.self, "the disk of \(name)")
    }
}

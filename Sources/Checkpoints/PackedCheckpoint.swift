internal import CZlib
internal import Foundation

/// A matrix in a packed file.
package struct PackedEntry: Sendable, Equatable {
    /// The name of the tensor it was made of.
    package let name: String
    /// What its bytes are, a number of the caller's.
    package let format: UInt32
    /// The tensor's rows.
    package let rows: Int
    /// The tensor's columns.
    package let columns: Int
    /// Where its bytes begin in the file: a multiple of `PackedFile.alignment`.
    let offset: Int
    /// How many bytes it has.
    let count: Int
    /// CRC-32 of its bytes.
    var checksum: UInt32 = 0
}

/// The layout of packed files, which hold a model's quantised matrices so that they need not be made again at every start.
///
///     0    magic "svcpack\n", u32 version, u32 CRC-32 of the table, u64 offset of the table, u64 bytes of the table
///     64K… sections, each from a multiple of 64 KiB on (a multiple of every page size)
///     end  the table: identity (u32 length, UTF-8), u32 number of entries, and of each entry
///          name (u32 length, UTF-8), u32 format, u64 rows, u64 columns, u64 offset, u64 bytes, u32 CRC-32 of the bytes
///
/// Little-endian. The file ends with the table. The identity says of what and how the matrices were made.
enum PackedFile {
    static let magic = Array("svcpack\n".utf8)
    static let version: UInt32 = 2
    static let headerBytes = 32
    static let alignment = 1 << 16
    static let maximumEntries = 1 << 20
    static let maximumTableBytes = 1 << 26
    static let maximumTextBytes = 1 << 12

    static func aligned(_ offset: Int) -> Int { (offset + alignment - 1) / alignment * alignment }

    /// The CRC-32 of bytes that follow others, whose checksum is `before`.
    static func checksum(_ bytes: UnsafeRawBufferPointer, after before: UInt32 = 0) -> UInt32 {
        UInt32(crc32_z(uLong(before), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
    }

    /// The table's bytes.
    static func table(identity: String, _ entries: [PackedEntry]) -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        func append(_ text: String) {
            append(UInt32(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        append(identity)
        append(UInt32(entries.count))
        for entry in entries {
            append(entry.name)
            append(entry.format)
            for value in [entry.rows, entry.columns, entry.offset, entry.count] { append(UInt64(value)) }
            append(entry.checksum)
        }
        return bytes
    }

    /// The header's bytes.
    static func header(table: [UInt8], at offset: Int) -> [UInt8] {
        var bytes = magic
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(version)
        append(table.withUnsafeBytes { checksum($0) })
        append(UInt64(offset))
        append(UInt64(table.count))
        return bytes
    }
}

/// A packed file, mapped. It is believed only as a whole: whatever is wrong in its table makes an error, and the caller
/// packs again. What the sections hold is safe to compute with, whatever it is, and is read only by `damage(inFile:)`:
/// gigabytes that were read at every start would cost what the file saves.
package struct PackedCheckpoint: Sendable {
    /// The file's path.
    package let file: String
    /// Its size.
    package var sizeBytes: Int { region.count }
    /// Its matrices by the names of the tensors.
    package let entries: [String: PackedEntry]
    private let region: ByteRegion

    /// Maps the file at `path`. Nil if there is none.
    ///
    /// - Parameters:
    ///   - identity: what the file must say that it was made of.
    ///   - size: the bytes of a matrix of this format, rows and columns; nil if there can be none.
    /// - Throws: `CheckpointError` if it cannot be mapped, is damaged, or was made of something else.
    package init?(path: String, identity: String, size: @escaping (UInt32, Int, Int) -> Int?) throws {
        var status = stat()
        guard stat(path, &status) == 0 || ![ENOENT, ENOTDIR].contains(errno) else { return nil }
        // Opening a pipe would wait for somebody to write into it.
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CheckpointError.io(path: path, operation: "map", reason: "not a regular file")
        }
        try self.init(ByteRegion(mapping: path), identity: identity, size: size)
        region.prefetchPages()
    }

    /// Bytes between two looks at whether to go on.
    private static let checkedPiece = 4 << 20

    /// What is wrong with the file at `path`, table and sections: a sentence, or nil where all is as it was written.
    ///
    /// - Throws: `CancellationError`; `CheckpointError` if the file cannot be read.
    package static func damage(inFile path: String) throws -> String? {
        let file: PackedCheckpoint
        do {
            file = try PackedCheckpoint(ByteRegion(mapping: path), identity: nil, size: nil)
        } catch let error as CheckpointError {
            if case .io = error { throw error }
            return "\(error)"
        }
        for entry in file.entries.values.sorted(by: { $0.offset < $1.offset }) {
            let bytes = try file.bytes(of: entry).buffer
            var checksum: UInt32 = 0
            for start in stride(from: 0, to: bytes.count, by: checkedPiece) {
                try Task.checkCancellation()
                let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + checkedPiece, bytes.count)])
                checksum = PackedFile.checksum(piece, after: checksum)
            }
            if checksum != entry.checksum { return "\(path): \(entry.name) is not what was written" }
        }
        return nil
    }

    /// Reads a packed file from memory.
    ///
    /// - Parameters:
    ///   - identity: what it must say that it was made of; nil for anything.
    ///   - size: the bytes of a matrix of this format, rows and columns; nil for whatever the file says.
    /// - Throws: `CheckpointError`.
    package init(_ region: ByteRegion, identity: String?, size: ((UInt32, Int, Int) -> Int?)?) throws {
        func invalid(_ offset: Int, _ reason: String) -> CheckpointError {
            .invalid(file: region.source, offset: offset, reason: reason)
        }
        var header = ByteReader(region)
        guard try header.bytes(PackedFile.magic.count, "the magic").buffer.elementsEqual(PackedFile.magic) else {
            throw invalid(0, "not a packed file")
        }
        let version = try header.integer(UInt32.self, "the version")
        guard version == PackedFile.version else {
            throw CheckpointError.unsupported(
                file: region.source, offset: 8, reason: "version \(version) of packed files, not \(PackedFile.version)")
        }
        let checksum = try header.integer(UInt32.self, "the checksum")
        let tableOffset = try header.count64("the table's offset", limit: region.count)
        let tableBytes = try header.count64("the table's size", limit: PackedFile.maximumTableBytes)
        let table = try region.slice(offset: tableOffset, count: tableBytes, what: "the table")
        guard tableOffset >= PackedFile.headerBytes, tableOffset + tableBytes == region.count else {
            throw invalid(16, "the table, \(tableBytes) bytes from \(tableOffset) on, is not the file's end")
        }
        guard PackedFile.checksum(table.buffer) == checksum else {
            throw invalid(tableOffset, "the table has another checksum than the header says")
        }
        var reader = ByteReader(table)
        func text(_ what: String) throws -> String {
            let count = Int(try reader.integer(UInt32.self, "the length of \(what)"))
            guard count <= PackedFile.maximumTextBytes,
                let text = String(validating: try reader.bytes(count, what).buffer, as: UTF8.self)
            else { throw invalid(tableOffset + reader.offset, "\(what) is no text of at most 4096 bytes") }
            return text
        }
        let found = try text("the identity")
        if let identity, found != identity { throw invalid(tableOffset, "made of \(found), not of \(identity)") }
        let count = Int(try reader.integer(UInt32.self, "the number of matrices"))
        guard count <= PackedFile.maximumEntries else { throw invalid(tableOffset, "\(count) matrices") }
        var entries: [String: PackedEntry] = [:]
        for _ in 0..<count {
            let start = tableOffset + reader.offset
            let name = try text("a name")
            let format = try reader.integer(UInt32.self, "a format")
            let rows = try reader.count64("rows", limit: .max)
            let columns = try reader.count64("columns", limit: .max)
            let offset = try reader.count64("an offset", limit: tableOffset)
            let bytes = try reader.count64("a size", limit: tableOffset)
            let checksum = try reader.integer(UInt32.self, "a checksum")
            if let size {
                guard let expected = size(format, rows, columns) else {
                    throw invalid(start, "\(name) is \(rows) × \(columns) in the format \(format)")
                }
                guard bytes == expected else { throw invalid(start, "\(name) has \(bytes) bytes, not \(expected)") }
            }
            guard offset >= PackedFile.alignment, offset % PackedFile.alignment == 0, bytes <= tableOffset - offset
            else { throw invalid(start, "\(name) cannot be \(bytes) bytes from \(offset) on") }
            let entry = PackedEntry(
                name: name, format: format, rows: rows, columns: columns, offset: offset, count: bytes,
                checksum: checksum)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw invalid(start, "\(name) is there twice")
            }
        }
        guard reader.remaining == 0 else {
            throw invalid(tableOffset + reader.offset, "\(reader.remaining) bytes follow the last matrix")
        }
        var end = 0
        for entry in entries.values.sorted(by: { $0.offset < $1.offset }) {
            guard entry.offset >= end else { throw invalid(entry.offset, "\(entry.name) overlaps another matrix") }
            end = entry.offset + entry.count
        }
        (self.file, self.region, self.entries) = (region.source, region, entries)
    }

    /// The bytes of a matrix.
    ///
    /// - Throws: nothing for an entry of this file.
    package func bytes(of entry: PackedEntry) throws -> ByteRegion {
        try region.slice(offset: entry.offset, count: entry.count, what: entry.name)
    }
}

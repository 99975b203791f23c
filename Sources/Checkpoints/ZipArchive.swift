/// A zip archive whose bytes lie in memory or in a mapped file: a list of named entries that are extracted
/// one at a time, in bounded memory.
///
/// Follows PKWARE's APPNOTE 6.3.10: stored and deflated entries, Zip64, an archive comment, and data before
/// the archive (as self-extracting archives have it). Several disks, encryption and other compression
/// methods are refused. What is read comes from the central directory; local headers are checked against it.
package struct ZipArchive: Sendable {
    /// What an archive's directory says of one entry. Every number here is a claim until the entry was extracted.
    package struct Entry: Sendable, Hashable {
        /// The entry's name as the archive spells it, with `/` between components. Not to be trusted as a
        /// path: see `relativePath(of:)`.
        package let name: String
        /// How the entry's data is compressed.
        package let method: Method
        /// The size of the data in the archive, in bytes.
        package let compressedSize: Int
        /// The size of the data once extracted, in bytes.
        package let uncompressedSize: Int
        /// The CRC-32 of the extracted data.
        package let crc32: UInt32
        /// Where the entry's local header begins, in bytes from the start of the region.
        package let headerOffset: Int
        /// The general purpose flags (APPNOTE 4.4.4).
        let flags: UInt16
        /// Where the entry's data must have ended: the next entry's local header, or the directory.
        var dataLimit: Int
    }

    /// How an entry's data is compressed.
    package enum Method: Sendable, Hashable {
        /// Not at all: the data stands in the archive as it is.
        case stored
        /// With a raw Deflate stream (RFC 1951).
        case deflated
        /// In a way this reader does not read, by its number in APPNOTE 4.4.5.
        case other(UInt16)
    }

    /// The entries in the order of the archive's directory.
    package let entries: [Entry]
    let region: ByteRegion
    /// Names are keyed by their bytes: two spellings of "é" are two names.
    private let indexByName: [[UInt8]: Int]

    /// Reads the directory of the archive that ends where `region` ends.
    ///
    /// - Throws: `CheckpointError` if the directory is truncated, contradicts itself, names an entry twice,
    ///   lets entries overlap, or spans several disks.
    package init(_ region: ByteRegion) throws {
        let directory = try ZipDirectory(region)
        let entries = try directory.readEntries()
        var indexByName: [[UInt8]: Int] = [:]
        for (index, entry) in entries.enumerated()
        where indexByName.updateValue(index, forKey: Array(entry.name.utf8)) != nil {
            throw CheckpointError.invalid(
                file: region.source, offset: entry.headerOffset, reason: "two entries are named \(entry.name)")
        }
        self.region = region
        self.entries = entries
        self.indexByName = indexByName
    }

    /// The entry of that name, compared byte by byte, or nil.
    package func entry(named name: String) -> Entry? {
        indexByName[Array(name.utf8)].map { entries[$0] }
    }

    /// The bytes of a stored entry where they lie in the archive, without a copy. Their CRC-32 is not
    /// checked, because that would read all of them: `extract` does.
    ///
    /// - Throws: `CheckpointError.unsupported` if the entry is compressed or encrypted, `.invalid` or
    ///   `.truncated` if its local header contradicts the directory.
    package func region(of entry: Entry) throws -> ByteRegion {
        guard entry.method == .stored else {
            throw unsupported(entry, "is compressed (\(entry.method)), so it has no bytes to map")
        }
        return try compressedData(of: entry)
    }

    /// The extracted bytes of a small entry.
    ///
    /// - Parameter limit: The most bytes the caller wants to hold.
    /// - Throws: `CheckpointError` if the entry claims more than `limit`, or as `extract(_:to:)` does.
    package func data(of entry: Entry, limit: Int) throws -> [UInt8] {
        guard entry.uncompressedSize <= limit else {
            throw invalid(entry, "expands to \(entry.uncompressedSize) bytes, more than the \(limit) expected")
        }
        var bytes: [UInt8] = []
        try extract(entry) { bytes.append(contentsOf: $0) }
        return bytes
    }

    func invalid(_ entry: Entry, _ reason: String) -> CheckpointError {
        .invalid(file: region.source, offset: entry.headerOffset, reason: "the entry \(entry.name) \(reason)")
    }

    func unsupported(_ entry: Entry, _ reason: String) -> CheckpointError {
        .unsupported(file: region.source, offset: entry.headerOffset, reason: "the entry \(entry.name) \(reason)")
    }
}

extension ZipArchive.Method: CustomStringConvertible {
    /// The method's name, or its number where it has no common name.
    package var description: String {
        switch self {
        case .stored: "stored"
        case .deflated: "deflated"
        case .other(9): "Deflate64"
        case .other(12): "bzip2"
        case .other(14): "LZMA"
        case .other(93): "Zstandard"
        case .other(95): "XZ"
        case .other(let number): "method \(number)"
        }
    }

    init(number: UInt16) {
        switch number {
        case 0: self = .stored
        case 8: self = .deflated
        default: self = .other(number)
        }
    }
}

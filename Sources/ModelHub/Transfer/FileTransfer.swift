/// A file to fetch.
package struct FileTransfer: Sendable {
    /// A way to hash it.
    package enum Digest: Sendable, Hashable {
        case sha256
        /// SHA-1 over the header that git puts before a file, and the file.
        case gitBlobSHA1
    }

    /// Where it is.
    package var url: String
    /// A secret for that origin; where redirects lead elsewhere, it does not follow.
    package var credential: Credential?
    /// Where it is written. What is known of it lies in a journal beside it, `partial` + ".json".
    package var partial: String
    /// Its length where that is known before.
    package var sizeBytes: Int?
    /// The entity tag that the source told, without quotes. A partial that was begun under another one is thrown away.
    package var etag: String?
    /// The digests to compute.
    package var digests: Set<Digest>
    /// The digest it must have, in hexadecimal: SHA-256 (64 digits) or git's of a blob (40 digits). It is computed too.
    package var expected: String?
    /// How many bytes must stay free on the disk.
    package var freeSpaceReserveBytes: Int

    /// A file to fetch.
    package init(
        url: String, credential: Credential? = nil, partial: String, sizeBytes: Int? = nil, etag: String? = nil,
        digests: Set<Digest> = [.sha256], expected: String? = nil, freeSpaceReserveBytes: Int = 64 << 20
    ) {
        self.url = url
        self.credential = credential
        self.partial = partial
        self.sizeBytes = sizeBytes
        self.etag = etag
        self.digests = digests
        self.expected = expected
        self.freeSpaceReserveBytes = freeSpaceReserveBytes
    }

    /// The path of the journal of a partial.
    package static func journal(of partial: String) -> String { partial + ".json" }

    /// How many bytes of a partial are known to be on the disk, for who watches another process's download; 0 if there is
    /// none.
    package static func recordedBytes(of partial: String) -> Int {
        TransferJournal.read(partial)?.ranges.count ?? 0
    }

    /// Puts a partial that was fetched whole in its place: renames it, removes its journal, and waits until both are on the
    /// disk. The partial's bytes are there already.
    ///
    /// - Throws: `ModelHubError`.
    package static func place(_ partial: String, at path: String) throws {
        try Disk.move(partial, to: path)
        try Disk.removeFile(journal(of: partial))
        try Disk.synchronizeDirectory(parentDirectory(path))
        if parentDirectory(path) != parentDirectory(partial) {
            try Disk.synchronizeDirectory(parentDirectory(partial))
        }
    }

    /// Removes a partial and its journal; fine if there is none.
    package static func discard(_ partial: String) throws {
        try Disk.removeFile(journal(of: partial))
        try Disk.removeFile(partial)
    }
}

/// How far a file is.
package struct FileTransferProgress: Sendable, Equatable {
    /// What is being done.
    package enum State: Sendable, Equatable {
        /// It waits for a connection, or for the first byte.
        case waiting
        /// Bytes come.
        case downloading
        /// Something went wrong, and is tried again in so many seconds.
        case retrying(reason: String, seconds: Double)
        /// All bytes are there; the rest is hashed and put on the disk.
        case verifying
    }

    /// What is being done.
    package var state: State
    /// How many bytes are there, what was kept from before included.
    package var completedBytes: Int
    /// How many there will be, where that is known.
    package var totalBytes: Int?
    /// How many of them were kept from before.
    package var resumedBytes: Int
    /// How fast they come, over the last seconds.
    package var bytesPerSecond: Double
    /// How many connections fetch it.
    package var connections: Int
}

/// A file that is whole and on the disk, under its partial's name; `FileTransfer.place` gives it its own.
package struct FileTransferResult: Sendable, Equatable {
    /// Its length.
    package var sizeBytes: Int
    /// SHA-256 in hexadecimal, where it was asked for.
    package var sha256: String?
    /// Git's SHA-1 of a blob in hexadecimal, where it was asked for.
    package var gitBlobSHA1: String?
    /// The entity tag under which the bytes came, without quotes; nil where none was told or nothing had to come.
    package var entityTag: String?
    /// How many bytes came now.
    package var downloadedBytes: Int
    /// How many bytes were kept from before.
    package var resumedBytes: Int
}

/// The directory that a path is in.
func parentDirectory(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

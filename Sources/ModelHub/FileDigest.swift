import Crypto
import Foundation

/// SHA-256 of files and of lists of files.
enum FileDigest {
    private static let pieceSize = 1 << 20

    /// The digest of a file's bytes of the kind that `expected` is: SHA-256, or git's SHA-1 of a blob, which begins with its
    /// length.
    static func digest(
        of path: String, like expected: String, _ status: Disk.Status, _ cancellation: Cancellation,
        advanced: (Int) -> Void
    ) throws -> String {
        guard expected.isGitDigest else { return try sha256(of: path, cancellation, advanced: advanced) }
        var hash = Insecure.SHA1()
        hash.update(data: Array("blob \(status.sizeBytes)\0".utf8))
        try update(&hash, with: path, cancellation, advanced)
        return hexadecimal(hash.finalize())
    }

    /// The SHA-256 of a file's bytes, in hexadecimal. Reads rather than maps: a file that shrinks while it is
    /// mapped kills its reader. `advanced` is told the bytes of each piece.
    static func sha256(of path: String, _ cancellation: Cancellation, advanced: (Int) -> Void) throws -> String {
        var hash = SHA256()
        try update(&hash, with: path, cancellation, advanced)
        return hexadecimal(hash.finalize())
    }

    private static func update(
        _ hash: inout some HashFunction, with path: String, _ cancellation: Cancellation, _ advanced: (Int) -> Void
    ) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Disk.failure("read", path) }
        defer { close(descriptor) }
        try readPieces(descriptor, path) { piece in
            try cancellation.check()
            hash.update(bufferPointer: piece)
            advanced(piece.count)
        }
    }

    /// Reads an open file to its end, in pieces of 1 MB.
    static func readPieces(
        _ descriptor: Int32, _ path: String, _ receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceSize, alignment: 4096)
        defer { buffer.deallocate() }
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Disk.failure("read", path) }
            if count == 0 { return }
            try receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// A revision for files that come without one: 40 hexadecimal digits that depend on every path and every byte.
    static func revision(of files: [CatalogFile]) -> String {
        var hash = SHA256()
        for file in files.sorted(by: { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }) {
            hash.update(data: Array("\(file.sha256) \(file.path)\n".utf8))
        }
        return String(hexadecimal(hash.finalize()).prefix(40))
    }

    static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// A note that a blob was hashed and found right, with what a change would change. It spares hashing gigabytes
/// at every start; who doubts it can still hash.
struct VerifiedRecord: Codable, Equatable {
    private static let limitBytes = 4096
    private let size: Int
    private let modifiedNanoseconds: Int64
    private let inode: UInt64

    private enum CodingKeys: String, CodingKey {
        case size, inode
        case modifiedNanoseconds = "mtime_ns"
    }

    private init(_ status: Disk.Status) {
        size = status.sizeBytes
        modifiedNanoseconds = status.modifiedNanoseconds
        inode = status.inode
    }

    private static func path(_ sha256: String, _ repository: ModelRepository) -> String {
        repository.verified + "/" + sha256 + ".json"
    }

    /// Whether the blob was hashed before and is, by all that a file's status says, still the same file.
    static func holds(_ sha256: String, _ repository: ModelRepository) -> Bool {
        guard let status = Disk.status(repository.blob(sha256)) else { return false }
        return read(sha256, repository) == VerifiedRecord(status)
    }

    private static func read(_ sha256: String, _ repository: ModelRepository) -> VerifiedRecord? {
        guard let bytes = try? Disk.smallFile(path(sha256, repository), limitBytes: limitBytes) else { return nil }
        return try? JSONDecoder().decode(VerifiedRecord.self, from: Data(bytes))
    }

    /// Notes that a blob was found right when its status was `status`. Nothing depends on the note, so a store
    /// that cannot be written is no error here. A note that says so already stays: whoever only looks changes nothing.
    static func write(_ sha256: String, _ status: Disk.Status, _ repository: ModelRepository) {
        guard read(sha256, repository) != VerifiedRecord(status) else { return }
        let pending = path(sha256, repository) + "." + Disk.uniqueSuffix()
        guard let json = try? JSONEncoder().encode(VerifiedRecord(status)) else { return }
        do {
            try Disk.makeDirectory(repository.verified)
            try Disk.writeFile(Array(json), to: pending)
            try Disk.move(pending, to: path(sha256, repository))
        } catch {
            unlink(pending)
        }
    }

    /// Forgets that the blob was ever found right.
    static func remove(_ sha256: String, _ repository: ModelRepository) {
        unlink(path(sha256, repository))
    }
}

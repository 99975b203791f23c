import Crypto
import Foundation

/// Writes one blob under a name that nobody takes for a whole one, hashes it as its bytes arrive, and gives it its
/// real name only once it is on the disk and of the right hash.
final class BlobWriter {
    private let repository: ModelRepository
    private let path: String
    private var descriptor: Int32
    private var hash = SHA256()
    /// How many bytes were written.
    private(set) var sizeBytes = 0

    /// Begins a blob. `sha256` names it, where its hash is known in advance.
    init(_ repository: ModelRepository, expecting sha256: String?) throws {
        self.repository = repository
        path = repository.incompletePath(sha256)
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Disk.failure("write", path) }
    }

    /// A writer that was not committed leaves nothing.
    deinit { discard() }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        hash.update(bufferPointer: bytes)
        sizeBytes += bytes.count
        try Disk.write(bytes, to: descriptor, path: path)
    }

    /// The SHA-256 of what was written so far.
    func digest() -> String { FileDigest.hexadecimal(hash.finalize()) }

    /// Puts the blob in its place, named by its hash, which is returned, and notes that it is right.
    ///
    /// - Parameter keepingRight: Whether a blob that is there already and known to be right may stay instead.
    func commit(keepingRight: Bool) throws -> String {
        precondition(descriptor >= 0, "a blob is committed once")
        let sha256 = digest()
        if keepingRight, VerifiedRecord.holds(sha256, repository) {
            discard()
            return sha256
        }
        guard fsync(descriptor) == 0 else { throw Disk.failure("synchronise", path) }
        try Disk.move(path, to: repository.blob(sha256))
        let status = try Disk.status(ofDescriptor: descriptor, path: path)
        close(descriptor)
        descriptor = -1
        try Disk.synchronizeDirectory(repository.blobs)
        VerifiedRecord.write(sha256, status, repository)
        return sha256
    }

    private func discard() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        unlink(path)
    }
}

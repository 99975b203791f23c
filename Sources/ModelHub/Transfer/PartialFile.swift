import Crypto
import Foundation
import Synchronization

/// The file that a download writes. Bytes are written by the thread of the transfers, wherever they belong; a worker reads
/// them back, mostly from memory, to hash them in order, and puts them on the disk.
final class PartialFile: Sendable {
    /// A partial that is open, and what of it can be kept.
    struct Opened: Sendable {
        let partial: PartialFile
        let journal: TransferJournal
    }

    /// The digests of a whole file, in hexadecimal.
    struct Digests: Sendable, Equatable {
        var sha256: String?
        var gitBlobSHA1: String?
    }

    private static let pieceBytes = 256 << 10
    let path: String
    private let descriptor: Int32
    private let file: FileTransfer
    private let state: Mutex<State>

    private struct State {
        var isOpen = true
        var sha256: SHA256?
        var sha1: Insecure.SHA1?
        /// How many bytes from the beginning are hashed.
        var position = 0
    }

    private init(_ file: FileTransfer, descriptor: Int32) {
        self.file = file
        path = file.partial
        self.descriptor = descriptor
        state = Mutex(State())
    }

    /// Opens or makes the partial of `file`, for this download alone, and finds out what of it is of use. Blocks.
    static func open(_ file: FileTransfer) throws -> Opened {
        let path = file.partial
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Disk.failure("write", path) }
        let partial = PartialFile(file, descriptor: descriptor)
        do {
            // Two who write one file would each see the other's bytes. The kernel gives the lock back, however we end.
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                guard errno == EWOULDBLOCK else { throw Disk.failure("lock", path) }
                throw ModelHubError.io(path: path, operation: "write", reason: "another download is writing it")
            }
            let status = try Disk.status(ofDescriptor: descriptor, path: path)
            let journal = TransferJournal.read(path)?.kept(for: file, partialBytes: status.sizeBytes)
            if journal == nil { try partial.empty() }
            return Opened(partial: partial, journal: journal ?? TransferJournal(file))
        } catch {
            partial.close()
            throw error
        }
    }

    /// Throws away what is there.
    func empty() throws {
        // First what claims bytes, then the bytes.
        try Disk.removeFile(FileTransfer.journal(of: path))
        guard ftruncate(descriptor, 0) == 0 else { throw Disk.failure("shorten", path) }
        state.withLock { state in
            state.sha256 = nil
            state.sha1 = nil
            state.position = 0
        }
    }

    /// Writes bytes where they belong.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        var rest = bytes
        var offset = offset
        while let base = rest.baseAddress, !rest.isEmpty {
            let written = pwrite(descriptor, base, rest.count, off_t(offset))
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw Disk.failure("write", path) }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            offset += written
        }
    }

    /// Hashes on, up to `end`, which must have been written. `size` is the whole file's. For one worker at a time.
    func hash(upTo end: Int, size: Int) throws {
        try state.withLock { state in
            if state.position == 0 {
                if file.computes(.sha256) { state.sha256 = SHA256() }
                if file.computes(.gitBlobSHA1) {
                    state.sha1 = Insecure.SHA1()
                    state.sha1?.update(data: Array("blob \(size)\0".utf8))
                }
            }
            let buffer = UnsafeMutableRawBufferPointer.allocate(
                byteCount: max(1, min(Self.pieceBytes, end - state.position)), alignment: 64)
            defer { buffer.deallocate() }
            while state.position < end {
                let wanted = min(buffer.count, end - state.position)
                let count = pread(descriptor, buffer.baseAddress, wanted, off_t(state.position))
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw Disk.failure("read", path) }
                guard count > 0 else {
                    throw ModelHubError.io(path: path, operation: "read", reason: "it became shorter meanwhile")
                }
                let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                state.sha256?.update(bufferPointer: piece)
                state.sha1?.update(bufferPointer: piece)
                state.position += count
            }
        }
    }

    /// The digests of what was hashed.
    func digests() -> Digests {
        state.withLock { state in
            Digests(
                sha256: state.sha256.map { FileDigest.hexadecimal($0.finalize()) },
                gitBlobSHA1: state.sha1.map { FileDigest.hexadecimal($0.finalize()) })
        }
    }

    /// Puts what was written on the disk, then notes it. Returns what was noted.
    ///
    /// - Parameter gives: Whether bytes may be given up where the disk is too full for the note alone: without one, all
    ///   of them would be worthless.
    func record(_ journal: TransferJournal, givingWay gives: Bool) throws -> ByteRangeSet {
        try synchronize()
        do {
            try journal.write(path)
            return journal.ranges
        } catch ModelHubError.diskFull where gives {
            var journal = journal
            let end = max(0, journal.ranges.upperBound - Self.pieceBytes)
            journal.ranges.removeAll(from: end)
            guard ftruncate(descriptor, off_t(end)) == 0 else { throw Disk.failure("shorten", path) }
            try synchronize()
            try journal.write(path)
            return journal.ranges
        }
    }

    private func synchronize() throws {
        #if os(Linux)
            guard fdatasync(descriptor) == 0 else { throw Disk.failure("synchronise", path) }
        #else
            guard fsync(descriptor) == 0 else { throw Disk.failure("synchronise", path) }
        #endif
    }

    /// Puts the whole file on the disk, of just this size, then notes that it is.
    func finish(_ journal: TransferJournal, size: Int) throws {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw Disk.failure("shorten", path) }
        guard fsync(descriptor) == 0 else { throw Disk.failure("synchronise", path) }
        try journal.write(path)
    }

    /// Throws where the disk has not the room for `bytes` more and the reserve.
    func checkSpace(for bytes: Int) throws {
        var information = statvfs()
        guard fstatvfs(descriptor, &information) == 0 else { return }
        let available = Int(clamping: UInt64(information.f_bavail)) &* Int(information.f_frsize)
        let needed = max(0, bytes) + file.freeSpaceReserveBytes
        guard available >= needed else {
            throw ModelHubError.notEnoughSpace(
                path: parentDirectory(path), neededBytes: needed, availableBytes: available)
        }
    }

    /// Lets go of the file; again is fine.
    func close() {
        let wasOpen = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
        guard wasOpen else { return }
        // Closing alone would keep the lock while a program that is just being started has a copy of the descriptor.
        flock(descriptor, LOCK_UN)
        Foundation.close(descriptor)
    }

    deinit { close() }
}

extension FileTransfer {
    /// Whether a digest is wanted, or needed for the check.
    func computes(_ digest: Digest) -> Bool {
        digests.contains(digest) || digest == (expected?.utf8.count == 40 ? .gitBlobSHA1 : .sha256) && expected != nil
    }

    /// Whether the digests are what they should be; and what was found instead.
    func mismatch(_ found: PartialFile.Digests) -> (expected: String, found: String)? {
        guard let expected = expected?.lowercased() else { return nil }
        let digest = (expected.utf8.count == 40 ? found.gitBlobSHA1 : found.sha256) ?? "none"
        return digest == expected ? nil : (expected, digest)
    }
}

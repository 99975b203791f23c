import Foundation

/// The right to change a repository, held by one task of one process at a time.
///
/// An advisory lock on a file: the kernel gives it back when its holder dies, however it dies, so no lock is ever
/// stale. The file stays, because a lock on a file that was removed excludes nobody.
final class StoreLock: Sendable {
    private static let firstWait: Duration = .milliseconds(20)
    private static let longestWait: Duration = .milliseconds(250)
    /// Nil for what nobody has ever locked and who only looks does not lock either.
    private let descriptor: Int32?

    private init(descriptor: Int32?) { self.descriptor = descriptor }

    /// Takes the lock at `path`, or returns nil if somebody else has it.
    ///
    /// - Parameter toLook: Whether nothing is going to be changed. Then the store is left as it is, without the lock's
    ///   file if it has none, and need not be one that can be written to; others may look at the same time.
    static func tryAcquire(_ path: String, toLook: Bool = false) throws -> StoreLock? {
        if !toLook { try Disk.makeDirectory((path as NSString).deletingLastPathComponent) }
        // Not inherited by the programs we start, which would keep the lock after us.
        let descriptor = open(path, (toLook ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0o666)
        if descriptor < 0, toLook, errno == ENOENT { return StoreLock(descriptor: nil) }
        guard descriptor >= 0 else { throw Disk.failure("lock", path) }
        // Shared to look: network file systems lock for one alone only what is open for writing.
        while flock(descriptor, (toLook ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let held = errno == EWOULDBLOCK
            let error = Disk.failure("lock", path)
            close(descriptor)
            if held { return nil }
            throw error
        }
        // Other programs share some of these locks, and may remove the file with theirs: a lock on what has no name any
        // more excludes nobody.
        if try Disk.status(ofDescriptor: descriptor, path: path).inode != Disk.status(path)?.inode {
            close(descriptor)
            return nil
        }
        return StoreLock(descriptor: descriptor)
    }

    /// Takes the lock at `path`, waiting for as long as somebody else has it, and calls `whileWaiting` before
    /// each new try. The wait suspends; no thread is blocked.
    static func acquire(_ path: String, whileWaiting: () -> Void) async throws -> StoreLock {
        var wait = firstWait
        while true {
            try Task.checkCancellation()
            if let lock = try tryAcquire(path) { return lock }
            whileWaiting()
            try await Task.sleep(for: wait)
            wait = min(wait * 2, longestWait)
        }
    }

    /// Gives the lock back. Must be called exactly once. Closing alone would not do: a process that another thread
    /// is just starting has a copy of the descriptor until its program begins, and would keep the lock till then.
    func release() {
        guard let descriptor else { return }
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}

import Foundation

/// A claim that a model's files are in use: whoever has loaded a model holds one for as long as it is loaded, and
/// removal refuses meanwhile.
///
/// A shared lock on `in-use/NAME.lock` beside the store. The kernel gives it back when its holder dies, however it
/// dies, so no claim is ever stale. The file stays, because a lock on a file that was removed excludes nobody.
package final class ModelUse: Sendable {
    /// A process that has a model loaded.
    package struct Holder: Hashable, Sendable, CustomStringConvertible {
        /// Its number.
        package let process: Int32
        /// The name of its program, without arguments: they may hold secrets. Nil where the system does not tell.
        package let program: String?

        package var description: String { program.map { "\($0), process \(process)" } ?? "process \(process)" }
    }

    private static let firstWait: Duration = .milliseconds(10)
    private static let longestWait: Duration = .milliseconds(200)
    /// Removing a model is unlinking some files.
    private static let patience: Duration = .seconds(30)
    private let descriptor: Int32?

    private init(descriptor: Int32?) { self.descriptor = descriptor }

    /// Where the lock of a model is.
    static func path(_ model: String, in store: ModelStore) -> String {
        (store.root as NSString).deletingLastPathComponent + "/in-use/" + fileName(model) + ".lock"
    }

    /// A model's name as the name of a file: what is not a letter, a digit, `.`, `_` or `-` is written `%HH`, and so is
    /// a point at the beginning.
    static func fileName(_ model: String) -> String {
        model.utf8.enumerated().reduce(into: "") { name, item in
            let (index, byte) = item
            let character = Character(UnicodeScalar(byte))
            let isPlain = byte < 0x80 && (character.isLetter || character.isNumber || "_-".contains(character))
            if isPlain || (byte == UInt8(ascii: ".") && index > 0) {
                name.append(character)
            } else {
                name += "%" + FileDigest.hexadecimal([byte])
            }
        }
    }

    /// Claims the model, waiting while it is being removed, half a minute at most.
    ///
    /// Where the place of the claims cannot be written, the claim is an empty one and loading goes on: a store that
    /// this user may not change is not there for this user to remove things from.
    ///
    /// - Throws: `ModelHubError.busy` if the removal does not end; `CancellationError` if the task is cancelled.
    package static func acquire(_ model: String, in store: ModelStore) async throws -> ModelUse {
        let deadline = ContinuousClock.now + patience
        var wait = firstWait
        while true {
            try Task.checkCancellation()
            if let use = tryAcquire(model, in: store) { return use }
            guard ContinuousClock.now < deadline else { throw ModelHubError.busy(model: model) }
            try await Task.sleep(for: wait)
            wait = min(wait * 2, longestWait)
        }
    }

    /// Claims the model, or returns nil while it is being removed.
    package static func tryAcquire(_ model: String, in store: ModelStore) -> ModelUse? {
        let path = path(model, in: store)
        try? Disk.makeDirectory((path as NSString).deletingLastPathComponent)
        var descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        if descriptor < 0 { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { return ModelUse(descriptor: nil) }
        while flock(descriptor, LOCK_SH | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let isHeld = errno == EWOULDBLOCK
            close(descriptor)
            return isHeld ? nil : ModelUse(descriptor: nil)
        }
        return ModelUse(descriptor: descriptor)
    }

    /// Gives the claim back. Must be called exactly once; for why closing alone would not do, see `StoreLock.release`.
    package func release() {
        guard let descriptor else { return }
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Whether any process, this one included, has the model in use.
    package static func isInUse(_ model: String, in store: ModelStore) -> Bool {
        let path = path(model, in: store)
        guard Disk.status(path) != nil else { return false }
        do {
            guard let lock = try StoreLock.tryAcquire(path) else { return true }
            lock.release()
        } catch {
            // A claim that this user can make for himself only by reading: nobody can tell more.
            return false
        }
        return false
    }

    /// The processes that have the model in use, as far as the system tells: on Linux those of the same namespace.
    package static func holders(of model: String, in store: ModelStore) -> [Holder] {
        let path = path(model, in: store)
        guard let status = Disk.status(path),
            let table = try? Disk.smallFile("/proc/locks", limitBytes: 1 << 20)
        else { return [] }
        // 12: FLOCK  ADVISORY  READ 4711 fe:01:1835022 0 EOF
        let processes = String(decoding: table, as: UTF8.self).split(separator: "\n").compactMap { line -> Int32? in
            let words = line.split(separator: " ")
            guard words.count >= 6, words[1] == "FLOCK", let process = Int32(words[4]), process > 0,
                words[5].split(separator: ":").last.flatMap({ UInt64($0) }) == status.inode
            else { return nil }
            return process
        }
        return Set(processes).filter { holds($0, path) }.sorted().map { process in
            let program = (try? Disk.smallFile("/proc/\(process)/comm", limitBytes: 256)).flatMap { $0 }
                .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
            return Holder(process: process, program: program)
        }
    }

    /// Whether the process has the file open; true where we may not look. Numbers of files repeat between file systems.
    private static func holds(_ process: Int32, _ path: String) -> Bool {
        let directory = "/proc/\(process)/fd"
        guard let names = try? Disk.names(in: directory), !names.isEmpty else { return true }
        let wanted = Disk.status(path)?.inode
        return names.contains { name in
            Disk.linkTarget(directory + "/" + name)?.hasSuffix(".lock") == true
                && Disk.status(directory + "/" + name)?.inode == wanted
        }
    }
}

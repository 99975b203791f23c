internal import Foundation

/// Writes a packed file under a name of its own, and gives it its real name only when it is whole and on the disk. Of
/// several writers of one file the last wins; all are right. A writer that is given up leaves nothing; what a killed
/// process leaves, the next writer removes: the lock on it has gone with the process.
///
/// One thread uses a writer; the sections it hands out may be written by all.
package final class PackedCheckpointWriter {
    private static let suffix = ".partial"
    private static let attempts = 16
    private static let pieceBytes = 1 << 20

    private let path: String
    private let pending: String
    private let identity: String
    private var descriptor: Int32
    private var entries: [PackedEntry] = []
    private var end = PackedFile.alignment

    /// Begins the packed file of that path, and makes its directory where it is missing.
    ///
    /// - Throws: `CheckpointError.io`.
    package init(path: String, identity: String) throws {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let directory = parts.count < 2 ? "." : parts.dropLast().joined(separator: "/") + "/"
        let name = parts.last.map(String.init) ?? path
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw CheckpointError.io(path: directory, operation: "make the directory", reason: PackedSection.reason())
        }
        Self.removeLeftovers(in: directory, of: name)
        for _ in 0..<Self.attempts {
            let pending = "\(path).\(String(UInt64.random(in: 0 ... .max), radix: 36))\(Self.suffix)"
            let descriptor = open(pending, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor < 0, errno == EEXIST { continue }
            guard descriptor >= 0 else {
                throw CheckpointError.io(path: pending, operation: "write", reason: PackedSection.reason())
            }
            // Whoever looked for leftovers between the two calls took this for one.
            var status = stat()
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &status) == 0, status.st_nlink > 0
            else {
                close(descriptor)
                unlink(pending)
                continue
            }
            (self.path, self.pending, self.identity, self.descriptor) = (path, pending, identity, descriptor)
            return
        }
        throw CheckpointError.io(path: path, operation: "write", reason: "no name is free for it")
    }

    deinit { discard() }

    /// Room for a matrix of `count` bytes.
    package func section(name: String, format: UInt32, rows: Int, columns: Int, count: Int) -> PackedSection {
        let entry = PackedEntry(name: name, format: format, rows: rows, columns: columns, offset: end, count: count)
        entries.append(entry)
        end = PackedFile.aligned(end + count)
        return PackedSection(path: pending, descriptor: descriptor, offset: entry.offset, count: count)
    }

    /// Puts the file in its place. Sections stay valid.
    ///
    /// - Throws: `CheckpointError.io`; nothing is left of the file then.
    package func finish() throws {
        precondition(descriptor >= 0, "a packed file is finished once")
        defer { discard() }
        // What nobody wrote of the last section is zeros, as elsewhere.
        guard ftruncate(descriptor, off_t(end)) == 0 else {
            throw CheckpointError.io(path: pending, operation: "extend", reason: PackedSection.reason())
        }
        for index in entries.indices { entries[index].checksum = try checksum(of: entries[index]) }
        let table = PackedFile.table(identity: identity, entries)
        let header = PackedFile.header(table: table, at: end)
        try table.withUnsafeBytes { try PackedSection.write($0, to: descriptor, at: end, path: pending) }
        try header.withUnsafeBytes { try PackedSection.write($0, to: descriptor, at: 0, path: pending) }
        guard fsync(descriptor) == 0 else {
            throw CheckpointError.io(path: pending, operation: "synchronise", reason: PackedSection.reason())
        }
        guard rename(pending, path) == 0 else {
            throw CheckpointError.io(path: path, operation: "put in place", reason: PackedSection.reason())
        }
        close(descriptor)
        descriptor = -1
        let parent = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if parent >= 0 {
            // A name that is lost with the power costs packing again, no more.
            fsync(parent)
            close(parent)
        }
    }

    /// What was written: from the page cache, where it still is.
    private func checksum(of entry: PackedEntry) throws -> UInt32 {
        var buffer = [UInt8](repeating: 0, count: min(entry.count, Self.pieceBytes))
        var (checksum, done): (UInt32, Int) = (0, 0)
        while done < entry.count {
            let wanted = min(buffer.count, entry.count - done)
            let count = buffer.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress, wanted, off_t(entry.offset + done))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw CheckpointError.io(
                    path: pending, operation: "read", reason: count == 0 ? "it was cut" : PackedSection.reason())
            }
            checksum = buffer.withUnsafeBytes {
                PackedFile.checksum(UnsafeRawBufferPointer(rebasing: $0[..<count]), after: checksum)
            }
            done += count
        }
        return checksum
    }

    private func discard() {
        guard descriptor >= 0 else { return }
        unlink(pending)
        close(descriptor)
        descriptor = -1
    }

    /// Removes what no process has locked.
    private static func removeLeftovers(in directory: String, of name: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for leftover in names where leftover.hasPrefix(name + ".") && leftover.hasSuffix(suffix) {
            let path = directory + "/" + leftover
            let descriptor = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
            close(descriptor)
        }
    }
}

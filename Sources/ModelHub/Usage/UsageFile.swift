internal import Foundation
internal import GRDB

/// The place where usage is kept: the file, or memory while there can be no file. Used by one thread at a time.
///
/// Whatever is wrong with the file, the caller can write: what cannot be used is set aside, what cannot be written to
/// is tried again later, and `onNote` says so once.
struct UsageFile {
    /// The bytes that are kept in memory at most while there is no file.
    static let memoryBytes = 8 << 20
    /// How many files are kept that were set aside.
    static let keptDamaged = 3

    private enum Place {
        case closed
        /// The file, and what tells whether it is still the one at its path.
        case file(DatabasePool, inode: UInt64)
        /// No file for now; a new try is due at the moment given.
        case memory(DatabaseQueue, nextTry: ContinuousClock.Instant)
    }

    let path: String
    let retentionDays: Int
    let maximumBytes: Int
    let retrySeconds: Double
    let onNote: @Sendable (String) -> Void

    private var place = Place.closed
    /// What was told of a trouble that goes on, which is not told again.
    private var trouble: String?
    private var nextCare = ContinuousClock.now

    init(
        path: String, retentionDays: Int, maximumBytes: Int, retrySeconds: Double,
        onNote: @escaping @Sendable (String) -> Void
    ) {
        self.path = path
        self.retentionDays = max(1, retentionDays)
        self.maximumBytes = max(256 << 10, maximumBytes)
        self.retrySeconds = retrySeconds
        self.onNote = onNote
    }

    /// How large the log beside the database may become before it is cut down.
    private var walBytes: Int { min(4 << 20, maximumBytes / 8) }

    /// Adds counts to the kept ones.
    ///
    /// - Returns: whether they are kept; if not, the caller tries again later.
    mutating func write(_ rows: [UsageKey: UsageAggregate]) -> Bool {
        for attempt in 0..<3 {
            do {
                let writer = try open()
                try writer.write { try UsageSchema.merge(rows, into: $0) }
                if trouble != nil, case .file = place {
                    onNote("the usage history \(path) is written again")
                    trouble = nil
                }
                careForBounds(writer)
                return true
            } catch {
                guard recovered(from: error, isSure: attempt > 0) else { return false }
            }
        }
        return false
    }

    /// Calls `body` with the database.
    mutating func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
        do {
            return try open().look(body)
        } catch {
            guard recovered(from: error, isSure: false) else { throw error }
            return try open().look(body)
        }
    }

    /// Closes the file, with nothing left in the log beside it if no other process has it open.
    mutating func close() {
        if case .file(let pool, _) = place { try? pool.close() }
        place = .closed
    }

    /// Handles an error, and says whether it is worth another try at once. `isSure` says that it has come again.
    private mutating func recovered(from error: any Error, isSure: Bool) -> Bool {
        if case .file = place, UsageSchema.isDamage(error) {
            close()
            return setAsideIfDamaged(UsageSchema.words(error), isSure: isSure)
        }
        note("cannot be written", error)
        let code = (error as? DatabaseError)?.resultCode
        if code != .SQLITE_FULL, code != .SQLITE_BUSY, code != .SQLITE_LOCKED {
            // Opened anew the file is looked at from the start.
            close()
        }
        return false
    }

    private mutating func note(_ what: String, _ error: any Error) {
        let kind = "\(what): \(UsageSchema.words(error))"
        guard trouble != kind else { return }
        trouble = kind
        onNote("the usage history \(path) \(kind); it is kept in memory and tried again")
    }

    // MARK: Opening

    private mutating func open() throws -> any DatabaseWriter {
        switch place {
        case .file(let pool, let inode):
            if Disk.status(path)?.inode == inode { return pool }
            // Somebody removed it or set it aside: what is written to it now would be lost.
            close()
        case .memory(let queue, let nextTry):
            guard ContinuousClock.now >= nextTry else { return queue }
        case .closed:
            break
        }
        do {
            let (pool, inode) = try openFile()
            if case .memory(let queue, _) = place {
                let rows = try queue.look { try UsageSchema.everything(in: $0) }
                try pool.write { try UsageSchema.merge(rows, into: $0) }
            }
            place = .file(pool, inode: inode)
            nextCare = .now
            return pool
        } catch {
            note("cannot be opened", error)
            let nextTry = ContinuousClock.now + .seconds(retrySeconds)
            if case .memory(let queue, _) = place {
                place = .memory(queue, nextTry: nextTry)
                return queue
            }
            let queue = try DatabaseQueue(configuration: UsageSchema.configuration(walBytes: walBytes))
            try UsageSchema.prepare(queue)
            place = .memory(queue, nextTry: nextTry)
            return queue
        }
    }

    /// Opens the file, a new one if need be. One process at a time does, so that none takes the other's new file for a
    /// damaged one.
    private func openFile() throws -> (DatabasePool, inode: UInt64) {
        let lock = try lock()
        defer { lock.release() }
        do {
            return try openLocked()
        } catch  where UsageSchema.isDamage(error) {
            try setAside(UsageSchema.words(error))
            return try openLocked()
        }
    }

    private func openLocked() throws -> (DatabasePool, inode: UInt64) {
        for ending in [""] + UsageSchema.endingsBeside {
            if let status = Disk.status(path + ending), !status.isRegularFile {
                throw UsageDamage(description: "\((path + ending as NSString).lastPathComponent) is not a regular file")
            }
        }
        if let status = Disk.status(path), status.sizeBytes > 0 {
            // Before anything is changed, in case it is another program's.
            try UsageSchema.openReader(path, UsageSchema.configuration(walBytes: walBytes)).close()
        } else if Disk.status(path) == nil {
            // Who uses which model when is nobody else's business. SQLite gives its other files the same mode.
            let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw Disk.failure("make", path) }
            Foundation.close(descriptor)
        }
        let pool = try DatabasePool(path: path, configuration: UsageSchema.configuration(walBytes: walBytes))
        try UsageSchema.prepare(pool)
        guard let inode = Disk.status(path)?.inode else { throw Disk.failure("find", path) }
        return (pool, inode)
    }

    private func lock() throws -> StoreLock {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            if let lock = try StoreLock.tryAcquire(path + ".lock") { return lock }
            guard ContinuousClock.now < end else {
                throw ModelHubError.io(path: path, operation: "open", reason: "another process is opening it")
            }
            usleep(20_000)
        }
    }

    // MARK: Setting aside

    /// Sets the file aside that was found damaged while it was open, unless another process already did.
    private mutating func setAsideIfDamaged(_ reason: String, isSure: Bool) -> Bool {
        do {
            let lock = try lock()
            defer { lock.release() }
            do {
                // Another process may have set it aside already, and what one connection meets need not be in the file.
                let (pool, _) = try openLocked()
                try? pool.close()
                if isSure { try setAside(reason) }
            } catch  where UsageSchema.isDamage(error) {
                try setAside(reason)
            }
            return true
        } catch {
            note("is damaged (\(reason)) and cannot be set aside", error)
            return false
        }
    }

    /// Moves the file and what SQLite keeps beside it out of the way. To be called with the lock.
    private func setAside(_ reason: String) throws {
        let time = Date.now.formatted(
            Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted, includingFractionalSeconds: true))
        let target = "\(path).damaged-\(time)"
        // The database first: SQLite throws away a log that it finds without one. A journal that stayed would be written
        // into the new one.
        if Disk.status(path) != nil { try Disk.move(path, to: target) }
        for ending in UsageSchema.endingsBeside where Disk.status(path + ending) != nil {
            try Disk.move(path + ending, to: target + ending)
        }
        onNote("the usage history \(path) cannot be used: \(reason). It was set aside as \(target); a new one begins")
        let directory = (path as NSString).deletingLastPathComponent
        let prefix = (path as NSString).lastPathComponent + ".damaged-"
        let kept = try Disk.names(in: directory).filter { $0.hasPrefix(prefix) }
        let times = Set(
            kept.map { name in
                UsageSchema.endingsBeside.reduce(name) { $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0 }
            }
        ).sorted()
        for old in times.dropLast(Self.keptDamaged) {
            // A directory that was in the way is its owner's; it stays.
            for ending in [""] + UsageSchema.endingsBeside { try? Disk.removeFile("\(directory)/\(old)\(ending)") }
        }
    }

    // MARK: Bounds

    private mutating func careForBounds(_ writer: any DatabaseWriter) {
        do {
            var isChanged = false
            if ContinuousClock.now >= nextCare {
                nextCare = .now + .seconds(3600)
                let first = UsageDay(.now).advanced(by: 1 - retentionDays)
                try UsageSchema.removeDays(before: first, from: writer)
                isChanged = true
            }
            let isFile = writer is DatabasePool
            let bytes = isFile ? maximumBytes - 2 * walBytes : min(Self.memoryBytes, maximumBytes)
            if try writer.look(UsageSchema.usedBytes) > bytes {
                // Somewhat more than needed, so that this is not done at each write.
                isChanged = try UsageSchema.shrink(writer, to: bytes / 10 * 9) || isChanged
            }
            if isChanged, let pool = writer as? DatabasePool { try UsageSchema.vacuum(pool) }
        } catch {
            // What was written is kept; the next write tries again, and meets the error too if it lasts.
            nextCare = .now
        }
    }
}

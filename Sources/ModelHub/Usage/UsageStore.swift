internal import Dispatch
package import Foundation
internal import Synchronization

/// The history of what was used, in a database on the disk: by model, task, language pair and day. Several processes
/// may use one database at once.
///
/// Counting never waits for the disk: observations add up in memory and are written every few seconds by a queue of the
/// store's own. What is lost when the process is killed is what was counted since.
package final class UsageStore: Sendable {
    /// How many keys wait before they are written early.
    private static let crowd = UsageBuffer.mostKeys / 2

    private struct Waiting {
        var buffer = UsageBuffer()
        var isWriting = false
        var isClosed = false
        var toldLost = 0
    }

    private let waiting = Mutex(Waiting())
    /// Locked by the blocks of `queue` alone.
    private let file: Mutex<UsageFile>
    private let queue = DispatchQueue(label: "svc.usage", qos: .utility)
    private let flushSeconds: Double
    private let isKnownModel: (@Sendable (String) -> Bool)?
    private let onNote: @Sendable (String) -> Void

    /// Opens the history at `path`, or begins one. It returns at once, and what goes wrong is told through `onNote`:
    ///
    /// - a file that is damaged, another program's or a later version's is renamed to `PATH.damaged-TIME`, and a new
    ///   one begins;
    /// - where no file can be written, counts are kept in memory, up to 8 MiB of them, and the file is tried again.
    ///
    /// - Parameters:
    ///   - path: the database, usually `$SVC_HOME/usage.sqlite`. Its directory is made if need be.
    ///   - retentionDays: how many days are kept, today among them.
    ///   - maximumBytes: how large the database may become with the log beside it, at least 256 KiB. Past that the
    ///     oldest days are removed first.
    ///   - flushSeconds: how often what was counted is written.
    ///   - retrySeconds: how long it is left in peace after it could not be opened.
    ///   - isKnownModel: says which names of models may be written down; the others become `other`. Without it every
    ///     text is one that looks like a name.
    ///   - onNote: is told what a person should know, from a thread of the store's own.
    package static func open(
        path: String, retentionDays: Int = 400, maximumBytes: Int = 64 << 20, flushSeconds: Double = 5,
        retrySeconds: Double = 60, isKnownModel: (@Sendable (String) -> Bool)? = nil,
        onNote: @escaping @Sendable (String) -> Void
    ) -> UsageStore {
        let file = UsageFile(
            path: URL(fileURLWithPath: path).standardizedFileURL.path, retentionDays: retentionDays,
            maximumBytes: maximumBytes, retrySeconds: retrySeconds, onNote: onNote)
        return UsageStore(file, flushSeconds: flushSeconds, isKnownModel: isKnownModel, onNote: onNote)
    }

    private init(
        _ file: UsageFile, flushSeconds: Double, isKnownModel: (@Sendable (String) -> Bool)?,
        onNote: @escaping @Sendable (String) -> Void
    ) {
        self.file = Mutex(file)
        self.isKnownModel = isKnownModel
        self.onNote = onNote
        self.flushSeconds = max(0.01, min(flushSeconds, 86_400))
        // Trouble is told when the service starts, and not when it is first used.
        queue.async { [weak self] in try? self?.file.withLock { try $0.read { _ in } } }
        writeLater()
    }

    /// Counts an observation. Takes a microsecond or two and never waits for the disk. After `close` it does nothing.
    package func record(_ observation: UsageObservation) {
        let isCrowded = waiting.withLock { waiting in
            guard !waiting.isClosed else { return false }
            waiting.buffer.add(observation, isKnown: isKnownModel)
            guard waiting.buffer.rows.count >= Self.crowd, !waiting.isWriting else { return false }
            waiting.isWriting = true
            return true
        }
        if isCrowded { queue.async { [weak self] in self?.write() } }
    }

    /// Writes what was counted so far. Returns when it is on its way to the disk, or could not be written; then it is
    /// tried again with what is counted next.
    package func flush() async {
        await onQueue { self.write() }
    }

    /// Writes what was counted and closes the database.
    package func close() async {
        waiting.withLock { $0.isClosed = true }
        await onQueue {
            self.write()
            self.file.withLock { $0.close() }
        }
    }

    /// What was used, up to this moment.
    ///
    /// - Throws: an error of the database that a new try did not mend.
    package func report(_ query: UsageQuery) async throws -> UsageReport {
        try await onQueue {
            self.write()
            return try self.file.withLock { try $0.read { try UsageReport(query, $0) } }
        }
    }

    /// What could be done with what is installed, judged by what was used: loading at the start, or removing. Only
    /// suggestions; nothing is done.
    ///
    /// - Parameters:
    ///   - installed: the models of this machine.
    ///   - now: the moment to judge at.
    ///   - unusedDays: after how many days without use a model may be removed.
    /// - Throws: an error of the database that a new try did not mend.
    package func recommendations(
        _ installed: [InstalledSummary], now: Date = .now, unusedDays: Int = 30
    ) async throws -> [UsageRecommendation] {
        try await onQueue {
            self.write()
            let habits = try self.file.withLock { try $0.read { try UsageHabits($0, until: UsageDay(now)) } }
            return habits.recommendations(installed, now: now, unusedDays: unusedDays)
        }
    }

    /// Runs `body` on the store's queue, where waiting for the disk holds up nobody.
    private func onQueue<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, Failure>, Never>) in
            queue.async { continuation.resume(returning: Result { () throws(Failure) in try body() }) }
        }
        return try result.get()
    }

    /// Writes every few seconds for as long as the store is open.
    private func writeLater() {
        queue.asyncAfter(deadline: .now() + flushSeconds) { [weak self] in
            guard let self, !self.waiting.withLock({ $0.isClosed }) else { return }
            self.write()
            self.writeLater()
        }
    }

    /// Writes what waits. Called on the queue.
    private func write() {
        var buffer = waiting.withLock { waiting in
            waiting.isWriting = true
            defer { waiting.buffer = UsageBuffer() }
            return waiting.buffer
        }
        let isWritten = buffer.isEmpty || file.withLock { $0.write(buffer.rows) }
        let lost = waiting.withLock { waiting in
            if !isWritten {
                // The older counts have the first right to the places.
                buffer.add(waiting.buffer)
                waiting.buffer = buffer
            }
            // While writing fails, only the timer tries again.
            waiting.isWriting = !isWritten
            defer { waiting.toldLost = isWritten ? 0 : buffer.lost }
            return buffer.lost > waiting.toldLost ? buffer.lost : 0
        }
        if lost > 0 { onNote("\(lost) requests are missing from the usage history: there were too many kinds to keep") }
    }
}

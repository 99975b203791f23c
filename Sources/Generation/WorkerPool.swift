package import Compute
internal import Foundation
internal import Synchronization

/// What a worker thread owns: its scratch memory. Never shared.
package final class WorkerContext {
    /// Scratch memory.
    package let workspace = Workspace()

    fileprivate init() {}
}

/// A piece of work for one worker.
package typealias Work = @Sendable (WorkerContext) -> Void

/// Where workers find work: a model's queue.
package protocol WorkSource: AnyObject, Sendable {
    /// The next piece, or nil if there is none now. Called by workers, from any thread; must not block.
    func takeWork() -> Work?
}

/// The process's inference threads. They take work from the registered sources in turn and sleep when there is none.
/// Handlers of requests never compute: they wait for a continuation that a worker resumes.
///
/// `@unchecked Sendable`: the mutable state is only touched with `condition` locked.
package final class WorkerPool: @unchecked Sendable {
    /// Lower scheduling priority than the threads that serve requests, so that a health answer is never late.
    private static let niceness: Int32 = 5

    /// The number of threads.
    package let threads: Int
    private let condition = NSCondition()
    private var sources: [any WorkSource] = []
    private var nextSource = 0
    /// Rises with every announcement, so that a worker that looked in vain notices work that came meanwhile.
    private var announcements = 0
    private var stopping = false
    private let errands: Errands

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - errandLimit: how many short tasks may wait at once.
    ///   - compute: what leaves a processor to each worker that works.
    package init(threads: Int, errandLimit: Int = 4096, beside compute: ThreadPool? = nil) {
        self.threads = max(1, threads)
        errands = Errands(limit: errandLimit)
        sources = [errands]
        for index in 0..<self.threads {
            WorkerThread.start(name: "svc-worker-\(index)", niceness: Self.niceness) { [weak self] in
                let context = WorkerContext()
                while let work = self?.waitForWork() {
                    if let compute { compute.hold { work(context) } } else { work(context) }
                }
            }
        }
    }

    /// Lets workers take from a source until it is removed.
    package func add(_ source: any WorkSource) {
        condition.withLock { sources.append(source) }
        announce()
    }

    /// Stops taking from a source. Pieces already taken run on.
    package func remove(_ source: any WorkSource) {
        condition.withLock { sources.removeAll { $0 === source } }
    }

    /// Says that a source has work.
    package func announce() {
        condition.withLock {
            announcements += 1
            condition.broadcast()
        }
    }

    /// Ends the threads when they have finished what they are at.
    package func stop() {
        condition.withLock {
            stopping = true
            condition.broadcast()
        }
    }

    /// Runs a short task (tokenizing, language identification) on a worker.
    ///
    /// - Throws: `QueueFullError` if too many wait, and what `body` throws.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable (WorkerContext) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = errands.append { context in
                continuation.resume(with: Result { try body(context) })
            }
            if accepted {
                announce()
            } else {
                continuation.resume(throwing: QueueFullError(waiting: errands.limit, what: "short tasks"))
            }
        }
    }

    private func waitForWork() -> Work? {
        while true {
            let (order, seen, stopped) = condition.withLock { () -> ([any WorkSource], Int, Bool) in
                nextSource += 1
                // The errands come first: they are short, and inference waits for them.
                let others = sources.dropFirst()
                let rotated =
                    others.isEmpty ? [] : (0..<others.count).map { others[1 + ($0 + nextSource) % others.count] }
                return ([errands] + rotated, announcements, stopping)
            }
            if stopped { return nil }
            for source in order { if let work = source.takeWork() { return work } }
            condition.withLock { while announcements == seen, !stopping { condition.wait() } }
        }
    }
}

/// More work waits than may wait. The client should come back later.
package struct QueueFullError: Error, Equatable, Sendable, CustomStringConvertible {
    /// How much may wait.
    package let waiting: Int
    /// Of what.
    package let what: String

    package var description: String { "the queue is full: \(waiting) \(what) are waiting; try again in a moment" }
}

/// Short tasks in the order they came.
private final class Errands: WorkSource {
    let limit: Int
    private let queue = Mutex<[Work]>([])

    init(limit: Int) { self.limit = limit }

    func append(_ work: @escaping Work) -> Bool {
        queue.withLock { queue in
            guard queue.count < limit else { return false }
            queue.append(work)
            return true
        }
    }

    func takeWork() -> Work? {
        queue.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }
}

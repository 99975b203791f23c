internal import Foundation
internal import Synchronization

/// Threads that share the pieces of one computation and sleep in between: an idle pool uses no processor time.
///
/// `@unchecked Sendable`: the mutable state is only touched with `condition` locked.
package final class ThreadPool: @unchecked Sendable {
    /// One computation: `count` pieces, handed out by an atomic counter.
    private final class Job: Sendable {
        let body: @Sendable (Int) -> Void
        let count: Int
        let next = Atomic<Int>(0)
        let finished = Atomic<Int>(0)

        init(count: Int, body: @escaping @Sendable (Int) -> Void) {
            self.count = count
            self.body = body
        }

        /// Runs pieces until none is left. True if this thread finished the last one.
        func run() -> Bool {
            var last = false
            while true {
                let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard piece < count else { return last }
                body(piece)
                last = finished.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == count
            }
        }
    }

    /// The number of threads that compute, the caller's included.
    package let threads: Int
    private let condition = NSCondition()
    private var job: Job?
    private var generation = 0
    private var stopping = false

    /// A pool in which `threads` threads compute: the caller of `forEach` and `threads − 1` of its own.
    package init(threads: Int) {
        self.threads = max(1, threads)
        for index in 1..<max(2, self.threads) where index < self.threads {
            WorkerThread.start(name: "svc-compute-\(index)") { [weak self] in
                var seen = 0
                while let job = self?.waitForJob(after: &seen) {
                    if job.run() { self?.announceEnd() }
                }
            }
        }
    }

    /// Ends the threads once they are idle.
    package func stop() {
        condition.withLock {
            stopping = true
            condition.broadcast()
        }
    }

    /// Calls `body` with 0, 1 … count − 1, spread over the threads, and returns when all have returned. One call at a
    /// time uses the threads; a call made meanwhile from elsewhere runs on its caller alone.
    package func forEach(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        guard count > 1, threads > 1 else {
            for piece in 0..<count { body(piece) }
            return
        }
        let own = Job(count: count, body: body)
        let taken = condition.withLock { () -> Bool in
            guard job == nil, !stopping else { return false }
            job = own
            generation += 1
            condition.broadcast()
            return true
        }
        _ = own.run()
        guard taken else { return }
        // A thread that wakes late may still hold the job, but finds no piece left and never calls `body`.
        condition.withLock {
            while own.finished.load(ordering: .acquiring) < count { condition.wait() }
            job = nil
        }
    }

    private func waitForJob(after seen: inout Int) -> Job? {
        condition.withLock {
            while !stopping, job == nil || generation == seen { condition.wait() }
            seen = generation
            return stopping ? nil : job
        }
    }

    private func announceEnd() { condition.withLock { condition.broadcast() } }
}

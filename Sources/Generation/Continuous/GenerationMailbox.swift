internal import Foundation

/// Where requests wait for the model's thread, and how that thread is told to look.
///
/// `@unchecked Sendable`: the state is only touched with `condition` locked, and a request is touched by its caller before
/// it is handed over and by the model's thread afterwards.
final class GenerationMailbox: @unchecked Sendable {
    private let condition = NSCondition()
    private let limit: Int
    private var arriving: [ActiveRequest] = []
    private var open = 0
    private var waiting = 0
    private var counters = ContinuousBatcher.Counters()
    private var hasNews = false
    private var isStopped = false

    init(limit: Int) { self.limit = limit }

    /// Hands a request over.
    ///
    /// - Throws: `QueueFullError`; `CancellationError` if the model is on its way out.
    func submit(_ request: ActiveRequest) throws {
        try condition.withLock {
            guard !isStopped else { throw CancellationError() }
            guard open < limit else { throw QueueFullError(waiting: limit, what: "generation requests") }
            open += 1
            waiting += 1
            arriving.append(request)
            hasNews = true
            condition.signal()
        }
    }

    /// Says that something has changed: a reader has caught up, or left.
    func wake() {
        condition.withLock {
            hasNews = true
            condition.signal()
        }
    }

    /// Ends the thread.
    func stop() {
        condition.withLock {
            isStopped = true
            condition.signal()
        }
    }

    /// What has arrived; waits for news if asked to. Nil when the thread is to end.
    func take(waiting waits: Bool) -> [ActiveRequest]? {
        condition.withLock {
            while waits, !hasNews, !isStopped { condition.wait() }
            // What has arrived by then is left for `leftovers`.
            if isStopped { return nil }
            hasNews = false
            defer { arriving = [] }
            return arriving
        }
    }

    /// What nobody took.
    func leftovers() -> [ActiveRequest] {
        condition.withLock {
            defer { arriving = [] }
            return arriving
        }
    }

    /// Notes what the thread has done.
    func note(ended: Int, waiting: Int, counters: ContinuousBatcher.Counters) {
        condition.withLock {
            open -= ended
            self.waiting = waiting + arriving.count
            self.counters = counters
        }
    }

    /// Requests that wait or run; answers that wait; what was done.
    func report() -> (open: Int, waiting: Int, counters: ContinuousBatcher.Counters) {
        condition.withLock { (open, waiting, counters) }
    }
}

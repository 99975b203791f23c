internal import Foundation
internal import Synchronization

/// Sends requests when their time has come, and not when a client is free: where the service gets slower, more of them
/// are under way, as in life. A time is counted from when the request was due, so that nothing is hidden by a sender
/// that is late (Tene's "coordinated omission").
final class OpenLoop: Sendable {
    /// What became of a request.
    struct Outcome: Sendable {
        var kind: SoakKind
        /// When it was over, in seconds from the beginning.
        var at: Double
        /// From when it was due to the end of its answer.
        var seconds: Double
        /// What was wrong; nil for a right answer.
        var failure: String?
    }

    /// Requests under way at most, each on a thread of its own. A service that holds so many has long fallen behind.
    private static let mostSenders = 512
    private static let requestSeconds = 120.0

    private struct State {
        var schedule: ArrivalSchedule
        var senders = 1
        var waiting = 1
        var isStopped = false
    }

    private let client: ServiceClient
    private let traffic: SoakTraffic
    private let state: Mutex<State>
    private let onOutcome: @Sendable (Outcome) -> Void

    init(
        client: ServiceClient, traffic: SoakTraffic, schedule: ArrivalSchedule,
        onOutcome: @escaping @Sendable (Outcome) -> Void
    ) {
        (self.client, self.traffic, self.onOutcome) = (client, traffic, onOutcome)
        state = Mutex(State(schedule: schedule))
    }

    /// Sends all, and returns when the last answer has come.
    func run() async throws {
        let began = ContinuousClock.now
        let (wanted, want) = AsyncStream.makeStream(of: Void.self)
        want.yield()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for await _ in wanted {
                group.addTask { try await Blocking.run { try self.send(since: began, want, $0) } }
            }
            try await group.waitForAll()
        }
    }

    /// Begins nothing any more. What is under way comes to its end.
    func stop() { state.withLock { $0.isStopped = true } }

    /// One sender: takes the next request, waits for its time, and before it sends sees to it that somebody waits for
    /// the one after.
    private func send(
        since began: ContinuousClock.Instant, _ want: AsyncStream<Void>.Continuation, _ flag: Blocking.Flag
    ) throws {
        let session = try CurlSession.opened(for: client)
        while let next = state.withLock({ $0.isStopped ? nil : $0.schedule.next() }) {
            let due = began + .seconds(next.at)
            guard wait(until: due, flag) else { break }
            let needsAnother = state.withLock { state in
                state.waiting -= 1
                guard state.waiting == 0, state.senders < Self.mostSenders else { return false }
                state.senders += 1
                state.waiting += 1
                return true
            }
            if needsAnother { want.yield() }
            try ask(next.number, due: due, since: began, over: session, flag)
            state.withLock { $0.waiting += 1 }
        }
        want.finish()
    }

    private func ask(
        _ number: Int, due: ContinuousClock.Instant, since began: ContinuousClock.Instant, over session: CurlSession,
        _ flag: Blocking.Flag
    ) throws {
        let (kind, query) = traffic.request(number)
        var failure: String?
        do {
            _ = try query.ask(client, over: session, timeoutSeconds: Self.requestSeconds, flag)
        } catch let error as CancellationError { throw error } catch { failure = "\(error)" }
        let now = ContinuousClock.now
        onOutcome(
            Outcome(
                kind: kind, at: (now - began) / .seconds(1), seconds: (now - due) / .seconds(1), failure: failure))
    }

    /// False where it is not to be sent any more.
    private func wait(until due: ContinuousClock.Instant, _ flag: Blocking.Flag) -> Bool {
        while true {
            guard !flag.isSet, !state.withLock({ $0.isStopped }) else { return false }
            let left = (due - .now) / .seconds(1)
            guard left > 0 else { return true }
            Thread.sleep(forTimeInterval: min(left, 0.1))
        }
    }
}

internal import Hummingbird
internal import NIOCore
internal import Synchronization

/// Runs the work of requests: given up when the client leaves, and answered with 504 when it takes too long.
struct RequestWork: Sendable {
    let monitor: DisconnectMonitor
    /// How long a request's work may take.
    let timeoutSeconds: Double

    /// Runs `body` for the request that came over `channel`.
    ///
    /// The time is kept by the connection's event loop, whose timers are gone when they are cancelled; a cancelled
    /// `Task.sleep` keeps its memory until the time it would have ended at.
    ///
    /// - Throws: `APIError` 504 after `timeoutSeconds`; else what `body` throws.
    func run<Value: Sendable>(
        on channel: any Channel, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = Task { try await body() }
        let isOver = Flag()
        let timer = channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(timeoutSeconds * 1e9))) {
            isOver.raise()
            task.cancel()
        }
        let watcher = monitor.watch(channel) { task.cancel() }
        defer {
            timer.cancel()
            monitor.unwatch(channel, watcher)
        }
        do {
            return try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        } catch is CancellationError where isOver.isRaised {
            throw Self.timeout(timeoutSeconds)
        }
    }

    /// What a client is told whose answer took too long.
    static func timeout(_ seconds: Double) -> APIError {
        APIError(.gatewayTimeout, "no answer within \(rounded(seconds, 1)) s", code: "timeout")
    }

    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)

        func raise() { value.store(true, ordering: .releasing) }

        var isRaised: Bool { value.load(ordering: .acquiring) }
    }
}

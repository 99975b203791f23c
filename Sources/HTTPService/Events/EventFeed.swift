internal import NIOCore
internal import Synchronization

/// The events of a stream, pulled no faster than its client reads: what it is too slow for, the bus drops.
///
/// It ends when the client leaves, when it reads nothing for too long, or when it is told to.
final class EventFeed: Sendable {
    private struct Over: Error {}

    private struct State {
        var task: Task<Void, Never>?
        var ticks: RepeatedTask?
        var watcher: Int?
        var writingSince: ContinuousClock.Instant?
    }

    private let rendezvous = Rendezvous<EventMessage>()
    private let channel: any Channel
    private let monitor: DisconnectMonitor
    private let state = Mutex(State())

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - pingSeconds: after how much silence there is one to be filled.
    ///   - stallSeconds: after how long a client that reads nothing is taken for gone.
    init(
        _ reader: EventReader, channel: any Channel, monitor: DisconnectMonitor, pingSeconds: Double,
        stallSeconds: Double
    ) {
        (self.channel, self.monitor) = (channel, monitor)
        let task = Task { [rendezvous] in
            var reader = reader
            while let message = await reader.next() {
                guard await rendezvous.send(message) else { return }
            }
            rendezvous.fail(Over())
        }
        // The timers are the event loop's: a cancelled `Task.sleep` keeps its memory until it would have ended.
        let tick = TimeAmount.nanoseconds(max(1_000_000, Int64(pingSeconds * 0.25e9)))
        let ticks = channel.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) {
            [rendezvous, weak self] _ in
            rendezvous.poke(after: .seconds(pingSeconds))
            self?.closeIfStalled(after: .seconds(stallSeconds))
        }
        let watcher = monitor.watch(channel) { [rendezvous] in rendezvous.fail(Over()) }
        state.withLock { ($0.task, $0.ticks, $0.watcher) = (task, ticks, watcher) }
    }

    deinit { close() }

    /// What there is to write next: a message, the news that there is none, or that there will be none any more.
    func next() async -> Rendezvous<EventMessage>.Signal { await rendezvous.next() }

    /// Lets `next` say that it is over.
    func end() { rendezvous.fail(Over()) }

    /// A write begins: a client that never reads is told from a slow one by the time it takes.
    func willWrite() { state.withLock { $0.writingSince = .now } }

    /// The write has ended.
    func didWrite() { state.withLock { $0.writingSince = nil } }

    /// Stops to listen.
    func close() {
        let old = state.withLock { state in
            defer { state = State() }
            return state
        }
        old.task?.cancel()
        old.ticks?.cancel()
        if let watcher = old.watcher { monitor.unwatch(channel, watcher) }
        rendezvous.close()
    }

    private func closeIfStalled(after limit: Duration) {
        let isStalled = state.withLock { state in state.writingSince.map { ContinuousClock.now - $0 > limit } ?? false }
        if isStalled { channel.close(promise: nil) }
    }
}

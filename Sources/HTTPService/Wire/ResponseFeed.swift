internal import Hummingbird
internal import NIOCore
internal import Synchronization

/// What a streamed answer consists of, pulled no faster than its client reads.
///
/// The work is given up when the client leaves, when nothing comes within the time limit of a request, or when the feed is
/// let go of.
final class ResponseFeed<Item: Sendable>: Sendable {
    /// How long the feed waits.
    struct Limits: Sendable {
        /// Until something comes of the work.
        var firstSeconds: Double
        /// Until a client that reads nothing is taken for gone.
        var stallSeconds: Double
        /// Until it is told that the service is still there.
        var pingSeconds: Double

        /// What the service's configuration says.
        init(_ configuration: ServiceConfiguration) {
            firstSeconds = configuration.requestTimeoutSeconds
            stallSeconds = configuration.requestTimeoutSeconds
            pingSeconds = configuration.pingSeconds
        }
    }

    /// What there is to write next.
    enum Step: Sendable {
        case item(Item)
        /// The work is done.
        case end
        /// Nothing has come for a while.
        case silence
        /// Nothing more will come.
        case failure(any Error)
    }

    /// Takes what comes of the work.
    struct Inlet: Sendable {
        fileprivate let rendezvous: Rendezvous<Item?>
        fileprivate let started: @Sendable () -> Void

        /// Hands an item over; returns when the response has it.
        ///
        /// - Throws: `CancellationError` if nobody waits for it any more.
        func send(_ item: Item) async throws {
            guard await rendezvous.send(item) else { throw CancellationError() }
        }

        /// Something comes of the work: the time limit no longer counts.
        func noteStart() { started() }
    }

    private struct State {
        var task: Task<Void, Never>?
        var limit: Scheduled<Void>?
        var hasStarted = false
        var ticks: RepeatedTask?
        var watcher: Int?
        var writingSince: ContinuousClock.Instant?
    }

    /// Nil at the end.
    private let rendezvous = Rendezvous<Item?>()
    private let channel: any Channel
    private let monitor: DisconnectMonitor
    private let state = Mutex(State())

    /// Begins the work.
    init(
        channel: any Channel, monitor: DisconnectMonitor, limits: Limits,
        _ work: @escaping @Sendable (Inlet) async throws -> Void
    ) {
        self.channel = channel
        self.monitor = monitor
        let task = Task { [rendezvous, weak self] in
            do {
                try await work(Inlet(rendezvous: rendezvous) { [weak self] in self?.noteStart() })
                _ = await rendezvous.send(nil)
            } catch {
                rendezvous.fail(error)
            }
        }
        let timer = channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(limits.firstSeconds * 1e9))) {
            [rendezvous] in
            rendezvous.fail(RequestWork.timeout(limits.firstSeconds))
            task.cancel()
        }
        let tick = TimeAmount.nanoseconds(max(1_000_000, Int64(limits.pingSeconds * 0.25e9)))
        let ticks = channel.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) {
            [rendezvous, weak self] _ in
            rendezvous.poke(after: .seconds(limits.pingSeconds))
            self?.closeIfStalled(after: .seconds(limits.stallSeconds))
        }
        let watcher = monitor.watch(channel) { [rendezvous] in
            rendezvous.fail(CancellationError())
            task.cancel()
        }
        let isLate = state.withLock { state in
            (state.task, state.limit, state.ticks, state.watcher) = (task, timer, ticks, watcher)
            return state.hasStarted
        }
        if isLate { timer.cancel() }
    }

    deinit { close() }

    /// What there is to write next.
    func next() async -> Step {
        switch await rendezvous.next() {
        case .value(let item?): .item(item)
        case .value(nil): .end
        case .silence: .silence
        case .failure(let error): .failure(error)
        }
    }

    /// Writes to the client, and returns when the connection has room for more: a client that never reads is told from a
    /// slow one by the time it takes.
    func write(_ text: String, to body: inout any ResponseBodyWriter) async throws {
        guard !text.isEmpty else { return }
        state.withLock { $0.writingSince = .now }
        defer { state.withLock { $0.writingSince = nil } }
        try await body.write(ByteBuffer(string: text))
    }

    /// Tells the client that the service is still there.
    func ping(_ body: inout any ResponseBodyWriter) async throws { try await write(": ping\n\n", to: &body) }

    /// Gives up what is still under way.
    func close() {
        let old = state.withLock { state in
            defer { state = State() }
            return state
        }
        old.task?.cancel()
        old.limit?.cancel()
        old.ticks?.cancel()
        if let watcher = old.watcher { monitor.unwatch(channel, watcher) }
        rendezvous.close()
    }

    private func noteStart() {
        let timer = state.withLock { state in
            state.hasStarted = true
            defer { state.limit = nil }
            return state.limit
        }
        timer?.cancel()
    }

    private func closeIfStalled(after limit: Duration) {
        let isStalled = state.withLock { state in state.writingSince.map { ContinuousClock.now - $0 > limit } ?? false }
        if isStalled { channel.close(promise: nil) }
    }
}

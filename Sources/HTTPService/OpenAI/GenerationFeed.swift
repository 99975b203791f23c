internal import Generation
internal import Hummingbird
internal import NIOCore
internal import Synchronization

/// A request that a model has accepted: what comes, and who puts it into words.
struct PreparedAnswer: Sendable {
    var writer: any AnswerWriter
    /// One for each prompt.
    var generations: [AcceptedGeneration]
    var meter: GenerationMeter
}

/// What a stream's response has to write next.
enum FeedItem: Sendable {
    /// The model has accepted the request.
    case accepted(any AnswerWriter)
    /// Something came of the generation of a prompt.
    case event(prompt: Int, GenerationEvent)
    /// All generations have ended.
    case end
}

/// The events of a streamed request, pulled no faster than its client reads.
///
/// The work is given up when the client leaves, when no token comes within the time limit of a request, or when the
/// feed is let go of.
final class GenerationFeed: Sendable {
    /// How long the feed waits.
    struct Limits: Sendable {
        /// Until the first token.
        var firstTokenSeconds: Double
        /// Until a client that reads nothing is taken for gone.
        var stallSeconds: Double
        /// Until it is told that the service is still there.
        var pingSeconds: Double
    }

    private struct State {
        var task: Task<Void, Never>?
        var firstToken: Scheduled<Void>?
        var hasFirstToken = false
        var ticks: RepeatedTask?
        var watcher: Int?
        var writingSince: ContinuousClock.Instant?
        var isClosed = false
    }

    private let rendezvous = Rendezvous<FeedItem>()
    private let channel: any Channel
    private let monitor: DisconnectMonitor
    private let state = Mutex(State())

    /// Begins to prepare and to generate.
    init(
        channel: any Channel, monitor: DisconnectMonitor, limits: Limits,
        _ prepare: @escaping @Sendable () async throws -> PreparedAnswer
    ) {
        self.channel = channel
        self.monitor = monitor
        let task = Task { [rendezvous, weak self] in
            do {
                let prepared = try await prepare()
                guard await rendezvous.send(.accepted(prepared.writer)) else { throw CancellationError() }
                try await Self.forward(prepared, to: rendezvous) { [weak self] in self?.firstTokenCame() }
                _ = await rendezvous.send(.end)
            } catch {
                rendezvous.fail(error)
            }
        }
        let timer = channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(limits.firstTokenSeconds * 1e9))) {
            [rendezvous] in
            rendezvous.fail(RequestWork.timeout(limits.firstTokenSeconds))
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
            (state.task, state.firstToken, state.ticks, state.watcher) = (task, timer, ticks, watcher)
            return state.hasFirstToken
        }
        if isLate { timer.cancel() }
    }

    deinit { close() }

    /// What there is to write next.
    func next() async -> Rendezvous<FeedItem>.Signal { await rendezvous.next() }

    /// A write begins: a client that never reads is told from a slow one by the time it takes.
    func willWrite() { state.withLock { $0.writingSince = .now } }

    /// The write has ended.
    func didWrite() { state.withLock { $0.writingSince = nil } }

    /// Gives up what is still under way.
    func close() {
        let old = state.withLock { state in
            defer { state = State(isClosed: true) }
            return state
        }
        old.task?.cancel()
        old.firstToken?.cancel()
        old.ticks?.cancel()
        if let watcher = old.watcher { monitor.unwatch(channel, watcher) }
        rendezvous.close()
    }

    private func firstTokenCame() {
        let timer = state.withLock { state in
            state.hasFirstToken = true
            defer { state.firstToken = nil }
            return state.firstToken
        }
        timer?.cancel()
    }

    private func closeIfStalled(after limit: Duration) {
        let isStalled = state.withLock { state in state.writingSince.map { ContinuousClock.now - $0 > limit } ?? false }
        if isStalled { channel.close(promise: nil) }
    }

    private static func forward(
        _ prepared: PreparedAnswer, to rendezvous: Rendezvous<FeedItem>, onFirstToken: @escaping @Sendable () -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (prompt, generation) in prepared.generations.enumerated() {
                group.addTask {
                    try await prepared.meter.each(generation) { event in
                        if case .piece = event { onFirstToken() }
                        guard await rendezvous.send(.event(prompt: prompt, event)) else { throw CancellationError() }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

internal import Compute
package import Foundation
package import Generation
package import Logging
package import ModelHub

/// The models of this process behind one asynchronous interface: which exist, which are in memory, and who answers a
/// request. Loads in the background, keeps to a memory budget, and never computes: that is the workers' part.
package actor Engine {
    /// What it was told at its start.
    package nonisolated let configuration: EngineConfiguration
    /// The threads that run whole batches of small models, and short tasks.
    package nonisolated let pool: WorkerPool
    /// The threads that share the operations of large models.
    nonisolated let computePool: ThreadPool
    package nonisolated let hub: ModelHub
    /// What happens here, for everyone who watches.
    package nonisolated let events: EventBus
    /// The queue of downloads.
    package nonisolated let downloads: DownloadManager
    /// The history of what was used; nil to keep none.
    package nonisolated let usage: UsageStore?
    nonisolated let logger: Logger
    /// When it was made.
    package nonisolated let startedAt = Date.now
    var entries: [String: ModelEntry] = [:] { didSet { knownHealth = nil } }
    var tallies: [String: RequestTally] = [:]
    /// The names in the order of the catalogue and the configuration.
    private(set) var order: [String] = []
    /// The names of those that identify languages, in that order.
    let identificationModels: [String]
    private var nextWaiter = 0
    private var hasStarted = false { didSet { knownHealth = nil } }
    private(set) var isDraining = false { didSet { knownHealth = nil } }
    /// What `health()` found, until something it depends on changes.
    private var knownHealth: EngineHealth?
    /// Models that new requests do not get any more, and that running ones still use.
    var retiring: [ResidentModel] = []
    /// The schedules of checks and updates.
    private var schedules: [Task<Void, Never>] = []

    /// An engine that knows the catalogue's models and those that the configuration names.
    ///
    /// - Throws: `EngineError.unknownModel` or `.unusablePath` for a model of the configuration.
    package init(
        configuration: EngineConfiguration, hub: ModelHub, logger: Logger, events: EventBus = EventBus(),
        usage: UsageStore? = nil
    ) throws {
        self.configuration = configuration
        self.hub = hub
        self.logger = logger
        self.events = events
        self.usage = usage
        downloads = DownloadManager(hub: hub, events: events, limit: configuration.concurrentDownloads)
        for entry in hub.catalog.entries {
            entries[entry.name] = ModelEntry(try ModelDescriptor(entry))
            order.append(entry.name)
        }
        for name in configuration.models {
            if ModelDescriptor.isPath(name) {
                let descriptor = try ModelDescriptor(path: name)
                if entries[descriptor.name] == nil { order.append(descriptor.name) }
                entries[descriptor.name] = ModelEntry(descriptor)
                entries[descriptor.name]?.isRequired = true
            } else {
                guard entries[name] != nil else { throw EngineError.unknownModel(name: name, known: order) }
                entries[name]?.isRequired = true
            }
        }
        identificationModels = order.filter { [entries] in entries[$0]?.descriptor.task == .languageIdentification }
        computePool = ThreadPool(threads: configuration.threads)
        pool = WorkerPool(threads: configuration.threads, beside: computePool)
    }

    /// Begins to load the models asked for; returns at once.
    package func start() {
        hasStarted = true
        for name in order where entries[name]?.isRequired == true { beginLoading(name) }
        schedules = [
            schedule(every: configuration.checkIntervalSeconds) { await $0.checkAll() },
            schedule(every: configuration.updates == .off ? 0 : configuration.updateIntervalSeconds) {
                await $0.lookForUpdates()
            },
        ].compactMap { $0 }
    }

    private func schedule(
        every seconds: Double, _ work: @escaping @Sendable (Engine) async -> Void
    ) -> Task<Void, Never>? {
        guard seconds > 0 else { return nil }
        return Task { [weak self] in
            while !Task.isCancelled {
                // Cancelled: the loop ends.
                try? await Task.sleep(for: .seconds(seconds))
                guard !Task.isCancelled, let self else { return }
                await work(self)
            }
        }
    }

    /// Says that no new work will come: /health answers `draining` from here on.
    package func drain() { isDraining = true }

    /// Ends the inference threads and gives up what is under way.
    package func stop() async {
        isDraining = true
        for schedule in schedules { schedule.cancel() }
        for name in order { entries[name]?.loadTask?.cancel() }
        await downloads.stop()
        for name in order { entries[name]?.loaded?.close() }
        for resident in retiring { resident.close() }
        retiring = []
        events.close()
        await usage?.close()
        pool.stop()
        computePool.stop()
    }

    // MARK: What there is

    /// Every model, in the order of the catalogue.
    package func statuses() -> [ModelStatus] { order.compactMap { try? status($0) } }

    /// One model.
    ///
    /// - Throws: `EngineError.unknownModel`.
    package func status(_ name: String) throws -> ModelStatus {
        let entry = try entry(name)
        return entry.status(isInstalled: isInstalled(entry), tallies[name] ?? RequestTally())
    }

    func entry(_ name: String) throws -> ModelEntry {
        guard let entry = entries[name] else { throw EngineError.unknownModel(name: name, known: order) }
        return entry
    }

    func isInstalled(_ entry: ModelEntry) -> Bool {
        if entry.loaded != nil { return true }
        switch entry.descriptor.origin {
        case .local: return true
        case .catalog(let catalogEntry): return hub.state(of: catalogEntry) == .present
        }
    }

    /// Whether a request for the model can be answered, now or after a load.
    func isObtainable(_ name: String) -> Bool {
        guard let entry = entries[name], entry.state != .failed else { return false }
        if entry.loaded != nil || entry.state.isUnderWay { return true }
        return configuration.onDemand != .never && (isInstalled(entry) || configuration.downloads && canBePulled(entry))
    }

    /// Whether the hub can get the model if it is not here.
    private func canBePulled(_ entry: ModelEntry) -> Bool {
        if case .catalog = entry.descriptor.origin { return true }
        return false
    }

    /// Bytes that are downloaded for a request that did not name the model: more than that, somebody has to want.
    private static let unaskedDownloadBytes = 256_000_000

    /// Whether the model may be chosen for a request that names none: a large one that is not here is got only where it is
    /// asked for.
    func isChoosable(_ name: String) -> Bool {
        guard let entry = entries[name] else { return false }
        if entry.loaded != nil || entry.isRequired || isInstalled(entry) { return true }
        guard canBePulled(entry), case .catalog(let listing) = entry.descriptor.origin else { return false }
        return listing.downloadBytes > 0 && listing.downloadBytes <= Self.unaskedDownloadBytes
    }

    /// The service as a whole.
    ///
    /// Probes ask for it often, and it seldom changes: what was found is kept.
    package func health() -> EngineHealth {
        var health = knownHealth ?? lookAtHealth()
        health.uptimeSeconds = Date.now.timeIntervalSince(startedAt)
        return health
    }

    private func lookAtHealth() -> EngineHealth {
        var models: [EngineHealth.Model] = []
        var (loadedCount, areReady, isLoading, hasFault) = (0, true, false, false)
        for name in order {
            guard let entry = entries[name] else { continue }
            if entry.state == .ready { loadedCount += 1 }
            if entry.isFault { hasFault = true }
            if entry.isRequired {
                if entry.state != .ready { areReady = false }
                if entry.state.isUnderWay { isLoading = true }
            }
            guard entry.isRequired || entry.state != .absent else { continue }
            models.append(
                EngineHealth.Model(
                    name: name, state: entry.state, progress: entry.progress?.fraction, failure: entry.failure))
        }
        let status: EngineHealth.Status =
            if isDraining {
                .draining
            } else if !hasStarted {
                .starting
            } else if isLoading {
                .loading
            } else if hasFault {
                order.contains(where: isObtainable) ? .degraded : .unhealthy
            } else {
                .healthy
            }
        let health = EngineHealth(
            status: status, isReady: status != .draining && hasStarted && areReady, models: models,
            loadedCount: loadedCount, uptimeSeconds: 0)
        // Whether a service with a fault can answer at all depends on files, too, which come and go unseen.
        if !hasFault { knownHealth = health }
        return health
    }

    /// Sentences that wait for a worker, and requests that wait or run, over all models.
    package func queueDepth() -> (sentences: Int, requests: Int) {
        entries.values.reduce(into: (0, 0)) { total, entry in
            total.0 += entry.loaded?.model.waitingSentences ?? 0
            total.1 += entry.loaded?.model.openRequests ?? 0
        }
    }

    // MARK: Waiting

    /// Returns when the model's load has ended, or after `seconds`.
    func settle(_ name: String, seconds: Double) async {
        guard entries[name]?.state.isUnderWay == true else { return }
        nextWaiter += 1
        let waiter = nextWaiter
        let timer = Task {
            // Cancelled, or the time is over: in both cases whoever waits goes on.
            try? await Task.sleep(for: .seconds(seconds))
            self.release(name, waiter)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { entries[name]?.waiters[waiter] = $0 }
        } onCancel: {
            timer.cancel()
        }
        timer.cancel()
    }

    private func release(_ name: String, _ waiter: Int) {
        entries[name]?.waiters.removeValue(forKey: waiter)?.resume()
    }

    func releaseAll(_ name: String) {
        let waiters = entries[name]?.waiters ?? [:]
        entries[name]?.waiters = [:]
        for waiter in waiters.values { waiter.resume() }
    }
}

/// What /health says.
package struct EngineHealth: Sendable {
    /// The service as a whole.
    package enum Status: String, Sendable {
        case starting, loading, healthy, degraded, unhealthy, draining
    }

    /// A model that was asked for, or has been used.
    package struct Model: Sendable {
        /// Its name.
        package var name: String
        /// Where it is.
        package var state: ModelState
        /// A share from 0 to 1 of the stage, where it is known.
        package var progress: Double?
        /// Why it failed, if it did.
        package var failure: ModelFailure?
    }

    /// The service as a whole.
    package var status: Status
    /// Every model asked for at the start has answered a real inference.
    package var isReady: Bool
    /// The models.
    package var models: [Model]
    /// How many are in memory and ready.
    package var loadedCount: Int
    /// Since the start.
    package var uptimeSeconds: Double
}

import Foundation

/// The queue of downloads: what waits, what runs, and what ended lately.
///
/// A job is one pull of one model and revision. Whoever asks for what is asked for already joins that job. At most
/// `limit` run at a time; of those that wait, the highest priority goes first, and among equals the oldest. A job that
/// runs is not stopped for one of a higher priority.
package actor DownloadManager {
    /// What asking twice for is asking once for.
    private struct Key: Hashable {
        var source: String
        var model: String
        var revision: String?
    }

    private struct Job {
        var status: DownloadStatus
        let entry: CatalogEntry
        let key: Key
        /// In which order jobs of one priority go.
        let number: Int
        let progress: DownloadProgress
        var rehash: Bool
        /// Whether the pull that runs hashes what looks unchanged.
        var isRehashing = false
        /// The pull. It stays until it has wound down, also of a job that was paused or cancelled meanwhile.
        var task: Task<Void, Never>?
        var result: Result<InstalledModel, any Error>?
        var waiting: [Int: CheckedContinuation<InstalledModel, any Error>] = [:]
    }

    private let hub: ModelHub
    private let events: EventBus
    private let limit: Int
    private let keptFor: Duration
    private let keptCount: Int
    private var jobs: [String: Job] = [:]
    private var nextNumber = 0
    private var nextWaiter = 0
    private var isStopped = false

    /// A queue without jobs.
    ///
    /// - Parameters:
    ///   - limit: How many run at a time, at least one.
    ///   - keptFor: For how long jobs that ended are remembered.
    ///   - keptCount: How many of them at most; the oldest are forgotten first.
    package init(
        hub: ModelHub, events: EventBus, limit: Int = 2, keptFor: Duration = .seconds(3600), keptCount: Int = 100
    ) {
        precondition(limit > 0, "a queue that runs nothing would never end")
        self.hub = hub
        self.events = events
        self.limit = limit
        self.keptFor = keptFor
        self.keptCount = keptCount
    }

    // MARK: - Asking

    /// Queues the download of a model, or joins the job of the same model and revision that has not ended. Joining
    /// never takes a priority away, and does not resume a job that is paused.
    ///
    /// - Parameters:
    ///   - revision: Which one; nil for what the source calls its newest.
    ///   - rehash: Whether to hash even those files that were found right before and look unchanged.
    package func enqueue(
        _ entry: CatalogEntry, revision: String? = nil, purpose: DownloadStatus.Purpose = .pull,
        priority: DownloadStatus.Priority = .normal, rehash: Bool = false
    ) -> DownloadStatus {
        forgetOld()
        let key = Key(source: "\(entry.source)", model: entry.name, revision: revision)
        if var job = jobs.values.first(where: { $0.key == key && !$0.status.state.hasEnded }) {
            job.status.priority = max(job.status.priority, priority)
            if rehash { job.rehash = true }
            jobs[job.status.id] = job
            return current(job.status.id)
        }
        let id = "\(events.epoch)-\(nextNumber)"
        let status = DownloadStatus(
            id: id, model: entry.name, revision: revision, purpose: purpose, priority: priority, queuedAt: .now)
        jobs[id] = Job(
            status: status, entry: entry, key: key, number: nextNumber, progress: progress(id, status), rehash: rehash)
        nextNumber += 1
        publish(.downloadQueued, id)
        if isStopped { end(id, .cancelled, .failure(DownloadError.cancelled(id: id, model: entry.name))) }
        startNext()
        return current(id)
    }

    /// All jobs that are remembered, those that were queued first first.
    package func statuses() -> [DownloadStatus] {
        forgetOld()
        return jobs.values.sorted { $0.number < $1.number }.map { current($0.status.id) }
    }

    /// One job.
    ///
    /// - Throws: `DownloadError.unknown`.
    package func status(_ id: String) throws -> DownloadStatus {
        forgetOld()
        _ = try job(id)
        return current(id)
    }

    /// Waits for the end of a job. Cancelling the task that waits does not cancel the job.
    ///
    /// - Throws: What the pull threw; `DownloadError.cancelled` if the job was cancelled, `.unknown` if there is none;
    ///   `CancellationError` if the waiting task is cancelled.
    package func result(_ id: String) async throws -> InstalledModel {
        if let result = try job(id).result { return try result.get() }
        let waiter = nextWaiter
        nextWaiter += 1
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // The job may have ended, and the handler run, before we came here.
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else if let result = jobs[id]?.result {
                    continuation.resume(with: result)
                } else {
                    jobs[id]?.waiting[waiter] = continuation
                }
            }
        } onCancel: {
            Task { await self.stopWaiting(id, waiter) }
        }
    }

    private func stopWaiting(_ id: String, _ waiter: Int) {
        jobs[id]?.waiting.removeValue(forKey: waiter)?.resume(throwing: CancellationError())
    }

    // MARK: - Steering

    /// Stops a job so that it can go on later from what it has. A `pip:` source's package has to come whole, so one that
    /// had not come begins again. A job that is paused already stays so.
    ///
    /// - Throws: `DownloadError.unknown`; `.conflict` if it has ended.
    package func pause(_ id: String) throws -> DownloadStatus {
        let job = try job(id)
        guard !job.status.state.hasEnded else {
            throw DownloadError.conflict(id: id, state: job.status.state, wanted: "pause")
        }
        guard job.status.state != .paused else { return current(id) }
        keepProgress(id)
        job.progress.hold()
        jobs[id]?.status.state = .paused
        job.task?.cancel()
        publish(.downloadPaused, id)
        startNext()
        return current(id)
    }

    /// Puts a paused job back into the queue, where it has the place that it had. One that waits or runs stays so.
    ///
    /// - Throws: `DownloadError.unknown`; `.conflict` if it has ended.
    package func resume(_ id: String) throws -> DownloadStatus {
        let job = try job(id)
        guard !job.status.state.hasEnded else {
            throw DownloadError.conflict(id: id, state: job.status.state, wanted: "resume")
        }
        guard job.status.state == .paused else { return current(id) }
        jobs[id]?.status.state = .queued
        publish(.downloadResumed, id)
        startNext()
        return current(id)
    }

    /// Ends a job. What it has downloaded is kept for a while, for a later pull. One that was cancelled already stays so.
    ///
    /// - Throws: `DownloadError.unknown`; `.conflict` if it has ended otherwise.
    package func cancel(_ id: String) throws -> DownloadStatus {
        let job = try job(id)
        guard job.status.state != .cancelled else { return current(id) }
        guard !job.status.state.hasEnded else {
            throw DownloadError.conflict(id: id, state: job.status.state, wanted: "cancel")
        }
        keepProgress(id)
        end(id, .cancelled, .failure(DownloadError.cancelled(id: id, model: job.status.model)))
        job.task?.cancel()
        startNext()
        return current(id)
    }

    /// Cancels all jobs, takes no more, and waits until nothing is written any more.
    package func stop() async {
        isStopped = true
        for job in jobs.values.sorted(by: { $0.number < $1.number }) where !job.status.state.hasEnded {
            _ = try? cancel(job.status.id)
        }
        for job in jobs.values { await job.task?.value }
    }

    // MARK: - Running

    /// Starts what may run now.
    private func startNext() {
        while !isStopped, jobs.values.count(where: { $0.task != nil }) < limit {
            // One whose pull winds down after a pause is not begun again before that is over.
            let ready = jobs.values.filter { $0.status.state == .queued && $0.task == nil }
            guard let next = ready.min(by: Self.goesBefore) else { return }
            start(next.status.id)
        }
    }

    private static func goesBefore(_ left: Job, _ right: Job) -> Bool {
        left.status.priority == right.status.priority
            ? left.number < right.number : left.status.priority > right.status.priority
    }

    private func start(_ id: String) {
        guard let job = jobs[id] else { return }
        let isFirst = job.status.startedAt == nil
        jobs[id]?.status.state = .downloading
        if isFirst { jobs[id]?.status.startedAt = .now }
        jobs[id]?.isRehashing = job.rehash
        job.progress.resume()
        let (hub, progress, rehash, revision) = (hub, job.progress, job.rehash, job.key.revision)
        let entry = job.entry
        // Downloads are background work: requests that are answered meanwhile come first.
        jobs[id]?.task = Task(priority: .utility) {
            let result: Result<InstalledModel, any Error>
            do {
                result = .success(
                    try await hub.pull(entry, revision: revision, rehash: rehash) { progress.report($0) })
            } catch {
                result = .failure(error)
            }
            self.finished(id, result)
        }
        if isFirst { publish(.downloadStarted, id) }
    }

    private func finished(_ id: String, _ result: Result<InstalledModel, any Error>) {
        defer { startNext() }
        jobs[id]?.task = nil
        guard let job = jobs[id], !job.status.state.hasEnded else { return }
        switch result {
        case .success(let model):
            if job.rehash, !job.isRehashing {
                // Somebody joined who doubts what looks unchanged.
                if job.status.state != .paused { jobs[id]?.status.state = .queued }
                return
            }
            jobs[id]?.status.revision = model.revision
            jobs[id]?.status.completedBytes = model.sizeBytes
            jobs[id]?.status.totalBytes = model.sizeBytes
            jobs[id]?.status.phase = .done
            end(id, .completed, result)
        case .failure(let error):
            // What a pause stops fails, one way or another; also if it was resumed before it had stopped.
            if job.status.state == .paused || job.status.state == .queued { return }
            keepProgress(id)
            jobs[id]?.status.failure = DownloadStatus.Failure(error)
            end(id, .failed, result)
        }
    }

    private func end(
        _ id: String, _ state: DownloadStatus.State, _ result: Result<InstalledModel, any Error>
    ) {
        jobs[id]?.progress.hold()
        jobs[id]?.status.state = state
        jobs[id]?.status.endedAt = .now
        jobs[id]?.status.bytesPerSecond = 0
        jobs[id]?.status.secondsLeft = nil
        jobs[id]?.result = result
        switch state {
        case .completed: publish(.downloadCompleted, id)
        case .cancelled: publish(.downloadCancelled, id)
        default: publish(.downloadFailed, id)
        }
        let waiting = jobs[id]?.waiting.values.map { $0 } ?? []
        jobs[id]?.waiting = [:]
        for continuation in waiting { continuation.resume(with: result) }
    }

    // MARK: - Looking

    private func job(_ id: String) throws -> Job {
        guard let job = jobs[id] else { throw DownloadError.unknown(id: id) }
        return job
    }

    /// The status of a job that is there, as of now.
    private func current(_ id: String) -> DownloadStatus {
        guard let job = jobs[id] else { preconditionFailure("a job that was just looked up") }
        var status = job.status
        if status.state == .downloading { job.progress.fill(&status) }
        return status
    }

    /// Keeps how far the pull came: whoever looks at a paused job wants to know.
    private func keepProgress(_ id: String) {
        guard var status = jobs[id]?.status, let progress = jobs[id]?.progress else { return }
        let state = status.state
        guard state == .downloading else { return }
        progress.fill(&status)
        status.state = state
        status.bytesPerSecond = 0
        status.secondsLeft = nil
        jobs[id]?.status = status
    }

    private func progress(_ id: String, _ status: DownloadStatus) -> DownloadProgress {
        DownloadProgress { [events] progress in
            var now = status
            progress.fill(&now)
            events.publish(.downloadProgress, model: now.model, now.eventFields)
        }
    }

    private func publish(_ kind: ServiceEvent.Kind, _ id: String) {
        guard jobs[id] != nil else { return }
        let status = current(id)
        events.publish(kind, model: status.model, status.eventFields)
    }

    private func forgetOld() {
        let ended = jobs.values.filter { $0.status.state.hasEnded && $0.task == nil }
            .sorted { ($0.status.endedAt ?? .distantPast, $0.number) > ($1.status.endedAt ?? .distantPast, $1.number) }
        let now = Date.now
        for (index, job) in ended.enumerated()
        where index >= keptCount || now.timeIntervalSince(job.status.endedAt ?? now) > keptFor.seconds {
            jobs[job.status.id] = nil
        }
    }
}

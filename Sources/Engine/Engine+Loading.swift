internal import Compute
internal import Generation
internal import Checkpoints
internal import Foundation
internal import Logging
internal import ModelHub

/// The way of a model from its source into memory.
extension Engine {
    /// Loads a model and returns its status when it is ready, when it has failed, or after `waitSeconds`.
    ///
    /// - Throws: `EngineError` if the name is unknown or the model is on its way out.
    @discardableResult
    package func load(_ name: String, waitSeconds: Double = 0) async throws -> ModelStatus {
        let entry = try entry(name)
        guard entry.state != .unloading else {
            throw EngineError.conflict(model: name, state: .unloading, wanted: "be loaded")
        }
        if entry.state != .ready {
            // A person asks: what was given up is tried anew.
            if entry.setAside?.needsPerson == true { entries[name]?.setAside = nil }
            beginLoading(name)
        }
        if waitSeconds > 0 { await settle(name, seconds: waitSeconds) }
        return try status(name)
    }

    /// Starts a load unless one is under way or done.
    func beginLoading(_ name: String) {
        guard let entry = entries[name], !entry.state.isUnderWay, entry.state != .ready, entry.state != .unloading
        else { return }
        entries[name]?.loadNumber += 1
        entries[name]?.loadBegan = .now
        entries[name]?.failure = nil
        let number = entry.loadNumber + 1
        change(name, to: .verifying)
        entries[name]?.loadTask = Task { await self.runLoad(entry.descriptor, number: number) }
        Task { await self.watch(name, number: number) }
    }

    /// Logs the progress every 30 seconds, and gives the load up when its time is over.
    private func watch(_ name: String, number: Int) async {
        while true {
            guard let before = entries[name] else { return }
            // What a person has paused is not late.
            let left = configuration.loadingTimeoutSeconds - before.loadBegan.duration(to: .now) / .seconds(1)
            await settle(name, seconds: min(30, max(0.01, left)))
            guard let entry = entries[name], entry.loadNumber == number, entry.state.isUnderWay else { return }
            if entry.state == .paused {
                entries[name]?.loadBegan = .now
                continue
            }
            if configuration.logsProgress {
                logger.info(
                    "still getting ready",
                    metadata: [
                        "model": "\(name)", "stage": "\(entry.state.rawValue)",
                        "bytes": "\(entry.progress?.completedBytes ?? 0)", "of": "\(entry.progress?.totalBytes ?? 0)",
                    ])
            }
            guard isOverdue(entry) else { continue }
            entry.loadTask?.cancel()
            fail(name, number: number, overdue(entry))
            return
        }
    }

    private func isOverdue(_ entry: ModelEntry) -> Bool {
        entry.loadBegan.duration(to: .now) >= .seconds(configuration.loadingTimeoutSeconds)
    }

    private func overdue(_ entry: ModelEntry) -> ModelFailure {
        ModelFailure(
            stage: entry.state,
            reason: "not ready after \(Int(configuration.loadingTimeoutSeconds)) s, at byte "
                + "\(entry.progress?.completedBytes ?? 0) of \(entry.progress?.totalBytes ?? 0)",
            action: "Raise MODEL_LOADING_TIMEOUT, or look in the log for what it waits for.")
    }

    /// Downloads if need be, verifies, makes room, loads, and asks a first question.
    private func runLoad(_ descriptor: ModelDescriptor, number: Int) async {
        let name = descriptor.name
        var stage = ModelState.verifying
        do {
            let files = try await files(of: descriptor, number: number, stage: &stage)
            stage = .loading
            guard advance(name, number: number, to: .loading) else { return }
            let started = ContinuousClock.now
            let resident = try await residentModel(descriptor, files)
            finish(name, number: number, resident, seconds: (.now - started) / .seconds(1))
            await FreedMemory.giveBack()
        } catch {
            let failure = ModelFailure.of(error, at: stage, model: name)
            fail(name, number: number, failure)
            if failure.kind == .integrity { await setAsideIfDamaged(name) }
        }
    }

    /// Brings a model into memory, beside whatever has its name there, and asks it a first question.
    func residentModel(_ descriptor: ModelDescriptor, _ files: ModelFiles) async throws -> ResidentModel {
        let quantization = configuration.quantization
        let weightBytes = try await WorkerThread.run(name: "svc-measure") {
            try HuggingFaceModel.weightBytes(descriptor, files: files.paths, quantization) ?? descriptor.memoryBytes
        }
        try await makeRoom(for: descriptor, weightBytes: weightBytes)
        let resources = ModelLoader.Resources(
            backend: configuration.backend, workers: pool, compute: computePool,
            memoryBudgetBytes: configuration.memoryBudgetBytes, quantization: quantization,
            packedDirectory: configuration.packedDirectory)
        let use = files.revision == nil ? nil : try await ModelUse.acquire(descriptor.name, in: hub.store)
        do {
            let result = try await WorkerThread.run(name: "svc-load") {
                try ModelLoader.load(descriptor, files: files.paths, resources: resources)
            }
            for note in result.notes { logger.warning("\(note)", metadata: ["model": "\(descriptor.name)"]) }
            do {
                try await Canary.ask(result.model, of: descriptor.name, known: descriptor.canary, pool: pool)
            } catch {
                result.model.close()
                throw error
            }
            return ResidentModel(
                result.model, revision: files.revision, memoryBytes: result.memoryBytes, use: use)
        } catch {
            use?.release()
            throw error
        }
    }

    /// The files of a model, downloaded if need be, and verified.
    private func files(
        of descriptor: ModelDescriptor, number: Int, stage: inout ModelState
    ) async throws -> ModelFiles {
        switch descriptor.origin {
        case .local(_, let files): return ModelFiles(paths: files, revision: nil)
        case .catalog(let entry):
            let name = descriptor.name
            var installed = try hub.installed(entry)
            if installed == nil {
                guard configuration.downloads else { throw EngineError.notInstalled(model: name) }
                stage = .downloading
                _ = advance(name, number: number, to: .downloading)
                installed = try await download(entry, number: number)
            }
            guard let installed else { throw EngineError.notInstalled(model: name) }
            stage = .verifying
            _ = advance(name, number: number, to: .verifying)
            let hub = hub
            try await WorkerThread.run(name: "svc-verify") {
                try hub.verify(installed, rehash: false) { progress in
                    Task { await self.note(progress, for: name, number: number) }
                }
            }
            return ModelFiles(paths: installed.files, revision: installed.revision)
        }
    }

    /// How often a download is looked at.
    private static let pollInterval: Duration = .milliseconds(200)

    /// Downloads through the queue, and shows how far it is.
    private func download(_ entry: CatalogEntry, number: Int) async throws -> InstalledModel {
        let isRepair = entries[entry.name]?.setAside != nil
        let job = await downloads.enqueue(
            entry, purpose: isRepair ? .repair : .pull, priority: isRepair ? .high : .normal)
        let watcher = Task {
            while !Task.isCancelled, let status = try? await self.downloads.status(job.id) {
                self.note(status, for: entry.name, number: number)
                try await Task.sleep(for: Self.pollInterval)
            }
        }
        defer { watcher.cancel() }
        return try await downloads.result(job.id)
    }

    private func note(_ status: DownloadStatus, for name: String, number: Int) {
        guard let entry = entries[name], entry.loadNumber == number, [.downloading, .paused].contains(entry.state)
        else { return }
        _ = advance(name, number: number, to: status.state == .paused ? .paused : .downloading)
        entries[name]?.progress = ModelProgress(completedBytes: status.completedBytes, totalBytes: status.totalBytes)
    }

    private func note(_ progress: PullProgress, for name: String, number: Int) {
        guard let entry = entries[name], entry.loadNumber == number, entry.state == .verifying else { return }
        entries[name]?.progress = ModelProgress(
            completedBytes: progress.completedBytes, totalBytes: progress.totalBytes)
    }

    // MARK: Transitions

    /// False if this load has been given up.
    private func advance(_ name: String, number: Int, to state: ModelState) -> Bool {
        guard let entry = entries[name], entry.loadNumber == number, entry.state.isUnderWay else { return false }
        if entry.state != state { change(name, to: state) }
        return true
    }

    private func finish(_ name: String, number: Int, _ resident: ResidentModel, seconds: Double) {
        guard let entry = entries[name], entry.loadNumber == number, entry.state.isUnderWay else {
            if entries[name]?.loadNumber == number { entries[name]?.reservedBytes = 0 }
            resident.close()
            return
        }
        // The watch may come late where every processor is busy; the time counts all the same.
        guard !isOverdue(entry) else {
            resident.close()
            fail(name, number: number, overdue(entry))
            return
        }
        place(resident, as: name, seconds: seconds)
        change(name, to: .ready)
    }

    /// Gives a model in memory to new requests.
    func place(_ resident: ResidentModel, as name: String, seconds: Double) {
        entries[name]?.loaded = resident
        entries[name]?.memoryBytes = resident.memoryBytes
        entries[name]?.reservedBytes = 0
        entries[name]?.loadSeconds = seconds
    }

    private func fail(_ name: String, number: Int, _ failure: ModelFailure) {
        guard let entry = entries[name], entry.loadNumber == number, entry.state.isUnderWay else { return }
        entries[name]?.failure = failure
        entries[name]?.reservedBytes = 0
        logger.error(
            "model failed",
            metadata: ["model": "\(name)", "stage": "\(failure.stage.rawValue)", "reason": "\(failure.reason)"])
        change(name, to: .failed)
    }
}

/// The files of a model, by role, and the revision that they are.
struct ModelFiles: Sendable {
    var paths: [String: String]
    /// Nil for files that are no store's.
    var revision: String?
}

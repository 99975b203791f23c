internal import Checkpoints
internal import Compute
internal import Foundation
internal import Generation
internal import Logging
internal import LanguageID
internal import ModelHub
internal import Tokenizers

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
        if entry.state != .ready { beginLoading(name) }
        if waitSeconds > 0 { await settle(name, seconds: waitSeconds) }
        return try status(name)
    }

    /// Takes a model out of memory once the requests it is busy with are answered.
    ///
    /// - Throws: `EngineError.conflict` if it is not in memory.
    @discardableResult
    package func unload(_ name: String, waitSeconds: Double = 30) async throws -> ModelStatus {
        let entry = try entry(name)
        if entry.state == .failed {
            entries[name]?.failure = nil
            change(name, to: .absent)
            return try status(name)
        }
        guard entry.state == .ready, let loaded = entry.loaded else {
            throw EngineError.conflict(model: name, state: entry.state, wanted: "be unloaded")
        }
        // Whoever unloads a model does not want it any more: readiness no longer depends on it.
        entries[name]?.isRequired = false
        change(name, to: .unloading)
        let deadline = ContinuousClock.now + .seconds(waitSeconds)
        while loaded.openRequests > 0, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        discard(name)
        return try status(name)
    }

    private func discard(_ name: String) {
        entries[name]?.loaded?.close()
        entries[name]?.loaded = nil
        entries[name]?.memoryBytes = 0
        change(name, to: .absent)
    }

    /// The model, loaded if need be as the configuration says.
    ///
    /// - Throws: `EngineError.notReady`, `.failed`, `.notInstalled`.
    func acquire(_ name: String) async throws -> LoadedModel {
        var entry = try entry(name)
        if entry.loaded == nil || entry.state != .ready {
            switch configuration.onDemand {
            case .never where !entry.state.isUnderWay && entry.state != .failed:
                throw EngineError.notReady(model: name, state: entry.state, retryAfterSeconds: 30)
            case .wait, .never, .reject:
                if entry.state == .absent || entry.mayRetry(at: .now) { beginLoading(name) }
                if configuration.onDemand != .reject {
                    await settle(name, seconds: configuration.onDemandWaitSeconds)
                    try Task.checkCancellation()
                }
            }
            entry = try self.entry(name)
        }
        if let failure = entry.failure, entry.state == .failed { throw EngineError.failed(model: name, failure) }
        guard entry.state == .ready, let loaded = entry.loaded else {
            throw EngineError.notReady(model: name, state: entry.state, retryAfterSeconds: 5)
        }
        entries[name]?.requests += 1
        entries[name]?.lastUsed = .now
        return loaded
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
        let deadline = ContinuousClock.now + .seconds(configuration.loadingTimeoutSeconds)
        while true {
            let now = ContinuousClock.now
            await settle(name, seconds: min(30, max(0.01, (deadline - now) / .seconds(1))))
            guard let entry = entries[name], entry.loadNumber == number, entry.state.isUnderWay else { return }
            if configuration.logsProgress {
                logger.info(
                    "still getting ready",
                    metadata: [
                        "model": "\(name)", "stage": "\(entry.state.rawValue)",
                        "bytes": "\(entry.progress?.completedBytes ?? 0)", "of": "\(entry.progress?.totalBytes ?? 0)",
                    ])
            }
            guard ContinuousClock.now >= deadline else { continue }
            entry.loadTask?.cancel()
            fail(name, number: number, overdue(entry))
            return
        }
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
            let started = ContinuousClock.now
            stage = .loading
            guard advance(name, number: number, to: .loading) else { return }
            let quantization = configuration.quantization
            let weightBytes = try await WorkerThread.run(name: "svc-measure") {
                try HuggingFaceModel.weightBytes(descriptor, files: files, quantization) ?? descriptor.memoryBytes
            }
            try await makeRoom(for: descriptor, weightBytes: weightBytes)
            let resources = ModelLoader.Resources(
                backend: configuration.backend, workers: pool, compute: computePool,
                memoryBudgetBytes: configuration.memoryBudgetBytes, quantization: configuration.quantization,
                packedDirectory: configuration.packedDirectory)
            let result = try await WorkerThread.run(name: "svc-load") {
                try ModelLoader.load(descriptor, files: files, resources: resources)
            }
            for note in result.notes { logger.warning("\(note)", metadata: ["model": "\(name)"]) }
            do {
                try await Canary.ask(result.model, of: name, pool: pool)
            } catch {
                result.model.close()
                throw error
            }
            finish(name, number: number, result, seconds: (.now - started) / .seconds(1))
        } catch {
            fail(name, number: number, Self.failure(error, at: stage, model: name))
        }
    }

    private func files(
        of descriptor: ModelDescriptor, number: Int, stage: inout ModelState
    ) async throws -> [String: String] {
        guard case .catalog(let entry) = descriptor.origin else {
            if case .local(_, let files) = descriptor.origin { return files }
            return [:]
        }
        let name = descriptor.name
        var installed = try hub.installed(entry)
        if installed == nil {
            guard configuration.downloads else { throw EngineError.notInstalled(model: name) }
            stage = .downloading
            _ = advance(name, number: number, to: .downloading)
            installed = try await hub.pull(entry) { progress in
                Task { await self.note(progress, for: name, number: number) }
            }
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
        return installed.files
    }

    private func note(_ progress: PullProgress, for name: String, number: Int) {
        guard let entry = entries[name], entry.loadNumber == number, entry.state.isUnderWay, entry.state != .loading
        else { return }
        entries[name]?.progress = ModelProgress(
            completedBytes: progress.completedBytes, totalBytes: progress.totalBytes)
    }

    /// Unloads what was used least recently until the model fits, and reserves its place, so that two loads at once
    /// cannot both take the last.
    ///
    /// - Throws: `EngineError.overBudget`.
    private func makeRoom(for descriptor: ModelDescriptor, weightBytes: Int) async throws {
        let budget = configuration.memoryBudgetBytes
        let isGeneration = descriptor.task == .generation
        // What a model needs besides its weights grows with its requests, up to this.
        let needed = weightBytes + (isGeneration ? GenerationModel.cacheShare(ofBudget: budget) : 0)
        func used() -> Int { entries.values.reduce(0) { $0 + $1.memoryBytes } }
        guard needed <= budget else {
            throw EngineError.overBudget(
                model: descriptor.name, neededBytes: needed, usedBytes: used(), budgetBytes: budget)
        }
        while used() + needed > budget {
            let idle = entries.values.filter { $0.state == .ready && !$0.isRequired && $0.loaded?.openRequests == 0 }
            guard let oldest = idle.min(by: { ($0.lastUsed ?? .distantPast) < ($1.lastUsed ?? .distantPast) }) else {
                throw EngineError.overBudget(
                    model: descriptor.name, neededBytes: needed, usedBytes: used(), budgetBytes: budget)
            }
            logger.info(
                "unloaded to make room", metadata: ["model": "\(oldest.descriptor.name)", "for": "\(descriptor.name)"])
            discard(oldest.descriptor.name)
        }
        entries[descriptor.name]?.memoryBytes = needed
    }

    // MARK: Transitions

    private func change(_ name: String, to state: ModelState) {
        entries[name]?.state = state
        entries[name]?.since = .now
        entries[name]?.progress = nil
        logger.info("model state", metadata: ["model": "\(name)", "state": "\(state.rawValue)"])
        if !state.isUnderWay { releaseAll(name) }
    }

    /// False if this load has been given up.
    private func advance(_ name: String, number: Int, to state: ModelState) -> Bool {
        guard let entry = entries[name], entry.loadNumber == number, entry.state.isUnderWay else { return false }
        if entry.state != state { change(name, to: state) }
        return true
    }

    private func finish(_ name: String, number: Int, _ result: ModelLoader.Result, seconds: Double) {
        guard let entry = entries[name], entry.loadNumber == number, entry.state.isUnderWay else {
            result.model.close()
            return
        }
        // The watch may come late where every processor is busy; the time counts all the same.
        guard entry.loadBegan.duration(to: .now) < .seconds(configuration.loadingTimeoutSeconds) else {
            result.model.close()
            fail(name, number: number, overdue(entry))
            return
        }
        entries[name]?.loaded = result.model
        entries[name]?.memoryBytes = result.memoryBytes
        entries[name]?.loadSeconds = seconds
        change(name, to: .ready)
    }

    private func fail(_ name: String, number: Int, _ failure: ModelFailure) {
        guard let entry = entries[name], entry.loadNumber == number, entry.state.isUnderWay else { return }
        entries[name]?.failure = failure
        entries[name]?.memoryBytes = 0
        logger.error(
            "model failed",
            metadata: ["model": "\(name)", "stage": "\(failure.stage.rawValue)", "reason": "\(failure.reason)"])
        change(name, to: .failed)
    }

    private static func failure(_ error: any Error, at stage: ModelState, model: String) -> ModelFailure {
        let again = "then POST /models/\(model)/load."
        func failure(_ kind: ModelFailure.Kind, _ action: String) -> ModelFailure {
            ModelFailure(kind: kind, stage: stage, reason: "\(error)", action: action)
        }
        switch error {
        case let failure as ModelFailure: return failure
        case EngineError.notInstalled: return failure(.notInstalled, "Run `svc pull \(model)`, \(again)")
        case EngineError.overBudget: return failure(.overBudget, "Make room, \(again)")
        case let error as ModelHubError:
            switch error.category {
            case .network: return failure(.network, "Check the network, \(again)")
            case .permission: return failure(.permission, "Correct the permissions, \(again)")
            case .integrity: return failure(.integrity, "Run `svc pull \(model) --repair`, \(again)")
            case .notFound, .other: return failure(.other, "Correct what the reason names, \(again)")
            }
        case let CheckpointError.io(_, _, reason) where reason == String(cString: strerror(EACCES)):
            return failure(.permission, "Correct the permissions, \(again)")
        case is CheckpointError, is GGUFMetadataError, is TokenVocabularyError, is TranslationTokenizerError:
            return failure(.integrity, "Run `svc pull \(model) --repair`, or replace the file, \(again)")
        default: return failure(.other, "Correct what the reason names, \(again)")
        }
    }
}

/// The first question that a loaded model must answer before it counts as ready.
enum Canary {
    static func ask(_ model: LoadedModel, of name: String, pool: WorkerPool) async throws {
        switch model {
        case .translation(let batcher):
            let answer = try await batcher.translate(TranslationRequest(text: "OK."))
            // A model of many languages is not told which here, and what it says then is not words in any case.
            guard answer.targetTokens > 0, !answer.text.isEmpty || !batcher.languages.isEmpty else {
                throw failure("an empty translation")
            }
        case .languageIdentification(let identifier):
            let answer = try await pool.run { _ in identifier.detect("This is a sentence in English.") }
            guard answer.language != "und" else { throw failure("no language for an English sentence") }
        case .embedding(let model):
            let vector = try await model.embed([.text("OK.")], on: pool).vectors.first ?? []
            guard !vector.isEmpty, vector.allSatisfy(\.isFinite) else { throw failure("a vector that is no numbers") }
        case .generation(let model):
            var request = GenerationRequest(prompt: try await pool.run { _ in try model.prompt(.text("OK.")) })
            request.sampling = .greedy
            request.maxTokens = 1
            request.topLogprobs = 0
            for try await event in try model.batcher.submit(request) {
                guard case .piece(let piece) = event else { continue }
                let isNumber = piece.logprobs.first?.logprob.isFinite == true
                guard isNumber else { throw failure("logits that are not numbers") }
            }
        }
    }

    private static func failure(_ what: String) -> ModelFailure {
        ModelFailure(
            stage: .loading, reason: "the first inference gave \(what)",
            action: "The files are whole but do not make a working model; report it with the model's name.")
    }
}

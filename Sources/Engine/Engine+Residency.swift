internal import Compute
internal import Foundation
internal import Logging
internal import ModelHub

/// Who is in memory, who may use it, and who has to go.
extension Engine {
    /// The right to use a model, loaded if need be as the configuration says; or of one that stands in for it.
    ///
    /// - Parameter need: what a stand-in must be able to do; nil if none is wanted.
    /// - Throws: `EngineError.notReady`, `.failed`, `.notInstalled`, and `.withoutStandIn` where one was wanted.
    func acquire(_ name: String, standIn need: StandInNeed? = nil) async throws -> ModelLease {
        let entry = try entry(name)
        if let need, let reason = entry.unavailability {
            // It is not waited for: nobody knows whether it comes back.
            if entry.mayRetry(at: .now) { beginLoading(name) }
            if let lease = try await standIn(for: name, need, reason: reason) { return lease }
        }
        do {
            return ModelLease(try await resident(name), name: name, fallback: nil)
        } catch let error as EngineError {
            guard let need else { throw error }
            if let lease = try await standIn(for: name, need, reason: "\(error.reason)") { return lease }
            throw EngineError.withoutStandIn(cause: error, hints: hints(for: name, need))
        }
    }

    /// The model in memory, loaded if need be as the configuration says.
    ///
    /// - Throws: `EngineError.notReady`, `.failed`, `.notInstalled`.
    func resident(_ name: String) async throws -> ResidentModel {
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
        noteRequest(of: name)
        return loaded
    }

    func noteRequest(of name: String) {
        tallies[name, default: RequestTally()].requests += 1
        tallies[name]?.lastUsed = .now
    }

    /// Takes a model out of memory once the requests it is busy with are answered.
    ///
    /// - Throws: `EngineError.conflict` if it is not in memory.
    @discardableResult
    package func unload(_ name: String, waitSeconds: Double = 30) async throws -> ModelStatus {
        let entry = try entry(name)
        if entry.state == .failed {
            entries[name]?.failure = nil
            entries[name]?.setAside = nil
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
        while !loaded.isIdle, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        discard(name)
        await FreedMemory.giveBack()
        return try status(name)
    }

    /// Takes a model out of memory at once.
    private func discard(_ name: String) {
        entries[name]?.loaded?.close()
        entries[name]?.loaded = nil
        entries[name]?.memoryBytes = 0
        change(name, to: .absent)
    }

    /// Takes a model away from new requests; it leaves memory when the running ones have ended.
    func retire(_ resident: ResidentModel) {
        retiring.append(resident)
        Task {
            // Slept first: whoever has just been given it may not have taken its lease yet.
            repeat { try? await Task.sleep(for: .milliseconds(20)) } while !resident.isIdle && !isDraining
            resident.close()
            retiring.removeAll { $0 === resident }
            await FreedMemory.giveBack()
        }
    }

    /// Bytes that models take or have reserved.
    private var usedBytes: Int {
        entries.values.reduce(0) { $0 + $1.memoryBytes + $1.reservedBytes }
            + retiring.reduce(0) { $0 + $1.memoryBytes }
    }

    /// Unloads what was used least recently until the model fits, and reserves its place, so that two loads at once
    /// cannot both take the last. The reservation ends when the model is in its place, or has failed.
    ///
    /// - Throws: `EngineError.overBudget`.
    func makeRoom(for descriptor: ModelDescriptor, weightBytes: Int) async throws {
        let budget = configuration.memoryBudgetBytes
        let isGeneration = descriptor.task == .generation
        // What a model needs besides its weights grows with its requests, up to this.
        let needed = weightBytes + (isGeneration ? GenerationModel.cacheShare(ofBudget: budget) : 0)
        guard needed <= budget else {
            throw EngineError.overBudget(
                model: descriptor.name, neededBytes: needed, usedBytes: usedBytes, budgetBytes: budget)
        }
        while usedBytes + needed > budget {
            let idle = entries.values.filter {
                $0.state == .ready && !$0.isRequired && $0.loaded?.isIdle == true
                    && $0.descriptor.name != descriptor.name
            }
            func lastUse(_ entry: ModelEntry) -> Date { tallies[entry.descriptor.name]?.lastUsed ?? .distantPast }
            guard let oldest = idle.min(by: { lastUse($0) < lastUse($1) }) else {
                throw EngineError.overBudget(
                    model: descriptor.name, neededBytes: needed, usedBytes: usedBytes, budgetBytes: budget)
            }
            logger.info(
                "unloaded to make room", metadata: ["model": "\(oldest.descriptor.name)", "for": "\(descriptor.name)"])
            discard(oldest.descriptor.name)
        }
        entries[descriptor.name]?.reservedBytes = needed
    }

    func change(_ name: String, to state: ModelState) {
        let before = entries[name]?.state
        entries[name]?.state = state
        entries[name]?.since = .now
        entries[name]?.progress = nil
        logger.info("model state", metadata: ["model": "\(name)", "state": "\(state.rawValue)"])
        var fields: [String: ServiceEvent.Value] = ["state": .text(state.rawValue)]
        if let before { fields["from"] = .text(before.rawValue) }
        if let failure = entries[name]?.failure, state == .failed { fields["reason"] = .text(failure.reason) }
        events.publish(.modelState, model: name, fields)
        if state == .ready { noteRecovered(name) }
        if !state.isUnderWay { releaseAll(name) }
    }
}

internal import Architectures
internal import Compute
internal import Generation
package import Foundation
internal import Logging
internal import ModelHub

/// What a check of a model found.
package struct CheckReport: Sendable, Equatable {
    /// The model.
    package var model: String
    /// When it was checked.
    package var time: Date
    /// Bytes that were hashed.
    package var bytes: Int
    /// How long it took.
    package var seconds: Double
    /// Whether it was asked a question; only what is in memory can be.
    package var wasAsked: Bool
    /// What is wrong, a sentence each; empty where nothing is.
    package var problems: [String]
}

/// Models are checked at their load, on a schedule, and when somebody asks: sizes and hashes of the files, then whether they
/// make a model (headers, shards, tokenizer and weights that go together), then a question whose answer is known. One that
/// fails is taken away from requests, its damaged files go to quarantine, and a repair begins; others answer meanwhile.
extension Engine {
    /// Checks a model that is on this machine.
    ///
    /// - Throws: `EngineError.unknownModel`, `.notInstalled`, `.conflict` while it is loaded, checked or changed;
    ///   `ModelHubError` where the store cannot be read.
    @discardableResult
    package func check(_ name: String) async throws -> CheckReport {
        let entry = try entry(name)
        guard !entry.isBusy, !entry.state.isUnderWay, entry.state != .unloading else {
            throw EngineError.conflict(model: name, state: entry.state, wanted: "be checked")
        }
        guard isInstalled(entry) else { throw EngineError.notInstalled(model: name) }
        entries[name]?.isBusy = true
        defer { entries[name]?.isBusy = false }
        let started = ContinuousClock.now
        let (found, structure) = try await examine(entry.descriptor)
        var problems = found.map { "\($0)" }
        if found.isEmpty, let structure { problems.append(structure) }
        let packed = try await removeDamagedPacks(of: name)
        // The files that they were made of may be well: then a load is all the repair it takes.
        let isOnlyPacked = problems.isEmpty
        problems += packed
        var report = CheckReport(
            model: name, time: .now, bytes: entry.descriptor.sizeBytes, seconds: 0, wasAsked: false, problems: problems)
        if problems.isEmpty, let resident = entries[name]?.loaded {
            let lease = ModelLease(resident, name: name, fallback: nil)
            do {
                try await Canary.ask(lease.model, of: name, known: entry.descriptor.canary, pool: pool)
                report.wasAsked = true
            } catch let failure as ModelFailure {
                report.problems.append(failure.reason)
            }
        }
        report.seconds = (.now - started) / .seconds(1)
        entries[name]?.lastCheck = report
        guard report.problems.isEmpty else {
            await setAside(name, report, files: found, needsOnlyALoad: isOnlyPacked && !packed.isEmpty)
            return report
        }
        events.publish(
            .healthChecked, model: name, ["seconds": .number(report.seconds), "asked": .boolean(report.wasAsked)])
        return report
    }

    /// Checks every model in memory, one after the other.
    func checkAll() async {
        for name in order where entries[name]?.loaded != nil {
            do {
                try await check(name)
                try await changeOverIfMoved(name)
            } catch {
                logger.warning("a check could not be made", metadata: ["model": "\(name)", "reason": "\(error)"])
            }
        }
    }

    /// Files that are not what they should be, and whether the others make a model.
    private func examine(_ descriptor: ModelDescriptor) async throws -> ([FileProblem], String?) {
        let files: [String: String]
        switch descriptor.origin {
        case .local(_, let paths): files = paths
        case .catalog(let entry):
            let problems = try await hub.check(entry, rehash: true)
            guard problems.isEmpty, let installed = try hub.installed(entry) else { return (problems, nil) }
            files = installed.files
        }
        return ([], try await WorkerThread.run(name: "svc-check") { ModelStructure.problem(descriptor, files) })
    }

    /// Reads what was packed of the model's weights, and removes what is damaged.
    private func removeDamagedPacks(of name: String) async throws -> [String] {
        guard let directory = configuration.packedDirectory else { return [] }
        return try await WorkerThread.run(name: "svc-check") {
            try PackedWeights.removeDamaged(in: "\(directory)/\(name)")
        }
    }

    /// After a load that failed because of the files: hashes them, and sets the model aside if they are damaged.
    func setAsideIfDamaged(_ name: String) async {
        // A repair that does not help is the repair's own affair.
        guard let entry = entries[name], entry.state == .failed, !entry.isBusy, entry.setAside == nil,
            case .catalog = entry.descriptor.origin
        else { return }
        entries[name]?.isBusy = true
        defer { entries[name]?.isBusy = false }
        do {
            let (found, _) = try await examine(entry.descriptor)
            guard !found.isEmpty else { return }
            await setAside(
                name,
                CheckReport(
                    model: name, time: .now, bytes: entry.descriptor.sizeBytes, seconds: 0, wasAsked: false,
                    problems: found.map { "\($0)" }),
                files: found)
        } catch {
            logger.warning("a check could not be made", metadata: ["model": "\(name)", "reason": "\(error)"])
        }
    }

    // MARK: Repair

    /// Takes a model away from requests, its damaged files out of the store, and begins the repair.
    ///
    /// - Parameter needsOnlyALoad: whether nothing has to be fetched for it.
    private func setAside(
        _ name: String, _ report: CheckReport, files: [FileProblem], needsOnlyALoad: Bool = false
    ) async {
        let reason = report.problems.joined(separator: "; ")
        logger.error("model damaged", metadata: ["model": "\(name)", "reason": "\(reason)"])
        events.publish(.healthFailed, model: name, ["reason": .text(reason)])
        if let resident = entries[name]?.loaded {
            entries[name]?.loaded = nil
            entries[name]?.memoryBytes = 0
            retire(resident)
        }
        let kept = entries[name]?.failure
        var aside = entries[name]?.setAside ?? ModelEntry.SetAside(reason: reason)
        aside.reason = reason
        let repairs = needsOnlyALoad || canBeRepaired(name)
        aside.needsPerson = !repairs
        entries[name]?.setAside = aside
        entries[name]?.failure = ModelFailure(
            kind: .integrity, stage: kept?.stage ?? .verifying, reason: reason,
            action: repairs
                ? "A repair is under way; GET /events tells how it goes."
                : "Run `svc pull \(name) --repair`, then POST /models/\(name)/load.")
        change(name, to: .failed)
        guard repairs else { return }
        if case .catalog(let entry) = entries[name]?.descriptor.origin, !files.isEmpty {
            await quarantine(entry, files)
        }
        Task { await self.repair(name) }
    }

    /// How often a repository is tried that a pull of another model holds.
    private static let quarantineAttempts = 50

    private func quarantine(_ entry: CatalogEntry, _ problems: [FileProblem]) async {
        let hub = hub
        for attempt in 1...Self.quarantineAttempts {
            do {
                return try await WorkerThread.run(name: "svc-quarantine") { _ = try hub.quarantine(entry, problems) }
            } catch ModelHubError.busy where attempt < Self.quarantineAttempts {
                // Cancelled only with the process.
                try? await Task.sleep(for: .milliseconds(200))
            } catch {
                return logger.error(
                    "damaged files could not be put into quarantine",
                    metadata: ["model": "\(entry.name)", "reason": "\(error)"])
            }
        }
    }

    private func canBeRepaired(_ name: String) -> Bool {
        guard configuration.downloads, case .catalog = entries[name]?.descriptor.origin else { return false }
        return true
    }

    /// Gets the model's files and loads it, again and again with longer waits, until it answers or a person is needed.
    private func repair(_ name: String) async {
        for attempt in 1...max(1, configuration.repairAttempts) {
            guard !isDraining, entries[name]?.setAside != nil else { return }
            events.publish(.repairQueued, model: name, ["attempt": .integer(attempt)])
            beginLoading(name)
            // The load gives itself up in time.
            while entries[name]?.state.isUnderWay == true, !isDraining { await settle(name, seconds: 60) }
            guard let entry = entries[name], entry.setAside != nil else { return }
            if entry.state == .ready {
                entries[name]?.setAside = nil
                logger.notice("model repaired", metadata: ["model": "\(name)", "attempt": "\(attempt)"])
                events.publish(.repairCompleted, model: name, ["attempt": .integer(attempt)])
                return
            }
            entries[name]?.setAside?.repairs = attempt
            let isLast = attempt >= configuration.repairAttempts
            events.publish(
                .repairFailed, model: name,
                [
                    "attempt": .integer(attempt), "reason": .text(entry.failure?.reason ?? "it was unloaded"),
                    "final": .boolean(isLast),
                ])
            if isLast { return giveUp(name, entry.failure) }
            // Cancelled only with the process.
            try? await Task.sleep(for: .seconds(configuration.repairDelaySeconds * Double(1 << (attempt - 1))))
        }
    }

    private func giveUp(_ name: String, _ failure: ModelFailure?) {
        entries[name]?.setAside?.needsPerson = true
        entries[name]?.failure = ModelFailure(
            kind: failure?.kind ?? .integrity, stage: failure?.stage ?? .downloading,
            reason: "\(configuration.repairAttempts) repairs failed, the last one because: "
                + (failure?.reason ?? "it was unloaded"),
            action: "Correct that, run `svc pull \(name) --repair`, then POST /models/\(name)/load.")
    }
}

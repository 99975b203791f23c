internal import Compute
internal import Generation
internal import Foundation
internal import Logging
internal import ModelHub

/// What became of an update or of a way back.
package struct UpdateReport: Sendable, Equatable {
    /// The model.
    package var model: String
    /// The revision before.
    package var from: String?
    /// The revision that answers now.
    package var to: String
    /// Whether anything changed.
    package var isChanged: Bool
}

/// A new revision is downloaded beside the one that answers, verified, loaded and asked a question. Only then do new requests
/// get it; running ones end on the old one. Where anything goes wrong, nothing has changed but that the revision is
/// remembered as one not to be used.
extension Engine {
    /// The newest revision at the source, and the one in use.
    ///
    /// - Throws: `EngineError`, `ModelHubError`.
    package func latestRevision(of name: String) async throws -> (latest: String, active: String?) {
        let listing = try updatable(name)
        let latest = try await hub.latestRevision(of: listing)
        return (latest, try hub.installed(listing)?.revision)
    }

    /// Changes over to the newest revision, or to the one named.
    ///
    /// - Throws: `EngineError.pinned`, `.updateFailed`, `.noRevisions`, `.conflict`; `ModelHubError` where the source cannot
    ///   be asked.
    package func update(_ name: String, to wanted: String? = nil) async throws -> UpdateReport {
        let listing = try updatable(name)
        try claim(name, for: "be updated")
        defer { entries[name]?.isBusy = false }
        let versions = try hub.versions(of: listing)
        if wanted == nil, let pin = versions.pinned { throw EngineError.pinned(model: name, revision: pin) }
        let active = try hub.installed(listing)?.revision
        let latest = wanted == nil ? try await hub.latestRevision(of: listing) : wanted
        guard let latest, latest != active else {
            return UpdateReport(model: name, from: active, to: active ?? "", isChanged: false)
        }
        if wanted == nil,
            let rejected = versions.versions.first(where: { $0.revision == latest && $0.state == .rejected })
        {
            throw EngineError.updateFailed(
                model: name, revision: latest,
                reason: "\(rejected.reason ?? "it was rejected"); name the revision to try it again")
        }
        events.publish(.updateStarted, model: name, ["from": .text(active ?? ""), "to": .text(latest)])
        let job = await downloads.enqueue(listing, revision: latest, purpose: .update)
        let installed: InstalledModel
        do {
            installed = try await downloads.result(job.id)
        } catch {
            events.publish(.updateFailed, model: name, ["to": .text(latest), "reason": .text("\(error)")])
            throw error
        }
        guard installed.revision != active else {
            return UpdateReport(model: name, from: active, to: installed.revision, isChanged: false)
        }
        try await changeOver(name, listing, to: installed, from: active)
        events.publish(.updateCompleted, model: name, ["from": .text(active ?? ""), "to": .text(installed.revision)])
        return UpdateReport(model: name, from: active, to: installed.revision, isChanged: true)
    }

    /// Goes back to the revision before, and remembers the present one as not to be used.
    ///
    /// - Throws: `EngineError.nothingToRollBack`, `.pinned`, `.updateFailed`, `.noRevisions`, `.conflict`.
    package func rollBack(_ name: String) async throws -> UpdateReport {
        let listing = try updatable(name)
        try claim(name, for: "be rolled back")
        defer { entries[name]?.isBusy = false }
        // A pin means its revision whatever else is in use: the way back would lead nowhere.
        if let pin = try hub.versions(of: listing).pinned { throw EngineError.pinned(model: name, revision: pin) }
        let active = try hub.installed(listing)?.revision
        guard let previous = try hub.previousRevision(of: listing), previous != active,
            let installed = try hub.installed(listing, revision: previous)
        else { throw EngineError.nothingToRollBack(model: name) }
        try await changeOver(name, listing, to: installed, from: active)
        if let active { try hub.reject(listing, active, reason: "a person went back from it") }
        events.publish(.updateRolledBack, model: name, ["from": .text(active ?? ""), "to": .text(previous)])
        return UpdateReport(model: name, from: active, to: previous, isChanged: true)
    }

    /// Holds a model at a revision, or where that is nil releases it.
    ///
    /// - Throws: `EngineError.noRevisions`, `ModelHubError`.
    package func pin(_ name: String, at revision: String?) throws {
        try hub.pin(try updatable(name), revision: revision)
    }

    /// Looks for newer revisions of what is in memory, and changes over where the configuration says so.
    func lookForUpdates() async {
        for name in order where entries[name]?.loaded != nil {
            guard let listing = try? updatable(name) else { continue }
            do {
                let (latest, active) = try await latestRevision(of: name)
                let versions = try hub.versions(of: listing)
                // What was tried and is of no use is no update.
                let isRejected = versions.versions.contains { $0.revision == latest && $0.state == .rejected }
                guard latest != active, !isRejected else { continue }
                events.publish(
                    .updateAvailable, model: name, ["from": .text(active ?? ""), "to": .text(latest)])
                if configuration.updates == .apply, versions.pinned == nil { _ = try await update(name) }
            } catch {
                logger.warning("no update", metadata: ["model": "\(name)", "reason": "\(error)"])
            }
        }
    }

    /// Takes over what another process, such as `svc rollback`, has made the revision in use.
    func changeOverIfMoved(_ name: String) async throws {
        guard let listing = try? updatable(name), let resident = entries[name]?.loaded,
            let installed = try hub.installed(listing), installed.revision != resident.revision
        else { return }
        try claim(name, for: "change over")
        defer { entries[name]?.isBusy = false }
        try await changeOver(name, listing, to: installed, from: resident.revision)
        events.publish(
            .updateCompleted, model: name,
            ["from": .text(resident.revision ?? ""), "to": .text(installed.revision)])
    }

    private func updatable(_ name: String) throws -> CatalogEntry {
        let descriptor = try entry(name).descriptor
        guard case .catalog(let listing) = descriptor.origin, listing.hasRevisions else {
            throw EngineError.noRevisions(model: name, source: descriptor.source)
        }
        return listing
    }

    private func claim(_ name: String, for wanted: String) throws {
        let entry = try entry(name)
        guard !entry.isBusy, !entry.state.isUnderWay, entry.state != .unloading else {
            throw EngineError.conflict(model: name, state: entry.state, wanted: wanted)
        }
        entries[name]?.isBusy = true
    }

    /// Loads a revision beside the one that answers and, if it answers too, gives it to new requests.
    private func changeOver(
        _ name: String, _ listing: CatalogEntry, to installed: InstalledModel, from active: String?
    ) async throws {
        let descriptor = try entry(name).descriptor
        let hub = hub
        do {
            if let problem = try await WorkerThread.run(
                name: "svc-check",
                {
                    try hub.verify(installed, rehash: false)
                    return ModelStructure.problem(descriptor, installed.files)
                })
            {
                throw ModelFailure(kind: .integrity, stage: .verifying, reason: problem, action: "")
            }
            let started = ContinuousClock.now
            let resident = try await residentModel(
                descriptor, ModelFiles(paths: installed.files, revision: installed.revision))
            try hub.activate(listing, installed.revision)
            if let old = entries[name]?.loaded, entries[name]?.state == .ready {
                retire(old)
                place(resident, as: name, seconds: (.now - started) / .seconds(1))
                events.publish(
                    .modelState, model: name,
                    ["state": .text(ModelState.ready.rawValue), "revision": .text(installed.revision)])
            } else {
                // Nobody has it in memory: it was loaded only to be asked.
                entries[name]?.reservedBytes = 0
                resident.close()
            }
        } catch {
            entries[name]?.reservedBytes = 0
            let failure = ModelFailure.of(error, at: .loading, model: name)
            // What does not fit, or cannot be read for another's fault, says nothing about the revision.
            if [.integrity, .wrongAnswer, .other].contains(failure.kind) {
                try hub.reject(listing, installed.revision, reason: failure.reason)
            }
            logger.error(
                "update failed",
                metadata: ["model": "\(name)", "revision": "\(installed.revision)", "reason": "\(failure.reason)"])
            events.publish(
                .updateFailed, model: name, ["to": .text(installed.revision), "reason": .text(failure.reason)])
            throw EngineError.updateFailed(model: name, revision: installed.revision, reason: failure.reason)
        }
    }
}

extension CatalogEntry {
    /// Whether its source can have another revision than the one on this machine.
    var hasRevisions: Bool {
        switch source {
        case .huggingFace: true
        case .pip, .file, .https: false
        }
    }
}

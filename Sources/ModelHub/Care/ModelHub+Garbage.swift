package import Foundation

extension ModelHub {
    /// Removes what nothing needs any more: versions that are neither used, nor pinned, nor the one before; files that no
    /// snapshot links to and downloads that nobody went on with, after a week; what dead processes were working on;
    /// quarantine past its bounds; and weights that were quantised from models that are gone.
    ///
    /// In the Hugging Face Hub's cache only what we have put there is looked at. A repository that somebody is changing
    /// is left alone.
    ///
    /// - Parameters:
    ///   - dryRun: Whether to only say what would go.
    ///   - now: The time that ages are counted to.
    /// - Throws: `ModelHubError` if the store cannot be read or written.
    package func collectGarbage(
        dryRun: Bool, policy: GarbagePolicy = GarbagePolicy(), now: Date = .now
    ) throws -> GarbageReport {
        var collection = GarbageCollection(hub: self, policy: policy, now: now, isDryRun: dryRun)
        try collection.run()
        return collection.report
    }
}

/// One collection of garbage.
private struct GarbageCollection {
    let hub: ModelHub
    let policy: GarbagePolicy
    let now: Date
    var report: GarbageReport
    private var store: ModelStore { hub.store }

    init(hub: ModelHub, policy: GarbagePolicy, now: Date, isDryRun: Bool) {
        self.hub = hub
        self.policy = policy
        self.now = now
        report = GarbageReport(isDryRun: isDryRun)
    }

    mutating func run() throws {
        for repository in try repositories() {
            guard let lock = try StoreLock.tryAcquire(repository.lockPath, toLook: report.isDryRun) else {
                report.busy.append(repository.name)
                continue
            }
            defer { lock.release() }
            try removeVersions(repository)
            try removeBlobs(repository)
            try removePartials(repository)
            try removeTemporaries(repository)
            try removeQuarantine(repository)
            if !report.isDryRun { try repository.removeDirectoriesIfUnused() }
        }
        try removePacked()
    }

    /// Our own, and those of the Hub's cache that we have put something into.
    private func repositories() throws -> [ModelRepository] {
        let own = try Disk.names(in: store.root).filter { $0.hasPrefix("models--") }
            .map { ModelRepository(store: store.root, name: $0) }
        let shared = try Disk.names(in: store.huggingFaceRoot).filter { $0.hasPrefix("models--") }.map {
            ModelRepository(store: store.huggingFaceRoot, name: $0, records: store.root + "/.verified/" + $0)
        }
        return try own
            + (store.huggingFaceRoot == store.root ? [] : shared).filter { repository in
                try PlacedBlobs.isKnown(repository) || !repository.partials().isEmpty
                    || !Quarantine(repository, store).items().isEmpty
            }
    }

    private mutating func add(_ kind: GarbageReport.Item.Kind, _ path: String, _ size: Int, _ model: String? = nil) {
        report.items.append(.init(kind: kind, path: path, sizeBytes: size, model: model))
    }

    private func isOlder(_ date: Date, thanDays days: Double) -> Bool { now.timeIntervalSince(date) > days * 86_400 }

    // MARK: - Versions

    /// Removes the versions that are not needed.
    private mutating func removeVersions(_ repository: ModelRepository) throws {
        for entry in hub.catalog.entries where (try? store.repository(of: entry)) == repository {
            // What we have pulled has a list of its files; what another program has put there has none.
            let ours = Set(PullManifest.revisions(of: entry, store))
            let versions = try hub.versions(of: entry)
            // Without one in use there is no telling which of those that are here is wanted.
            guard let active = versions.active else { continue }
            let kept = Set([active, versions.pinned, try hub.previousRevision(of: entry)].compactMap { $0 })
            let named = Set(try repository.referencedRevisions())
            for version in versions.versions where ours.contains(version.revision) && !kept.contains(version.revision) {
                guard version.state == .rejected || version.state == .installed,
                    Disk.status(repository.snapshot(version.revision)) != nil
                else { continue }
                if let date = version.installedAt, !isOlder(date, thanDays: policy.versionDays) { continue }
                // Other programs may look for what a branch stands for; but nobody wants what was found bad.
                if version.state == .installed, repository.isShared, named.contains(version.revision) { continue }
                try remove(version.revision, of: entry, repository)
            }
        }
    }

    private mutating func remove(
        _ revision: String, of entry: CatalogEntry, _ repository: ModelRepository
    ) throws {
        guard let snapshot = try hub.snapshot(of: entry, in: repository, revision: revision) else { return }
        let links = try repository.linkCounts()
        let digests = Set(snapshot.files.map(\.sha256)).filter { PlacedBlobs.contains($0, repository) }
        let path = repository.snapshot(revision)
        guard !report.isDryRun else {
            let here = Dictionary(
                try repository.linkedFiles(revision).map { ($0.sha256, 1) }, uniquingKeysWith: +)
            let own = digests.filter { links[$0] ?? 0 <= here[$0] ?? 0 }
            return add(.version, path, own.reduce(0) { $0 + Disk.ownSize(repository.blob($1)) }, entry.name)
        }
        let removed = try hub.unlinkFiles(of: entry, snapshot, repository)
        let freed = try repository.removeUnlinked(removed.digests)
        try hub.forget([revision], of: entry)
        add(.version, path, freed, entry.name)
    }

    // MARK: - Files

    /// Removes blobs without a link. A pull that was interrupted had not linked what it had fetched, so the new ones stay.
    private mutating func removeBlobs(_ repository: ModelRepository) throws {
        let linked = try repository.linkedDigests()
        for digest in try repository.allBlobs() where !linked.contains(digest) {
            let path = repository.blob(digest)
            guard PlacedBlobs.contains(digest, repository), let date = Disk.changed(path),
                isOlder(date, thanDays: policy.partialDays)
            else { continue }
            let size = Disk.ownSize(path)
            if !report.isDryRun { guard try repository.removeUnlinked([digest]) > 0 || size == 0 else { continue } }
            add(.blob, path, size)
        }
    }

    private mutating func removePartials(_ repository: ModelRepository) throws {
        for partial in try repository.partials() {
            // We hold the lock, so whoever wrote what cannot be resumed is dead.
            guard !partial.isResumable || isOlder(partial.changed, thanDays: policy.partialDays) else { continue }
            if !report.isDryRun { try repository.removePartial(partial.path) }
            add(.partial, partial.path, partial.sizeBytes)
        }
    }

    private mutating func removeTemporaries(_ repository: ModelRepository) throws {
        var paths = try Disk.names(in: repository.temporary).map { repository.temporary + "/" + $0 }
        // Records are written beside each other without the lock.
        paths += try Disk.names(in: repository.verified).filter { !$0.hasSuffix(".json") }
            .map { repository.verified + "/" + $0 }
            .filter { Disk.changed($0).map { isOlder($0, thanDays: policy.temporaryDays) } ?? false }
        for path in paths {
            let size = Disk.ownSize(path) + Disk.sizeOfTree(path)
            if !report.isDryRun { try Disk.removeTree(path) }
            add(.temporary, path, size)
        }
    }

    private mutating func removeQuarantine(_ repository: ModelRepository) throws {
        let quarantine = Quarantine(repository, store)
        for item in try quarantine.excess(policy.quarantine, now: now) {
            if !report.isDryRun { try quarantine.remove(item.path) }
            add(.quarantine, item.path, item.sizeBytes)
        }
    }

    /// Removes quantised weights of models that are not here. They can be made again, and who has them mapped keeps them.
    private mutating func removePacked() throws {
        for name in try Disk.names(in: hub.packedDirectory) {
            let path = hub.packedDirectory + "/" + name
            // Of a name that the catalogue does not know, a path may be the model; then nobody is to say that it is gone.
            guard let entry = hub.catalog.entries.first(where: { $0.name == name }), try hub.isGone(entry),
                !ModelUse.isInUse(name, in: store)
            else { continue }
            let size = Disk.sizeOfTree(path)
            if !report.isDryRun { try Disk.removeTree(path) }
            add(.packed, path, size, name)
        }
    }
}

extension ModelRepository {
    /// How many links of all snapshots lead to each blob.
    func linkCounts() throws -> [String: Int] {
        try Disk.names(in: snapshots).reduce(into: [:]) { counts, revision in
            for file in try linkedFiles(revision) { counts[file.sha256, default: 0] += 1 }
        }
    }

    /// The revisions that names (branches, tags) stand for.
    func referencedRevisions() throws -> [String] {
        try Disk.files(below: directory + "/refs").compactMap { path in
            try Disk.smallFile(path, limitBytes: 256).map {
                String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            }
        }
    }
}

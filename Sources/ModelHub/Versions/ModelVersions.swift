package import Foundation

/// A version of a model that is here, or was.
package struct ModelVersion: Equatable, Sendable {
    /// What it is at the moment.
    package enum State: String, Sendable, Hashable {
        /// The one that is used.
        case active
        /// Whole, and not used.
        case installed
        /// Found bad: never chosen, but by name.
        case rejected
        /// Some of its files are here.
        case partial
    }

    /// Its revision: a commit, a package's version, or a digest over files.
    package let revision: String
    /// What it is.
    package let state: State
    /// When it was pulled; nil for what another program has put there.
    package let installedAt: Date?
    /// The size of its files that are here, in bytes.
    package let sizeBytes: Int
    /// Why it was rejected.
    package let reason: String?
}

/// The versions of a model.
package struct ModelVersions: Equatable, Sendable {
    /// The revision that the model means now; nil if none is here.
    package let active: String?
    /// The revision that it means whatever is pulled, until it is unpinned.
    package let pinned: String?
    /// The one in use first, then the newest first.
    package let versions: [ModelVersion]
}

extension ModelHub {
    /// The versions of a model that are here, and those that were rejected.
    ///
    /// - Throws: `ModelHubError`.
    package func versions(of entry: CatalogEntry) throws -> ModelVersions {
        let record = try VersionRecord.read(entry, store)
        let repository = try store.repository(of: entry)
        let active = try snapshot(of: entry, repository).flatMap { isWhole($0, repository) ? $0.revision : nil }
        var revisions = Set(record.history.map(\.revision))
        revisions.formUnion(PullManifest.revisions(of: entry, store))
        // What other programs pulled is a version too.
        if repository.isShared { revisions.formUnion(try Disk.names(in: repository.snapshots).filter(\.isGitDigest)) }
        if let active { revisions.insert(active) }
        let versions = try revisions.compactMap { revision -> ModelVersion? in
            let item = record.item(revision)
            let snapshot = try snapshot(of: entry, repository, revision)
            let present = (snapshot?.files ?? []).filter { repository.has($0, revision) }
            let isPartial = Disk.status(repository.snapshot(revision)) != nil && !present.isEmpty
            let state: ModelVersion.State
            switch (item?.state, snapshot) {
            case _ where revision == active: state = .active
            case (.rejected, _): state = .rejected
            case (_, let snapshot?) where isWhole(snapshot, repository): state = .installed
            default:
                guard isPartial else { return nil }
                state = .partial
            }
            return ModelVersion(
                revision: revision, state: state, installedAt: item?.installedAt,
                sizeBytes: present.reduce(0) { $0 + $1.sizeBytes }, reason: item?.reason)
        }
        return ModelVersions(
            active: active, pinned: record.pinned,
            versions: versions.sorted { first, second in
                if (first.state == .active) != (second.state == .active) { return first.state == .active }
                let dates = (first.installedAt ?? .distantPast, second.installedAt ?? .distantPast)
                return dates.0 == dates.1 ? first.revision < second.revision : dates.0 > dates.1
            })
    }

    /// Makes the model mean this revision from now on; running work is not touched. A pin goes before it.
    ///
    /// - Parameter revision: a revision that is here, a name that stands for one, or the beginning of one (six digits).
    /// - Throws: `ModelHubError.revisionNotInstalled` if it is not here as a whole.
    package func activate(_ entry: CatalogEntry, _ revision: String) throws {
        let revision = try installedRevision(revision, of: entry)
        try VersionRecord.update(entry, store) { $0.activate(revision, for: entry) }
    }

    /// Notes that a revision is bad: it is never chosen again, unless it is asked for by its name. If it was the one in
    /// use, the one before takes its place.
    ///
    /// - Throws: `ModelHubError`.
    package func reject(_ entry: CatalogEntry, _ revision: String, reason: String) throws {
        let revision = (try? installedRevision(revision, of: entry)) ?? revision
        let previous = try previousRevision(of: entry, before: revision)
        try VersionRecord.update(entry, store) { record in
            var item = record.item(revision) ?? VersionRecord.Item(revision: revision, state: .rejected)
            (item.state, item.reason) = (.rejected, reason)
            if let index = record.history.firstIndex(where: { $0.revision == revision }) {
                record.history[index] = item
            } else {
                record.history.insert(item, at: 0)
            }
            guard record.active == revision else { return }
            record.active = nil
            if let previous { record.activate(previous, for: entry) }
        }
    }

    /// Makes the model mean this revision until it is unpinned, whatever is activated; nil unpins it.
    ///
    /// - Throws: `ModelHubError.revisionNotInstalled` if it is not here as a whole.
    package func pin(_ entry: CatalogEntry, revision: String?) throws {
        let revision = try revision.map { try installedRevision($0, of: entry) }
        try VersionRecord.update(entry, store) { $0.pinned = revision }
    }

    /// The revision that was used before the present one and is still here as a whole: what a rollback goes to.
    ///
    /// - Throws: `ModelHubError`.
    package func previousRevision(of entry: CatalogEntry) throws -> String? {
        try installed(entry).flatMap { try previousRevision(of: entry, before: $0.revision) }
    }

    private func previousRevision(of entry: CatalogEntry, before revision: String) throws -> String? {
        let history = try VersionRecord.read(entry, store).history
        return try history.reversed().first { item in
            guard item.revision != revision, item.state == .installed, item.activatedAt != nil else { return false }
            return try installed(entry, revision: item.revision) != nil
        }?.revision
    }

    /// The newest revision that the source has, which is asked if it can change: the commit of a branch. A package's
    /// version, and a file's digest, are what the catalogue says.
    ///
    /// - Throws: `ModelHubError`, `.noRevisions` where nobody can say.
    package func latestRevision(of entry: CatalogEntry) async throws -> String {
        switch entry.source {
        case .pip(_, let version): return version
        case .file, .https:
            guard !entry.files.isEmpty else {
                throw ModelHubError.noRevisions(model: entry.name, source: "\(entry.source)")
            }
            return FileDigest.revision(of: entry.files)
        case .huggingFace(let owner, let name, let revision):
            let reference = revision ?? "main"
            if reference.isGitDigest { return reference }
            let commit = try await hubClient().commit(HubRepositoryName(owner: owner, name: name), reference)
            // A pull of this commit then knows what it is the newest of. Where it cannot be noted, it does not.
            try? VersionRecord.update(entry, store) { $0.latest = .init(reference: reference, revision: commit) }
            return commit
        }
    }

    /// The whole revision that a text means: one itself, a name for one, or its beginning.
    private func installedRevision(_ text: String, of entry: CatalogEntry) throws -> String {
        if text.isRevision, let installed = try installed(entry, revision: text) { return installed.revision }
        let here = try versions(of: entry).versions.filter { $0.state != .partial }.map(\.revision)
        let matching = here.filter { text.utf8.count >= 6 && $0.hasPrefix(text) }
        if matching.count == 1, try installed(entry, revision: matching[0]) != nil { return matching[0] }
        throw ModelHubError.revisionNotInstalled(model: entry.name, revision: text, installed: here)
    }
}

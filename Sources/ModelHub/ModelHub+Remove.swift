import Foundation

/// What removing a model did.
package struct RemovalReport: Equatable, Sendable {
    /// The paths of the model's files that are gone, relative to their revision.
    package let removedFiles: [String]
    /// The paths that stay because another installed model needs them, or because another program put them there.
    package let keptFiles: [String]
    /// The bytes that are free again.
    package let freedBytes: Int
    /// The revisions that files were removed from.
    package var revisions: [String] = []
}

/// What the store takes.
package struct DiskUsage: Equatable, Sendable {
    /// The store's directory.
    package let root: String
    /// All bytes in the store.
    package let totalBytes: Int
    /// Those of them that belong to downloads under way, or to ones that died.
    package let incompleteBytes: Int
    /// The size of each installed model of the catalogue, in bytes. Files that two share count for both.
    package let models: [String: Int]
    /// The bytes that can still be written there; nil where the file system does not say.
    package let freeBytes: Int?
}

extension ModelHub {
    /// Removes the model's own files. Files that another installed model of the catalogue needs stay, bytes stay as
    /// long as any snapshot of any revision links to them, and in the Hugging Face Hub's cache all that another
    /// program has put there stays.
    ///
    /// - Parameter allRevisions: Whether to remove what is here of every revision, not only of the one in use.
    /// - Throws: `CareError.inUse` if somebody has the model loaded, `.notOurs` if nothing of it is ours to remove;
    ///   `ModelHubError.notInstalled` if there is nothing of the model, `.busy` if it is being pulled.
    package func remove(_ entry: CatalogEntry, allRevisions: Bool = false) throws -> RemovalReport {
        let repository = try store.repository(of: entry)
        guard Disk.status(repository.directory)?.isDirectory == true else {
            throw ModelHubError.notInstalled(model: entry.name)
        }
        guard let lock = try StoreLock.tryAcquire(repository.lockPath) else {
            throw ModelHubError.busy(model: entry.name)
        }
        defer { lock.release() }
        // Held to the end: nobody may begin to use what is half removed.
        guard let claim = try StoreLock.tryAcquire(ModelUse.path(entry.name, in: store)) else {
            throw CareError.inUse(model: entry.name, holders: ModelUse.holders(of: entry.name, in: store))
        }
        defer { claim.release() }
        let report = try removeLocked(entry, repository, allRevisions: allRevisions)
        try repository.removeDirectoriesIfUnused()
        let packed = packedDirectory + "/" + entry.name
        if Disk.status(packed)?.isDirectory == true { try Disk.removeTree(packed) }
        return report
    }

    private func removeLocked(
        _ entry: CatalogEntry, _ repository: ModelRepository, allRevisions: Bool
    ) throws -> RemovalReport {
        // A file: repository has one model, so all that is in it goes, whatever the listing says by now.
        if case .file = entry.source { return try removeAll(entry, repository) }
        // Without one in use there is no telling which of those that are here was meant.
        let all = try allSnapshots(of: entry, repository)
        let used = try snapshot(of: entry, repository)
        let snapshots = allRevisions || used == nil ? all : Array(all.prefix(1))
        let results = try snapshots.map { try (revision: $0.revision, files: unlinkFiles(of: entry, $0, repository)) }
        let present = Set(try repository.allBlobs())
        // Also the blobs of a pull that failed before it linked them.
        let digests = Set(snapshots.flatMap { $0.files.map(\.sha256) }).union(results.flatMap(\.files.digests))
        let partials = try removePartials(of: digests, repository)
        let freed = try repository.removeUnlinked(digests.intersection(present)) + partials
        let removed = results.flatMap(\.files.removed)
        let foreign = results.flatMap(\.files.foreign)
        guard !removed.isEmpty || freed > 0 else {
            throw foreign.isEmpty
                ? ModelHubError.notInstalled(model: entry.name)
                : CareError.notOurs(model: entry.name, directory: repository.directory) as any Error
        }
        // What others need of it does not make it this model's.
        try forget(results.filter { $0.files.foreign.isEmpty }.map(\.revision), of: entry)
        return RemovalReport(
            removedFiles: removed, keptFiles: results.flatMap(\.files.needed) + foreign, freedBytes: freed,
            revisions: results.filter { !$0.files.removed.isEmpty }.map(\.revision))
    }

    /// Removes what an interrupted pull has left of files that no other revision waits for; returns the bytes.
    private func removePartials(of digests: Set<String>, _ repository: ModelRepository) throws -> Int {
        let paths = Set(digests.map(repository.partial))
        return try repository.partials().filter { paths.contains($0.path) || !$0.isResumable }.reduce(0) {
            try repository.removePartial($1.path)
            return $0 + $1.sizeBytes
        }
    }

    private func removeAll(_ entry: CatalogEntry, _ repository: ModelRepository) throws -> RemovalReport {
        var removed: [String] = []
        let revisions = try Disk.names(in: repository.snapshots)
        for revision in revisions {
            removed += try repository.linkedFiles(revision).map(\.path)
            try Disk.removeTree(repository.snapshot(revision))
        }
        let freed = try repository.partials().reduce(0) {
            try repository.removePartial($1.path)
            return $0 + $1.sizeBytes
        }
        let freedByBlobs = try repository.blobDigests().reduce(0) { $0 + (try repository.removeBlob($1)) }
        try forget(revisions, of: entry)
        return RemovalReport(
            removedFiles: removed, keptFiles: [], freedBytes: freed + freedByBlobs, revisions: revisions)
    }

    /// Where weights are kept that were quantised from models of this store.
    var packedDirectory: String { (store.root as NSString).deletingLastPathComponent + "/packed" }

    /// What the store takes on the disk.
    ///
    /// - Throws: `ModelHubError` if the store is there but cannot be read.
    package func diskUsage() throws -> DiskUsage {
        var total = 0
        var incomplete = 0
        for name in try Disk.names(in: store.root) where name.hasPrefix("models--") {
            let repository = ModelRepository(store: store.root, name: name)
            let temporary = Disk.sizeOfTree(repository.temporary)
            incomplete += temporary
            total += temporary
            for blob in try Disk.names(in: repository.blobs) {
                let size = Disk.status(repository.blobs + "/" + blob)?.sizeBytes ?? 0
                total += size
                if !blob.isSHA256 { incomplete += size }
            }
        }
        var models: [String: Int] = [:]
        for entry in catalog.entries {
            // Sources that cannot be pulled have nothing here.
            guard (try? store.repository(of: entry)) != nil, let installed = try installed(entry) else { continue }
            models[entry.name] = installed.sizeBytes
        }
        return DiskUsage(
            root: store.root, totalBytes: total, incompleteBytes: incomplete, models: models,
            freeBytes: Disk.freeBytes(store.root))
    }
}

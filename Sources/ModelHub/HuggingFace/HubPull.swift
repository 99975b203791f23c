import Foundation

/// Pulls a model of the Hugging Face Hub into the Hub's own cache, in the layout that its other clients read and write:
/// what they have is not fetched again, and what we fetch they find.
///
/// The order is that of `ModelRepository`: bytes, the blob's name, the link; and last `refs/<revision>`, so that a name
/// never stands for a commit that is here in part.
struct HubPull: Sendable {
    let entry: CatalogEntry
    let name: HubRepositoryName
    let repository: ModelRepository
    let store: ModelStore
    let client: HubClient
    let rehash: Bool
    let reporter: ProgressReporter

    /// Brings all files of a revision; returns its commit.
    ///
    /// - Parameters:
    ///   - revision: a commit, a branch or a tag.
    ///   - accept: may refuse the commit before anything of it is fetched.
    /// - Throws: `ModelHubError`, `CancellationError`.
    func run(_ revision: String, accept: (String) throws -> Void) async throws -> String {
        let noted = revision.isGitDigest ? PullManifest.read(entry, revision, store) : nil
        let plan: Plan
        if let noted {
            plan = Plan(commit: revision, files: noted.files, listing: nil)
        } else {
            plan = try await makePlan(revision)
        }
        try accept(plan.commit)
        var files = try await fetch(plan.files, plan)
        while let more = try await missingShards(files, plan) { files += try await fetch(more, plan, after: files) }
        try await link(files, plan.commit)
        return plan.commit
    }

    /// What there is to do.
    private struct Plan {
        var commit: String
        /// The chosen files, as far as the Hub told of them; a digest that it did not tell is empty.
        var files: [CatalogFile]
        /// All files of the commit; nil where it was not asked for.
        var listing: HubListing?
    }

    private func makePlan(_ revision: String) async throws -> Plan {
        let listing = try await client.listing(name, revision)
        if revision.isGitDigest, listing.commit != revision {
            throw ModelHubError.unexpectedContent(
                source: name.source(revision), file: "revision", expected: revision, found: listing.commit)
        }
        let byPath = listing.filesByPath
        do {
            let selection = try FileSelection(of: byPath.keys, include: entry.include)
            return Plan(
                commit: listing.commit, files: selection.choices.map { Self.file(byPath[$0.path], $0) },
                listing: listing)
        } catch let objection as FileSelection.Objection {
            throw ModelHubError.nothingToRun(source: name.source(revision), reason: objection.reason)
        }
    }

    private static func file(_ file: HubFile?, _ choice: FileSelection.Choice) -> CatalogFile {
        CatalogFile(
            role: choice.role, path: choice.path, sha256: file?.digest ?? "", sizeBytes: file?.sizeBytes ?? -1)
    }

    /// Makes the blobs of `wanted` be here and right, and returns the files with all that is known of them then.
    private func fetch(
        _ wanted: [CatalogFile], _ plan: Plan, after before: [CatalogFile] = []
    ) async throws -> [CatalogFile] {
        var present = try await present(wanted, plan.commit)
        let absent = wanted.filter { file in !present.contains { $0.path == file.path } }
        let resolved = try await resolve(absent, plan.commit)
        // What the Hub did not tell in its listing may be here all the same.
        let told = resolved.filter { file in absent.contains { $0.path == file.path && $0 != file } }
        present += try await self.present(told, plan.commit)
        let files = (present + resolved.filter { file in !present.contains { $0.path == file.path } })
            .sorted { $0.path < $1.path }
        // Not before: of what may not be had there is no trace in the cache.
        try await blocking { _ in
            try repository.makeDirectories()
            if before.isEmpty { try repository.removeLeftovers() }
            try PullManifest(
                source: "\(entry.source)", repository: repository.name, revision: plan.commit, include: entry.include,
                files: before + files
            ).write(entry.name, store)
        }
        let here = Set(present.map(\.path))
        // Two names of the same bytes are fetched once.
        var seen: Set<String> = []
        let missing = files.filter { !here.contains($0.path) && seen.insert($0.sha256).inserted }
        guard !missing.isEmpty else { return files }
        try repository.checkSpace(for: missing)
        let board = PullBoard(
            (before + files).map { file in
                let isHere = here.contains(file.path) || before.contains(file)
                return FileProgress(
                    path: file.path, completedBytes: isHere ? file.sizeBytes : repository.keptBytes(of: file),
                    totalBytes: file.sizeBytes, state: isHere ? .done : .waiting)
            }, reporter)
        // The small ones first: a model that is refused, or a revision that is none, shows at once.
        let ordered = missing.sorted { ($0.sizeBytes, $0.path) < ($1.sizeBytes, $1.path) }
        try await Self.each(ordered) { file in
            try await download(file, plan.commit, board)
            for twin in files where twin.sha256 == file.sha256 { board.set(twin.path, .done) }
        }
        return files
    }

    /// Those of `files` whose blobs are here and right.
    private func present(_ files: [CatalogFile], _ commit: String) async throws -> [CatalogFile] {
        try await blocking { cancellation in
            let known = files.filter { !$0.sha256.isEmpty && $0.sizeBytes >= 0 }
            let total = known.reduce(0) { $0 + (Disk.status(repository.blob($1.sha256))?.sizeBytes ?? 0) }
            var done = 0
            return try known.filter { file in
                try repository.keepIfRight(file, commit, rehash: rehash, cancellation) { count in
                    done += count
                    reporter.report(
                        PullProgress(
                            phase: .verifying, completedBytes: min(done, total), totalBytes: total, file: file.path))
                }
            }
        }
    }

    /// Asks what each file is, and for leave to have it.
    private func resolve(_ files: [CatalogFile], _ commit: String) async throws -> [CatalogFile] {
        try await Self.each(files) { file in
            let known = HubFile(
                path: file.path, sizeBytes: file.sizeBytes < 0 ? nil : file.sizeBytes,
                digest: file.sha256.isEmpty ? nil : file.sha256)
            let told = try await client.resolve(known, of: name, commit)
            return Self.file(told, FileSelection.Choice(path: file.path, role: file.role))
        }
    }

    private func download(_ file: CatalogFile, _ commit: String, _ board: PullBoard) async throws {
        // The lock that the Hub's own client holds while it writes this blob.
        let lock = try await StoreLock.acquire(repository.blobLock(file.sha256)) {
            board.set(file.path, .waiting)
        }
        defer { lock.release() }
        let isHere = try await blocking { cancellation in
            try repository.keepIfRight(file, commit, rehash: false, cancellation)
        }
        if isHere { return }
        do {
            try await BlobFetch(
                file: file, url: client.endpoint.file(file.path, of: name, commit),
                credential: client.endpoint.credential, repository: repository, transfers: client.transfers
            ).run(tag: file.sha256) { board.update(file.path, $0) }
        } catch let error as TransferError {
            throw client.failure(error, name, commit, file: file.path)
        }
    }

    /// The shards that the index among `files` names and that are not among them: those whose names say nothing.
    private func missingShards(_ files: [CatalogFile], _ plan: Plan) async throws -> [CatalogFile]? {
        guard entry.include.isEmpty, let listing = plan.listing,
            let index = FileSelection.index(among: files.map(\.path)),
            let digest = files.first(where: { $0.path == index })?.sha256
        else { return nil }
        let limit = FileSelection.indexLimitBytes
        let names = try await blocking { _ in
            try Disk.smallFile(repository.blob(digest), limitBytes: limit).flatMap(FileSelection.shards(inIndex:))
        }
        guard let names else {
            throw ModelHubError.nothingToRun(
                source: name.source(plan.commit), reason: "\(index) does not say which files the weights are in")
        }
        let known = Set(files.map(\.path))
        let byPath = listing.filesByPath
        let missing = names.filter { !known.contains($0) }
        if let absent = missing.first(where: { byPath[$0] == nil }) {
            throw ModelHubError.nothingToRun(
                source: name.source(plan.commit), reason: "\(index) names \(absent), which the repository has not")
        }
        return missing.isEmpty ? nil : missing.map { Self.file(byPath[$0], .init(path: $0, role: $0)) }
    }

    private func link(_ files: [CatalogFile], _ commit: String) async throws {
        try await blocking { _ in
            for file in files where !repository.has(file, commit) {
                try repository.link(file.path, to: file.sha256, commit)
            }
        }
    }

    /// Does something for each element, a few at a time; results in the order of the elements.
    @discardableResult
    private static func each<Element: Sendable, Result: Sendable>(
        _ elements: [Element], _ body: @escaping @Sendable (Element) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            var results: [Result?] = Array(repeating: nil, count: elements.count)
            var next = 0
            func start() {
                guard next < elements.count else { return }
                let index = next
                next += 1
                group.addTask { (index, try await body(elements[index])) }
            }
            for _ in 0..<HubClient.concurrency { start() }
            while let (index, result) = try await group.next() {
                results[index] = result
                start()
            }
            return results.compactMap(\.self)
        }
    }
}

extension ModelHub {
    /// Pulls an `hf:` entry. The repository's lock is held.
    func pullHub(
        _ entry: CatalogEntry, _ revision: String?, _ repository: ModelRepository, _ client: HubClient, rehash: Bool,
        _ reporter: ProgressReporter
    ) async throws -> InstalledModel {
        guard let (name, reference) = entry.hubSource else { preconditionFailure("\(entry.source) is not of the Hub") }
        // Whoever had the lock before may have done it all.
        if let whole = try await blocking({ try self.wholeModel(entry, revision, rehash: false, reporter, $0) }) {
            if !rehash {
                try note(whole.revision, of: entry)
                return whole
            }
        }
        defer { Disk.removeDirectoryIfEmpty(repository.temporary) }
        let record = try VersionRecord.read(entry, store)
        let asked = revision ?? record.chosen(for: entry)
        let wanted = asked ?? reference ?? "main"
        let pull = HubPull(
            entry: entry, name: name, repository: repository, store: store, client: client, rehash: rehash,
            reporter: reporter)
        let commit = try await pull.run(wanted) { commit in
            guard asked == nil, let item = record.item(commit), item.state == .rejected else { return }
            throw ModelHubError.rejectedRevision(model: entry.name, revision: commit, reason: item.reason)
        }
        return try await blocking { _ in
            try self.finish(entry, wanted, commit, latest: record.latest, repository)
        }
    }

    /// Says that a commit is whole.
    private func finish(
        _ entry: CatalogEntry, _ wanted: String, _ commit: String, latest: VersionRecord.Latest?,
        _ repository: ModelRepository
    ) throws -> InstalledModel {
        guard let installed = try installed(entry, revision: commit) else {
            throw ModelHubError.incomplete(model: entry.name, missing: [])
        }
        if wanted != commit {
            try repository.setRevision(of: wanted, commit)
        } else if let latest, latest.revision == commit {
            try repository.setRevision(of: latest.reference, commit)
        }
        try note(commit, of: entry)
        return installed
    }
}

import Foundation

extension ModelHub {
    /// Checks every file of a model: whether it is there, its size and its digest. Unlike `verify` it goes on after the
    /// first damage, and unlike a pull it changes nothing but the notes of what was found right.
    ///
    /// - Parameters:
    ///   - revision: Which one to check; the one in use where nil.
    ///   - rehash: Whether to hash even those files that were found right before and look unchanged.
    ///   - progress: Told how far it is, at most ten times a second, on any thread.
    /// - Throws: `ModelHubError.notInstalled` if nothing of the model is here; `CancellationError` if the task is
    ///   cancelled.
    package func checkFiles(
        _ entry: CatalogEntry, revision: String? = nil, rehash: Bool = true,
        progress: @escaping @Sendable (PullProgress) -> Void = { _ in }
    ) async throws -> ModelCheck {
        let reporter = ProgressReporter(progress)
        return try await blocking { cancellation in
            let repository = try self.store.repository(of: entry)
            guard let snapshot = try self.snapshot(of: entry, in: repository, revision: revision),
                !repository.hasNothing(of: snapshot)
            else { throw ModelHubError.notInstalled(model: entry.name) }
            let total = snapshot.files.reduce(0) { $0 + max(0, $1.sizeBytes) }
            var done = 0
            var files = try snapshot.files.sorted { $0.path < $1.path }.map { file in
                let before = done
                let result = try repository.check(file, snapshot.revision, rehash: rehash, cancellation) { count in
                    done += count
                    reporter.report(
                        PullProgress(phase: .verifying, completedBytes: done, totalBytes: total, file: file.path))
                }
                done = before + max(0, file.sizeBytes)
                return result
            }
            if !snapshot.isWhole, files.allSatisfy({ $0.problem == nil }) {
                // The source came without a list, so nobody knows which.
                let problem = FileProblem(role: "", path: "some file", digest: "", kind: .missing)
                files.append(.init(role: "", path: problem.path, sizeBytes: 0, wasHashed: false, problem: problem))
            }
            return ModelCheck(revision: snapshot.revision, files: files)
        }
    }

    /// What is wrong with a model's files; empty if nothing is. See `checkFiles`.
    package func check(
        _ entry: CatalogEntry, revision: String? = nil, rehash: Bool = true
    ) async throws -> [FileProblem] {
        try await checkFiles(entry, revision: revision, rehash: rehash).problems
    }
}

extension ModelRepository {
    /// Whether neither a link nor a blob of the snapshot's files is here.
    func hasNothing(of snapshot: ModelHub.Snapshot) -> Bool {
        snapshot.files.allSatisfy {
            Disk.linkTarget(file($0.path, snapshot.revision)) == nil
                && ($0.sha256.isEmpty || !Disk.exists(blob($0.sha256)))
        }
    }

    fileprivate func check(
        _ file: CatalogFile, _ revision: String, rehash: Bool, _ cancellation: Cancellation, advanced: (Int) -> Void
    ) throws -> ModelCheck.File {
        var wasHashed = false
        func result(_ kind: FileProblem.Kind?) -> ModelCheck.File {
            if kind != nil { VerifiedRecord.remove(file.sha256, self) }
            return ModelCheck.File(
                role: file.role, path: file.path, sizeBytes: max(0, file.sizeBytes), wasHashed: wasHashed,
                problem: kind.map { FileProblem(role: file.role, path: file.path, digest: file.sha256, kind: $0) })
        }
        guard let linked = linkedDigest(file.path, revision),
            let status = Disk.status(self.file(file.path, revision))
        else { return result(.missing) }
        guard linked == file.sha256 else { return result(.digest(expected: file.sha256, found: linked)) }
        guard status.isRegularFile else { return result(.unreadable(reason: "it is no regular file")) }
        guard status.sizeBytes == file.sizeBytes else {
            return result(.size(expected: file.sizeBytes, found: status.sizeBytes))
        }
        if !rehash, VerifiedRecord.holds(file.sha256, self) { return result(nil) }
        wasHashed = true
        do {
            let found = try FileDigest.digest(
                of: blob(file.sha256), like: file.sha256, status, cancellation, advanced: advanced)
            guard found == file.sha256 else { return result(.digest(expected: file.sha256, found: found)) }
        } catch let error as ModelHubError {
            // A sector that cannot be read any more, or permissions.
            return result(.unreadable(reason: error.cause))
        }
        // The status from before hashing: a change since then makes the record worthless, as it should.
        VerifiedRecord.write(file.sha256, status, self)
        return result(nil)
    }
}

extension ModelHubError {
    /// The operating system's words where there are some.
    fileprivate var cause: String {
        switch self {
        case .io(_, _, let reason), .storeNotWritable(_, _, let reason): reason
        default: "\(self)"
        }
    }
}

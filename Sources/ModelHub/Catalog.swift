import Foundation

/// The models that are known by name.
package struct Catalog: Sendable {
    private static let limitBytes = 16 << 20
    /// The entries in the order of the file.
    package let entries: [CatalogEntry]

    /// Creates a catalogue of `entries`, whose names must differ.
    package init(entries: [CatalogEntry]) {
        precondition(Set(entries.map(\.name)).count == entries.count, "two catalogue entries have one name")
        self.entries = entries
    }

    /// The catalogue that is part of the program.
    ///
    /// - Throws: `ModelHubError.malformedCatalog`, which only a broken build can give.
    package static func builtIn() throws -> Catalog {
        try Catalog(json: PackageResources.catalog_json, path: "the built-in catalogue")
    }

    /// The catalogue in a JSON file.
    ///
    /// - Throws: `ModelHubError.sourceNotFound` if there is no file at `path`, `.malformedCatalog` naming the
    ///   entry and key if it is wrong.
    package init(contentsOf path: String) throws {
        guard let json = try Disk.smallFile(path, limitBytes: Self.limitBytes) else {
            throw ModelHubError.sourceNotFound(source: path, reason: "no such catalogue file")
        }
        try self.init(json: json, path: path)
    }

    /// The catalogue in `json`; `path` stands in messages. Unknown keys are ignored, so that older programs read
    /// newer catalogues of the same version.
    init(json: [UInt8], path: String) throws {
        struct Document: Decodable {
            var version: Int
            var models: [CatalogEntry]
        }
        let data = Data(json)
        func malformed(_ entry: String?, _ key: String, _ reason: String) -> ModelHubError {
            .malformedCatalog(path: path, entry: entry, key: key, reason: reason)
        }
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: data)
        } catch let error as DecodingError {
            let (keys, reason) = Self.explain(error)
            guard keys.first?.stringValue == "models", keys.count > 1, let index = keys[1].intValue else {
                throw malformed(nil, Self.join(keys), reason)
            }
            throw malformed(Self.name(at: index, data), Self.join(keys.dropFirst(2)), reason)
        }
        guard document.version == 1 else {
            throw malformed(nil, "version", "is \(document.version); this program reads version 1")
        }
        var listed = FileListing()
        var names: Set<String> = []
        for entry in document.models {
            guard names.insert(entry.name).inserted else { throw malformed(entry.name, "name", "is there twice") }
            // Entries may share a package; then they must agree on what each of its files is.
            for file in entry.files {
                if let path = listed.add(file, of: entry) {
                    throw malformed(entry.name, "files", "lists \(path) otherwise than it is listed elsewhere")
                }
            }
        }
        entries = document.models
    }

    /// What the catalogue says of each path of each source, so far.
    private struct FileListing {
        private struct Content: Equatable {
            var sha256: String
            var sizeBytes: Int
            var parts: [CatalogPart]
        }
        private var contents: [String: Content] = [:]

        /// Adds a file and its parts; returns the path of the first that is already there and differs.
        mutating func add(_ file: CatalogFile, of entry: CatalogEntry) -> String? {
            let whole = (
                entry.source, file.path,
                Content(
                    sha256: file.sha256, sizeBytes: file.sizeBytes, parts: file.parts)
            )
            let parts = file.parts.map {
                ($0.source, $0.path, Content(sha256: $0.sha256, sizeBytes: $0.sizeBytes, parts: []))
            }
            for (source, path, content) in [whole] + parts {
                guard let other = contents.updateValue(content, forKey: "\(source) \(path)") else { continue }
                if other != content { return path }
            }
            return nil
        }
    }

    /// The entry of that name.
    ///
    /// - Throws: `ModelHubError.unknownModel` with up to three names that it may have been meant to be.
    package func entry(named name: String) throws -> CatalogEntry {
        if let entry = entries.first(where: { $0.name == name }) { return entry }
        let asked = Array(name.lowercased().prefix(64))
        let ranked = entries.compactMap { entry -> (distance: Int, name: String)? in
            let candidate = Array(entry.name.lowercased())
            let distance = Self.distance(asked, candidate)
            let isPart = asked.count >= 3 && entry.name.lowercased().contains(name.lowercased())
            guard isPart || distance <= max(1, candidate.count / 3) else { return nil }
            return (distance, entry.name)
        }
        let nearest = ranked.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3)
        throw ModelHubError.unknownModel(name: name, suggestions: nearest.map(\.name))
    }

    /// The Levenshtein distance: the fewest insertions, deletions and replacements that make one text the other.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for (i, character) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let replaced = diagonal + (character == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }

    private static func explain(_ error: DecodingError) -> (keys: [any CodingKey], reason: String) {
        switch error {
        case .keyNotFound(let key, let context): (context.codingPath + [key], "is missing")
        case .typeMismatch(let type, let context): (context.codingPath, "is not of the type \(type)")
        case .valueNotFound(_, let context): (context.codingPath, "is null")
        case .dataCorrupted(let context):
            (
                context.codingPath,
                context.codingPath.isEmpty ? "cannot be read: \(context.debugDescription)" : context.debugDescription
            )
        @unknown default: ([], "\(error)")
        }
    }

    private static func join(_ keys: some Sequence<any CodingKey>) -> String {
        if keys.allSatisfy({ _ in false }) { return "the document" }
        return keys.reduce(into: "") { text, key in
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + key.stringValue
            }
        }
    }

    /// The name of the model at `index` in a catalogue that is wrong somewhere, or its position if it has none.
    private static func name(at index: Int, _ data: Data) -> String {
        struct Named: Decodable { var name: String? }
        struct Document: Decodable { var models: [Lenient] }
        struct Lenient: Decodable {
            var name: String?
            init(from decoder: any Decoder) throws { name = try? Named(from: decoder).name }
        }
        let names = (try? JSONDecoder().decode(Document.self, from: data))?.models.map(\.name) ?? []
        return names.indices.contains(index) ? names[index] ?? "number \(index)" : "number \(index)"
    }
}

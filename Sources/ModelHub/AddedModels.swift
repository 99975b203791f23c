import Foundation

/// The models that a user has added by naming a source instead of a name of the catalogue: one file for each in
/// `$SVC_HOME/models`, in the catalogue's own form. They are part of the catalogue from then on.
package struct AddedModels: Sendable {
    private static let limitBytes = 1 << 20
    private let directory: String

    /// Those of the user whose environment it is.
    package init(environment: [String: String]) {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let home = variable("HOME") ?? NSHomeDirectory()
        directory = (variable("SVC_HOME") ?? home + "/.cache/svc") + "/models"
    }

    /// A catalogue with the added models behind its own; a name of the catalogue is the catalogue's.
    ///
    /// - Throws: `ModelHubError.malformedCatalog` naming the file that cannot be read.
    package func joined(to catalog: Catalog) throws -> Catalog {
        var entries = catalog.entries
        for name in try Disk.names(in: directory).sorted() where name.hasSuffix(".json") {
            let path = directory + "/" + name
            guard let json = try Disk.smallFile(path, limitBytes: Self.limitBytes) else { continue }
            for entry in try Catalog(json: json, path: path).entries
            where !entries.contains(where: { $0.name == entry.name }) {
                entries.append(entry)
            }
        }
        return Catalog(entries: entries)
    }

    /// Adds a model, in the place of one that had its name here.
    ///
    /// - Throws: `ModelHubError` if it cannot be written.
    package func add(_ entry: CatalogEntry) throws {
        let object: [String: Any] = ["version": 1, "models": [entry.listing]]
        let data = try JSONSerialization.data(
            withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        try Disk.makeDirectory(directory)
        let pending = directory + "/.\(entry.name).\(Disk.uniqueSuffix())"
        try Disk.writeFile(Array(data), to: pending)
        try Disk.move(pending, to: path(of: entry.name))
        try Disk.synchronizeDirectory(directory)
    }

    /// Forgets a model; what is not there needs no forgetting.
    package func remove(_ name: String) throws { try Disk.removeFile(path(of: name)) }

    /// Whether the model is one of these.
    package func has(_ name: String) -> Bool { Disk.status(path(of: name)) != nil }

    private func path(of name: String) -> String { directory + "/" + name + ".json" }
}

extension CatalogEntry {
    /// The entry as a catalogue has it.
    fileprivate var listing: [String: Any] {
        var object: [String: Any] = [
            "name": name, "task": task.rawValue, "family": family, "summary": summary, "source": "\(source)",
            "download_bytes": downloadBytes, "licence": licence, "parameters": parameters, "format": format,
            "memory_bytes": memoryBytes,
            "files": files.map {
                ["role": $0.role, "path": $0.path, "sha256": $0.sha256, "size_bytes": $0.sizeBytes] as [String: Any]
            },
        ]
        if languages != Languages() { object["languages"] = ["source": languages.source, "target": languages.target] }
        if !include.isEmpty { object["include"] = include }
        return object
    }
}

import ArgumentParser
import Engine
import Foundation
import ModelHub

/// A model that `svc pull` is given by its source instead of a name of the catalogue. When its files are here, they tell what
/// it is, and it is known by a name of its own from then on.
struct NamedSource: Sendable {
    /// What there is to pull. Its task and family are not known yet.
    let entry: CatalogEntry

    /// Whether a text is meant as a source.
    static func isOne(_ text: String) -> Bool {
        ["hf:", "pip:", "file:", "https:", "http:"].contains { text.hasPrefix($0) }
    }

    /// - Parameters:
    ///   - name: the model's name; the last component of the source where nil.
    ///   - include: which files of a repository are wanted; the usual ones where empty.
    ///   - sha256: of the file at an address.
    /// - Throws: `ModelHubError.invalidSource`, `CommandFailure`.
    init(_ text: String, name: String?, include: [String], sha256: String?, catalog: Catalog) throws {
        let source = try ModelSource(parsing: text)
        let (fallback, files): (String, [CatalogFile])
        switch source {
        case .pip:
            throw CommandFailure(
                .usage, type: "usage",
                "\(text): a package has many files; a catalogue (--catalog) has to list those of the model")
        case .huggingFace(_, let repository, _): (fallback, files) = (repository, [])
        case .file(let path): (fallback, files) = ((path as NSString).lastPathComponent, [])
        case .https(let address):
            guard let sha256 else {
                throw CommandFailure(
                    .usage, type: "usage",
                    "\(text): give the file's SHA-256 with --sha256, by which it is known to be right")
            }
            let file = URL(string: address)?.lastPathComponent ?? ""
            fallback = file
            files = [CatalogFile(role: "model", path: file, sha256: sha256.lowercased(), sizeBytes: 0)]
        }
        let name = name ?? fallback.lowercased()
        guard Self.isName(name) else {
            throw CommandFailure(
                .usage, type: "usage",
                "\(name) is no name of a model: letters, digits, '.', '_' and '-'; give another with --name")
        }
        if let known = catalog.entries.first(where: { $0.name == name }), known.source != source {
            throw CommandFailure(
                .usage, type: "usage",
                "\(name) is the name of another model, from \(known.source); give one with --name")
        }
        var entry = CatalogEntry(
            name: name, task: .generation, family: "unknown", summary: "Added from \(source)", source: source,
            files: files, licence: "unknown", format: "unknown")
        entry.include = include
        self.entry = entry
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return false }
        func isPlain(_ byte: UInt8) -> Bool {
            Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber
        }
        return text.utf8.count <= 128
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
            && isPlain(first) && isPlain(last)
    }

    /// Looks at the files, and makes the model one that every command knows by its name.
    ///
    /// - Returns: what the model is.
    /// - Throws: `EngineError.unusablePath` for files that are no model that is run here.
    func describe(_ installed: InstalledModel) throws -> CatalogEntry {
        let descriptor = try ModelDescriptor(path: Self.place(of: installed))
        var found = entry
        (found.task, found.family, found.format) = (descriptor.task, descriptor.family, descriptor.format)
        (found.licence, found.parameters) = (descriptor.licence, descriptor.parameters)
        (found.downloadBytes, found.memoryBytes) = (installed.sizeBytes, descriptor.memoryBytes)
        found.languages = .init(source: descriptor.sourceLanguages, target: descriptor.targetLanguages)
        try AddedModels(environment: ProcessInfo.processInfo.environment).add(found)
        return found
    }

    /// The path that stands for the model: its directory, or the file where it is one.
    private static func place(of installed: InstalledModel) -> String {
        let paths = installed.files.values.sorted()
        if let configuration = installed.files["config.json"] ?? paths.first(where: { $0.hasSuffix("/config.json") }) {
            return (configuration as NSString).deletingLastPathComponent
        }
        if paths.count == 1, let only = paths.first { return only }
        if let part = paths.first(where: { $0.hasSuffix(".gguf") }) { return part }
        return paths.first.map { ($0 as NSString).deletingLastPathComponent } ?? ""
    }
}

import ArgumentParser
import Engine
import Foundation
import ModelHub

/// What `list` and `show` say of a model.
struct ModelReport: Encodable {
    struct File: Encodable {
        var role: String
        var path: String
        var sha256: String
        var sizeBytes: Int
        /// Absent where the source has the file in one piece.
        var parts: [Part]?

        init(_ file: CatalogFile) {
            role = file.role
            path = file.path
            sha256 = file.sha256
            sizeBytes = file.sizeBytes
            parts = file.parts.isEmpty ? nil : file.parts.map(Part.init)
        }
    }

    struct Part: Encodable {
        var source: String
        var path: String
        var sha256: String
        var sizeBytes: Int

        init(_ part: CatalogPart) {
            source = part.source.description
            path = part.path
            sha256 = part.sha256
            sizeBytes = part.sizeBytes
        }
    }

    var name: String
    var task: String
    var family: String
    var format: String
    var summary: String
    var source: String
    var licence: String
    var parameters: Int
    var sourceLanguages: [String]
    var targetLanguages: [String]
    var sizeBytes: Int
    var downloadBytes: Int
    var memoryBytes: Int
    var installed: Bool
    var missing: [String]
    var files: [File]?
    /// What the files say, where they are here.
    var inspection: Inspection?

    struct Inspection: Encodable {
        struct Memory: Encodable {
            var quantization: String
            var bytes: Int
        }

        var contextTokens: Int?
        var vocabularySize: Int?
        var tokenizer: String?
        var memory: [Memory]
        /// Why the model cannot be run; absent if it can.
        var problem: String?
        var nearest: [String]

        init(_ inspection: ModelInspection) {
            contextTokens = inspection.contextTokens
            vocabularySize = inspection.vocabularySize
            tokenizer = inspection.tokenizer
            memory = inspection.memory.map { Memory(quantization: $0.quantization, bytes: $0.bytes) }
            problem = inspection.problem
            nearest = inspection.nearest
        }
    }

    init(_ entry: CatalogEntry, _ hub: ModelHub, withFiles: Bool = false) {
        name = entry.name
        task = entry.task.rawValue
        family = entry.family
        format = entry.format
        summary = entry.summary
        source = entry.source.description
        licence = entry.licence
        parameters = entry.parameters
        sourceLanguages = entry.languages.source.isEmpty ? entry.languages.detect : entry.languages.source
        targetLanguages = entry.languages.target
        sizeBytes = entry.files.reduce(0) { $0 + $1.sizeBytes }
        downloadBytes = entry.downloadBytes
        memoryBytes = entry.memoryBytes
        let presence = hub.state(of: entry)
        installed = presence == .present
        if case .incomplete(let names) = presence { missing = names } else { missing = [] }
        if withFiles {
            files = entry.files.map(File.init)
        }
    }

    /// A model that is named by its path.
    init(_ descriptor: ModelDescriptor) {
        name = descriptor.name
        task = descriptor.task.rawValue
        family = descriptor.family
        format = descriptor.format
        summary = descriptor.summary
        source = descriptor.source
        licence = descriptor.licence
        parameters = descriptor.parameters
        sourceLanguages = descriptor.sourceLanguages
        targetLanguages = descriptor.targetLanguages
        sizeBytes = descriptor.sizeBytes
        downloadBytes = 0
        memoryBytes = descriptor.memoryBytes
        installed = true
        missing = []
    }

    /// Takes over what the files say.
    mutating func add(_ found: ModelInspection) {
        (family, format) = (found.family, found.format)
        if let parameters = found.parameters { self.parameters = parameters }
        // The catalogue's is the SPDX identifier; a file may spell it in its own way.
        if licence.isEmpty || licence == "unknown", let found = found.licence { licence = found }
        inspection = Inspection(found)
    }

    var languages: String {
        if sourceLanguages.isEmpty, targetLanguages.isEmpty { return "-" }
        if targetLanguages.count > 4 {
            return "\(sourceLanguages.count) → \(targetLanguages.count) languages"
        }
        return targetLanguages.isEmpty
            ? "\(sourceLanguages.count) languages"
            : "\(sourceLanguages.joined(separator: ",")) → \(targetLanguages.joined(separator: ","))"
    }
}

/// `svc list`
struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the models: what each is, and whether it is here.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions

    @Flag(help: "Only models that are on this machine.")
    var installed = false

    private struct Answer: Encodable { var models: [ModelReport] }

    func run() async throws {
        let hub = try store.hub()
        let models = hub.catalog.entries.map { ModelReport($0, hub) }.filter { $0.installed || !installed }
        try Output.succeed("list", Answer(models: models), json: output.json) {
            let rows = models.map {
                [
                    $0.name, $0.installed ? "installed" : "absent", $0.task, $0.languages, megabytes($0.sizeBytes),
                    $0.licence,
                ]
            }
            return Table.text([["NAME", "STATE", "TASK", "LANGUAGES", "SIZE", "LICENCE"]] + rows)
        }
    }
}

/// `svc show`
struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show everything about a model.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions

    @Argument(help: "The model's name, or the path of a file or of a checkpoint's directory.")
    var name: String

    func run() async throws {
        let model = try report()
        try Output.succeed("show", model, json: output.json) { Self.text(model) }
    }

    private func report() throws -> ModelReport {
        let hub = try store.hub()
        guard ModelDescriptor.isPath(name) else {
            let entry = try hub.catalog.entry(named: name)
            var report = ModelReport(entry, hub, withFiles: true)
            if report.installed { report.add(try ModelDescriptor(entry).inspect(hub)) }
            return report
        }
        let descriptor = try ModelDescriptor(anyPath: name)
        var report = ModelReport(descriptor)
        report.add(descriptor.inspect(hub))
        return report
    }

    private static func text(_ model: ModelReport) -> String {
        var rows = [
            ["name", model.name], ["summary", model.summary], ["state", model.installed ? "installed" : "absent"],
            ["task", model.task], ["family", model.family], ["format", model.format],
            ["languages", model.languages],
            ["parameters", "\(model.parameters)"], ["source", model.source], ["licence", model.licence],
            ["size", megabytes(model.sizeBytes)], ["download", megabytes(model.downloadBytes)],
        ]
        if let inspection = model.inspection {
            rows += inspection.contextTokens.map { [["context", "\($0) tokens"]] } ?? []
            rows += inspection.vocabularySize.map { [["vocabulary", "\($0) tokens"]] } ?? []
            rows += inspection.tokenizer.map { [["tokenizer", $0]] } ?? []
            rows += inspection.memory.map { ["memory", "\($0.quantization)  \(megabytes($0.bytes))"] }
            if let problem = inspection.problem {
                rows += [["cannot run", problem], ["nearest", inspection.nearest.joined(separator: ", ")]]
            }
        } else {
            rows.append(["memory", megabytes(model.memoryBytes)])
        }
        let files = (model.files ?? []).flatMap { file in
            [["file", "\(file.role)  \(file.path)  \(megabytes(file.sizeBytes))  sha256:\(file.sha256)"]]
                + (file.parts ?? []).map { part in
                    ["part", "\(part.source)  \(part.path)  \(megabytes(part.sizeBytes))  sha256:\(part.sha256)"]
                }
        }
        return Table.text(rows + files)
    }
}

/// Columns for people.
enum Table {
    static func text(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell.padding(toLength: widths[index], withPad: " ", startingAt: 0)
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

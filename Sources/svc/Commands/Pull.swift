import ArgumentParser
import Foundation
import ModelHub

/// `svc pull`
struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Get models onto this machine, verified.",
        discussion: "What is there and whole is not fetched again. Two pulls of one model share the work.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions

    @Flag(help: "Hash what is there again, and fetch anew what is damaged.")
    var repair = false

    @Argument(help: "The models' names.")
    var names: [String]

    private struct Pulled: Encodable {
        struct File: Encodable {
            var role: String
            var path: String
        }

        var name: String
        var revision: String
        var sizeBytes: Int
        var files: [File]
    }

    private struct Answer: Encodable { var models: [Pulled] }

    func run() async throws {
        let hub = try store.hub()
        let entries = try names.map { try hub.catalog.entry(named: $0) }
        var pulled: [Pulled] = []
        for entry in entries {
            let model = try await pull(entry, hub)
            pulled.append(
                Pulled(
                    name: model.name, revision: model.revision, sizeBytes: model.sizeBytes,
                    files: model.files.sorted { $0.key < $1.key }.map { .init(role: $0.key, path: $0.value) }))
        }
        let result = pulled
        try Output.succeed("pull", Answer(models: result), json: output.json) {
            result.map {
                "\($0.name): \($0.files.count) \($0.files.count == 1 ? "file" : "files"), \(megabytes($0.sizeBytes)), verified"
            }.joined(
                separator: "\n")
        }
    }

    private func pull(_ entry: CatalogEntry, _ hub: ModelHub) async throws -> InstalledModel {
        let bar = ProgressBar(json: output.json)
        defer { bar.clear() }
        let draw: @Sendable (PullProgress) -> Void = { progress in
            let fraction = progress.totalBytes.flatMap { $0 > 0 ? Double(progress.completedBytes) / Double($0) : nil }
            let detail = megabytes(progress.completedBytes) + (progress.totalBytes.map { " of \(megabytes($0))" } ?? "")
            bar.draw("\(entry.name) \(progress.phase.rawValue)", fraction, detail)
        }
        return try await hub.pull(entry, rehash: repair, progress: draw)
    }
}

import ArgumentParser
import Foundation
import ModelHub

/// `svc rm`
struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove models from this machine.",
        discussion: "A model that a program has loaded stays, and so do files that another model needs.")

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions

    @Flag(help: "Remove every revision, not only the one in use.")
    var allRevisions = false

    @Argument(help: "The models' names.")
    var names: [String]

    private struct Removed: Encodable {
        var name: String
        var revisions: [String]
        var removedFiles: [String]
        var keptFiles: [String]
        var freedBytes: Int
    }

    private struct Answer: Encodable { var removed: [Removed] }

    func run() async throws {
        let hub = try store.hub()
        let entries = try names.map { try hub.catalog.entry(named: $0) }
        let removed = try entries.map { entry in
            let report: RemovalReport
            do {
                report = try hub.remove(entry, allRevisions: allRevisions)
            } catch let error as CareError {
                throw CommandFailure(error)
            }
            // A model that was added by its source is no longer known when nothing of it is left.
            if hub.state(of: entry) == .absent {
                try AddedModels(environment: ProcessInfo.processInfo.environment).remove(entry.name)
            }
            return Removed(
                name: entry.name, revisions: report.revisions, removedFiles: report.removedFiles,
                keptFiles: report.keptFiles, freedBytes: report.freedBytes)
        }
        try Output.succeed("rm", Answer(removed: removed), json: output.json) {
            removed.map { model in
                let line =
                    "\(model.name): \(model.removedFiles.count) files removed, \(megabytes(model.freedBytes)) freed"
                return model.keptFiles.isEmpty ? line : line + "; \(model.keptFiles.count) kept, which others need"
            }.joined(separator: "\n")
        }
    }
}

extension CommandFailure {
    /// What it means that a model stays where it is.
    init(_ error: CareError) {
        let type =
            switch error {
            case .inUse: "in_use"
            case .notOurs: "not_ours"
            }
        self.init(.failed, type: type, "\(error)")
    }
}

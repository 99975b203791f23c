import ArgumentParser
import Foundation
import ModelHub

/// `svc gc`
struct Gc: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Free the disk of what no model needs any more.",
        discussion: """
            Removes downloads that nobody went on with for a week, files that no revision links to, revisions that are \
            neither used, nor pinned, nor the one before, what was set aside as damaged more than two weeks ago, and \
            weights quantised from models that are gone. What other programs keep in the Hugging Face cache stays.
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions

    @Flag(help: "Only say what would be removed.")
    var dryRun = false

    @Flag(help: "Remove everything in quarantine.")
    var quarantine = false

    private struct Answer: Encodable {
        struct Item: Encodable {
            var kind: String
            var path: String
            var sizeBytes: Int
            var model: String?
        }

        var dryRun: Bool
        var freedBytes: Int
        var items: [Item]
        var busy: [String]
    }

    func run() async throws {
        let hub = try store.hub()
        var policy = GarbagePolicy()
        if quarantine { policy.quarantine = QuarantineBounds(count: 0, days: 0) }
        let report = try hub.collectGarbage(dryRun: dryRun, policy: policy)
        let answer = Answer(
            dryRun: dryRun, freedBytes: report.freedBytes,
            items: report.items.map {
                .init(kind: $0.kind.rawValue, path: $0.path, sizeBytes: $0.sizeBytes, model: $0.model)
            }, busy: report.busy)
        try Output.succeed("gc", answer, json: output.json) {
            let rows = answer.items.map { [$0.kind, PullDisplay.size($0.sizeBytes), $0.path] }
            let busy = answer.busy.map { "\($0) is being changed and was left alone" }
            let total = "\(PullDisplay.size(answer.freedBytes)) \(dryRun ? "would be freed" : "freed")"
            return ((rows.isEmpty ? [] : [Table.text(rows)]) + busy + [total]).joined(separator: "\n")
        }
    }
}

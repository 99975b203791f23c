import ArgumentParser
import Foundation
import ModelHub

/// `svc verify`
struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the files of models by their hashes, and repair what is damaged.",
        discussion: """
            Every byte is read, also of files that were found right before. With --repair a damaged file is set aside \
            and fetched anew.
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions

    @Flag(help: "Set damaged files aside and fetch them anew.")
    var repair = false

    @Argument(help: "The models' names; every model that is here where none is named.")
    var names: [String] = []

    private struct Report: Encodable {
        struct File: Encodable {
            var path: String
            var sizeBytes: Int
            /// `ok`, `missing`, `size`, `digest`, `unreadable`, or `repaired`; `problem` then says what was wrong.
            var result: String
            var problem: String?
        }

        var name: String
        var revision: String
        /// `ok`, `damaged` or `repaired`.
        var result: String
        var files: [File]
        /// Where damaged files are now.
        var quarantine: [String]
        /// Why it could not be repaired.
        var failure: String?

        mutating func noteRepair() {
            result = "repaired"
            for index in files.indices where files[index].problem != nil { files[index].result = "repaired" }
        }
    }

    private struct Answer: Encodable { var models: [Report] }

    func run() async throws {
        let hub = try store.hub()
        let entries =
            try names.isEmpty
            ? hub.catalog.entries.filter { hub.state(of: $0) != .absent }
            : names.map { try hub.catalog.entry(named: $0) }
        var reports: [Report] = []
        for entry in entries {
            let check = try await check(entry, hub)
            var report = Self.report(entry, check, quarantine: [])
            if !check.problems.isEmpty, repair {
                do {
                    report.quarantine = try hub.quarantine(entry, check.problems, revision: check.revision).map(\.path)
                    _ = try await PullSession(hub: hub, jobs: 1, json: output.json)
                        .pull([entry], revision: nil, rehash: false, purpose: .repair)
                    let after = try await self.check(entry, hub)
                    if after.problems.isEmpty { report.noteRepair() }
                } catch let failure as CommandFailure where failure.code == .interrupted {
                    throw failure
                } catch {
                    report.failure = "\((error as? CommandFailure)?.message ?? "\(error)")"
                }
            }
            reports.append(report)
        }
        try finish(reports)
    }

    private func finish(_ reports: [Report]) throws {
        let damaged = reports.filter { $0.result == "damaged" }
        guard !damaged.isEmpty else {
            return try Output.succeed("verify", Answer(models: reports), json: output.json) { Self.text(reports) }
        }
        if !output.json { Output.write(Self.text(reports) + "\n") }
        let names = damaged.map(\.name).joined(separator: " ")
        // People have the table, and want to know what to do.
        let problems = damaged.flatMap { report in
            (output.json ? report.files.compactMap(\.problem).map { "\(report.name): \($0)" } : [])
                + (report.failure.map { [$0] } ?? [])
        }
        let todo = repair ? "it could not be repaired" : "`svc verify --repair \(names)` fetches it anew"
        throw CommandFailure(
            .integrity, type: "integrity",
            ([names + (damaged.count == 1 ? " is damaged" : " are damaged")] + problems + [todo]).joined(
                separator: "; "))
    }

    private func check(_ entry: CatalogEntry, _ hub: ModelHub) async throws -> ModelCheck {
        let bar = ProgressBar(json: output.json)
        defer { bar.clear() }
        return try await hub.checkFiles(entry) { progress in
            let share = progress.totalBytes.flatMap { $0 > 0 ? Double(progress.completedBytes) / Double($0) : nil }
            bar.draw("\(entry.name) verifying", share, PullDisplay.size(progress.completedBytes))
        }
    }

    private static func report(_ entry: CatalogEntry, _ check: ModelCheck, quarantine: [String]) -> Report {
        Report(
            name: entry.name, revision: check.revision, result: check.problems.isEmpty ? "ok" : "damaged",
            files: check.files.map { file in
                Report.File(
                    path: file.path, sizeBytes: file.sizeBytes, result: word(file.problem),
                    problem: file.problem.map { "\($0)" })
            }, quarantine: quarantine)
    }

    private static func word(_ problem: FileProblem?) -> String {
        switch problem?.kind {
        case nil: "ok"
        case .missing: "missing"
        case .size: "size"
        case .digest: "digest"
        case .unreadable: "unreadable"
        }
    }

    private static func text(_ reports: [Report]) -> String {
        guard !reports.isEmpty else { return "no model is here" }
        let rows = reports.flatMap { report in
            [[report.name, report.result, "\(report.files.count) files"]]
                + report.files.map { file in
                    ["  \(file.path)", file.result, file.problem ?? PullDisplay.size(file.sizeBytes)]
                }
        }
        return Table.text(rows)
    }
}

import ArgumentParser
import Foundation
import ModelHub

/// `svc usage`
struct Usage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what was used: requests, texts and times by day, model or language pair.",
        discussion: """
            The service writes what it did every few seconds; this reads it, whether a service runs or not. Days are \
            those of UTC. Suggestions are only that: nothing is loaded or removed.
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var store: HubOptions

    @Option(help: "How many days, today among them: 1 to 10000.")
    var days = 30

    @Option(help: "Only this model.")
    var model: String?

    @Option(help: "One line for each day, model or pair (of languages).")
    var by = UsageQuery.Grouping.day

    func validate() throws {
        guard (1...10_000).contains(days) else { throw ValidationError("--days must be from 1 to 10000") }
    }

    private struct Answer: Encodable {
        var database: String
        var report: UsageReport
        var recommendations: [UsageRecommendation]
    }

    func run() async throws {
        let hub = try store.hub()
        let path = hub.store.home + "/usage.sqlite"
        let report: UsageReport
        let recommendations: [UsageRecommendation]
        do {
            let history = try UsageHistory(path: path)
            report = try history.report(UsageQuery(days: days, model: model, groupBy: by))
            let preloaded = try await Settings(file: nil).list([], "MODELS_TO_LOAD", "models")
            recommendations = try history.recommendations(Self.installed(hub, preloaded: Set(preloaded)))
        } catch let error as UsageHistoryError {
            switch error {
            case .damaged: throw CommandFailure(.integrity, type: "integrity", "\(error)")
            case .unreadable: throw CommandFailure(.permission, type: "permission", "\(error)")
            }
        }
        let answer = Answer(database: path, report: report, recommendations: recommendations)
        try Output.succeed("usage", answer, json: output.json) { Self.text(report, recommendations) }
    }

    /// The models of this machine. What is loaded at the start, what is pinned, and what answers in another's place
    /// somebody wants.
    private static func installed(_ hub: ModelHub, preloaded: Set<String>) -> [InstalledSummary] {
        let entries = hub.catalog.entries.filter { hub.state(of: $0) == .present }
        let standIns = Set(entries.flatMap(\.standIns))
        return entries.map { entry in
            // Where the store does not say what is pinned, nothing is suggested to be removed.
            let versions = try? hub.versions(of: entry)
            let active = versions?.versions.first { $0.state == .active }
            return InstalledSummary(
                name: entry.name, sizeBytes: active?.sizeBytes ?? entry.files.reduce(0) { $0 + $1.sizeBytes },
                isPreloaded: preloaded.contains(entry.name),
                isRequired: versions == nil || versions?.pinned != nil || standIns.contains(entry.name),
                installedAt: active?.installedAt)
        }
    }

    private static func text(_ report: UsageReport, _ recommendations: [UsageRecommendation]) -> String {
        guard let firstDay = report.firstDay else { return "nothing recorded yet" }
        guard !report.rows.isEmpty else {
            return "nothing recorded from \(report.from) to \(report.to); the history begins on \(firstDay)"
        }
        let heading = [
            "REQUESTS", "TEXTS", "CHARACTERS", "TOKENS IN", "TOKENS OUT", "P50", "P95", "P99", "FAILED", "STOOD IN",
        ]
        let name = report.groupBy.rawValue.uppercased()
        var lines = [[name] + heading]
        lines += report.rows.map { [label($0, report.groupBy)] + numbers($0) }
        if report.rows.count > 1 { lines.append(["total"] + numbers(report.total)) }
        var text = Table.text(lines)
        if report.omittedRows > 0 { text += "\n… and \(report.omittedRows) more" }
        if !report.total.failuresByCode.isEmpty { text += "\n\nFailures: " + list(report.total.failuresByCode) }
        if !report.total.standInsByModel.isEmpty { text += "\n\nStood in for: " + list(report.total.standInsByModel) }
        if !recommendations.isEmpty {
            let suggestions = recommendations.map { "  \($0.command)\n      \($0.model): \($0.reason)" }
            text += "\n\nSuggestions:\n" + suggestions.joined(separator: "\n")
        }
        return text
    }

    private static func label(_ row: UsageReport.Row, _ grouping: UsageQuery.Grouping) -> String {
        switch grouping {
        case .day: row.day.map { "\($0)" } ?? "-"
        case .model: row.model ?? "-"
        case .pair: row.source == nil && row.target == nil ? "-" : "\(row.source ?? "-") → \(row.target ?? "-")"
        }
    }

    private static func numbers(_ row: UsageReport.Row) -> [String] {
        let times = row.latencySeconds
        return [row.requests, row.texts, row.characters, row.sourceTokens, row.targetTokens].map { "\($0)" }
            + [times?.p50, times?.p95, times?.p99].map { $0.map(duration) ?? "-" }
            + [row.failures, row.standIns].map { "\($0)" }
    }

    private static func duration(_ seconds: Double) -> String {
        if seconds < 0.0995 { return String(format: "%.1f ms", seconds * 1000) }
        return seconds < 0.9995 ? String(format: "%.0f ms", seconds * 1000) : String(format: "%.2f s", seconds)
    }

    /// Counts by name, the largest first.
    private static func list(_ counts: [String: Int]) -> String {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }.joined(
            separator: ", ")
    }
}

extension UsageQuery.Grouping: ExpressibleByArgument {}

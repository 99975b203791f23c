internal import Foundation

/// The report for a page: totals, a table with a line per case, and what explains the failures.
package enum MarkdownReport {
    /// The whole page.
    package static func text(_ report: RunReport, version: String, url: String?) -> String {
        var lines = ["# svc selftest", "", "**\(report.totals)**", ""]
        lines.append("- Version: \(report.plan.testedVersion)" + (url.map { " at \(cell($0))" } ?? ""))
        if url != nil { lines.append("- Tested by: \(version)") }
        lines.append("- Models: " + report.plan.portfolio.models.map { "`\($0.name)`" }.joined(separator: ", "))
        lines += report.plan.leftOut.map { "- Left out: \($0.count) cases, because \($0.reason)" }
        if report.notRun > 0 { lines.append("- Not run: \(report.notRun) cases, because an earlier one failed") }
        lines.append("- Took \(String(format: "%.1f", report.seconds)) s")
        lines += ["", "| | Suite | Case | Model | Seconds | |", "|---|---|---|---|---:|---|"]
        lines += report.results.map { result in
            let mark =
                switch result.outcome {
                case .passed: "passed"
                case .failed: "**failed**"
                case .gated: "gated"
                }
            let seconds = String(format: "%.2f", result.seconds)
            return "| \(mark) | \(result.suite) | \(cell(result.name)) | \(cell(result.model ?? "")) | \(seconds) "
                + "| \(cell(result.message ?? "")) |"
        }
        for result in report.results where result.outcome == .failed {
            let title = [result.suite, result.name, result.model].compactMap { $0 }.joined(separator: " ")
            lines += ["", "## \(title)", "", "Protects from: \(result.purpose).", "", cell(result.message ?? "")]
            for (name, block) in [("Evidence", result.evidence), ("The service's log", result.log)] where !block.isEmpty
            {
                // A fence longer than any run of backticks inside cannot be closed by what it holds.
                lines += ["", "\(name):", "", "`````text"] + block + ["`````"]
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Text that does not end a cell of a table or begin markup.
    static func cell(_ text: String) -> String {
        text.replacingOccurrences(of: "|", with: "\\|").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: "\n", with: " ")
    }
}

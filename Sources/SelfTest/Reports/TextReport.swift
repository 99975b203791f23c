internal import Foundation

/// The report for people: a line for each case as it ends, and the totals as the last line.
package struct TextReport: Sendable {
    private static let evidenceLines = 40
    private static let lineLength = 400
    private let plan: Plan
    private let hasColour: Bool
    private let nameWidth: Int
    private let modelWidth: Int

    /// A report of a run.
    ///
    /// - Parameter hasColour: whether a terminal shows it.
    package init(_ plan: Plan, hasColour: Bool) {
        (self.plan, self.hasColour) = (plan, hasColour)
        let planned = plan.cases + plan.gated.map(\.planned)
        nameWidth = max(15, planned.map { $0.testCase.name.count }.max() ?? 0)
        modelWidth = planned.map { $0.model?.name.count ?? 1 }.max() ?? 1
    }

    /// What is about to be done.
    package func header(budget: MemoryBudget, url: String?, version: String) -> String {
        var lines: [String] = []
        if let url {
            lines.append("svc selftest: the service at \(url), version \(plan.testedVersion)")
            if plan.testedVersion != version {
                lines.append(
                    "  it is not of this program's version, \(version): what differs between the two fails below")
            }
        } else {
            lines.append("svc selftest: version \(version); memory for models \(budget.description)")
        }
        let models = plan.portfolio.models.map(\.name)
        lines.append("  models: \(models.isEmpty ? "none" : models.joined(separator: ", "))")
        lines += plan.portfolio.gated.map { "  gated:  \($0.model.name) \($0.reason)" }
        lines.append("  cases:  \(plan.cases.count) to run, \(plan.gated.count) gated")
        lines += plan.leftOut.map { "  left out: \($0.count) cases, because \($0.reason)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A case that has ended, with all that explains a failure.
    package func text(_ result: CaseResult) -> String {
        var lines = [line(result)]
        if let message = result.message {
            lines += message.split(separator: "\n").map { "        \(Self.cut($0))" }
        }
        if result.outcome == .failed {
            lines += Self.block("evidence", result.evidence.flatMap(Self.lines), limit: Self.evidenceLines)
        }
        lines += result.notes.flatMap(Self.lines).map { "        note: \(Self.cut($0))" }
        if result.outcome == .failed {
            let log = result.log.suffix(Self.evidenceLines)
            if !log.isEmpty { lines += ["        the service's log ends:"] + log.map { "          \(Self.cut($0))" } }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The failures once more, what was not done, and the totals.
    package func footer(_ report: RunReport) -> String {
        var lines = [""]
        let failures = report.results.filter { $0.outcome == .failed }
        if !failures.isEmpty {
            lines.append("failed:")
            lines += failures.map { result in
                let subject = [result.suite, result.name, result.model].compactMap { $0 }.joined(separator: " ")
                return "  \(subject): \(Self.cut(result.message?.split(separator: "\n").first ?? ""))"
            }
        }
        lines += plan.leftOut.map { "left out: \($0.count) cases, because \($0.reason)" }
        if report.notRun > 0 { lines.append("not run: \(report.notRun) cases, because an earlier one failed") }
        lines.append("took \(Self.duration(report.seconds))")
        lines.append(report.totals)
        return lines.joined(separator: "\n") + "\n"
    }

    private func line(_ result: CaseResult) -> String {
        let (mark, colour) =
            switch result.outcome {
            case .passed: ("passed", "32")
            case .failed: ("FAILED", "31;1")
            case .gated: ("gated ", "33")
            }
        let columns = [
            hasColour ? "\u{1b}[\(colour)m\(mark)\u{1b}[0m" : mark, Self.padded(result.suite, 11),
            Self.padded(result.name, nameWidth), Self.padded(result.model ?? "-", modelWidth),
            String(format: "%8.2f s", result.seconds),
        ]
        return columns.joined(separator: "  ")
    }

    private static func block(_ title: String, _ all: [String], limit: Int) -> [String] {
        guard !all.isEmpty else { return [] }
        let rest = all.count > limit ? ["          … and \(all.count - limit) lines more; --json has all"] : []
        return ["        \(title):"] + all.prefix(limit).map { "          \(cut($0))" } + rest
    }

    private static func lines(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// A line without what a terminal would act on, cut where nobody would read on.
    private static func cut(_ line: some StringProtocol) -> String {
        var text = ""
        for scalar in line.unicodeScalars.prefix(lineLength) {
            text += scalar.value < 32 || scalar.value == 127 ? "\\u{\(String(scalar.value, radix: 16))}" : "\(scalar)"
        }
        return line.unicodeScalars.count > lineLength ? text + "…" : text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// `1 min 5 s`
    private static func duration(_ seconds: Double) -> String {
        seconds < 60
            ? String(format: "%.1f s", seconds) : "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
    }
}

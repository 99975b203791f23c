internal import Foundation

/// The cases themselves, for `--list` and for the documentation.
package enum CaseListing {
    /// A case as programs get it.
    package struct Entry: Sendable, Encodable {
        /// The suite.
        package var suite: String
        /// The name.
        package var name: String
        /// What it is run on.
        package var subject: String
        /// Whether it belongs to the quick profile.
        package var quick: Bool
        /// Whether it is left out on a service that runs already.
        package var destructive: Bool
        /// What it protects from.
        package var purpose: String
    }

    /// The lines that a generated table stands between.
    private static let marks = ("<!-- cases: svc selftest --list --markdown -->", "<!-- end of cases -->")

    /// Cases as programs get them.
    package static func entries(_ cases: [TestCase], options: RunOptions) -> [Entry] {
        cases.filter { options.accepts($0) }.map { testCase in
            Entry(
                suite: testCase.suite.rawValue, name: testCase.name, subject: subject(testCase.subject),
                quick: testCase.isQuick, destructive: testCase.isDestructive, purpose: testCase.purpose)
        }
    }

    /// Cases for people: suite, name, what it is run on, what it protects from.
    package static func text(_ entries: [Entry]) -> String {
        let widths = [\Entry.suite, \Entry.name, \Entry.subject].map { path in
            entries.map { $0[keyPath: path].count }.max() ?? 0
        }
        return entries.map { entry in
            let columns = zip([entry.suite, entry.name, entry.subject], widths).map { text, width in
                text + String(repeating: " ", count: max(0, width - text.count))
            }
            return (columns + [entry.purpose]).joined(separator: "  ") + "\n"
        }.joined() + "\(entries.count) cases\n"
    }

    /// Cases as tables, one for each suite.
    package static func markdown(_ entries: [Entry]) -> String {
        var lines: [String] = []
        for suite in Suite.allCases {
            let own = entries.filter { $0.suite == suite.rawValue }
            guard !own.isEmpty else { continue }
            lines += ["### \(suite.rawValue)", "", "| Case | Run on | Quick | Protects from |", "|---|---|---|---|"]
            lines += own.map { entry in
                let subject = entry.subject + (entry.destructive ? "; changes it" : "")
                let purpose = MarkdownReport.cell(entry.purpose)
                return "| `\(entry.name)` | \(subject) | \(entry.quick ? "yes" : "") | \(purpose) |"
            }
            lines.append("")
        }
        return (lines + ["\(entries.count) cases."]).joined(separator: "\n") + "\n"
    }

    /// A page with the tables in it: between the marks of the page that is there, else alone.
    package static func page(_ entries: [Entry], replacing page: String?) -> String {
        let tables = markdown(entries)
        guard let page, let start = page.range(of: marks.0), let end = page.range(of: marks.1),
            start.upperBound <= end.lowerBound
        else { return tables }
        return page[..<start.upperBound] + "\n\n" + tables + "\n" + page[end.lowerBound...]
    }

    private static func subject(_ subject: TestCase.Subject) -> String {
        switch subject {
        case .service: "a service"
        case .model(let tasks): "a service, \(each(tasks))"
        case .ownServices: "services of its own"
        case .program: "the command"
        case .programWithModel(let tasks): "the command, \(each(tasks))"
        }
    }

    private static func each(_ tasks: Set<ModelTask>) -> String {
        tasks.count == ModelTask.allCases.count
            ? "each model" : "each \(tasks.map(\.rawValue).sorted().joined(separator: " and ")) model"
    }
}

import Foundation

/// A table with a title for each column, written as text or as Markdown.
struct ReportTable: Sendable {
    struct Column: Sendable {
        var title: String
        var isNumber = false
    }

    var columns: [Column]
    var rows: [[String]] = []

    /// Columns side by side, numbers at the right of theirs.
    var text: String {
        let lines = [columns.map { $0.title.uppercased() }] + rows
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = columns.indices.map { column in
                let blank = String(repeating: " ", count: widths[column] - line[column].count)
                return columns[column].isNumber ? blank + line[column] : line[column] + blank
            }
            return cells.joined(separator: "  ").trimmingSuffix { $0 == " " }
        }.joined(separator: "\n")
    }

    var markdown: String {
        func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
        let rule = "|" + columns.map { $0.isNumber ? "---:" : "---" }.joined(separator: "|") + "|"
        let body = rows.map { line($0.map(Self.escaped)) }
        return ([line(columns.map(\.title)), rule] + body).joined(separator: "\n") + "\n"
    }

    /// A cell that cannot end early, break the line, or be read as an element.
    private static func escaped(_ cell: String) -> String {
        cell.replacing("\\", with: "\\\\").replacing("|", with: "\\|").replacing("<", with: "&lt;")
            .replacing("\n", with: " ")
    }
}

extension String {
    fileprivate func trimmingSuffix(_ isTrimmed: (Character) -> Bool) -> String {
        var text = self
        while let last = text.last, isTrimmed(last) { text.removeLast() }
        return text
    }
}

/// The machine of a report.
struct ReportMachine: Encodable, Sendable {
    var version: String
    var processors: Int
    var instructionSet: String
    var threads: Int

    var line: String {
        "svc \(version), \(threads == 1 ? "1 thread" : "\(threads) threads") unless a row says otherwise, "
            + "\(processors == 1 ? "1 processor" : "\(processors) processors"), \(instructionSet)"
    }
}

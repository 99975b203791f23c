import Foundation

/// The results of a comparison, for people and for programs.
struct ComparisonReport: Sendable {
    let machine: ReportMachine
    let rounds: Int
    let results: [ComparisonResult]

    /// `3 of 5 rows hold, 1 missed, 0 failed, 12 not measured`.
    var totals: String {
        func count(_ state: ComparisonResult.State) -> Int { results.count { $0.state == state } }
        return "\(count(.holds)) of \(count(.holds) + count(.missed)) rows hold, \(count(.failed)) failed, "
            + "\(count(.notMeasured)) not measured"
    }

    /// What went wrong, each thing once.
    var failures: [String] {
        results.filter { $0.state == .failed }.compactMap(\.reason)
            .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    // MARK: Text

    private var table: ReportTable {
        ReportTable(
            columns: [
                .init(title: "Row"), .init(title: "What"), .init(title: "svc", isNumber: true), .init(title: "Beside"),
                .init(title: "Theirs", isNumber: true), .init(title: "Ratio", isNumber: true), .init(title: "Rounds"),
                .init(title: "Target", isNumber: true), .init(title: "Verdict"),
            ],
            rows: results.map { result in
                func cell(_ value: Double?) -> String {
                    value.map { "\(FigureText.number($0)) \(result.row.unit)" } ?? "-"
                }
                return [
                    result.row.name, result.row.title, cell(result.ours), result.row.reference, cell(result.theirs),
                    result.ratio.map(FigureText.ratio) ?? "-", Self.spread(result), result.row.target.text,
                    Self.verdict(result),
                ]
            })
    }

    private static func spread(_ result: ComparisonResult) -> String {
        result.spread.map { String(format: "%.2f-%.2f", $0.lowerBound, $0.upperBound) } ?? "-"
    }

    private static func verdict(_ result: ComparisonResult) -> String {
        switch result.state {
        case .holds: "holds"
        case .missed: "missed"
        case .notMeasured: "not measured: \(result.reason ?? "")"
        case .failed: "failed: \(result.reason ?? "")"
        }
    }

    var text: String { "\(table.text)\n\(totals)\n" }

    var markdown: String {
        """
        # Comparison

        \(machine.line). Medians of \(rounds) \(rounds == 1 ? "round" : "rounds"), in which what is compared runs in turn; \
        the ratio is that of the medians, and "Rounds" is the least and the largest ratio of a round.

        \(table.markdown)
        \(totals).

        """
    }

    // MARK: JSON

    struct Data: Encodable {
        struct Row: Encodable {
            var name: String
            var title: String
            var reference: String
            var unit: String
            var state: ComparisonResult.State
            var target: Double
            /// `at_least` or `at_most`.
            var comparison: String
            var ours: Double?
            var theirs: Double?
            var ratio: Double?
            var ratioMinimum: Double?
            var ratioMaximum: Double?
            var reason: String?
            var rounds: [ComparisonResult.Pair]
        }

        var machine: ReportMachine
        var rounds: Int
        var rows: [Row]
    }

    var data: Data {
        Data(
            machine: machine, rounds: rounds,
            rows: results.map { result in
                let comparison =
                    switch result.row.target {
                    case .atLeast: "at_least"
                    case .atMost: "at_most"
                    }
                return .init(
                    name: result.row.name, title: result.row.title, reference: result.row.reference,
                    unit: result.row.unit, state: result.state, target: result.row.target.value,
                    comparison: comparison, ours: result.ours, theirs: result.theirs, ratio: result.ratio,
                    ratioMinimum: result.spread?.lowerBound, ratioMaximum: result.spread?.upperBound,
                    reason: result.reason, rounds: result.rounds)
            })
    }

    // MARK: Chart

    /// A bar for each row: how much of its target is reached, so that rows of any kind have one line to cross.
    var chart: String {
        let (width, left, right, top, step) = (960.0, 390.0, 210.0, 56.0, 26.0)
        let span = width - left - right
        let longest = 2.0
        func x(_ margin: Double) -> Double { left + span * min(margin, longest) / longest }
        let bottom = top + step * Double(results.count)
        var elements = [
            SVG.text("svc beside its peers", x: 12, y: 22, isBold: true),
            SVG.text(
                "Bars: share of the target reached; at the line and beyond, it holds. \(totals).", x: 12, y: 42,
                kind: "faint"),
        ]
        for (index, result) in results.enumerated() {
            let y = top + step * Double(index)
            elements.append(.text(result.row.title, x: left - 10, y: y + 17, anchor: "end"))
            guard let ratio = result.ratio, result.state == .holds || result.state == .missed else {
                elements.append(
                    .text(result.state == .failed ? "failed" : "not measured", x: left + 6, y: y + 17, kind: "faint"))
                continue
            }
            let margin = result.row.target.margin(ratio)
            elements.append(
                SVG(
                    "rect",
                    [
                        ("x", SVG.number(left)), ("y", SVG.number(y + 4)), ("width", SVG.number(x(margin) - left)),
                        ("height", SVG.number(step - 8)), ("class", result.state == .holds ? "good" : "bad"),
                    ],
                    [
                        SVG(
                            "title",
                            text: "\(result.row.title) beside \(result.row.reference): \(FigureText.ratio(ratio)), "
                                + "target \(result.row.target.text), \(Self.verdict(result))")
                    ]))
            elements.append(
                .text(
                    "\(FigureText.ratio(ratio))  (\(result.row.target.text)) \(Self.verdict(result))",
                    x: left + span + 10, y: y + 17))
        }
        elements.append(.line(x(1), top - 4, x(1), bottom + 4, isDashed: true))
        elements.append(.line(left, top - 4, left, bottom + 4))
        elements.append(.text("target", x: x(1), y: bottom + 20, anchor: "middle", kind: "faint"))
        elements.append(.text("twice the target, or more", x: x(2), y: bottom + 20, anchor: "middle", kind: "faint"))
        let described = results.map { result in
            "\(result.row.title) beside \(result.row.reference): "
                + (result.ratio.map { "\(FigureText.ratio($0)), target \(result.row.target.text), " } ?? "")
                + Self.verdict(result)
        }
        return SVG.document(
            width: width, height: bottom + 32, title: "svc beside its peers: \(totals)",
            description: described.joined(separator: ". "), elements)
    }
}

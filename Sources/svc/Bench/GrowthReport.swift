import Foundation

/// Series of measurements, for people and for programs.
struct GrowthReport: Sendable {
    let machine: ReportMachine
    let isQuick: Bool
    let series: [GrowthSeries]

    var failures: [String] {
        series.compactMap { series in
            if case .failed(let reason) = series.problem { "\(series.plan.rawValue): \(reason)" } else { nil }
        }
    }

    // MARK: Text

    private func points(_ series: GrowthSeries) -> ReportTable {
        let hasMemory = series.points.contains { $0.residentBytes != nil }
        let unit = series.plan.unit
        return ReportTable(
            columns: [
                .init(title: unit, isNumber: true), .init(title: "time", isNumber: true),
                .init(title: "time for each", isNumber: true),
            ] + (hasMemory ? [.init(title: "resident", isNumber: true)] : []),
            rows: series.points.map { point in
                [
                    FigureText.count(point.work),
                    FigureText.seconds(point.seconds), FigureText.seconds(point.secondsPerUnit),
                ] + (hasMemory ? [point.residentBytes.map(megabytes) ?? "-"] : [])
            })
    }

    private var summary: ReportTable {
        ReportTable(
            columns: [
                .init(title: "Series"), .init(title: "What grows"), .init(title: "Time of"),
                .init(title: "Exponent", isNumber: true), .init(title: "Verdict"),
            ],
            rows: series.map {
                [$0.plan.rawValue, $0.plan.title, $0.plan.timed, $0.exponentText, $0.verdictText]
            })
    }

    private var method: String {
        String(
            format:
                "The exponent is that of time over work, fitted to the upper half of the points; up to %.2f counts as "
                + "linear.", 1 + GrowthFit.tolerance)
    }

    var text: String {
        (series.filter { !$0.points.isEmpty }.map { "\($0.plan.title): \($0.plan.timed)\n\(points($0).text)" }
            + [summary.text, method]).joined(separator: "\n\n") + "\n"
    }

    var markdown: String {
        let head = "# Growth\n\n\(machine.line)\(isQuick ? ", the quick subset" : ""). \(method)\n\n\(summary.markdown)"
        let parts = series.filter { !$0.points.isEmpty }.map {
            "## \($0.plan.title)\n\nTime of \($0.plan.timed).\n\n\(points($0).markdown)"
        }
        return ([head] + parts).joined(separator: "\n")
    }

    // MARK: JSON

    struct Data: Encodable {
        struct Series: Encodable {
            var name: GrowthPlan.Kind
            var title: String
            var timed: String
            var unit: String
            var points: [GrowthSeries.Point]
            var exponent: Double?
            var fittedPoints: Int?
            var verdict: GrowthSeries.Verdict
            var reason: String?
        }

        var machine: ReportMachine
        var quick: Bool
        var tolerance: Double
        var series: [Series]
    }

    var data: Data {
        Data(
            machine: machine, quick: isQuick, tolerance: GrowthFit.tolerance,
            series: series.map { series in
                let reason: String? =
                    switch series.verdict {
                    case .notMeasured, .failed, .notJudged: series.verdictText
                    case .atMostLinear, .fasterThanLinear: nil
                    }
                return .init(
                    name: series.plan, title: series.plan.title, timed: series.plan.timed, unit: series.plan.unit,
                    points: series.points, exponent: series.fit?.exponent, fittedPoints: series.fit?.points,
                    verdict: series.verdict, reason: reason)
            })
    }

    // MARK: Chart

    /// A panel for each series, three in a row.
    var chart: String {
        let (panel, height, perRow) = (320.0, 270.0, 3)
        let lines = (series.count + perRow - 1) / perRow
        let panels = series.enumerated().flatMap { index, series in
            GrowthPanel(
                series: series, x: panel * Double(index % perRow), y: 56 + height * Double(index / perRow),
                width: panel, height: height
            ).elements
        }
        let described = series.map { "\($0.plan.title): exponent \($0.exponentText), \($0.verdictText)" }
        return SVG.document(
            width: panel * Double(perRow), height: 56 + height * Double(lines), title: "Time as work grows",
            description: described.joined(separator: ". "),
            [
                SVG.text("Time as work grows", x: 12, y: 22, isBold: true),
                SVG.text(
                    "Both axes logarithmic. Dashed: proportional to the work, through the last point.", x: 12, y: 42,
                    kind: "faint"),
            ] + panels)
    }
}

/// One series as lines and dots on logarithmic axes.
private struct GrowthPanel {
    let series: GrowthSeries
    let x: Double
    let y: Double
    let width: Double
    let height: Double

    private var left: Double { x + 64 }
    private var right: Double { x + width - 20 }
    private var top: Double { y + 48 }
    private var bottom: Double { y + height - 44 }

    var elements: [SVG] {
        let title = SVG.text(series.plan.title, x: x + 12, y: y + 16, isBold: true)
        let work = series.points.map(\.work), seconds = series.points.map(\.seconds)
        guard series.fit != nil, let least = work.min(), let most = work.max(), let fastest = seconds.min(),
            let slowest = seconds.max()
        else {
            let state = series.verdict == .failed ? "failed" : "not measured"
            return [title, SVG.text(state, x: x + 12, y: y + 36, kind: "faint")]
        }
        let verdict =
            switch series.verdict {
            case .atMostLinear: "no faster than linear"
            case .fasterThanLinear: "faster than linear"
            default: "not judged (quadratic)"
            }
        // A tenth of room above and below, and at least some where all times are alike.
        let (low, high) = (log(fastest) - 0.15, max(log(slowest), log(fastest) + 0.7) + 0.15)
        func across(_ value: Double) -> Double { left + (right - left) * (log(value) - log(least)) / log(most / least) }
        func up(_ logarithm: Double) -> Double { bottom - (bottom - top) * (logarithm - low) / (high - low) }
        let dots = series.points.sorted { $0.work < $1.work }.map { (across($0.work), up(log($0.seconds))) }
        let path = dots.map { "\(SVG.number($0.0)),\(SVG.number($0.1))" }.joined(separator: " ")
        return [
            title, SVG.text("exponent \(series.exponentText), \(verdict)", x: x + 12, y: y + 34, kind: "faint"),
            SVG.line(left, bottom, right, bottom), SVG.line(left, top, left, bottom),
            SVG.text(FigureText.seconds(slowest), x: left - 6, y: up(log(slowest)) + 4, anchor: "end", kind: "faint"),
            SVG.text(FigureText.seconds(fastest), x: left - 6, y: up(log(fastest)) + 4, anchor: "end", kind: "faint"),
            SVG.text(FigureText.count(least), x: left, y: bottom + 18, kind: "faint"),
            SVG.text(
                FigureText.count(most) + " " + series.plan.unit,
                x: right, y: bottom + 18, anchor: "end", kind: "faint"),
        ] + [proportional(least, most, low, across, up)]
            + [SVG("polyline", [("points", path), ("class", "line"), ("stroke-width", "2")])]
            + zip(dots, series.points).map { dot, point in
                SVG(
                    "circle",
                    [("cx", SVG.number(dot.0)), ("cy", SVG.number(dot.1)), ("r", "3.5"), ("class", "dot")],
                    [
                        SVG(
                            "title",
                            text:
                                "\(FigureText.count(point.work)) \(series.plan.unit): \(FigureText.seconds(point.seconds))"
                        )
                    ])
            }
    }

    /// Time in proportion to work, through the last point, as far down as the panel goes.
    private func proportional(
        _ least: Double, _ most: Double, _ low: Double, _ across: (Double) -> Double, _ up: (Double) -> Double
    ) -> SVG {
        let end = log(series.points.max { $0.work < $1.work }?.seconds ?? 1)
        let start = max(log(least), log(most) - (end - low))
        return SVG.line(across(exp(start)), up(end - (log(most) - start)), across(most), up(end), isDashed: true)
    }
}

import Foundation
import TestSupport
import Testing

@testable import svc

/// How rounds are run and judged, and how reports are written.
@Suite struct BenchReportTests {
    private static func row(
        _ name: String, _ target: Target, ours: Reading, theirs: Reading, obstacle: String? = nil,
        title: String = "What"
    ) -> ComparisonRow {
        ComparisonRow(
            name: name, title: title, reference: "peer", unit: "ms", target: target, ours: ours, theirs: theirs,
            obstacle: obstacle)
    }

    private static let ours = Trial.translate(["a"])
    private static let theirs = Trial.peer(.bergamot, ["1"])

    @Test func roundsAlternateAndShareTrials() async {
        var order: [Trial] = []
        let rows = [
            Self.row(
                "x", .atLeast(2), ours: Reading(trial: Self.ours, metric: "a"),
                theirs: Reading(trial: Self.theirs, metric: "a")),
            Self.row(
                "y", .atMost(0.5), ours: Reading(trial: Self.ours, metric: "b"),
                theirs: Reading(trial: Self.theirs, metric: "b")),
        ]
        let values: [Trial: [[Double]]] = [
            Self.ours: [[10, 1], [30, 9], [20, 2]], Self.theirs: [[5, 4], [5, 4], [10, 4]],
        ]
        var calls: [Trial: Int] = [:]
        let results = await Comparison(rows: rows, rounds: 3) { trial in
            order.append(trial)
            let pair = values[trial]![calls[trial, default: 0]]
            calls[trial, default: 0] += 1
            return [
                Figure(metric: "a", value: pair[0], unit: "ms"), Figure(metric: "b", value: pair[1], unit: "ms"),
            ]
        }.run()
        #expect(order == [Self.ours, Self.theirs, Self.theirs, Self.ours, Self.ours, Self.theirs])
        #expect(results[0].ours == 20 && results[0].theirs == 5 && results[0].ratio == 4 && results[0].state == .holds)
        #expect(results[0].spread == 2...6)
        #expect(results[1].ours == 2 && results[1].theirs == 4 && results[1].ratio == 0.5 && results[1].state == .holds)
        #expect(results[1].spread == 0.25...2.25)
    }

    @Test func whatBreaksOnceIsNotTriedAgainAndOthersGoOn() async {
        struct Broken: Error {}
        var calls = 0
        let whole = Reading(trial: Self.ours, metric: "a")
        let results = await Comparison(
            rows: [
                Self.row("broken", .atLeast(2), ours: whole, theirs: Reading(trial: Self.theirs, metric: "a")),
                Self.row("whole", .atLeast(2), ours: whole, theirs: whole),
                Self.row("absent", .atLeast(2), ours: whole, theirs: Reading(trial: Self.ours, metric: "cold")),
                Self.row("obstacle", .atLeast(2), ours: whole, theirs: whole, obstacle: "nothing is given"),
            ], rounds: 4
        ) { trial in
            guard trial == Self.ours else {
                calls += 1
                throw Broken()
            }
            return [Figure(metric: "a", value: 1, unit: "ms")]
        }.run()
        #expect(calls == 1)
        #expect(results.map(\.state) == [.failed, .missed, .notMeasured, .notMeasured])
        #expect(results[1].rounds.count == 4 && results[1].ratio == 1)
        #expect(results[2].reason?.contains("cold") == true)
        #expect(results[3].reason == "nothing is given")
    }

    @Test func anotherUnitIsRefused() async {
        let reading = Reading(trial: Self.ours, metric: "a")
        let results = await Comparison(
            rows: [Self.row("x", .atLeast(1), ours: reading, theirs: reading)], rounds: 1
        ) { _ in [Figure(metric: "a", value: 1, unit: "s")] }.run()
        #expect(results[0].state == .failed)
        #expect(results[0].reason?.contains("in s; expected ms") == true)
    }

    @Test func aChartOfAnyTextIsWellFormed() throws {
        let reading = Reading(trial: Self.ours, metric: "a")
        let title = "<&>\"' ]]> \u{1}\u{b} é \u{1F600} --> \u{fffe}"
        let row = Self.row("x", .atLeast(2), ours: reading, theirs: reading, title: title)
        let results = [
            ComparisonResult(row, rounds: [.init(ours: 1e9, theirs: 1)], problem: nil),
            ComparisonResult(row, rounds: [.init(ours: 1, theirs: 1e9)], problem: nil),
            ComparisonResult(row, rounds: [], problem: .absent("<none>")),
            ComparisonResult(row, rounds: [], problem: .failed("a | b\n& c")),
        ]
        let machine = ReportMachine(version: "1", processors: 2, instructionSet: "portable", threads: 2)
        let report = ComparisonReport(machine: machine, rounds: 1, results: results)
        let chart = try #require(BenchFixture.elements(ofXML: report.chart))
        #expect(chart.names["svg"] == 1 && chart.names["desc"] == 1 && chart.names["rect"] == 2)
        #expect(chart.text.contains("<&>\"' ]]>") && chart.text.contains("<none>"))
        #expect(chart.text.contains("prefers-color-scheme:dark"))
        #expect(!report.chart.contains("nan") && !report.chart.contains("inf"))
        // A cell of the page cannot end its row.
        let page = report.markdown.split(separator: "\n").filter { $0.hasPrefix("|") }
        #expect(page.count == 6)
        #expect(page.last?.contains("a \\| b & c") == true)
        #expect(report.totals == "1 of 2 rows hold, 1 failed, 1 not measured")
    }

    @Test func oneRowOrNoneHasAChartToo() throws {
        let machine = ReportMachine(version: "1", processors: 1, instructionSet: "portable", threads: 1)
        let report = ComparisonReport(machine: machine, rounds: 1, results: [])
        #expect(BenchFixture.elements(ofXML: report.chart) != nil)
        let growth = GrowthReport(
            machine: machine, isQuick: true,
            series: [
                GrowthSeries(plan: .batch, points: [.init(work: 1, seconds: 1)]),
                GrowthSeries(plan: .models, points: [.init(work: 1, seconds: 1), .init(work: 2, seconds: 1)]),
                GrowthSeries(plan: .prompt, problem: .failed("<&")),
            ])
        let chart = try #require(BenchFixture.elements(ofXML: growth.chart))
        #expect(chart.names["polyline"] == 1 && chart.names["circle"] == 2)
        #expect(!growth.chart.contains("nan") && !growth.chart.contains("inf"))
    }

    @Test(arguments: [
        (0.0, "0.00"), (0.0123, "0.0123"), (0.5, "0.50"), (12.34, "12.3"), (123.4, "123"), (1234.5, "1,235"),
        (1_234_567, "1,234,567"), (-5000, "-5,000"),
    ])
    func numbersAreWritten(value: Double, text: String) {
        #expect(FigureText.number(value) == text)
    }

    @Test func targetsPointBothWays() {
        #expect(Target.atLeast(2).holds(2) && !Target.atLeast(2).holds(1.99))
        #expect(Target.atMost(0.4).holds(0.4) && !Target.atMost(0.4).holds(0.41))
        #expect(Target.atLeast(2).margin(3) == 1.5 && Target.atMost(0.4).margin(0.2) == 2)
    }

    @Test func everyRowHasANameOfItsOwnAndAReasonWhereNothingIsGiven() {
        let rows = ComparisonTable(
            inputs: ComparisonInputs(peers: [], threads: 2, sentences: "s", weights: [:], nllb: nil, aya: nil)
        ).rows
        #expect(Set(rows.map(\.name)).count == rows.count)
        #expect(rows.allSatisfy { $0.obstacle != nil })
        #expect(rows.contains { $0.fits("nllb.*.32") } && !rows.contains { $0.fits("NLLB") })
    }
}

internal import Foundation

/// Holds figures against what was recorded.
struct FigureJudge: Sendable {
    /// What is found of one figure.
    struct Finding: Sendable, Equatable {
        enum Verdict: Sendable, Equatable { case unknown, within, regression, improvement }
        var figure: Figure
        var recorded: Double?
        var verdict: Verdict
        /// What it might have been, at the worst.
        var limit: Double?
        var tolerance: Double

        var isRegression: Bool { verdict == .regression }

        /// Whether it is so much worse that no other program can be the reason.
        var isBeyondDoubt: Bool {
            guard isRegression, let recorded else { return false }
            if figure.unit == .megabytes { return true }
            let factor = (1 + tolerance) * FigureJudge.maximumSlowness
            return figure.better == .less
                ? figure.value > recorded * factor + figure.slack : figure.value < recorded / factor - figure.slack
        }

        /// `p50 2.40 ms (baseline 2.00 ms, +20 %)`
        var text: String {
            guard let recorded else { return "\(figure.name) \(figure.text)" }
            return "\(figure.name) \(figure.text) (baseline \(Figure.text(recorded, figure.unit))\(change))"
        }

        /// What a failure says of it.
        var complaint: String {
            let recorded = recorded.map { Figure.text($0, figure.unit) } ?? "none"
            let limit = limit.map { Figure.text($0, figure.unit) } ?? "none"
            let bound = figure.better == .less ? "at most" : "at least"
            return "\(figure.name): expected \(bound) \(limit) (baseline \(recorded), tolerance "
                + "\(Int((tolerance * 100).rounded())) %), found \(figure.text)\(change)"
        }

        private var change: String {
            guard let recorded, recorded != 0 else { return "" }
            return String(format: ", %+.0f %%", (figure.value / recorded - 1) * 100)
        }
    }

    /// What the case has recorded for the model on such a machine; nil if nothing.
    var record: PerformanceBaseline.Record?
    /// What a figure may be worse by, unless it says so itself.
    var tolerance: Double
    /// The most that a slow moment of the machine is taken for.
    static let maximumSlowness = 4.0

    /// Looks up what is recorded.
    init(_ machine: PerformanceBaseline.Machine?, model: String, case name: String) {
        record = machine?.models[model]?[name]
        tolerance = machine?.tolerance ?? PerformanceBaseline.defaultTolerance
    }

    /// How much slower the machine is than when the figures were recorded, by the reference loop or by what others have
    /// left of the processors: never less than 1, so that a fast moment does not make the limits narrower.
    func slowness(_ measured: MeasuredFigures) -> Double {
        guard let record, record.referenceMs > 0 else { return 1 }
        let slowness = max(measured.referenceMs / record.referenceMs, record.freeShare / measured.freeShare)
        return min(max(slowness, 1), Self.maximumSlowness)
    }

    /// The findings, in the order of the figures.
    func findings(_ measured: MeasuredFigures) -> [Finding] {
        let slowness = slowness(measured)
        let entries = record?.figures ?? [:]
        return measured.figures.map { figure in
            guard let entry = entries[figure.name], entry.unit == figure.unit, entry.better == figure.better
            else { return Finding(figure: figure, verdict: .unknown, tolerance: 0) }
            let tolerance = entry.tolerance ?? tolerance
            let factor = (1 + tolerance) * (figure.dependsOnSpeed ? slowness : 1)
            let limit, gain: Double
            switch figure.better {
            case .less: (limit, gain) = (entry.value * factor + figure.slack, entry.value / (1 + tolerance))
            // A rate may fall by what a time may grow: half as many in a second is twice as long for each.
            case .more: (limit, gain) = (entry.value / factor - figure.slack, entry.value * (1 + tolerance))
            }
            let isWorse = figure.better == .less ? figure.value > limit : figure.value < limit
            let isBetter =
                figure.better == .less ? figure.value < gain - figure.slack : figure.value > gain + figure.slack
            return Finding(
                figure: figure, recorded: entry.value,
                verdict: isWorse ? .regression : isBetter ? .improvement : .within, limit: limit,
                tolerance: tolerance)
        }
    }
}

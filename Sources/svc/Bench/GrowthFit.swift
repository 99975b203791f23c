import Foundation

/// How time grows with work: the power of the work that fits it best.
struct GrowthFit: Sendable, Equatable {
    /// The slope of the line through the logarithms: 1 where time is proportional to work, 2 where it is to its square.
    var exponent: Double
    /// How many points it goes through.
    var points: Int

    /// What an exponent may be above 1 and count as linear: single measurements move by a few percent, and attention
    /// within a sentence adds a small quadratic share.
    static let tolerance = 0.15

    var isAtMostLinear: Bool { exponent <= 1 + Self.tolerance }

    /// Least squares over the upper half of the points, where fixed costs matter least, but at least over two.
    ///
    /// Returns nil for fewer than two amounts of work, and where work or time is not above 0.
    init?(_ points: [(work: Double, seconds: Double)]) {
        guard points.allSatisfy({ $0.work > 0 && $0.seconds > 0 && $0.work.isFinite && $0.seconds.isFinite }) else {
            return nil
        }
        let upper = points.sorted { $0.work < $1.work }.suffix(max(2, (points.count + 1) / 2))
        let logarithms = upper.map { (x: log($0.work), y: log($0.seconds)) }
        let count = Double(logarithms.count)
        let meanX = logarithms.reduce(0) { $0 + $1.x } / max(1, count)
        let meanY = logarithms.reduce(0) { $0 + $1.y } / max(1, count)
        let variance = logarithms.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
        guard logarithms.count >= 2, variance > 1e-12 else { return nil }
        exponent = logarithms.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) } / variance
        self.points = logarithms.count
    }
}

/// Time against work, of one kind.
struct GrowthSeries: Sendable {
    struct Point: Sendable, Encodable {
        var work: Double
        var seconds: Double
        var secondsPerUnit: Double
        /// Memory of the process, where it is part of what is looked at.
        var residentBytes: Int?

        init(work: Double, seconds: Double, residentBytes: Int? = nil) {
            (self.work, self.seconds, self.residentBytes) = (work, seconds, residentBytes)
            secondsPerUnit = work > 0 ? seconds / work : 0
        }
    }

    enum Verdict: String, Sendable, Encodable {
        case atMostLinear = "at_most_linear"
        case fasterThanLinear = "faster_than_linear"
        case notJudged = "not_judged"
        case notMeasured = "not_measured"
        case failed
    }

    /// What is looked at.
    var plan: GrowthPlan.Kind
    var points: [Point] = []
    /// Why there are no points.
    var problem: RowProblem?

    var fit: GrowthFit? { GrowthFit(points.map { ($0.work, $0.seconds) }) }

    var verdict: Verdict {
        switch problem {
        case .absent: return .notMeasured
        case .failed: return .failed
        case nil: break
        }
        guard let fit else { return .notMeasured }
        guard plan.isLinear else { return .notJudged }
        return fit.isAtMostLinear ? .atMostLinear : .fasterThanLinear
    }

    /// The verdict in words.
    var verdictText: String {
        switch verdict {
        case .atMostLinear: "grows no faster than linear"
        case .fasterThanLinear: "grows faster than linear"
        case .notJudged: "not judged: attention over a prompt is quadratic"
        case .notMeasured, .failed:
            switch problem {
            case .absent(let reason): "not measured: \(reason)"
            case .failed(let reason): "failed: \(reason)"
            case nil: "not measured: fewer than two points"
            }
        }
    }

    var exponentText: String { fit.map { String(format: "%.2f", $0.exponent) } ?? "-" }
}

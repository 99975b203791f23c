internal import Foundation

/// Something that was measured: a number with its unit, and which way is better.
package struct Figure: Sendable, Equatable {
    /// Which way is better.
    package enum Better: String, Sendable, Codable { case less, more }

    /// Units of figures.
    package enum Unit: String, Sendable, Codable {
        case milliseconds = "ms"
        case perSecond = "/s"
        case tokensPerSecond = "tokens/s"
        case megabytes = "MB"
        case cores = "cores"

        /// Whether it gets worse where the machine is slower for a while: times and rates do, processor time and memory
        /// do not.
        var dependsOnSpeed: Bool { [.milliseconds, .perSecond, .tokensPerSecond].contains(self) }
    }

    /// Its name: words in lower case, with underscores.
    package var name: String
    /// The number.
    package var value: Double
    /// The unit.
    package var unit: Unit
    /// Which way is better.
    package var better: Better
    /// How much worse it may be than what was recorded, as a share of that; nil for the baseline's own tolerance. The
    /// slowest of a hundred requests says less than their median.
    package var tolerance: Double?
    /// What is added to that, in the unit: a share of next to nothing is nothing.
    package var slack: Double
    /// Whether it is about processor time, which a busy machine does not change much.
    package var isProcessorTime: Bool

    /// A figure.
    package init(
        _ name: String, _ value: Double, _ unit: Unit, better: Better, tolerance: Double? = nil, slack: Double = 0,
        isProcessorTime: Bool = false
    ) {
        (self.name, self.value, self.unit, self.better) = (name, value, unit, better)
        (self.tolerance, self.slack, self.isProcessorTime) = (tolerance, slack, isProcessorTime)
    }

    /// Whether a busy machine makes it worse.
    var dependsOnSpeed: Bool { unit.dependsOnSpeed && !isProcessorTime }

    /// The number and the unit as people read them.
    package var text: String { Self.text(value, unit) }

    static func text(_ value: Double, _ unit: Unit) -> String { number(value) + " " + unit.rawValue }

    /// Three digits that matter.
    static func number(_ value: Double) -> String {
        switch abs(value) {
        case 100...: String(format: "%.0f", value)
        case 10..<100: String(format: "%.1f", value)
        case 1..<10: String(format: "%.2f", value)
        default: String(format: "%.3f", value)
        }
    }
}

/// Times that were taken, and what is said of them.
struct SampleSet: Sendable {
    private(set) var sorted: [Double]

    init(_ values: [Double]) { sorted = values.sorted() }

    /// The nearest-rank percentile: the smallest value that the share of all does not exceed.
    func percentile(_ share: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    var median: Double {
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    /// Percentiles of rounds of samples in milliseconds: of each round, and of those the median, so that one disturbed
    /// round changes nothing.
    static func percentiles(_ name: String, seconds rounds: [[Double]]) -> [Figure] {
        let rounds = rounds.map(SampleSet.init)
        return [("p50", 0.5, nil), ("p95", 0.95, 0.5), ("p99", 0.99, 1.0)].map { suffix, share, tolerance in
            Figure(
                "\(name)_\(suffix)", SampleSet(rounds.map { $0.percentile(share) * 1000 }).median, .milliseconds,
                better: .less, tolerance: tolerance, slack: 0.2)
        }
    }
}

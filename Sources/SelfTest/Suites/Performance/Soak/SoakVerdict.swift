/// Whether a service was in the end as it was in the beginning.
package struct SoakVerdict: Sendable, Encodable, Equatable {
    /// A kind's time in the second and in the last quarter of the run.
    package struct Latency: Sendable, Encodable, Equatable {
        /// The kind of request.
        package var kind: SoakKind
        /// `p50` or `p95`.
        package var percentile: String
        /// The median of the second quarter's minutes, in milliseconds.
        package var secondQuarterMs: Double
        /// The median of the last quarter's.
        package var lastQuarterMs: Double
        /// What it may be at most.
        package var limitMs: Double
        /// How much a minute differs from the next one by chance (a standard deviation).
        package var noiseMs: Double
        /// Whether it is within the limit.
        package var isFlat: Bool
    }

    /// The memory after the first tenth of the run and at its end.
    package struct Memory: Sendable, Encodable, Equatable {
        /// The median of the second tenth, in bytes.
        package var secondTenthBytes: Int
        /// The median of the last tenth.
        package var lastTenthBytes: Int
        /// The share by which it has grown; negative where it has become less.
        package var growth: Double
        /// Whether that is within the limit.
        package var isFlat: Bool
    }

    /// What memory may grow by after the first tenth.
    static let memoryGrowth = 0.05
    /// What a time may grow by, besides what chance explains: a share of it, and milliseconds.
    private static let latencyGrowth = 0.1
    private static let latencySlackMs = 0.5
    /// Standard errors of the difference that chance is taken for.
    private static let standardErrors = 3.0
    /// Minutes that a quarter needs for a median.
    private static let fewestIntervals = 8

    /// Each kind's p50 and p95.
    package var latencies: [Latency]
    /// The service's memory.
    package var memory: Memory
    /// Whether all of it is.
    package var isFlat: Bool

    /// The verdict on a run; nil where it was too short.
    ///
    /// - Parameter resident: bytes, at even distances over the run.
    init?(_ intervals: [SoakReport.Interval], resident: [Int], kinds: [SoakKind]) {
        guard intervals.count >= Self.fewestIntervals, resident.count >= 10 else { return nil }
        latencies = kinds.flatMap { kind in
            let minutes = intervals.map { interval in interval.kinds.first { $0.kind == kind } }
            return [
                Self.latency(kind, "p50", minutes.map { $0?.p50Ms }),
                Self.latency(kind, "p95", minutes.map { $0?.p95Ms }),
            ].compactMap(\.self)
        }
        memory = Self.memory(resident)
        isFlat = memory.isFlat && latencies.allSatisfy(\.isFlat)
    }

    /// Nil where a quarter has no request of the kind.
    private static func latency(_ kind: SoakKind, _ percentile: String, _ minutes: [Double?]) -> Latency? {
        let quarter = minutes.count / 4
        let second = minutes[quarter..<(2 * quarter)].compactMap(\.self)
        let last = minutes[(minutes.count - quarter)...].compactMap(\.self)
        guard !second.isEmpty, !last.isEmpty else { return nil }
        let (before, after) = (SampleSet(second).median, SampleSet(last).median)
        let noise = noise(minutes[quarter...].compactMap(\.self))
        // The error of a median is 1.25 times that of a mean.
        let error = 1.25 * noise * (1 / Double(second.count) + 1 / Double(last.count)).squareRoot()
        let limit = before + max(standardErrors * error, latencyGrowth * before + latencySlackMs)
        return Latency(
            kind: kind, percentile: percentile, secondQuarterMs: before, lastQuarterMs: after, limitMs: limit,
            noiseMs: noise, isFlat: after <= limit)
    }

    /// The standard deviation of a minute, from the differences of neighbours: a slope adds next to nothing to those.
    static func noise(_ values: [Double]) -> Double {
        let steps = zip(values, values.dropFirst()).map { abs($1 - $0) }
        return 1.4826 * SampleSet(steps).median / 2.0.squareRoot()
    }

    private static func memory(_ resident: [Int]) -> Memory {
        let tenth = max(1, resident.count / 10)
        func median(_ values: ArraySlice<Int>) -> Double { SampleSet(values.map(Double.init)).median }
        let (before, after) = (median(resident[tenth..<(2 * tenth)]), median(resident.suffix(tenth)))
        let growth = before > 0 ? after / before - 1 : 0
        return Memory(
            secondTenthBytes: Int(before), lastTenthBytes: Int(after), growth: growth, isFlat: growth <= memoryGrowth)
    }

    /// What is not flat, with both numbers.
    package var complaints: [String] {
        var lines = latencies.filter { !$0.isFlat }.map { latency in
            "\(latency.kind.rawValue) \(latency.percentile): \(Figure.text(latency.secondQuarterMs, .milliseconds)) in the "
                + "second quarter, \(Figure.text(latency.lastQuarterMs, .milliseconds)) in the last, more than "
                + Figure.text(latency.limitMs, .milliseconds)
        }
        if !memory.isFlat {
            func megabytes(_ bytes: Int) -> String { Figure.text(Double(bytes) / 1e6, .megabytes) }
            lines.append(
                "memory: \(megabytes(memory.secondTenthBytes)) after the first tenth, "
                    + "\(megabytes(memory.lastTenthBytes)) at the end, more than 5 % above")
        }
        return lines
    }
}

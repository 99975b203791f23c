internal import Foundation
package import Metrics
internal import Synchronization

/// Collects what swift-metrics is told and writes it as Prometheus text (exposition format 0.0.4).
package final class PrometheusRegistry: MetricsFactory {
    private struct Series: Hashable {
        var name: String
        var labels: String
    }

    /// Every series that was asked for: a series is one object, whoever asks for it.
    private struct State {
        var counters: [Series: CounterSeries] = [:]
        var gauges: [Series: GaugeSeries] = [:]
        var histograms: [Series: HistogramSeries] = [:]
    }

    private let state = Mutex(State())

    /// The registry of the process, made known to swift-metrics once.
    package static let shared: PrometheusRegistry = {
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        return registry
    }()

    private init() {}

    private static func series(_ name: String, _ dimensions: [(String, String)]) -> Series {
        guard !dimensions.isEmpty else { return Series(name: name, labels: "") }
        var labels = "{"
        for (name, value) in dimensions {
            if labels.utf8.count > 1 { labels += "," }
            labels += name
            labels += "=\""
            labels += escaped(value)
            labels += "\""
        }
        labels += "}"
        return Series(name: name, labels: labels)
    }

    private static func escaped(_ text: String) -> String {
        // Methods, routes and statuses, which every request brings, have nothing to escape.
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") || $0 == 0x0A }) else {
            return text
        }
        return text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    /// Everything collected, with further gauges that are read at this moment.
    package func text(gauges: [(name: String, dimensions: [(String, String)], value: Double)]) -> String {
        let state = state.withLock { $0 }
        var lines: [String] = []
        func write(_ type: String, _ values: [Series: Double]) {
            for (name, group) in Dictionary(grouping: values, by: \.key.name).sorted(by: { $0.key < $1.key }) {
                lines.append("# TYPE \(name) \(type)")
                for (series, value) in group.sorted(by: { $0.key.labels < $1.key.labels }) {
                    lines.append("\(name)\(series.labels) \(Self.number(value))")
                }
            }
        }
        write("counter", state.counters.mapValues { Double($0.value) })
        var all = state.gauges.mapValues(\.value)
        for gauge in gauges { all[Self.series(gauge.name, gauge.dimensions)] = gauge.value }
        write("gauge", all)
        for (name, group) in Dictionary(grouping: state.histograms, by: \.key.name).sorted(by: { $0.key < $1.key }) {
            lines.append("# TYPE \(name) histogram")
            for (series, histogram) in group.sorted(by: { $0.key.labels < $1.key.labels }) {
                lines += Self.lines(series, histogram.values)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ series: Series, _ histogram: HistogramSeries.Values) -> [String] {
        let inner = series.labels.isEmpty ? "" : series.labels.dropFirst().dropLast() + ","
        var cumulative = 0
        var lines = zip(HistogramSeries.buckets, histogram.counts).map { bound, count in
            cumulative += count
            return "\(series.name)_bucket{\(inner)le=\"\(number(bound))\"} \(cumulative)"
        }
        lines.append("\(series.name)_bucket{\(inner)le=\"+Inf\"} \(histogram.total)")
        lines.append("\(series.name)_sum\(series.labels) \(number(histogram.sum))")
        lines.append("\(series.name)_count\(series.labels) \(histogram.total)")
        return lines
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        state.withLock { Self.known(Self.series(label, dimensions), in: &$0.counters, else: CounterSeries()) }
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        state.withLock { Self.known(Self.series(label, dimensions), in: &$0.gauges, else: GaugeSeries()) }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        state.withLock { Self.known(Self.series(label, dimensions), in: &$0.histograms, else: HistogramSeries()) }
    }

    private static func known<Kind>(
        _ series: Series, in all: inout [Series: Kind], else new: @autoclosure () -> Kind
    ) -> Kind {
        if let known = all[series] { return known }
        let made = new()
        all[series] = made
        return made
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}
}

/// A number that only grows.
private final class CounterSeries: CounterHandler {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }

    func reset() { count.store(0, ordering: .relaxed) }
}

/// A number that is as it was last said to be.
private final class GaugeSeries: RecorderHandler {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
}

/// Times, counted by how long they are.
private final class HistogramSeries: TimerHandler {
    /// Upper bounds, in seconds.
    static let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    struct Values {
        fileprivate(set) var counts = Array(repeating: 0, count: HistogramSeries.buckets.count)
        fileprivate(set) var sum = 0.0
        fileprivate(set) var total = 0
    }

    private let state = Mutex(Values())

    var values: Values { state.withLock { $0 } }

    func recordNanoseconds(_ duration: Int64) {
        let seconds = Double(duration) / 1e9
        let bucket = Self.buckets.firstIndex { seconds <= $0 }
        state.withLock { values in
            if let bucket { values.counts[bucket] += 1 }
            values.sum += seconds
            values.total += 1
        }
    }
}

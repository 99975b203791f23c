internal import Foundation
package import Metrics
internal import Synchronization

/// Collects what swift-metrics is told and writes it as Prometheus text (exposition format 0.0.4).
package final class PrometheusRegistry: MetricsFactory {
    /// Upper bounds of the latency histograms, in seconds.
    private static let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    private struct Series: Hashable {
        var name: String
        var labels: String
    }

    private struct Histogram {
        private(set) var counts = Array(repeating: 0, count: PrometheusRegistry.buckets.count)
        private(set) var sum = 0.0
        private(set) var total = 0

        mutating func add(_ seconds: Double) {
            if let bucket = PrometheusRegistry.buckets.firstIndex(where: { seconds <= $0 }) { counts[bucket] += 1 }
            sum += seconds
            total += 1
        }
    }

    private struct State {
        var counters: [Series: Double] = [:]
        var gauges: [Series: Double] = [:]
        var histograms: [Series: Histogram] = [:]
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
        write("counter", state.counters)
        var all = state.gauges
        for gauge in gauges { all[Self.series(gauge.name, gauge.dimensions)] = gauge.value }
        write("gauge", all)
        for (name, group) in Dictionary(grouping: state.histograms, by: \.key.name).sorted(by: { $0.key < $1.key }) {
            lines.append("# TYPE \(name) histogram")
            for (series, histogram) in group.sorted(by: { $0.key.labels < $1.key.labels }) {
                lines += Self.lines(series, histogram)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ series: Series, _ histogram: Histogram) -> [String] {
        let inner = series.labels.isEmpty ? "" : series.labels.dropFirst().dropLast() + ","
        var cumulative = 0
        var lines = zip(buckets, histogram.counts).map { bound, count in
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
        Handler(registry: self, series: Self.series(label, dimensions))
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        Handler(registry: self, series: Self.series(label, dimensions))
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        Handler(registry: self, series: Self.series(label, dimensions))
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// One series. A name is used for one kind of metric, so one handler can be all three.
    private final class Handler: CounterHandler, RecorderHandler, TimerHandler {
        let registry: PrometheusRegistry
        let series: Series

        init(registry: PrometheusRegistry, series: Series) {
            self.registry = registry
            self.series = series
        }

        func increment(by amount: Int64) {
            registry.state.withLock { $0.counters[series, default: 0] += Double(amount) }
        }

        func reset() { registry.state.withLock { $0.counters[series] = 0 } }

        func record(_ value: Int64) { record(Double(value)) }

        func record(_ value: Double) { registry.state.withLock { $0.gauges[series] = value } }

        func recordNanoseconds(_ duration: Int64) {
            let seconds = Double(duration) / 1e9
            registry.state.withLock { $0.histograms[series, default: Histogram()].add(seconds) }
        }
    }
}

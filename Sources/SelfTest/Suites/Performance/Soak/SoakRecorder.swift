internal import Synchronization

/// Takes down what becomes of requests and of the service's memory, minute by minute.
final class SoakRecorder: Sendable {
    /// Reasons that are told apart; a service that is gone has one for all.
    private static let mostReasons = 10

    private struct Times {
        var seconds: [Double] = []
        var failures = 0
    }

    private struct State {
        /// By interval, then by kind.
        var times: [[SoakKind: Times]]
        /// By interval.
        var resident: [[Int]]
        /// By interval.
        var processors: [ProcessorTimes]
        var lastProcessors: ProcessorTimes?
        var reasons: [String: Int] = [:]
        var lastSeconds = 0.0
    }

    private let kinds: [SoakKind]
    private let intervalSeconds: Double
    private let state: Mutex<State>

    /// - Parameters:
    ///   - kinds: in the order of the report.
    ///   - count: how many intervals there are at most.
    init(kinds: [SoakKind], intervalSeconds: Double, count: Int) {
        (self.kinds, self.intervalSeconds) = (kinds, intervalSeconds)
        state = Mutex(
            State(
                times: Array(repeating: [:], count: count), resident: Array(repeating: [], count: count),
                processors: Array(repeating: ProcessorTimes(), count: count)))
    }

    /// A request is over. It belongs to the interval that it ended in, and to the last one where it ended after that.
    func add(_ outcome: OpenLoop.Outcome) {
        state.withLock { state in
            let index = min(Int(outcome.at / intervalSeconds), state.times.count - 1)
            if let failure = outcome.failure {
                state.times[index][outcome.kind, default: Times()].failures += 1
                if state.reasons[failure] != nil || state.reasons.count < Self.mostReasons {
                    state.reasons[failure, default: 0] += 1
                }
            } else {
                state.times[index][outcome.kind, default: Times()].seconds.append(outcome.seconds)
            }
            state.lastSeconds = max(state.lastSeconds, outcome.at)
        }
    }

    /// The service's memory at a time, and where processor time has gone until then.
    func add(residentBytes: Int, processors: ProcessorTimes, at seconds: Double) {
        state.withLock { state in
            let index = min(Int(seconds / intervalSeconds), state.resident.count - 1)
            state.resident[index].append(residentBytes)
            // A process that has just ended has no time of its own any more.
            if let last = state.lastProcessors, processors.service >= last.service {
                state.processors[index] = state.processors[index] + (processors - last)
            }
            state.lastProcessors = processors
            state.lastSeconds = max(state.lastSeconds, seconds)
        }
    }

    /// An interval as it stands.
    func interval(_ index: Int) -> SoakReport.Interval { state.withLock { interval(index, $0) } }

    /// All intervals that have begun.
    var intervals: [SoakReport.Interval] {
        state.withLock { state in
            let begun = min(Int(state.lastSeconds / intervalSeconds) + 1, state.times.count)
            return (0..<begun).map { interval($0, state) }
        }
    }

    /// All looks at the memory, in order.
    var resident: [Int] { state.withLock { $0.resident.flatMap(\.self) } }

    /// All of the run, by kind.
    var totals: [SoakReport.Kind] {
        state.withLock { state in
            kinds.map { kind in
                let all = state.times.compactMap { $0[kind] }
                return Self.kind(
                    kind, Times(seconds: all.flatMap(\.seconds), failures: all.reduce(0) { $0 + $1.failures }))
            }
        }
    }

    /// The reasons of failures, the most frequent first.
    var failures: [SoakReport.Failure] {
        state.withLock { $0.reasons }.map { SoakReport.Failure(reason: $0.key, count: $0.value) }
            .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
    }

    /// Seconds from the first request to what was taken down last.
    var seconds: Double { state.withLock { $0.lastSeconds } }

    private func interval(_ index: Int, _ state: State) -> SoakReport.Interval {
        let parts = kinds.map { Self.kind($0, state.times[index][$0] ?? Times()) }
        let begun = Double(index) * intervalSeconds
        return SoakReport.Interval(
            fromSeconds: begun, seconds: max(0, min(intervalSeconds, state.lastSeconds - begun)),
            requests: parts.reduce(0) { $0 + $1.requests }, failures: parts.reduce(0) { $0 + $1.failures },
            residentBytes: Int(SampleSet(state.resident[index].map(Double.init)).median),
            serviceSeconds: state.processors[index].service, idleSeconds: state.processors[index].idle,
            stolenSeconds: state.processors[index].stolen, kinds: parts)
    }

    private static func kind(_ kind: SoakKind, _ times: Times) -> SoakReport.Kind {
        let samples = SampleSet(times.seconds)
        func milliseconds(_ share: Double) -> Double? {
            times.seconds.isEmpty ? nil : samples.percentile(share) * 1000
        }
        return SoakReport.Kind(
            kind: kind, requests: times.seconds.count + times.failures, failures: times.failures,
            p50Ms: milliseconds(0.5), p95Ms: milliseconds(0.95), p99Ms: milliseconds(0.99))
    }
}

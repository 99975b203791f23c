internal import Foundation
internal import Synchronization

/// Holds a service under steady traffic, and says whether it stays as it was.
package final class Soak: Sendable {
    /// What is asked of it.
    package struct Options: Sendable {
        /// The program whose `serve` is held.
        package var program: String
        /// The models that are asked; where empty, the smallest one that is installed for each task.
        package var models: [String]
        /// How long.
        package var minutes: Double
        /// The share of the capacity that is sent.
        package var share: Double
        /// Requests a second that are sent whatever the capacity is; nil for the share of it.
        package var rate: Double?

        /// What is asked of it.
        package init(program: String, models: [String], minutes: Double, share: Double, rate: Double? = nil) {
            (self.program, self.models, self.minutes) = (program, models, minutes)
            (self.share, self.rate) = (share, rate)
        }
    }

    /// Clients that ask without a pause while the capacity is measured: enough to keep every part of it busy.
    private static let saturatingClients = 16
    /// For how long they ask at most.
    private static let saturatingSeconds = 30.0
    private static let sampleSeconds = 1.0
    /// Parts of a run that is too short for minutes.
    private static let fewestIntervals = 8

    private let options: Options
    private let note: @Sendable (String) -> Void
    private let manager: ServiceManager

    private struct State {
        var isStopped = false
        var preparation: Task<Prepared, any Error>?
        var loop: OpenLoop?
    }

    private let state = Mutex(State())

    /// - Parameter note: gets what people are told while they wait.
    package init(_ options: Options, note: @escaping @Sendable (String) -> Void) {
        (self.options, self.note) = (options, note)
        manager = ServiceManager(program: options.program)
    }

    /// Ends it soon, with a report of what there is.
    package func stop() {
        let (preparation, loop) = state.withLock { state in
            state.isStopped = true
            return (state.preparation, state.loop)
        }
        preparation?.cancel()
        loop?.stop()
    }

    /// Whether somebody has stopped it.
    package var wasStopped: Bool { state.withLock { $0.isStopped } }

    /// Starts a service, measures what it can do, and sends it the share of that. The service is stopped in the end.
    ///
    /// - Throws: `SelfTestError` for models that are not here, `CaseFailure` and `LoadingFailure` where the service does
    ///   not come to answer, `CancellationError` where it was stopped before there was anything to report.
    package func run() async throws -> SoakReport {
        do {
            let report = try await held()
            await manager.stopAll()
            return report
        } catch {
            await manager.stopAll()
            throw error
        }
    }

    // MARK: The phases

    /// A service that is ready, and what it can do.
    private struct Prepared: Sendable {
        var service: ManagedService
        var models: [PortfolioModel]
        var traffic: SoakTraffic
        var capacity: Double
    }

    private func held() async throws -> SoakReport {
        let preparation = Task { try await prepare() }
        let isStopped = state.withLock { state in
            state.preparation = preparation
            return state.isStopped
        }
        if isStopped { preparation.cancel() }
        return try await soak(try await preparation.value)
    }

    private func prepare() async throws -> Prepared {
        let models = try await chosenModels()
        let traffic = try SoakTraffic(models)
        let service = try await manager.start(models: models.map(\.name))
        note("svc serve: process \(service.pid), \(models.map(\.name).joined(separator: ", "))")
        try await ModelLoadingMonitor(service, log: note).wait(for: models.map(\.name))
        let seconds = min(Self.saturatingSeconds, max(1, options.minutes * 60 / 6))
        let generator = LoadGenerator(client: service.client) { traffic.request(client: $0, number: $1) }
        let result = try await generator.run(
            clients: Self.saturatingClients, rampSeconds: seconds / 4, windowSeconds: seconds)
        guard result.rate > 0 else {
            throw CaseFailure("expected answers within \(seconds) s, found none", evidence: service.logExcerpt())
        }
        return Prepared(service: service, models: models, traffic: traffic, capacity: result.rate)
    }

    /// The models, in the order of the portfolio: the smallest first.
    private func chosenModels() async throws -> [PortfolioModel] {
        var filter = PortfolioFilter()
        filter.names = options.models
        let reader = PortfolioReader(budget: .ofThisMachine(), filter: filter)
        let portfolio = try await reader.read(ProgramUnderTest(path: options.program)).portfolio
        let chosen =
            options.models.isEmpty
            ? ModelTask.allCases.compactMap { portfolio.smallest($0) } : portfolio.models.filter(filter.accepts)
        for gated in portfolio.gated where options.models.contains(gated.model.name) {
            throw CaseFailure("\(gated.model.name) \(gated.reason)")
        }
        guard !chosen.isEmpty else {
            throw SelfTestError.nothingPlanned("no model is installed that fits the memory; get one with `svc pull`")
        }
        return chosen.sorted { ($0.memoryBytes, $0.name) < ($1.memoryBytes, $1.name) }
    }

    private func soak(_ prepared: Prepared) async throws -> SoakReport {
        let seconds = options.minutes * 60
        let length = seconds >= 60 * Double(Self.fewestIntervals) ? 60 : seconds / Double(Self.fewestIntervals)
        let count = max(1, Int((seconds / length).rounded(.up)))
        let recorder = SoakRecorder(kinds: prepared.traffic.kinds, intervalSeconds: length, count: count)
        let rate = options.rate ?? prepared.capacity * options.share
        note(
            "capacity \(Figure.text(prepared.capacity, .perSecond)); sending \(Figure.text(rate, .perSecond)) for "
                + "\(Figure.number(options.minutes)) minutes")
        let loop = OpenLoop(
            client: prepared.service.client, traffic: prepared.traffic,
            schedule: ArrivalSchedule(rate: rate, seconds: seconds)
        ) { recorder.add($0) }
        let isStopped = state.withLock { state in
            state.loop = loop
            return state.isStopped
        }
        if isStopped { loop.stop() }
        let watch = Task { await self.watch(prepared.service, recorder, loop, intervalSeconds: length, count: count) }
        defer { watch.cancel() }
        try await loop.run()
        watch.cancel()
        let end = await watch.value
        return report(prepared, rate, recorder, end)
    }

    /// Looks at the service each second, tells of each minute, and ends the traffic where the service has ended. Returns
    /// how it ended.
    private func watch(
        _ service: ManagedService, _ recorder: SoakRecorder, _ loop: OpenLoop, intervalSeconds: Double, count: Int
    ) async -> String? {
        let began = ContinuousClock.now
        var told = 0
        let pause = min(Self.sampleSeconds, intervalSeconds / 3)
        while true {
            guard service.isRunning else {
                loop.stop()
                let code = await service.end(withinSeconds: 1) ?? 0
                let how = code < 0 ? "by signal \(-code)" : "with code \(code)"
                return "svc serve ended \(how) after \(Int(began.secondsUntilNow)) s\n"
                    + service.logExcerpt(lines: 10).joined(separator: "\n")
            }
            let now = began.secondsUntilNow
            recorder.add(residentBytes: service.residentBytes(), processors: service.processorTimes(), at: now)
            while told < min(count, Int(now / intervalSeconds)) {
                note(Self.line(recorder.interval(told), number: told + 1, of: count))
                told += 1
            }
            if Task.isCancelled {
                if told < count, !wasStopped { note(Self.line(recorder.interval(told), number: told + 1, of: count)) }
                return nil
            }
            // A cancelled pause is a last look.
            try? await Task.sleep(for: .seconds(pause))
        }
    }

    private func report(_ prepared: Prepared, _ rate: Double, _ recorder: SoakRecorder, _ end: String?) -> SoakReport {
        let (intervals, totals) = (recorder.intervals, recorder.totals)
        let isWhole = end == nil && !wasStopped
        return SoakReport(
            models: prepared.models.map(\.name), minutes: options.minutes, share: rate / prepared.capacity,
            capacityPerSecond: prepared.capacity, ratePerSecond: rate, seconds: recorder.seconds,
            requests: totals.reduce(0) { $0 + $1.requests }, failures: totals.reduce(0) { $0 + $1.failures },
            failureReasons: recorder.failures, kinds: totals, intervals: intervals,
            verdict: isWhole
                ? SoakVerdict(intervals, resident: recorder.resident, kinds: prepared.traffic.kinds) : nil,
            serviceEnd: end)
    }

    /// `minute 3 of 60: 5880 requests, 0 failed, p95 health 1.20 ms, …, 312 MB, processors: 81.2 s for the service, 22.9 s
    /// idle, 0.4 s stolen`
    private static func line(_ interval: SoakReport.Interval, number: Int, of count: Int) -> String {
        let times = interval.kinds.compactMap { kind in
            kind.p95Ms.map { "\(kind.kind.rawValue) \(Figure.text($0, .milliseconds))" }
        }
        let unit = interval.seconds > 55 ? "minute" : "part"
        return "\(unit) \(number) of \(count): \(interval.requests) requests, \(interval.failures) failed, p95 "
            + times.joined(separator: ", ") + ", "
            + Figure.text(Double(interval.residentBytes) / 1e6, .megabytes)
            + String(
                format: ", processors: %.1f s for the service, %.1f s idle, %.1f s stolen", interval.serviceSeconds,
                interval.idleSeconds, interval.stolenSeconds)
    }
}

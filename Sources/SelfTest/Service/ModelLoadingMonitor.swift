internal import Foundation

/// How a model came to be ready: each stage that was seen on the way.
package struct LoadingReport: Sendable, Equatable {
    /// A stage.
    package struct Stage: Sendable, Equatable {
        /// `queued`, `downloading`, `verifying`, `loading` or `ready`, as the service says it.
        package var name: String
        /// How long it was seen.
        package var seconds: Double
        /// Bytes done, where the service says so.
        package var completedBytes: Int?
        /// Bytes to do, where the service says so.
        package var totalBytes: Int?

        /// `verifying 12 of 22 MB (54 %)`, or the name alone.
        package var description: String {
            guard let completedBytes, let totalBytes, totalBytes > 0 else { return name }
            return "\(name) \(completedBytes / 1_000_000) of \(totalBytes / 1_000_000) MB "
                + "(\(100 * completedBytes / totalBytes) %)"
        }
    }

    /// The model.
    package var model: String
    /// The stages, in order.
    package var stages: [Stage]
    /// From the first look to ready.
    package var seconds: Double
    /// The seconds of the load by the service's own account; nil where it gives none.
    package var loadSeconds: Double?
}

/// Why a model did not come to be ready.
package struct LoadingFailure: Error, Sendable, CustomStringConvertible, ExplainedFailure {
    /// The model.
    package var model: String
    /// The stage that it was in.
    package var stage: String
    /// What went wrong, with the last progress that was seen.
    package var reason: String
    /// The last lines of the service's log; empty for a service that we did not start.
    package var logTail: [String]

    package var description: String { "\(model): \(reason), in stage \(stage)" }
    package var evidence: [String] { logTail }
}

/// Waits for models as a client has to: by asking /health and /models/{name} until the model is ready.
package struct ModelLoadingMonitor: Sendable {
    private let client: ServiceClient
    private let service: ManagedService?
    private let intervalSeconds: Double
    private let timeoutSeconds: Double?
    private let noteSeconds: Double
    private let log: @Sendable (String) -> Void
    /// How long a model may be neither here nor on its way: a service that was told to load it does so at once.
    private static let absentSeconds = 10.0
    /// How long /health may give no answer at all.
    private static let silentSeconds = 30.0

    /// A monitor of a service.
    ///
    /// - Parameters:
    ///   - service: the process, for its log and to see it end; nil for a service that we did not start.
    ///   - intervalSeconds: between two looks.
    ///   - timeoutSeconds: how long a model may take; nil for MODEL_LOADING_TIMEOUT, or else for what its size asks for.
    ///   - noteSeconds: between two lines of progress.
    ///   - log: gets those lines.
    package init(
        client: ServiceClient, service: ManagedService? = nil, intervalSeconds: Double = 0.2,
        timeoutSeconds: Double? = nil, noteSeconds: Double = 30, log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        (self.client, self.service, self.intervalSeconds) = (client, service, intervalSeconds)
        self.timeoutSeconds =
            timeoutSeconds ?? ProcessInfo.processInfo.environment["MODEL_LOADING_TIMEOUT"].flatMap(Double.init)
        (self.noteSeconds, self.log) = (noteSeconds, log)
    }

    /// A monitor of a service that we started.
    package init(
        _ service: ManagedService, timeoutSeconds: Double? = nil, log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.init(client: service.client, service: service, timeoutSeconds: timeoutSeconds, log: log)
    }

    /// The time that a model of a size may take: 5 minutes for a small one, 60 for one of 8 billion weights.
    package static func defaultTimeout(parameters: Int, sizeBytes: Int = 0) -> Double {
        let weights = parameters > 0 ? parameters : sizeBytes / 2
        return min(3600, 300 + 3300 * Double(weights) / 8e9)
    }

    /// Waits until each of the models is ready.
    @discardableResult package func wait(for models: [String]) async throws -> [LoadingReport] {
        var reports: [LoadingReport] = []
        for model in models { reports.append(try await wait(for: model)) }
        return reports
    }

    /// Waits until a model is ready, by its own address and by /health.
    ///
    /// - Throws: `LoadingFailure` where it fails, takes too long, or the service ends.
    @discardableResult package func wait(for model: String) async throws -> LoadingReport {
        var watch = Watch(model: model)
        // Small models are ready in a blink, so the first looks are close together.
        var pause = min(0.02, intervalSeconds)
        while true {
            // The process is looked at before the question: what it answered last counts.
            let hasEnded = service.map { !$0.isRunning } ?? false
            let (health, status) = (await healthOf(model), await statusOf(model))
            if let status { watch.see(status) }
            if status != nil || health != nil { watch.lastAnswer = .now }
            if status?.status == "ready", health == nil || health == "ready" {
                return LoadingReport(
                    model: model, stages: watch.stages, seconds: watch.begun.secondsUntilNow,
                    loadSeconds: status?.loadSeconds)
            }
            if let reason = problem(watch, status, health, hasEnded) {
                throw LoadingFailure(
                    model: model, stage: watch.failedStage ?? watch.stages.last?.name ?? "starting", reason: reason,
                    logTail: service?.logExcerpt() ?? [])
            }
            if watch.lastNote.secondsUntilNow >= noteSeconds {
                watch.lastNote = .now
                log("\(model): \(watch.progress) for \(Int(watch.begun.secondsUntilNow)) s")
            }
            try await Task.sleep(for: .seconds(pause))
            pause = min(intervalSeconds, pause * 1.5)
        }
    }

    private func problem(_ watch: Watch, _ status: Status?, _ health: String?, _ hasEnded: Bool) -> String? {
        let seconds = watch.begun.secondsUntilNow
        if hasEnded { return "the service has ended (last seen: \(watch.progress))" }
        if let error = status?.error, status?.status == "failed" {
            return "failed (\(error.reason); \(error.action ?? "no action is named"))"
        }
        if watch.lastAnswer.secondsUntilNow > Self.silentSeconds {
            return "the service has answered neither /health nor /models/{name} for \(Int(Self.silentSeconds)) s "
                + "(last seen: \(watch.progress))"
        }
        if status?.status == "absent", let absent = watch.absentSince, absent.secondsUntilNow > Self.absentSeconds {
            return "is not being loaded: absent for \(Int(Self.absentSeconds)) s"
        }
        let limit =
            timeoutSeconds
            ?? Self.defaultTimeout(parameters: status?.parameters ?? 0, sizeBytes: status?.sizeBytes ?? 0)
        guard seconds > limit else { return nil }
        let contradiction = status?.status == "ready" ? "; /health says \(health ?? "nothing") of it" : ""
        return "not ready after \(String(format: "%g", limit)) s (last seen: \(watch.progress)\(contradiction))"
    }

    private func statusOf(_ model: String) async -> Status? {
        let path = model.addingPercentEncoding(withAllowedCharacters: Self.pathCharacters) ?? model
        return await get("/models/\(path)", Status.self)
    }

    /// What /health says of a model; nil if nothing.
    private func healthOf(_ model: String) async -> String? { await get("/health", Health.self)?.models[model]?.status }

    private static let pathCharacters = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: "/"))

    private func get<Value: Decodable>(_ path: String, _: Value.Type) async -> Value? {
        var client = client
        client.timeoutSeconds = 10
        guard let answer = try? await client.request("GET", path) else { return nil }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(Value.self, from: Data(answer.body))
    }

    private struct Health: Decodable {
        struct Model: Decodable { var status: String }
        var models: [String: Model]
    }

    fileprivate struct Status: Decodable {
        struct Loading: Decodable {
            var stage: String?
            var completedBytes: Int?
            var totalBytes: Int?
        }

        struct Failure: Decodable {
            var stage: String?
            var reason: String
            var action: String?
        }

        var status: String
        var parameters: Int?
        var sizeBytes: Int?
        var loadSeconds: Double?
        var loading: Loading?
        var error: Failure?
    }
}

/// What has been seen of a model on its way.
private struct Watch {
    let model: String
    let begun = ContinuousClock.now
    var lastNote = ContinuousClock.now
    var lastAnswer = ContinuousClock.now
    var absentSince: ContinuousClock.Instant?
    var failedStage: String?
    var stages: [LoadingReport.Stage] = []
    private var entered = ContinuousClock.now

    init(model: String) { self.model = model }

    /// The last stage with its bytes.
    var progress: String { stages.last?.description ?? "nothing" }

    mutating func see(_ status: ModelLoadingMonitor.Status) {
        absentSince = status.status == "absent" ? absentSince ?? .now : nil
        if status.status == "failed" {
            failedStage = status.error?.stage
            return
        }
        let name = status.loading?.stage ?? status.status
        if stages.last?.name != name {
            if !stages.isEmpty { stages[stages.count - 1].seconds = entered.secondsUntilNow }
            entered = .now
            stages.append(LoadingReport.Stage(name: name, seconds: 0))
        }
        let last = stages.count - 1
        stages[last].seconds = entered.secondsUntilNow
        stages[last].completedBytes = status.loading?.completedBytes ?? stages[last].completedBytes
        stages[last].totalBytes = status.loading?.totalBytes ?? stages[last].totalBytes
    }
}

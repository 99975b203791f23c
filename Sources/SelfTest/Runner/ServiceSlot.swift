internal import Foundation

/// The service of a group: started when it is first needed, replaced when it can no longer be used.
actor ServiceSlot {
    private let manager: ServiceManager
    private let models: [PortfolioModel]
    private let progress: @Sendable (String) -> Void
    private var current: ServiceUnderTest?
    private var failure: (any Error)?
    private var stopProblems: [(message: String, log: [String])] = []
    /// How long the first start took; nil if nothing was started yet.
    private(set) var startSeconds: Double?
    /// What was seen on the way to ready, at the first start.
    private(set) var startNotes: [String] = []

    init(manager: ServiceManager, models: [PortfolioModel], progress: @escaping @Sendable (String) -> Void) {
        (self.manager, self.models, self.progress) = (manager, models, progress)
    }

    /// A service with all its models ready.
    ///
    /// - Throws: why there is none. It is not tried again: what failed once after a long wait would do so each time.
    func service() async throws -> ServiceUnderTest {
        if let failure { throw failure }
        if let current { return current }
        let begun = ContinuousClock.now
        do {
            let process = try await manager.start(models: models.map(\.name))
            let service = ServiceUnderTest(process: process)
            current = service
            let reports = try await ModelLoadingMonitor(process, log: progress).wait(for: models.map(\.name))
            if startSeconds == nil {
                let loads = reports.map { report in
                    report.model + (report.loadSeconds.map { " \(String(format: "%.2f", $0)) s" } ?? "")
                }
                startNotes = ["loaded " + loads.joined(separator: ", ")]
            }
            startSeconds = startSeconds ?? begun.secondsUntilNow
            return service
        } catch {
            failure = error
            startSeconds = startSeconds ?? begun.secondsUntilNow
            await stop()
            throw error
        }
    }

    /// Stops the service unless the next case can use it.
    ///
    /// - Parameter isDoubtful: whether the last case may have changed it.
    func release(isDoubtful: Bool) async {
        guard let current, let process = current.process else { return }
        guard process.isRunning else { return await discard() }
        if isDoubtful, await !isWhole(current.client) { await stop() }
    }

    /// Stops the service whatever it does at the moment.
    func stop() async {
        guard let process = current?.process else { return }
        current = nil
        let hadEnded = !process.isRunning
        let report = await process.stop()
        // One that broke down has failed its case already.
        if hadEnded { return }
        var problem: String?
        if report.wasKilled {
            problem = "expected an end within 30 s of SIGTERM, found it still running: it was killed"
        } else if report.code != 0 {
            problem = "expected exit code 0 after SIGTERM, found \(report.code)"
        } else {
            var client = process.client
            client.timeoutSeconds = 2
            if let answer = try? await client.request("GET", "/health/live") {
                problem = "expected nobody to answer at \(client.baseURL) after the end, found HTTP \(answer.status)"
            }
        }
        if let problem {
            stopProblems.append((problem, process.logExcerpt(lines: 20)))
        }
    }

    /// Why a stop went wrong, at the first that did.
    var stopProblem: (message: String, log: [String])? { stopProblems.first }

    private func discard() async {
        await current?.process?.stop()
        current = nil
    }

    private struct Health: Decodable {
        struct Model: Decodable { var status: String }
        var models: [String: Model]
    }

    private func isWhole(_ client: ServiceClient) async -> Bool {
        var client = client
        client.timeoutSeconds = 10
        guard let answer = try? await client.request("GET", "/health"),
            let health = try? JSONDecoder().decode(Health.self, from: Data(answer.body))
        else { return false }
        return models.allSatisfy { health.models[$0.name]?.status == "ready" }
    }
}

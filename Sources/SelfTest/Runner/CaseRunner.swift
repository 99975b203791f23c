internal import Foundation
internal import Synchronization

/// Runs one case: within its time, and with an eye on the service that it is run on.
struct CaseRunner: Sendable {
    let portfolio: Portfolio
    let options: RunOptions
    /// The program's path; nil where only an address is known.
    let programPath: String?
    let keptLogs: String?
    private static let logLines = 20

    private enum Ending: Sendable {
        case passed
        case gated(String)
        case failed(String, [String])
        case late
    }

    /// What came of it, and whether the service can be used for the next.
    func run(_ planned: PlannedCase, on service: ServiceUnderTest?) async -> CaseResult {
        let program = programPath.map { ProgramUnderTest(path: $0, keptLogs: keptLogs) }
        let context = CaseContext(
            service: service, model: planned.model, portfolio: portfolio, program: program, baseline: options.baseline)
        let limit = options.caseTimeoutSeconds ?? Self.limit(planned)
        let begun = ContinuousClock.now
        var ending = await Self.race(limit) { try await planned.testCase.body(context) }
        let seconds = begun.secondsUntilNow
        if let process = service?.process { ending = await Self.judge(ending, process, planned.testCase) }
        var result: CaseResult
        switch ending {
        case .passed: result = CaseResult(planned, .passed, seconds: seconds)
        case .gated(let reason): result = CaseResult(planned, .gated, seconds: seconds, message: reason)
        case .late:
            result = CaseResult(
                planned, .failed, seconds: seconds,
                message: "expected an end within \(String(format: "%g", limit)) s, found it still under way")
        case .failed(let message, let evidence):
            result = CaseResult(planned, .failed, seconds: seconds, message: message)
            result.evidence = evidence
        }
        if result.outcome == .failed, let process = service?.process ?? program?.manager.latest {
            let log = process.logExcerpt(lines: Self.logLines)
            if !log.elementsEqual(result.evidence.suffix(log.count)) { result.log = log }
        }
        if let left = await program?.manager.stopAll(), left > 0 {
            context.note("services that the case left behind, stopped after it: \(left)")
        }
        result.notes = context.notes
        return result
    }

    /// A service that has ended is a failure of the case that it ended under, unless that is what the case does.
    private static func judge(_ ending: Ending, _ process: ManagedService, _ testCase: TestCase) async -> Ending {
        // A process that breaks down closes its connections first, and is gone a moment later.
        if case .passed = ending, process.isRunning { return ending }
        guard let code = await process.end(withinSeconds: 0.3) else { return ending }
        switch ending {
        case .passed where !testCase.isDestructive:
            return .failed("expected the service to run on, found that it ended with code \(code)", [])
        case .failed(let message, let evidence):
            return .failed("\(message); the service has ended with code \(code)", evidence)
        case .late:
            return .failed("the service has ended with code \(code), and the case waited for it in vain", [])
        default: return ending
        }
    }

    /// The time that a case may take where it does not say so itself. These limits end what hangs; they judge nothing.
    private static func limit(_ planned: PlannedCase) -> Double {
        if let seconds = planned.testCase.timeLimitSeconds { return seconds }
        let loading = ModelLoadingMonitor.defaultTimeout(
            parameters: planned.model?.parameters ?? 0, sizeBytes: planned.model?.sizeBytes ?? 0)
        if planned.testCase.suite == .performance { return 4 * loading }
        switch planned.testCase.subject {
        case .service, .model, .program: return loading
        case .ownServices, .programWithModel: return 3 * loading
        }
    }

    /// Runs the body until it ends or the time is over, whichever is first. A body that does not heed its cancellation is
    /// not waited for.
    private static func race(_ limit: Double, _ body: @escaping @Sendable () async throws -> Void) async -> Ending {
        let (endings, first) = AsyncStream<Ending>.makeStream()
        let work = Task {
            do {
                try await body()
                first.yield(.passed)
            } catch let gated as CaseGated {
                first.yield(.gated(gated.reason))
            } catch {
                first.yield(.failed("\(error)", (error as? any ExplainedFailure)?.evidence ?? []))
            }
        }
        let timer = Task {
            try await Task.sleep(for: .seconds(limit))
            first.yield(.late)
        }
        defer {
            timer.cancel()
            work.cancel()
        }
        for await ending in endings { return ending }
        return .late
    }
}

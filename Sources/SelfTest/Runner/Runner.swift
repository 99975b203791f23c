internal import Foundation

/// Runs the self-test: reads the portfolio, plans the cases, starts the services that they need, and gathers what came
/// of it.
package final class Runner: Sendable {
    /// What is tested.
    package enum Target: Sendable {
        /// A program, which is run as a command and started as a service; and the directory where the logs stay.
        case program(path: String, keptLogs: String?)
        /// A service that runs already.
        case service(ServiceClient)
    }

    /// The cases of all suites, in the order of the report.
    package static var allCases: [TestCase] {
        EndToEndSuite.cases + ParitySuite.cases + CommandLineSuite.cases + PerformanceSuite.cases
    }

    /// What the runner looks at besides, in every run.
    package static var builtInCases: [TestCase] { BuiltInCases.all }

    private let target: Target
    private let options: RunOptions
    private let cases: [TestCase]
    private let collector: ResultCollector

    /// A run.
    ///
    /// - Parameter observe: is told what happens, one event at a time.
    package init(
        target: Target, options: RunOptions, cases: [TestCase] = Runner.allCases,
        observe: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) {
        (self.target, self.options, self.cases) = (target, options, cases)
        collector = ResultCollector(options: options, observe: observe)
    }

    /// Finds out what is to be done.
    ///
    /// - Throws: `SelfTestError`, where the portfolio cannot be read or nothing is left after the filters;
    ///   `ServiceClient.Failure` where no service answers at the address.
    package func plan() async throws -> Plan {
        let reader = PortfolioReader(budget: options.budget, filter: options.filter)
        let plan: Plan
        switch target {
        case .program(let path, _):
            let (portfolio, sources) = try await reader.read(ProgramUnderTest(path: path))
            plan = Planner.plan(
                cases, portfolio: portfolio, options: options, isOurs: true, sources: sources,
                testedVersion: options.version)
        case .service(let client):
            let version = try await Self.version(client)
            plan = Planner.plan(
                cases, portfolio: try await reader.read(client), options: options, isOurs: false, sources: [],
                testedVersion: version ?? "unknown")
        }
        guard !plan.groups.isEmpty || !plan.gated.isEmpty else {
            let reasons = plan.leftOut.map { "\($0.count) cases left out: \($0.reason)" }
            throw SelfTestError.nothingPlanned(
                reasons.isEmpty ? "no case fits what was asked for" : reasons.joined(separator: "; "))
        }
        return plan
    }

    /// Does it.
    package func run(_ plan: Plan) async -> RunReport {
        let begun = ContinuousClock.now
        let sentinel: StoreSentinel? =
            if case .program = target { StoreSentinel(sources: plan.sources) } else { nil }
        for gated in plan.gated { collector.add(CaseResult(gated.planned, .gated, message: gated.reason)) }
        await runGroups(plan)
        if let sentinel { report(sentinel) }
        return RunReport(
            plan: plan, results: collector.results.sorted { $0.index < $1.index }, notRun: collector.notRun,
            seconds: begun.secondsUntilNow)
    }

    /// Ends a run early: nothing is reported any more, and all that was started is stopped. Returns when nothing is left.
    package func interrupt() async {
        collector.close()
        await ChildRegistry.shared.close()
        TemporaryDirectory.removeAll()
    }

    private func runGroups(_ plan: Plan) async {
        let cases = caseRunner(plan)
        var waiting = plan.groups[...]
        await withTaskGroup(of: PlannedGroup.self) { tasks in
            var running: [PlannedGroup] = []
            while true {
                while let next = waiting.first, mayBegin(next, beside: running) {
                    waiting.removeFirst()
                    running.append(next)
                    let runner = GroupRunner(
                        group: next, cases: cases, collector: collector, options: options, given: given)
                    tasks.addTask {
                        await runner.run()
                        return next
                    }
                }
                guard let done = await tasks.next() else { return }
                if let index = running.firstIndex(where: { $0.cases[0].index == done.cases[0].index }) {
                    running.remove(at: index)
                }
            }
        }
    }

    /// Together, the models of what runs side by side must fit the budget, too.
    private func mayBegin(_ next: PlannedGroup, beside running: [PlannedGroup]) -> Bool {
        if running.isEmpty { return true }
        guard running.count < options.jobs, !next.isAlone, !running.contains(where: \.isAlone) else { return false }
        return running.reduce(next.memoryBytes) { $0 + $1.memoryBytes } <= options.budget.bytes
    }

    private var given: ServiceUnderTest? {
        if case .service(let client) = target { ServiceUnderTest(client: client) } else { nil }
    }

    private func caseRunner(_ plan: Plan) -> CaseRunner {
        switch target {
        case .program(let path, let keptLogs):
            CaseRunner(portfolio: plan.portfolio, options: options, programPath: path, keptLogs: keptLogs)
        case .service:
            CaseRunner(portfolio: plan.portfolio, options: options, programPath: nil, keptLogs: nil)
        }
    }

    private func report(_ sentinel: StoreSentinel) {
        let changes = sentinel.changes()
        guard !changes.isEmpty || options.matchesPattern(BuiltInCases.store) else { return }
        var result = CaseResult(
            BuiltInCases.planned(BuiltInCases.store, nil, index: .max), changes.isEmpty ? .passed : .failed,
            message: changes.isEmpty
                ? nil
                : "expected the model store to be as it was, found \(changes.count) changes, by this run or another")
        result.evidence = changes
        result.notes = changes.isEmpty ? ["\(sentinel.count) files as they were"] : []
        collector.add(result)
    }

    private struct Version: Decodable { var version: String }

    private static func version(_ client: ServiceClient) async throws -> String? {
        let answer = try await client.request("GET", "/version")
        return (try? JSONDecoder().decode(Version.self, from: Data(answer.body)))?.version
    }
}

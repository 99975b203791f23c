/// The report for programs: what `svc selftest --json` has as its `data`. Keys are written in snake case.
package struct JSONReport: Sendable, Encodable {
    private struct Model: Sendable, Encodable {
        var name: String
        var task: String
        var memoryBytes: Int
        /// Why it takes no part; absent where it does.
        var gated: String?
    }

    private struct LeftOut: Sendable, Encodable {
        var count: Int
        var reason: String
    }

    private var version: String
    private var testedVersion: String
    private var url: String?
    private var passed: Int
    private var failed: Int
    private var gated: Int
    private var notRun: Int
    private var seconds: Double
    private var models: [Model]
    private var leftOut: [LeftOut]
    private var cases: [CaseResult]

    /// The report of a run.
    ///
    /// - Parameter url: the address of the service, where it was running before.
    package init(_ report: RunReport, version: String, url: String?) {
        (self.version, testedVersion, self.url) = (version, report.plan.testedVersion, url)
        (passed, failed, gated) = (report.count(.passed), report.count(.failed), report.count(.gated))
        (notRun, seconds) = (report.notRun, report.seconds)
        let portfolio = report.plan.portfolio
        models =
            portfolio.models.map { Model(name: $0.name, task: $0.task.rawValue, memoryBytes: $0.memoryBytes) }
            + portfolio.gated.map { entry in
                Model(
                    name: entry.model.name, task: entry.model.task.rawValue, memoryBytes: entry.model.memoryBytes,
                    gated: entry.reason)
            }
        leftOut = report.plan.leftOut.map { LeftOut(count: $0.count, reason: $0.reason) }
        cases = report.results
    }
}

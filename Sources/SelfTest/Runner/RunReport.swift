/// How a case ended.
package enum CaseOutcome: String, Sendable, Encodable {
    /// All was well.
    case passed
    /// Something was not.
    case failed
    /// This machine does not have what it needs.
    case gated
}

/// What is known of a case that has been run, or could not be.
package struct CaseResult: Sendable, Encodable {
    /// The suite.
    package var suite: String
    /// Its name.
    package var name: String
    /// What it protects from.
    package var purpose: String
    /// The model that it was run for; nil for a case without one.
    package var model: String?
    /// How it ended.
    package var outcome: CaseOutcome
    /// How long it took.
    package var seconds: Double
    /// Why it failed, or what is missing; nil where it passed.
    package var message: String?
    /// Raw bytes that show it.
    package var evidence: [String]
    /// The last lines of the service's log, where it failed.
    package var log: [String]
    /// What it wrote down: figures, choices.
    package var notes: [String]
    /// Where it stands in the report.
    var index = 0

    private enum CodingKeys: String, CodingKey {
        case suite, name, purpose, model, outcome, seconds, message, evidence, log, notes
    }

    init(_ planned: PlannedCase, _ outcome: CaseOutcome, seconds: Double = 0, message: String? = nil) {
        (suite, name) = (planned.testCase.suite.rawValue, planned.testCase.name)
        (purpose, model, index) = (planned.testCase.purpose, planned.model?.name, planned.index)
        (self.outcome, self.seconds, self.message) = (outcome, seconds, message)
        (evidence, log, notes) = ([], [], [])
    }
}

/// All that a run has found.
package struct RunReport: Sendable {
    /// What was planned.
    package var plan: Plan
    /// The cases in the order of the suites.
    package var results: [CaseResult]
    /// How many cases were not begun because an earlier one had failed.
    package var notRun: Int
    /// How long it took in all.
    package var seconds: Double

    /// How many ended so.
    package func count(_ outcome: CaseOutcome) -> Int { results.count { $0.outcome == outcome } }

    /// Whether everything that was planned ran and passed.
    package var isSuccess: Bool { count(.failed) == 0 && notRun == 0 && count(.passed) > 0 }

    /// `N passed, N failed, N gated`
    package var totals: String { "\(count(.passed)) passed, \(count(.failed)) failed, \(count(.gated)) gated" }
}

/// What happens during a run, for those who watch it.
package enum RunEvent: Sendable {
    /// A case has ended.
    case ended(CaseResult)
    /// A line about something that takes its time.
    case progress(String)
}

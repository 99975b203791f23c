/// The suites of `svc selftest`.
package enum Suite: String, CaseIterable, Sendable {
    /// Every route and method, with good and bad input, on every model.
    case endToEnd = "e2e"
    /// The same answer by every way there is to it.
    case parity
    /// Every command, its exit codes and its JSON.
    case commandLine = "cli"
    /// Times and memory, against a recorded baseline.
    case performance
}

/// What a model is for, as `svc list --json` says it.
package enum ModelTask: String, CaseIterable, Sendable {
    case translation, generation, embedding
    case languageIdentification = "language-identification"
}

/// What a case needs besides its subject. Where the portfolio does not have it, the case is planned as `gated`, with the
/// reason: it is neither run nor left out silently.
package enum CaseNeed: Sendable, Equatable {
    /// A model for the task.
    case task(ModelTask)
    /// So many models for the task.
    case several(ModelTask, Int)
    /// A model that translates from the first language to the second.
    case translation(String, String)
}

/// Thrown by a case that finds, when it runs, that this machine does not have what it needs: it is reported as `gated`
/// with the reason.
package struct CaseGated: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is missing.
    package var reason: String

    /// What is missing.
    package init(_ reason: String) { self.reason = reason }

    package var description: String { reason }
}

/// One thing that has to hold of a service.
package struct TestCase: Sendable {
    /// What a case is run on.
    package enum Subject: Sendable {
        /// Once, on a service with the small models of the portfolio.
        case service
        /// Once for each model of the portfolio with one of the tasks, on a service of its own.
        case model(Set<ModelTask>)
        /// Once, on services that the case itself starts.
        case ownServices
        /// Once, on the program, without a service.
        case program
        /// Once for each model of the portfolio with one of the tasks, on the program.
        case programWithModel(Set<ModelTask>)
    }

    /// Where it belongs.
    package let suite: Suite
    /// Its name, unique in its suite: words in lower case, with dots and underscores (`translate.batch_order`).
    package let name: String
    /// What it protects from, in one line.
    package let purpose: String
    /// What it is run on.
    package let subject: Subject
    /// Whether it changes the service for others (unloads, stops, damages): left out on a service that is not ours.
    package let isDestructive: Bool
    /// Whether it belongs to the quick profile.
    package let isQuick: Bool
    /// What it needs besides its subject.
    package let needs: [CaseNeed]
    /// Seconds that it may take; nil for what its subject allows.
    package let timeLimitSeconds: Double?
    /// What is done. Returns where all is well, and throws `CaseFailure` where something is not.
    package let body: @Sendable (CaseContext) async throws -> Void

    /// A case.
    package init(
        _ suite: Suite, _ name: String, _ purpose: String, on subject: Subject, isDestructive: Bool = false,
        isQuick: Bool = false, needs: [CaseNeed] = [], timeLimitSeconds: Double? = nil,
        _ body: @escaping @Sendable (CaseContext) async throws -> Void
    ) {
        (self.suite, self.name, self.purpose, self.subject) = (suite, name, purpose, subject)
        (self.isDestructive, self.isQuick, self.needs) = (isDestructive, isQuick, needs)
        (self.timeLimitSeconds, self.body) = (timeLimitSeconds, body)
    }
}

/// An error that brings what shows it.
package protocol ExplainedFailure: Error {
    /// Lines for the report.
    var evidence: [String] { get }
}

/// Why a case failed: what was expected and what was found, so that nobody has to run it again to understand it.
package struct CaseFailure: Error, Sendable, CustomStringConvertible, ExplainedFailure {
    /// What is wrong, with what was expected and what came.
    package var message: String
    /// Raw bytes that show it (a request and its answer, a piece of a stream), for the report.
    package var evidence: [String]

    /// A failure.
    package init(_ message: String, evidence: [String] = []) { (self.message, self.evidence) = (message, evidence) }

    package var description: String { message }
}

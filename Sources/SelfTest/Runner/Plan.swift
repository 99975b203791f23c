/// A case with the model that it is run for.
package struct PlannedCase: Sendable {
    /// The case.
    package let testCase: TestCase
    /// The model, for a case that is run for each.
    package let model: PortfolioModel?
    /// Where it stands in the report.
    package let index: Int
}

/// What shares a service, and is done one after the other.
struct PlannedGroup: Sendable {
    enum Server: Sendable {
        /// Its cases need none, or start their own.
        case none
        /// One that we start with these models.
        case started([PortfolioModel])
        /// One that was there before.
        case given
    }

    var server: Server
    /// What it is called in reports; nil for the service with the small models.
    var model: PortfolioModel?
    var cases: [PlannedCase]
    /// Whether nothing else may run beside it, because it measures.
    var isAlone: Bool

    /// Bytes of memory that its models take.
    var memoryBytes: Int {
        guard case .started(let models) = server else { return model?.memoryBytes ?? 0 }
        return models.reduce(0) { $0 + $1.memoryBytes }
    }
}

/// All that a run will do, and all that it will not do and why.
package struct Plan: Sendable {
    /// A case that cannot be run on this machine.
    package struct Gated: Sendable {
        /// The case.
        package var planned: PlannedCase
        /// What is missing.
        package var reason: String
    }

    /// Cases that are not part of this run.
    package struct LeftOut: Sendable, Equatable {
        /// How many those are.
        package var count: Int
        /// Why.
        package var reason: String
    }

    /// The models of the machine that take part.
    package var portfolio: Portfolio
    /// What will be run.
    package var cases: [PlannedCase] { groups.flatMap(\.cases) }
    /// What cannot be run.
    package var gated: [Gated] = []
    /// What is not part of it.
    package var leftOut: [LeftOut] = []
    /// Where the models come from, for the sentinel.
    var sources: [String] = []
    /// What the service tells of its version, where it is not ours; else that of this program.
    package var testedVersion: String
    var groups: [PlannedGroup] = []
}

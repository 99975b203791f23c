/// What the runner itself looks at in every run, whatever is selected. Where a pattern selects other cases, these are
/// reported only if they fail.
enum BuiltInCases {
    static let start = testCase(
        "server.start", "a service that does not start, or a model that does not come to be ready")
    static let stop = testCase(
        "server.stop", "a service that ignores SIGTERM, ends with an error, or leaves its port open")
    static let store = testCase("store.read_only", "a model store that is written to by a run that should only read it")

    static var all: [TestCase] { [start, stop, store] }

    /// - Parameter index: where it stands in the report.
    static func planned(_ testCase: TestCase, _ model: PortfolioModel?, index: Int) -> PlannedCase {
        PlannedCase(testCase: testCase, model: model, index: index)
    }

    private static func testCase(_ name: String, _ purpose: String) -> TestCase {
        TestCase(.endToEnd, name, purpose, on: .service, isQuick: true) { _ in }
    }
}

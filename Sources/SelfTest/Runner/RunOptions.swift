/// What is run, and how.
package struct RunOptions: Sendable {
    /// The suites; all where empty.
    package var suites: Set<Suite> = []
    /// The models that cases are run for.
    package var filter = PortfolioFilter()
    /// Names of cases, with `*` for anything: `translate.*`, `e2e/translate.*`. A pattern without `*` may be a part of
    /// the name. All where empty.
    package var patterns: [String] = []
    /// Whether only the cases of the quick profile are run.
    package var isQuick = false
    /// Whether what is gated counts as failed.
    package var requiresAll = false
    /// Whether nothing new is begun after the first failure.
    package var failsFast = false
    /// How many services are tested at once.
    package var jobs = 1
    /// What is known of broken models.
    package var knownBad = KnownBad()
    /// The recorded figures.
    package var baseline = BaselineChoice()
    /// How much memory models may take.
    package var budget = MemoryBudget.ofThisMachine()
    /// Seconds that a case may take, whatever it says itself; nil to leave it at that.
    package var caseTimeoutSeconds: Double?
    /// The version of this program.
    package var version: String

    /// The default profile.
    package init(version: String) { self.version = version }

    func accepts(_ testCase: TestCase) -> Bool {
        (suites.isEmpty || suites.contains(testCase.suite)) && (!isQuick || testCase.isQuick)
            && matchesPattern(testCase)
    }

    func matchesPattern(_ testCase: TestCase) -> Bool {
        let name = "\(testCase.suite.rawValue)/\(testCase.name)"
        return patterns.isEmpty
            || patterns.contains { pattern in
                pattern.contains("*")
                    ? Glob.matches(pattern, name) || Glob.matches(pattern, testCase.name) : name.contains(pattern)
            }
    }
}

/// Patterns with `*` for any run of characters.
enum Glob {
    static func matches(_ pattern: String, _ text: String) -> Bool {
        let pieces = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else { return pattern == text }
        guard text.hasPrefix(first), text.utf8.count >= first.utf8.count + last.utf8.count else { return false }
        var rest = text.dropFirst(first.count).dropLast(last.count)
        guard text.hasSuffix(last) else { return false }
        for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
            guard let found = rest.firstRange(of: piece) else { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }
}

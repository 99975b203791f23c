/// Something about a translation that its reader should know.
package struct TranslationWarning: Sendable, Equatable {
    /// What kind.
    package enum Kind: String, Sendable {
        /// The output repeats itself, as models do when they lose the thread.
        case loop = "repetition"
        /// The output was cut at the length limit, before the model ended it.
        case runaway = "length_limit"
    }

    /// What kind.
    package var kind: Kind
    /// A sentence for people.
    package var message: String

    /// A warning.
    package init(kind: Kind, message: String) { (self.kind, self.message) = (kind, message) }
}

/// Notices an output that is not a translation but a model gone astray.
package enum DegenerationGuard {
    private static let longestPeriod = 16
    /// A run is suspicious when it repeats this often more than the source itself repeats anything.
    private static let excessRepeats = 4

    /// The warnings for one sentence.
    package static func warnings(source: [Int32], hypothesis: Hypothesis) -> [TranslationWarning] {
        var warnings: [TranslationWarning] = []
        let repeats = mostRepeats(hypothesis.tokens)
        if repeats >= mostRepeats(source) + excessRepeats {
            warnings.append(
                TranslationWarning(kind: .loop, message: "the output repeats the same words \(repeats) times in a row"))
        }
        if hypothesis.reachedLimit {
            warnings.append(
                TranslationWarning(
                    kind: .runaway,
                    message: "the output was cut at \(hypothesis.tokens.count) tokens, the limit for its source"))
        }
        return warnings
    }

    /// How often the most repeated run of up to 16 tokens stands in a row; 1 if none repeats.
    static func mostRepeats(_ tokens: [Int32]) -> Int {
        var most = 1
        for period in 1...longestPeriod where period < tokens.count {
            var run = 0
            for index in period..<tokens.count {
                run = tokens[index] == tokens[index - period] ? run + 1 : 0
                most = max(most, run / period + 1)
            }
        }
        return most
    }
}

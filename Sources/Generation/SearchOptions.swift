/// How a translation is searched for.
package struct SearchOptions: Sendable, Equatable {
    /// Hypotheses kept at each step; 1 is greedy search.
    package var beamSize: Int
    /// Hypotheses returned, best first, at most `beamSize`.
    package var results: Int
    /// A finished hypothesis is compared by its log-probability divided by length^lengthPenalty.
    package var lengthPenalty: Float
    /// At most ceil(factor · source length) tokens are generated, the source's end token counted.
    package var maximumLengthFactor: Float
    /// At least this many tokens before the end token may come: for benchmarks.
    package var minimumTokens: Int
    /// A further bound on the tokens generated; nil for none.
    package var maximumTokens: Int?
    /// Whether greedy search computes log-probabilities, which beam search always does.
    package var scores: Bool

    /// Greedy search with the published models' own limits.
    package init(
        beamSize: Int = 1, results: Int = 1, lengthPenalty: Float = 1, maximumLengthFactor: Float = 2.5,
        minimumTokens: Int = 0, maximumTokens: Int? = nil, scores: Bool = false
    ) {
        precondition(beamSize >= 1 && (1...beamSize).contains(results), "a beam of \(beamSize) for \(results) results")
        self.beamSize = beamSize
        self.results = results
        self.lengthPenalty = lengthPenalty
        self.maximumLengthFactor = maximumLengthFactor
        self.minimumTokens = minimumTokens
        self.maximumTokens = maximumTokens
        self.scores = scores
    }

    /// The most tokens generated for a source of `sourceLength` tokens, its end token counted.
    package func limit(sourceLength: Int) -> Int {
        let limit = max(1, Int((maximumLengthFactor * Float(sourceLength)).rounded(.up)))
        return max(minimumTokens, min(limit, maximumTokens ?? limit))
    }
}

/// One translation of one sentence.
package struct Hypothesis: Sendable, Equatable {
    /// The target tokens, without the end token.
    package var tokens: [Int32]
    /// Σ log p over the tokens and the end token, where it was computed.
    package var logProbability: Float?
    /// What hypotheses are compared by: logProbability / length^lengthPenalty.
    package var score: Float?
    /// The length limit was reached before the end token came.
    package var reachedLimit: Bool

    /// A translation of target tokens, the end token left out.
    package init(tokens: [Int32], logProbability: Float?, score: Float?, reachedLimit: Bool) {
        self.tokens = tokens
        self.logProbability = logProbability
        self.score = score
        self.reachedLimit = reachedLimit
    }
}

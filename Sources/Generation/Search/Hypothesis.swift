/// One translation of one sentence.
package struct Hypothesis: Sendable, Equatable {
    /// The target tokens, without the end token.
    package var tokens: [Int32]
    /// Σ log p over the tokens and the end token, where it was computed.
    package var logProbability: Float?
    /// What hypotheses are compared by: logProbability / length^lengthPenalty.
    package var score: Float?
    /// It ends without an end token: the length limit came first, or no token was possible.
    package var reachedLimit: Bool
    /// The end token that came.
    package var endToken: Int32?
    /// What each token translates, where the request asks for it.
    package var links: [TokenAlignment.Link] = []

    /// A translation of target tokens, the end token left out.
    package init(
        tokens: [Int32], logProbability: Float?, score: Float?, reachedLimit: Bool, endToken: Int32? = nil
    ) {
        self.tokens = tokens
        self.logProbability = logProbability
        self.score = score
        self.reachedLimit = reachedLimit
        self.endToken = endToken
    }
}

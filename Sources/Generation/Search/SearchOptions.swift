/// How a translation is searched for. The defaults are greedy search as Marian does it.
package struct SearchOptions: Sendable, Equatable {
    /// Which of two families of beam search. Greedy search, a beam of 1, is the same in both.
    package enum Style: Sendable, Equatable {
        /// Marian's, as the Bergamot models are made for: a hypothesis that ends leaves the beam, which shrinks by it.
        case marian
        /// That of transformers: the beam keeps its width, and the best hypotheses that ended are kept in a pool of the
        /// same size.
        case pooled
    }

    /// When a pooled search whose pool is full stops.
    package enum EarlyStopping: Sendable, Equatable {
        /// At once: `early_stopping` true.
        case whenFull
        /// When no live hypothesis would be better than the worst of the pool if it ended now: `early_stopping` false.
        case atPresentLength
        /// When none can become better at any length that is allowed, supposing it loses nothing on the way:
        /// `early_stopping` "never".
        case never
    }

    /// Hypotheses kept at each step; 1 is greedy search.
    package var beamSize: Int
    /// Hypotheses returned, best first, at most `beamSize`. There may be fewer, but never none.
    package var results: Int
    /// A finished hypothesis is compared by its log-probability divided by length^lengthPenalty, the end token counted.
    package var lengthPenalty: Float
    /// At most ceil(factor · source length) tokens are generated, the source's end token counted; infinite for no such
    /// bound.
    package var maximumLengthFactor: Float
    /// At least this many tokens before an end token may come.
    package var minimumTokens: Int
    /// A further bound on the tokens generated, the end token counted; nil for none.
    package var maximumTokens: Int?
    /// Whether greedy search computes log-probabilities, which beam search always does.
    package var scores: Bool
    /// The family of beam search.
    package var style: Style
    /// When a pooled search stops; of no effect in Marian's.
    package var earlyStopping: EarlyStopping
    /// No sequence of so many tokens comes twice; 0 for no such rule.
    package var noRepeatNgramSize: Int
    /// Above 1, what was generated is less probable to come again (`RepetitionPenalty`).
    package var repetitionPenalty: Float
    /// The token that every translation begins with, such as that of its language. Its probability does not count.
    package var forcedFirstToken: Int32?
    /// The token that comes last where the limit is reached; nil for what the model says. Its probability does not count.
    package var forcedLastToken: Int32?
    /// Tokens that are never generated, besides those that the model names. End tokens among them are not banned.
    package var bannedTokens: [Int32]
    /// The tokens that end a translation; empty for the model's own.
    package var endTokens: [Int32]
    /// Whether beam search makes the probabilities sum to 1 again after the rules above have changed them.
    package var renormalizes: Bool

    /// The bound where there is no other.
    package static let unboundedLimit = 1024

    /// Greedy search with the published models' own limits.
    package init(
        beamSize: Int = 1, results: Int = 1, lengthPenalty: Float = 1, maximumLengthFactor: Float = 2.5,
        minimumTokens: Int = 0, maximumTokens: Int? = nil, scores: Bool = false, style: Style = .marian,
        earlyStopping: EarlyStopping = .atPresentLength, noRepeatNgramSize: Int = 0, repetitionPenalty: Float = 1,
        forcedFirstToken: Int32? = nil, forcedLastToken: Int32? = nil, bannedTokens: [Int32] = [],
        endTokens: [Int32] = [], renormalizes: Bool = false
    ) {
        precondition(beamSize >= 1 && (1...beamSize).contains(results), "a beam of \(beamSize) for \(results) results")
        self.beamSize = beamSize
        self.results = results
        self.lengthPenalty = lengthPenalty
        self.maximumLengthFactor = maximumLengthFactor
        self.minimumTokens = minimumTokens
        self.maximumTokens = maximumTokens
        self.scores = scores
        self.style = style
        self.earlyStopping = earlyStopping
        self.noRepeatNgramSize = noRepeatNgramSize
        self.repetitionPenalty = repetitionPenalty
        self.forcedFirstToken = forcedFirstToken
        self.forcedLastToken = forcedLastToken
        self.bannedTokens = bannedTokens
        self.endTokens = endTokens
        self.renormalizes = renormalizes
    }

    /// The most tokens generated for a source of `sourceLength` tokens, its end token counted. In Marian's style a
    /// minimum above the maximum raises it; in the other the maximum wins.
    package func limit(sourceLength: Int) -> Int {
        let scaled = (maximumLengthFactor * Float(sourceLength)).rounded(.up)
        let byLength = scaled < Float(Int32.max) ? Int(max(1, scaled)) : nil
        let limit = [byLength, maximumTokens].compactMap(\.self).min() ?? Self.unboundedLimit
        return style == .marian ? max(minimumTokens, limit) : max(1, limit)
    }
}

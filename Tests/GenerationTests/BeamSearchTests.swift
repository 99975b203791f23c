import Architectures
import Compute
import Foundation
import Generation
import Testing

/// What a search does with its options and with what a model should not but may say.
@Suite struct BeamSearchTests {
    static let styles: [SearchOptions.Style] = [.marian, .pooled]

    /// Greedy and beam search of both styles, at most 6 tokens.
    static let searches: [SearchOptions] = [1, 3].flatMap { beam in
        styles.map {
            SearchOptions(
                beamSize: beam, results: beam, maximumLengthFactor: .infinity, maximumTokens: 6, scores: true, style: $0
            )
        }
    }

    /// A model that says the same at each step; 3 is the end.
    static func model(
        _ logits: [Float], startToken: Int32? = nil, bannedTokens: [Int32] = [], maximumTargetLength: Int = .max
    ) -> ScriptedModel {
        ScriptedModel(
            vocabularySize: logits.count, startToken: startToken, bannedTokens: bannedTokens,
            maximumTargetLength: maximumTargetLength
        ) { _, _ in logits }
    }

    static let plain = model([0.5, 9, 1, 0, 3, 2, 2.5, -1])

    // MARK: Options

    @Test(arguments: searches) func theModelsBannedTokensAreNotGenerated(options: SearchOptions) {
        let logits: [Float] = [0.5, 9, 1, 0, 3, 2, 2.5, -1]
        for hypothesis in Self.model(logits, bannedTokens: [1, 4]).run(options) {
            #expect(!hypothesis.tokens.contains(1) && !hypothesis.tokens.contains(4))
        }
        var more = options
        more.bannedTokens = [6, 3]
        let found = Self.model(logits, bannedTokens: [1, 4]).run(more)[0]
        #expect(!found.tokens.contains(6))
    }

    @Test(arguments: searches) func theForcedFirstTokenComesFirstAndCostsNothing(options: SearchOptions) {
        var options = options
        options.forcedFirstToken = 7
        options.maximumTokens = 1
        let found = Self.plain.run(options)
        #expect(found.map(\.tokens) == [[7]])
        #expect(found[0].logProbability == 0)
        options.maximumTokens = 6
        let longer = Self.plain.run(options)
        #expect(longer.count == options.results)
        for hypothesis in longer { #expect(hypothesis.tokens.first == 7) }
    }

    /// A language's token need not be among the words that a shortlist offers.
    @Test(arguments: searches) func forcedTokensNeedNotBeCandidates(options: SearchOptions) {
        var options = options
        options.forcedFirstToken = 7
        options.forcedLastToken = 3
        options.maximumTokens = 3
        let found = Self.plain.run(options, candidates: [2, 4, 5])
        for hypothesis in found {
            #expect(hypothesis.tokens.count == 2)
            #expect(hypothesis.tokens[0] == 7 && hypothesis.endToken == 3)
            #expect([2, 4, 5].contains(hypothesis.tokens[1]))
        }
    }

    @Test(arguments: searches) func aForcedTokenThatDoesNotExistEndsTheSearch(options: SearchOptions) {
        for token in [Int32(8), -1, .max] {
            var options = options
            options.forcedFirstToken = token
            #expect(Self.plain.run(options).map(\.tokens) == [[]])
        }
    }

    @Test func aTokenIsNotRepeatedThatMayNotBe() {
        let greedy = SearchOptions(maximumLengthFactor: .infinity, maximumTokens: 5, noRepeatNgramSize: 1)
        // The best tokens, each once, until the end is the best that is left.
        #expect(Self.plain.run(greedy)[0].tokens == [1, 4, 6, 5, 2])
        // The start token counts as generated.
        let started = Self.model([0.5, 9, 1, 0, 3, 2, 2.5, -1], startToken: 4)
        #expect(started.run(greedy)[0].tokens == [1, 6, 5, 2, 0])
        var pairs = greedy
        pairs.noRepeatNgramSize = 2
        #expect(Self.plain.run(pairs)[0].tokens == [1, 1, 4, 1, 6])
        // Now the sequence begins 4 1 1 4, and 1 and 4 may not follow 4 but once.
        #expect(started.run(pairs)[0].tokens == [1, 1, 4, 4, 6])
    }

    @Test func aRepeatedTokenIsPenalised() {
        // 9 / 4 is below 3, 3 / 4 below 2.5, and so on; the penalty does not add up.
        let options = SearchOptions(
            maximumLengthFactor: .infinity, maximumTokens: 7, scores: true, repetitionPenalty: 4)
        let found = Self.plain.run(options)[0]
        #expect(found.tokens == [1, 4, 6, 1, 1, 1, 1])
        // The log-probability is the model's own.
        let total = log([0.5, 9, 1, 0, 3, 2, 2.5, -1].map(exp).reduce(0, +))
        let wanted = Float(9 * 5 + 3 + 2.5 - 7 * total)
        #expect(abs((found.logProbability ?? 0) - wanted) < 1e-4)
    }

    @Test(arguments: styles) func theMinimumHolds(style: SearchOptions.Style) {
        let model = Self.model([0, 0, 0, 9, 1])
        for beam in [1, 2] {
            var options = SearchOptions(beamSize: beam, minimumTokens: 2, maximumTokens: 6, style: style)
            let found = model.run(options)[0]
            #expect(found.tokens == [4, 4] && found.endToken == 3 && !found.reachedLimit)
            options.minimumTokens = 0
            #expect(model.run(options)[0].tokens.isEmpty)
        }
    }

    @Test func limits() {
        func limit(_ source: Int, _ options: SearchOptions) -> Int { options.limit(sourceLength: source) }
        #expect(limit(4, SearchOptions()) == 10)
        #expect(limit(4, SearchOptions(maximumTokens: 7)) == 7)
        #expect(limit(4, SearchOptions(minimumTokens: 30, maximumTokens: 7)) == 30)
        #expect(limit(4, SearchOptions(minimumTokens: 30, maximumTokens: 7, style: .pooled)) == 7)
        #expect(limit(4, SearchOptions(maximumLengthFactor: .infinity, maximumTokens: 7)) == 7)
        #expect(limit(4, SearchOptions(maximumLengthFactor: .infinity)) == SearchOptions.unboundedLimit)
        #expect(limit(4, SearchOptions(maximumLengthFactor: .nan)) == SearchOptions.unboundedLimit)
        #expect(limit(4, SearchOptions(maximumLengthFactor: -1e30)) == 1)
        #expect(limit(4, SearchOptions(maximumTokens: -7, style: .pooled)) == 1)
    }

    @Test(arguments: searches) func theModelsOwnLimitHolds(options: SearchOptions) {
        let model = Self.model([0, 0, 0, -9, 1], maximumTargetLength: 2)
        for hypothesis in model.run(options) { #expect(hypothesis.tokens.count == 2 && hypothesis.reachedLimit) }
    }

    // MARK: Choosing among many

    /// Where the best are does not matter, nor how many there are: against a sort of all.
    @Test(arguments: [1, 127, 128, 129, 1000, 4097, 20_000], ["rising", "falling", "level", "scattered", "holes"])
    func theBestOfManyAreFound(vocabularySize: Int, shape: String) {
        let logits = (0..<vocabularySize).map { index -> Float in
            switch shape {
            case "rising": Float(index) / 4096
            case "falling": -Float(index) / 4096
            case "level": 1
            case "holes": index % 3 == 0 ? -.infinity : Float(index % 7)
            default: Float(index &* 2_654_435_761 % 65_536) / 8192
            }
        }
        // A score is rounded; on a tie the lower token comes first.
        let total = ComputeBackend().logSumExp(logits, count: logits.count)
        let wanted = logits.indices.filter { logits[$0] > -.infinity }.sorted {
            let (a, b) = (logits[$0] - total, logits[$1] - total)
            return a == b ? $0 < $1 : a > b
        }
        let model = ScriptedModel(vocabularySize: vocabularySize, endOfSequence: -1) { _, _ in logits }
        for style in Self.styles {
            for beam in [2, 5, 30] {
                let options = SearchOptions(beamSize: beam, results: beam, maximumTokens: 1, style: style)
                let found = model.run(options)
                let best = wanted.prefix(beam).map { [Int32($0)] }
                #expect(found.map(\.tokens) == (best.isEmpty ? [[]] : best), "\(style)")
            }
        }
        let greedy = model.run(SearchOptions(maximumTokens: 1))[0].tokens
        #expect(greedy == (wanted.isEmpty ? [] : [Int32(wanted[0])]))
    }

    // MARK: Hostile models

    @Test(arguments: searches) func aBeamWiderThanTheVocabulary(options: SearchOptions) {
        var options = options
        options.beamSize = options.beamSize == 1 ? 1 : 64
        options.results = options.beamSize
        let found = ScriptedModel(vocabularySize: 4) { _, _ in [1, 2, 3, 0] }.run(options)
        #expect(!found.isEmpty)
        #expect(Set(found.map { $0.tokens + [$0.endToken ?? -1] }).count == found.count)
        for hypothesis in found { #expect(hypothesis.score?.isFinite == true) }
    }

    @Test(arguments: searches) func whereAllIsBannedTheSearchEnds(options: SearchOptions) {
        var options = options
        options.minimumTokens = 3
        options.bannedTokens = (0..<8).map { Int32($0) }
        let found = Self.plain.run(options)
        #expect(found.map(\.tokens) == [[]])
        #expect(found[0].reachedLimit)
        options.renormalizes = true
        #expect(Self.plain.run(options) == found)
    }

    @Test(arguments: searches) func withoutCandidatesTheSearchEnds(options: SearchOptions) {
        #expect(Self.plain.run(options, candidates: []).map(\.tokens) == [[]])
    }

    @Test(arguments: searches, [Float.nan, .infinity, -.infinity])
    func impossibleLogitsEndTheSearch(options: SearchOptions, value: Float) {
        for position in [0, 2] {
            let model = ScriptedModel(vocabularySize: 8) { _, tokens in
                tokens.count < position
                    ? [0, 0, 0, -9, 2, 1, 0.5, 0] : [Float](repeating: value, count: 8)
            }
            let found = model.run(options)
            #expect(!found.isEmpty)
            #expect(found[0].tokens == [Int32](repeating: 4, count: position))
            #expect(found[0].reachedLimit)
            for hypothesis in found { #expect(hypothesis.score?.isNaN != true) }
        }
    }

    /// A hypothesis with NaN ends unseen while the others go on.
    @Test func oneRowOfNaNsEndsOneHypothesis() {
        let model = ScriptedModel(vocabularySize: 6) { _, tokens in
            if tokens == [4] { return [Float](repeating: .nan, count: 6) }
            return tokens.count < 3 ? [0, 0, 0, -9, 2, 1.5] : [-9, -9, -9, 9, 0, 0]
        }
        for style in Self.styles {
            let found = model.run(
                SearchOptions(beamSize: 3, maximumLengthFactor: .infinity, maximumTokens: 8, style: style))[0]
            #expect(found.tokens == [5, 4, 4])
            #expect(found.endToken == 3)
        }
    }

    @Test(arguments: searches) func aSingleNaNIsNotChosen(options: SearchOptions) {
        let found = Self.model([0, .nan, 2, -3, 1]).run(options)
        #expect(found[0].tokens == [2, 2, 2, 2, 2, 2])
        for hypothesis in found {
            #expect(!hypothesis.tokens.contains(1))
            #expect(hypothesis.score?.isFinite == true)
        }
    }

    /// A cancelled sentence leaves; the others find what they would have found.
    @Test(arguments: searches) func aCancelledSentenceLeaves(options: SearchOptions) {
        let requests = (0..<3).map { SearchRequest(source: [Int32($0)], candidates: nil, options: options) }
        let alone = Self.plain.run(requests)
        var looks = 0
        let found = BatchSearch.run(requests, model: Self.plain, workspace: Workspace()) { sentence in
            looks += 1
            return sentence == 1 && looks > 4
        }
        #expect(found[0] == alone[0] && found[2] == alone[2])
    }

    /// The pool keeps what was best whichever of the three ways it stops.
    @Test func earlyStoppingTradesTimeForScore() {
        // The end is possible at once, and much better later.
        let model = ScriptedModel(vocabularySize: 6) { _, tokens in
            [0, 0, 0, tokens.count < 5 ? 4.5 : 20, 4, 4]
        }
        func best(_ stopping: SearchOptions.EarlyStopping) -> (score: Float, length: Int) {
            let options = SearchOptions(
                beamSize: 2, lengthPenalty: 2, maximumLengthFactor: .infinity, maximumTokens: 12, style: .pooled,
                earlyStopping: stopping)
            let found = model.run(options)[0]
            return (found.score ?? -.infinity, found.tokens.count)
        }
        #expect(best(.whenFull).length < best(.never).length)
        #expect(best(.whenFull).score < best(.never).score)
        #expect(best(.atPresentLength).score <= best(.never).score)
    }
}

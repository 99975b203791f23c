import Compute
import Foundation
import Generation
import TestSupport
import Testing

/// Greedy and pooled beam search against `generate()` of transformers over the same made-up logits; models/search has
/// what the fixture says.
@Suite struct BeamSearchParityTests {
    struct Fixture: Decodable {
        var start: Int32
        var probe: [Float]
        var cases: [Case]
    }

    struct Case: Decodable {
        struct Found: Decodable {
            var ids: [Int32]
            var score: Float?
        }

        var seed: UInt64
        var vocabulary: Int
        var ends: [Int32]
        var beams: Int
        var newTokens: Int
        var lengthPenalty: Float
        var earlyStopping: EarlyStopping
        var noRepeatNgram: Int
        var repetitionPenalty: Float
        var forcedFirst: Int32?
        var forcedLast: Int32?
        var banned: [Int32]
        var minimum: Int
        var renormalize: Bool
        var count: Int
        var hypotheses: [Found]

        var options: SearchOptions {
            SearchOptions(
                beamSize: beams, results: count, lengthPenalty: lengthPenalty, maximumLengthFactor: .infinity,
                minimumTokens: minimum, maximumTokens: newTokens, style: .pooled,
                earlyStopping: earlyStopping.option, noRepeatNgramSize: noRepeatNgram,
                repetitionPenalty: repetitionPenalty, forcedFirstToken: forcedFirst, forcedLastToken: forcedLast,
                bannedTokens: banned, endTokens: ends, renormalizes: renormalize)
        }

        /// The source names the case, for the model to know it by.
        func request(_ index: Int) -> SearchRequest {
            SearchRequest(source: [Int32(index)], candidates: nil, options: options)
        }
    }

    /// `true`, `false` or `"never"`.
    struct EarlyStopping: Decodable {
        var option: SearchOptions.EarlyStopping

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flag = try? container.decode(Bool.self) {
                option = flag ? .whenFull : .atPresentLength
            } else {
                option = try container.decode(String.self) == "never" ? .never : .whenFull
            }
        }
    }

    static func fixture() throws -> Fixture { try Fixtures.json("search/pooled.json") }

    static func model(
        _ fixture: Fixture, pool: ThreadPool? = nil, backend: ComputeBackend = ComputeBackend()
    ) -> ScriptedModel {
        ScriptedModel(vocabularySize: 1000, startToken: fixture.start, pool: pool, backend: backend) {
            source, tokens in
            let one = fixture.cases[Int(source[0])]
            let row = HashedLogits.row(
                seed: one.seed, tokens: tokens, vocabularySize: one.vocabulary, ends: one.ends)
            // The batch's vocabulary is the largest of the cases'; what a case does not have is impossible.
            return row + [Float](repeating: -.infinity, count: 1000 - row.count)
        }
    }

    @Test func theLogitsAreThoseOfTheReference() throws {
        #expect(
            HashedLogits.row(seed: 1, tokens: [4, 9], vocabularySize: 24, ends: [3]) == (try Self.fixture()).probe)
    }

    @Test(arguments: InstructionSet.available) func equalsTransformers(set: InstructionSet) throws {
        let fixture = try Self.fixture()
        #expect(fixture.cases.count >= 600)
        let model = Self.model(fixture, backend: ComputeBackend(instructionSet: set))
        for (index, one) in fixture.cases.enumerated() {
            let found = model.run([one.request(index)])[0]
            #expect(
                found.map { $0.tokens + ($0.endToken.map { [$0] } ?? []) } == one.hypotheses.map(\.ids), "case \(index)"
            )
            #expect(found.allSatisfy { $0.reachedLimit == ($0.endToken == nil) })
            for (hypothesis, wanted) in zip(found, one.hypotheses) {
                guard let score = wanted.score else { continue }
                let difference = abs((hypothesis.score ?? .nan) - score)
                #expect(difference <= 1e-5 * max(1, abs(score)), "case \(index): \(difference)")
            }
        }
    }

    /// All cases in one batch, with threads and without, in any order.
    @Test func theCompanyMakesNoDifference() throws {
        let fixture = try Self.fixture()
        let pool = ThreadPool(threads: 3)
        defer { pool.stop() }
        let requests = fixture.cases.enumerated().map { $1.request($0) }
        let alone = Self.model(fixture).run(requests)
        #expect(alone == requests.map { Self.model(fixture).run([$0])[0] })
        #expect(Self.model(fixture, pool: pool).run(requests) == alone)
        #expect(Self.model(fixture, pool: pool).run(requests.reversed()) == alone.reversed())
    }

    /// Candidates are a smaller vocabulary with other names.
    @Test func candidatesAreASmallerVocabulary() throws {
        let fixture = try Self.fixture()
        let candidates = (0..<1000).map { Int32($0) * 3 + 1 }
        func named(_ token: Int32) -> Int32 { token * 3 + 1 }
        let small = Self.model(fixture)
        let large = ScriptedModel(vocabularySize: 3001, startToken: named(fixture.start)) { source, tokens in
            let one = fixture.cases[Int(source[0])]
            let row = HashedLogits.row(
                seed: one.seed, tokens: tokens.map { ($0 - 1) / 3 }, vocabularySize: one.vocabulary, ends: one.ends)
            var all = [Float](repeating: 50, count: 3001)
            for token in 0..<1000 { all[token * 3 + 1] = token < row.count ? row[token] : -.infinity }
            return all
        }
        for (index, one) in fixture.cases.enumerated() where index % 3 == 0 {
            var request = one.request(index)
            let wanted = small.run([request])[0].map { hypothesis in
                var renamed = hypothesis
                renamed.tokens = hypothesis.tokens.map(named)
                renamed.endToken = hypothesis.endToken.map(named)
                return renamed
            }
            request.candidates = candidates
            request.options.forcedFirstToken = one.forcedFirst.map(named)
            request.options.forcedLastToken = one.forcedLast.map(named)
            request.options.bannedTokens = one.banned.map(named)
            request.options.endTokens = one.ends.map(named)
            #expect(large.run([request])[0] == wanted, "case \(index)")
        }
    }
}

import Architectures
import Compute
import Foundation
import Generation
import TestSupport
import Testing
import Tokenizers

/// The real models against Bergamot's own engine.
@Suite struct BergamotParityTests {
    /// Roundings that fall on the other side make long outputs differ now and then, so whole texts are compared by BLEU.
    @Test(arguments: [("english", "firefox-en-pt"), ("pt-en", "firefox-pt-en")])
    func translationsAreThoseOfTheEngine(fixture: String, name: String) throws {
        let sentences: BergamotFixture = try Fixtures.json("bergamot/\(fixture).json")
        let firefox = try FirefoxModel(name)
        // The engine splits its input into sentences; here each line goes through our own pipeline.
        let outputs = sentences.sentences.map { sentence in
            let plan = firefox.pipeline.plan(sentence.source)
            let units = plan.units.map { SearchRequest(source: $0, candidates: firefox.shortlist.candidates(for: $0)) }
            let texts = firefox.run(units).map { firefox.tokenizer.decode($0[0].tokens) }
            return firefox.pipeline.assemble(plan, texts: texts)
        }
        let bleu = corpusBLEU(outputs, references: sentences.sentences.map(\.bergamot))
        #expect(bleu >= 97, "BLEU \(bleu)")
    }

    struct Forced: Decodable {
        struct Sentence: Decodable {
            var model: String
            var source: String
            var sourceIds: [Int32]
            var targetIds: [Int32]
            var candidateCount: Int
            var logProbs: [Float]
            /// No small disturbance moves a rounding of this sentence to the other side.
            var stable: Bool
            /// The engine's own numbers, the mean over the tokens of each word, and those tokens.
            var words: [[Int]]
            var engineWordLogprobs: [Float]
        }

        var sentences: [Sentence]
    }

    /// Log-probabilities of given translations, token by token, against the reference and against the engine itself. In a
    /// sentence where a rounding can fall on the other side the two go apart from there on, so it is compared up to the
    /// first such token.
    @Test func forcedLogProbabilitiesAreThoseOfTheEngine() throws {
        let fixture: Forced = try Fixtures.json("bergamot/forced.json")
        #expect(fixture.sentences.count >= 40)
        var tokens = 0, flipped = 0, stable = 0
        for name in ["firefox-en-pt", "firefox-pt-en"] {
            let firefox = try FirefoxModel(name)
            for sentence in fixture.sentences where sentence.model.hasPrefix(name) {
                let request = firefox.request(sentence.source)
                #expect(request.source == sentence.sourceIds)
                #expect(request.candidates?.count == sentence.candidateCount)
                let found = BatchSearch.forcedLogProbabilities(
                    request, target: sentence.targetIds, model: firefox.model, workspace: Workspace())
                #expect(found.count == sentence.logProbs.count)
                let same = zip(found, sentence.logProbs).prefix { abs($0 - $1) < 1e-4 }.count
                tokens += same
                if same < found.count { flipped += 1 }
                guard sentence.stable else { continue }
                stable += 1
                #expect(same == found.count, "\(sentence.source)")
                for (word, logProbability) in zip(sentence.words, sentence.engineWordLogprobs) {
                    let mean = found[word[0]..<word[1]].reduce(0, +) / Float(word[1] - word[0])
                    #expect(abs(mean - logProbability) < 1e-4, "\(sentence.source)")
                }
            }
        }
        #expect(stable >= 15, "\(stable) stable sentences")
        #expect(tokens >= 500, "\(tokens) tokens compared")
        #expect(flipped * 4 <= fixture.sentences.count, "\(flipped) sentences with a flip")
    }
}

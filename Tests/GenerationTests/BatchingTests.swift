import Architectures
import Compute
import Foundation
import Generation
import TestSupport
import Testing
import Tokenizers

/// The same request gives the same tokens, whatever shares its batch, whatever the processor.
@Suite struct BatchingTests {
    static let sentences = [
        "Yes.", "The children were playing in the garden when it started to rain.",
        "She had lived in three countries before she was ten years old, and spoke four languages.",
        "Where is the nearest train station?", "I don't think that's what he meant.", "Prices rose by 3.5% in May.",
        "Although the committee had promised to publish its findings by the end of the month, nothing was heard of them "
            + "until a journalist, working from documents that had been left on a bench in a park, printed them in full.",
        "Stop!", "“Who told you that?” he asked.", "The quick brown fox jumps over the lazy dog.",
    ]

    @Test func aloneEqualsInABatchInAnyOrder() throws {
        let firefox = try FirefoxModel("firefox-en-pt")
        for options in [SearchOptions(), SearchOptions(beamSize: 4, results: 3)] {
            let requests = Self.sentences.map { firefox.request($0, options: options) }
            let alone = requests.map { firefox.run([$0])[0] }
            #expect(firefox.run(requests) == alone)
            #expect(firefox.run(requests.reversed()) == alone.reversed())
        }
    }

    @Test func greedyAndBeamShareABatch() throws {
        let firefox = try FirefoxModel("firefox-en-pt")
        let requests = Self.sentences.enumerated().map { index, text in
            firefox.request(text, options: SearchOptions(beamSize: index % 3 + 1))
        }
        #expect(firefox.run(requests) == requests.map { firefox.run([$0])[0] })
    }

    @Test func everyInstructionSetGivesTheSameTokensAndScores() throws {
        let options = SearchOptions(scores: true)
        var results: [[[Hypothesis]]] = []
        for set in InstructionSet.available {
            let firefox = try FirefoxModel("firefox-en-pt", backend: ComputeBackend(instructionSet: set))
            results.append(firefox.run(Self.sentences.map { firefox.request($0, options: options) }))
        }
        #expect(results.allSatisfy { $0 == results.first })
    }

    /// OpenBLAS does the same integer sums exactly; its attention differs in the last bits.
    @Test func openBLASAgrees() throws {
        let native = try FirefoxModel("firefox-en-pt")
        let blas = try FirefoxModel("firefox-en-pt", backend: ComputeBackend(products: .openblas))
        let same = zip(native.translate(Self.sentences), blas.translate(Self.sentences)).count { $0 == $1 }
        #expect(same >= Self.sentences.count - 1)
        let request = native.request(Self.sentences[1])
        let target = native.run([request])[0][0].tokens + [native.model.endOfSequence]
        func forced(_ firefox: FirefoxModel) -> [Float] {
            BatchSearch.forcedLogProbabilities(request, target: target, model: firefox.model, workspace: Workspace())
        }
        for (a, b) in zip(forced(native), forced(blas)) { #expect(abs(a - b) < 0.05) }
    }

    @Test func beamOfOneIsGreedy() throws {
        let firefox = try FirefoxModel("firefox-pt-en")
        let texts = ["Bom dia.", "O comboio chega às três da tarde.", "Não sei o que ele queria dizer com isso."]
        // A beam of two whose second place is unused must begin with what greedy search finds or something better.
        let greedy = firefox.run(texts.map { firefox.request($0, options: SearchOptions(scores: true)) })
        let beam = firefox.run(texts.map { firefox.request($0, options: SearchOptions(beamSize: 4, results: 4)) })
        for (one, four) in zip(greedy, beam) {
            #expect((four[0].score ?? -.infinity) >= (one[0].score ?? 0) - 1e-5)
            #expect(four.map { $0.score ?? 0 } == four.map { $0.score ?? 0 }.sorted(by: >))
            #expect(Set(four.map(\.tokens)).count == four.count)
        }
    }

    @Test func theLengthLimitHolds() throws {
        let firefox = try FirefoxModel("firefox-en-pt")
        let options = SearchOptions(maximumTokens: 3)
        for options in [options, SearchOptions(beamSize: 3, maximumTokens: 3)] {
            let result = firefox.run([firefox.request(Self.sentences[2], options: options)])[0][0]
            #expect(result.tokens.count == 3)
            #expect(result.reachedLimit)
        }
        let forced = firefox.run([firefox.request("Yes.", options: SearchOptions(minimumTokens: 30, maximumTokens: 30))]
        )
        #expect(forced[0][0].tokens.count == 30)
    }
}

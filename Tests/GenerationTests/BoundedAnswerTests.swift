import Architectures
import Checkpoints
import TestSupport
import Testing
import Tokenizers

@testable import Generation

/// Answers of a model with a large vocabulary, whose logits are bounded instead of computed: the same tokens.
@Suite struct BoundedAnswerTests {
    private static let prompts = [
        "The history of bread begins in the Middle East, where", "def fibonacci(n):", "Der alte Mann und",
        "1, 2, 3, 5, 8, 13,",
    ]

    /// With log-probabilities every logit is computed; without, none but the largest once a few tokens have been written.
    @Test func theTokensAreThoseOfAllLogits() async throws {
        let harness = try GenerationHarness(try InstalledModels.file("model", of: "gemma-3-270m"))
        for text in Self.prompts {
            let prompt = harness.batcher.tokenizer.encode(text, allowSpecial: false)
            let length = 120
            func answer(topLogprobs: Int?) async throws -> [Int32] {
                var request = GenerationHarness.greedy(prompt, maxTokens: length) { $0.ignoresEndOfGeneration = true }
                request.topLogprobs = topLogprobs
                return try await harness.run(request).answers[0].ids
            }
            let bounded = try await answer(topLogprobs: nil)
            #expect(bounded.count == length)
            #expect(try await answer(topLogprobs: 0) == bounded, "\(text)")
            #expect(try await answer(topLogprobs: nil) == bounded, "\(text), with bounds from the first token on")
        }
    }

    /// Filters that leave a few tokens look at no others, and the draws are the same.
    @Test(arguments: [(topK: 40, topP: 0.95, minP: 0.0), (1, 1, 0), (0, 1, 0.05), (64, 1, 0.02)])
    func sampledTokensAreThoseOfAllLogits(topK: Int, topP: Double, minP: Double) async throws {
        let harness = try GenerationHarness(try InstalledModels.file("model", of: "gemma-3-270m"))
        let prompt = harness.batcher.tokenizer.encode("Once upon a time", allowSpecial: false)
        func answer(topLogprobs: Int?) async throws -> [Int32] {
            var request = GenerationHarness.greedy(prompt, maxTokens: 120) { $0.ignoresEndOfGeneration = true }
            (request.sampling.temperature, request.sampling.seed) = (0.9, 7)
            (request.sampling.topK, request.sampling.topP, request.sampling.minP) = (topK, topP, minP)
            request.topLogprobs = topLogprobs
            return try await harness.run(request).answers[0].ids
        }
        let bounded = try await answer(topLogprobs: nil)
        #expect(bounded.count == 120)
        #expect(try await answer(topLogprobs: 0) == bounded)
        #expect(try await answer(topLogprobs: nil) == bounded, "with bounds from the first token on")
    }

    /// What forbids tokens or moves logits needs them all.
    @Test func otherRequestsSeeAllLogits() async throws {
        let harness = try GenerationHarness(try InstalledModels.file("model", of: "gemma-3-270m"))
        let prompt = harness.batcher.tokenizer.encode("The capital of France is", allowSpecial: false)
        let plain = GenerationHarness.greedy(prompt, maxTokens: 100) { $0.ignoresEndOfGeneration = true }
        let ids = try await harness.run(plain).answers[0].ids
        var biased = plain
        biased.sampling.logitBias = [ids[0]: -100]
        let other = try await harness.run(biased).answers[0].ids
        #expect(other[0] != ids[0])
        var penalised = plain
        penalised.sampling.frequencyPenalty = 1
        let varied = try await harness.run(penalised).answers[0].ids
        #expect(Set(varied).count > Set(ids).count, "repetition is punished")
    }
}

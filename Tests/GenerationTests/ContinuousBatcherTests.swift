import Architectures
import Compute
import Foundation
import Generation
import TestSupport
import Testing
import Tokenizers

/// The batcher on small models: what every request gets, whoever else is there.
@Suite struct ContinuousBatcherTests {
    private func continuations(_ name: String) throws -> [DecoderFixture.Continuation] {
        try #require(DecoderFixture("tiny/\(name)").greedy)
    }

    @Test(arguments: DecoderFixture.tinyModels)
    func answersAreThoseOfTheReferenceAloneAndTogether(name: String) async throws {
        let harness = try GenerationHarness.tiny(name)
        let continuations = try continuations(name)
        for continuation in continuations {
            let answer = try await harness.greedy(continuation.promptIds, maxTokens: continuation.ids.count)
            #expect(answer.ids == continuation.ids, "\(name) \(continuation.name) alone")
            #expect(answer.text == continuation.output, "\(name) \(continuation.name)")
        }
        try await withThrowingTaskGroup(of: (String, [Int32], [Int32]).self) { group in
            for round in 0..<4 {
                for continuation in continuations {
                    group.addTask {
                        let answer = try await harness.greedy(
                            continuation.promptIds, maxTokens: continuation.ids.count)
                        return ("\(continuation.name) \(round)", answer.ids, continuation.ids)
                    }
                }
            }
            for try await (what, ids, expected) in group { #expect(ids == expected, "\(name) \(what)") }
        }
    }

    @Test(arguments: [ComputeBackend(), tiles].compactMap(\.self))
    func aKnownPrefixIsNotComputedAgainAndChangesNothing(backend: ComputeBackend) async throws {
        for name in ["gemma3", "llama-tied", "qwen3"] {
            let harness = try GenerationHarness.tiny(name, backend: backend)
            let ids = try #require(DecoderFixture("tiny/\(name)").sequences?.last?.ids)
            let prompt = Array((ids + ids).prefix(130))
            let cold = try await harness.run(GenerationHarness.greedy(prompt, maxTokens: 40) { $0.topLogprobs = 3 })
            let computed = harness.batcher.counters.promptTokens
            let warm = try await harness.run(GenerationHarness.greedy(prompt, maxTokens: 40) { $0.topLogprobs = 3 })
            #expect(cold.usage.cachedTokens == 0)
            #expect(warm.usage.cachedTokens == 128, "\(name): all whole pages before the last token")
            #expect(harness.batcher.counters.promptTokens - computed == 2)
            #expect(warm.answers == cold.answers, "\(name): the same bits")
            // What was generated is a prefix of the next turn.
            let next = prompt + cold.answers[0].ids + ids.prefix(5)
            let turn = try await harness.run(GenerationHarness.greedy(next, maxTokens: 8) { $0.topLogprobs = 0 })
            let fresh = try GenerationHarness.tiny(name, backend: backend)
            let again = try await fresh.run(GenerationHarness.greedy(next, maxTokens: 8) { $0.topLogprobs = 0 })
            // Where prompts have products of their own, what was generated is not a prompt's.
            #expect(backend.splitsPrompts ? turn.usage.cachedTokens == 128 : turn.usage.cachedTokens > 128)
            #expect(turn.answers == again.answers, "\(name): a generated prefix gives the same bits as a read one")
        }
    }

    @Test func aCacheTooSmallForAllMakesAnswersWaitAndNotWrong() async throws {
        var limits = ContinuousBatcher.Limits()
        limits.cacheBytes = 1
        let tight = try GenerationHarness.tiny("llama-tied", limits: limits)
        let roomy = try GenerationHarness.tiny("llama-tied")
        let prompts = try continuations("llama-tied").map(\.promptIds)
        try await withThrowingTaskGroup(of: (Int, GenerationHarness.Answer).self) { group in
            for (index, prompt) in (prompts + prompts + prompts).enumerated() {
                group.addTask {
                    (
                        index % prompts.count,
                        try await tight.greedy(prompt, maxTokens: 100) { $0.ignoresEndOfGeneration = true }
                    )
                }
            }
            for try await (index, answer) in group {
                let expected = try await roomy.greedy(prompts[index], maxTokens: 100) {
                    $0.ignoresEndOfGeneration = true
                }
                #expect(answer.ids == expected.ids)
            }
        }
        #expect(tight.batcher.counters.preemptions > 0, "the test is about answers that give up their place")
        #expect(tight.batcher.openRequests == 0)
    }

    @Test func severalAnswersShareThePromptAndDiffer() async throws {
        let harness = try GenerationHarness.tiny("qwen2")
        var request = GenerationRequest(prompt: Array((1...70).map { Int32($0 + 20) }))
        request.choices = 4
        request.maxTokens = 20
        request.sampling.seed = 7
        request.ignoresEndOfGeneration = true
        let first = try await harness.run(request)
        #expect(Set(first.answers.map(\.ids)).count == 4)
        #expect(first.answers.allSatisfy { $0.ids.count == 20 && $0.finish == .length })
        #expect(first.usage.completionTokens == 80 && first.usage.promptTokens == 70)
        // 64 of the 70 tokens are whole pages, which three answers share.
        #expect(harness.batcher.counters.promptTokens == 70 + 3 * 6)
        let second = try await harness.run(request)
        #expect(second.answers == first.answers, "the same seed, the same answers")
        request.sampling.seed = 8
        #expect(try await harness.run(request).answers.map(\.ids) != first.answers.map(\.ids))
    }

    @Test func stopStringsAreNeverShown() async throws {
        let harness = try GenerationHarness.tiny("llama-tied")
        let continuation = try continuations("llama-tied")[0]
        let text = Array(continuation.output.unicodeScalars)
        for (from, length) in [(0, 1), (3, 2), (2, 20), (text.count - 2, 2)] where from + length <= text.count {
            var stop = String.UnicodeScalarView()
            stop.append(contentsOf: text[from..<from + length])
            let answer = try await harness.greedy(continuation.promptIds, maxTokens: continuation.ids.count) {
                $0.stop = ["never in it", String(stop)]
            }
            let range = try #require(Array(continuation.output.utf8).firstRange(of: Array(String(stop).utf8)))
            #expect(Array(answer.text.utf8) == Array(continuation.output.utf8.prefix(range.lowerBound)))
            #expect(answer.finish == .stopString(String(stop)))
        }
    }

    @Test func endTokensEndUnlessToldOtherwise() async throws {
        let harness = try GenerationHarness.tiny("qwen3-tools")
        let ends = harness.batcher.tokenizer.endOfGeneration
        // An end token that is forced by its bias.
        let end = try #require(ends.min())
        let forced: (inout GenerationRequest) -> Void = { $0.sampling.logitBias = [end: 100] }
        let prompt = try continuations("qwen3-tools")[0].promptIds
        let answer = try await harness.greedy(prompt, maxTokens: 9, forced)
        #expect(answer == .init(text: "", ids: [end], finish: .endOfGeneration(end)))
        let ignored = try await harness.greedy(prompt, maxTokens: 9) {
            forced(&$0)
            $0.ignoresEndOfGeneration = true
        }
        #expect(ignored.ids == Array(repeating: end, count: 9) && ignored.text.isEmpty && ignored.finish == .length)
        let later = try await harness.greedy(prompt, maxTokens: 9) {
            forced(&$0)
            $0.minTokens = 4
        }
        #expect(later.ids.count == 5 && later.ids.dropLast().allSatisfy { !ends.contains($0) })
        #expect(later.finish == .endOfGeneration(end))
    }

    @Test func logprobsOfPromptAndAnswerAreThoseOfTheModel() async throws {
        let harness = try GenerationHarness.tiny("qwen3")
        let fixture = try DecoderFixture("tiny/qwen3")
        let sequence = try #require(fixture.sequences?.first { $0.ids.count == 17 })
        let result = try await harness.run(
            GenerationHarness.greedy(sequence.ids, maxTokens: 2) {
                $0.topLogprobs = 5
                $0.wantsPromptLogprobs = true
            })
        #expect(result.prompt.map(\.id) == sequence.ids)
        #expect(result.prompt[0].top.isEmpty)
        for (position, logits) in zip(sequence.positions, sequence.logits) {
            let total = logits.map { Double($0) }.logSumExp
            let token = position + 1 < result.prompt.count ? result.prompt[position + 1] : result.answers[0].logprobs[0]
            #expect(abs(Double(logits[Int(token.id)]) - total - Double(token.logprob)) < 1e-3)
            let best = logits.indices.sorted { logits[$0] > logits[$1] }.prefix(5).map(Int32.init)
            #expect(token.top.map(\.id) == best)
        }
        #expect(result.answers[0].logprobs.count == 2)
    }

    @Test func whoGoesAwayFreesItsPlaceAtTheNextStep() async throws {
        var limits = ContinuousBatcher.Limits()
        limits.sequences = 1
        let harness = try GenerationHarness.tiny("llama-tied", limits: limits)
        let prompt = try continuations("llama-tied")[0].promptIds
        let endless = GenerationHarness.greedy(prompt, maxTokens: 200) { $0.ignoresEndOfGeneration = true }
        do {
            var events = try harness.batcher.submit(endless).makeAsyncIterator()
            _ = try await events.next()
            _ = try await events.next()
        }
        // The only place is free again, or this would never be answered.
        let answer = try await harness.greedy(prompt, maxTokens: 3)
        #expect(answer.ids.count == 3)
        let task = Task { try await harness.run(endless) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        _ = try await harness.greedy(prompt, maxTokens: 1)
        #expect(harness.batcher.openRequests == 0)
    }

    @Test func aSlowReaderHoldsBackItsOwnAnswerOnly() async throws {
        var limits = ContinuousBatcher.Limits()
        limits.sequences = 1
        limits.unreadEvents = 4
        let harness = try GenerationHarness.tiny("llama-tied", limits: limits)
        let prompt = try continuations("llama-tied")[0].promptIds
        let request = GenerationHarness.greedy(prompt, maxTokens: 150) { $0.ignoresEndOfGeneration = true }
        let slow = try harness.batcher.submit(request)
        // It has the only place, and gives it up while nobody reads.
        let other = try await harness.greedy(prompt, maxTokens: 30) { $0.ignoresEndOfGeneration = true }
        #expect(other.ids.count == 30)
        #expect(harness.batcher.counters.generatedTokens < 60, "nothing is generated for who does not read")
        var ids: [Int32] = []
        for try await event in slow { if case .piece(let piece) = event { ids += piece.ids } }
        #expect(ids.count == 150 && Array(ids.prefix(30)) == other.ids)
    }

    @Test func whatCannotBeContinuedIsRefusedWithTheNumbers() async throws {
        let harness = try GenerationHarness.tiny("llama-tied")
        let context = harness.batcher.contextTokens
        func refusal(_ prompt: [Int32], _ change: (inout GenerationRequest) -> Void = { _ in }) -> GenerationError? {
            var request = GenerationRequest(prompt: prompt)
            change(&request)
            do {
                _ = try harness.batcher.submit(request)
                return nil
            } catch {
                return error as? GenerationError
            }
        }
        #expect(refusal([]) == .emptyPrompt)
        let full = Array(repeating: Int32(40), count: context)
        #expect(refusal(full) == .contextOverflow(promptTokens: context, contextTokens: context))
        #expect("\(refusal(full)!)".contains("\(context)"))
        #expect(
            refusal(Array(full.dropLast(10))) { $0.maxTokens = 11 }
                == .answerOverflow(promptTokens: context - 10, maxTokens: 11, contextTokens: context))
        #expect(refusal([-1]) == .idOutsideVocabulary(id: -1, count: harness.batcher.tokenizer.vocabularySize))
        #expect(refusal([1 << 30]) != nil)
        #expect(refusal([40]) { $0.sampling.logitBias = [999_999: 1] } != nil)
        // Up to the last place of the context there is an answer.
        let last = try await harness.run(GenerationRequest(prompt: Array(full.dropLast())))
        #expect(last.answers[0].ids.count == 1)
    }

    @Test func aFullQueueAndAModelThatIsClosedSaySo() async throws {
        var limits = ContinuousBatcher.Limits()
        limits.requests = 2
        let harness = try GenerationHarness.tiny("llama-tied", limits: limits)
        let request = GenerationHarness.greedy([40], maxTokens: 200) { $0.ignoresEndOfGeneration = true }
        let first = try harness.batcher.submit(request)
        let second = try harness.batcher.submit(request)
        #expect(throws: QueueFullError.self) { try harness.batcher.submit(request) }
        harness.batcher.close()
        for events in [first, second] {
            await #expect(throws: CancellationError.self) { for try await _ in events {} }
        }
        #expect(throws: CancellationError.self) { try harness.batcher.submit(request) }
    }

    @Test func aGrammarBindsTheAnswer() async throws {
        let harness = try GenerationHarness.tiny("qwen3-tools")
        let schema = try TemplateValue(
            json:
                #"{"type":"object","properties":{"colour":{"enum":["red","green"]},"n":{"type":"integer"}},"required":["colour","n"],"additionalProperties":false}"#
        )
        for seed in 0..<8 {
            var request = GenerationRequest(prompt: [60, 61])
            request.grammar = try Grammar(jsonSchema: schema)
            request.sampling.seed = UInt64(seed)
            request.maxTokens = 200
            let answer = try await harness.run(request).answers[0]
            let value = try TemplateValue(json: answer.text)
            guard case .dictionary(let object) = value else {
                Issue.record("\(answer.text) is no object")
                continue
            }
            #expect([.string("red"), .string("green")].contains(object["colour"]))
            guard case .int = object["n"] else {
                Issue.record("\(answer.text) has no integer n")
                continue
            }
            #expect(answer.finish != .length)
        }
    }
}

extension [Double] {
    fileprivate var logSumExp: Double {
        let top = self.max() ?? 0
        return top + Foundation.log(map { Foundation.exp($0 - top) }.reduce(0, +))
    }
}

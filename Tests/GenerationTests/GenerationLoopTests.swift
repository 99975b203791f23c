import Architectures
import Checkpoints
import Compute
import TestSupport
import Testing
import Tokenizers

@testable import Generation

/// What the model's thread does, step by step.
@Suite struct GenerationLoopTests {
    private let pool = ThreadPool(threads: 1)

    private func loop(_ name: String, _ change: (inout ContinuousBatcher.Limits) -> Void) throws -> GenerationLoop {
        let checkpoint = try GGUFCheckpoint(path: DecoderFixture.tinyPath(name))
        var limits = ContinuousBatcher.Limits()
        change(&limits)
        let pool = pool
        let model = try CausalModelFamily.model(
            checkpoint, interleaver: { $0.interleaved(on: ComputeBackend(), pool) })
        return GenerationLoop(
            model: model, tokenizer: try GGUFTokenizer.tokenizer(checkpoint.metadata),
            contextTokens: model.configuration.contextTokens, limits: limits,
            resources: ComputeResources(backend: ComputeBackend(), pool: pool, workspace: Workspace()))
    }

    private func request(_ prompt: [Int32], maxTokens: Int) -> ActiveRequest {
        ActiveRequest(
            GenerationHarness.greedy(prompt, maxTokens: maxTokens) { $0.ignoresEndOfGeneration = true },
            GenerationChannel {})
    }

    private func prompt(_ count: Int, _ seed: Int) -> [Int32] {
        (0..<count).map { Int32(($0 * 7 + seed * 13) % 200 + 30) }
    }

    @Test func longPromptsDoNotHoldUpAShortOne() throws {
        let loop = try loop("qwen3-tools") { $0.stepTokens = 64 }
        let long = (0..<4).map { request(prompt(1000, $0), maxTokens: 1) }
        loop.enqueue(long)
        _ = loop.step()
        let short = request(prompt(12, 9), maxTokens: 1)
        loop.enqueue([short])
        let ended = loop.step()
        #expect(ended.count == 1 && ended[0] === short, "its prompt is read within the first step it takes part in")
        var steps = 2
        while loop.hasWork {
            _ = loop.step()
            steps += 1
        }
        #expect(long.allSatisfy { $0.open == 0 })
        #expect(steps >= 4 * 1000 / 64, "no step reads more than its share")
    }

    @Test func answersAreWrittenAtEveryStepWhileAPromptIsRead() throws {
        let loop = try loop("qwen3-tools") { $0.stepTokens = 64 }
        let writer = request(prompt(5, 1), maxTokens: 500)
        loop.enqueue([writer])
        _ = loop.step()
        loop.enqueue([request(prompt(2000, 2), maxTokens: 1)])
        for step in 0..<20 {
            let before = writer.usage.completionTokens
            _ = loop.step()
            #expect(writer.usage.completionTokens == before + 1, "step \(step)")
        }
    }

    @Test func whoHasGoneIsDroppedBeforeTheNextStep() throws {
        let loop = try loop("llama-tied") { $0.sequences = 2 }
        let requests = (0..<3).map { request(prompt(10, $0), maxTokens: 100) }
        loop.enqueue(requests)
        _ = loop.step()
        #expect(loop.waitingCount == 1)
        requests[0].channel.cancel()
        let written = requests[0].usage.completionTokens
        let ended = loop.step()
        #expect(ended.map(ObjectIdentifier.init) == [ObjectIdentifier(requests[0])])
        #expect(requests[0].usage.completionTokens == written && loop.waitingCount == 0)
        #expect(requests[2].usage.completionTokens == 1, "its place is taken in the same step")
    }

    @Test func requestsTakeTurnsWhateverTheNumberOfTheirAnswers() throws {
        let loop = try loop("llama-tied") { $0.sequences = 2 }
        var many = GenerationHarness.greedy(prompt(10, 1), maxTokens: 4) { $0.ignoresEndOfGeneration = true }
        many.choices = 8
        let first = ActiveRequest(many, GenerationChannel {})
        let second = request(prompt(10, 2), maxTokens: 4)
        loop.enqueue([first, second])
        var order: [ActiveRequest] = []
        while loop.hasWork { order += loop.step() }
        #expect(order.first === second && order.last === first)
    }
}

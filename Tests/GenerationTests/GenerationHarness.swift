import Architectures
import Checkpoints
import Compute
import Generation
import TestSupport
import Testing
import Tokenizers

/// A batcher over a model's file, and what requests to it gave.
final class GenerationHarness: Sendable {
    /// Everything that one answer gave.
    struct Answer: Equatable {
        var text = ""
        var ids: [Int32] = []
        var logprobs: [TokenLogprob] = []
        var finish: FinishReason?
    }

    /// Everything that a request gave.
    struct Result {
        var answers: [Answer]
        var prompt: [TokenLogprob] = []
        var usage = GenerationUsage()
    }

    let batcher: ContinuousBatcher
    private let pool: ThreadPool

    init(
        _ path: String, backend: ComputeBackend = ComputeBackend(), limits: ContinuousBatcher.Limits = .init(),
        threads: Int = 2
    ) throws {
        let checkpoint = try GGUFCheckpoint(path: path)
        let pool = ThreadPool(threads: threads)
        self.pool = pool
        batcher = ContinuousBatcher(
            model: try CausalModelFamily.model(checkpoint, interleaver: { $0.interleaved(on: backend, pool) }),
            tokenizer: try GGUFTokenizer.tokenizer(checkpoint.metadata), backend: backend,
            pool: pool, limits: limits)
    }

    deinit {
        batcher.close()
        pool.stop()
    }

    /// A small model with random weights.
    static func tiny(
        _ name: String, backend: ComputeBackend = ComputeBackend(), limits: ContinuousBatcher.Limits = .init()
    ) throws -> GenerationHarness {
        try GenerationHarness(DecoderFixture.tinyPath(name), backend: backend, limits: limits)
    }

    func run(_ request: GenerationRequest) async throws -> Result {
        var result = Result(answers: Array(repeating: Answer(), count: request.choices))
        for try await event in try batcher.submit(request) {
            switch event {
            case .prompt(let logprobs): result.prompt = logprobs
            case .piece(let piece):
                result.answers[piece.choice].text += piece.text
                result.answers[piece.choice].ids += piece.ids
                result.answers[piece.choice].logprobs += piece.logprobs
                result.answers[piece.choice].finish = piece.finish ?? result.answers[piece.choice].finish
            case .ended(let usage): result.usage = usage
            }
        }
        return result
    }

    func greedy(_ prompt: [Int32], maxTokens: Int, _ change: (inout GenerationRequest) -> Void = { _ in }) async throws
        -> Answer
    {
        try await run(Self.greedy(prompt, maxTokens: maxTokens, change)).answers[0]
    }

    static func greedy(
        _ prompt: [Int32], maxTokens: Int, _ change: (inout GenerationRequest) -> Void = { _ in }
    ) -> GenerationRequest {
        var request = GenerationRequest(prompt: prompt)
        request.sampling = .greedy
        request.maxTokens = maxTokens
        change(&request)
        return request
    }
}

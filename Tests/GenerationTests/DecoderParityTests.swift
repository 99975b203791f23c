import Architectures
import Checkpoints
import Compute
import Foundation
import Generation
import TestSupport
import Testing

/// The real models against the float reference: the same files, their weights expanded to floats, run by another
/// implementation (`models/llama/reference.py`).
@Suite(.serialized) struct DecoderParityTests {
    static let models = ["smollm2-135m-instruct", "gemma-3-270m"]

    /// Two logits closer than this are a tie, which rounding decides.
    private static let tie = 1e-4

    /// Compares ids up to the first tie; a difference that is none is a failure that shows the two logits.
    private func compare(_ ids: [Int32], _ expected: DecoderFixture.Continuation, _ what: String) {
        guard ids != expected.ids else { return }
        let place =
            zip(ids, expected.ids).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            ?? min(ids.count, expected.ids.count)
        guard place < expected.top2.count, place < ids.count else {
            Issue.record("\(what): \(ids.count) ids instead of \(expected.ids.count)")
            return
        }
        let best = expected.top2[place]
        let isTie = best[0][1] - best[1][1] < Self.tie && Double(ids[place]) == best[1][0]
        #expect(
            isTie,
            """
            \(what): id \(place) is \(ids[place]), expected \(expected.ids[place]); the reference's best two there are \
            \(best[0]) and \(best[1])
            """)
    }

    @Test(arguments: models)
    func greedyTextIsThatOfTheReference(name: String) async throws {
        let fixture = try DecoderFixture(name)
        let prompts = try #require(fixture.prompts)
        #expect(prompts.count >= 30)
        let harness = try GenerationHarness(try InstalledModels.file("model", of: name))
        func ask(_ prompt: DecoderFixture.Continuation) async throws -> GenerationHarness.Result {
            try await harness.run(GenerationHarness.greedy(prompt.promptIds, maxTokens: 48))
        }
        // Alone, and the prefix unknown but for what the prompts have in common.
        for prompt in prompts {
            let result = try await ask(prompt)
            compare(result.answers[0].ids, prompt, "\(name) \(prompt.name) alone")
            if result.answers[0].ids == prompt.ids {
                #expect(Array(result.answers[0].text.utf8) == Array(prompt.output.utf8), "\(name) \(prompt.name)")
            }
        }
        // Again, with eight others in flight and the prefixes known.
        let cached = harness.batcher.counters.cachedTokens
        for start in stride(from: 0, to: prompts.count, by: 9) {
            try await withThrowingTaskGroup(of: (DecoderFixture.Continuation, [Int32]).self) { group in
                for prompt in prompts[start...].prefix(9) {
                    group.addTask { (prompt, try await ask(prompt).answers[0].ids) }
                }
                for try await (prompt, ids) in group {
                    compare(ids, prompt, "\(name) \(prompt.name) with others, warm")
                }
            }
        }
        #expect(harness.batcher.counters.cachedTokens > cached + 1000, "the second time much is known")
        // With eight others, and nothing known but what those have in common: a batcher of its own for each nine.
        for start in stride(from: 0, to: prompts.count, by: 9) {
            let fresh = try GenerationHarness(try InstalledModels.file("model", of: name))
            try await withThrowingTaskGroup(of: (DecoderFixture.Continuation, [Int32]).self) { group in
                for prompt in prompts[start...].prefix(9) {
                    group.addTask {
                        let request = GenerationHarness.greedy(prompt.promptIds, maxTokens: 48)
                        return (prompt, try await fresh.run(request).answers[0].ids)
                    }
                }
                for try await (prompt, ids) in group {
                    compare(ids, prompt, "\(name) \(prompt.name) with others, cold")
                }
            }
        }
    }

    @Test(arguments: models, [ComputeBackend(), tiles].compactMap(\.self))
    func logitsAreThoseOfTheReferenceAtEveryPosition(name: String, backend: ComputeBackend) throws {
        let fixture = try DecoderFixture(name)
        let prompts = try #require(fixture.prompts)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let model = try CausalModelFamily.model(
            GGUFCheckpoint(path: try InstalledModels.file("model", of: name)),
            interleaver: { $0.interleaved(on: backend, pool) })
        let pages = KVPagePool(layout: model.cacheLayout, limitBytes: 2 << 30)
        var worst: Float = 0
        var positions = 0
        // Each emulated instruction takes microseconds: then a short prompt and its answer.
        let isEmulated = backend.instructionSet > InstructionSet.detected
        for sampled in try #require(fixture.logits) {
            let prompt = try #require(prompts.first { $0.name == sampled.prompt })
            if isEmulated, positions > 0 || prompt.promptIds.count > 64 { continue }
            let ids = prompt.promptIds + prompt.ids.prefix(sampled.samples.count - prompt.promptIds.count)
            let cache = KVCache(pool: pages, contextTokens: model.configuration.contextTokens)
            let workspace = Workspace()
            let resources = ComputeResources(backend: backend, pool: pool, workspace: workspace)
            while cache.length < sampled.samples.count {
                // The prompt in chunks, what was generated one by one.
                let left = prompt.promptIds.count - cache.length
                let part = ids[cache.length...].prefix(left > 0 ? min(left, 48) : 1)
                guard cache.reserve(part.count) else { preconditionFailure("the pool is large enough") }
                workspace.scoped {
                    let logits = model.forward(
                        DecoderStep(
                            [
                                DecoderSegment(
                                    cache: cache, tokens: part, logits: .all, promptTokens: prompt.promptIds.count)
                            ], resources))
                    for row in 0..<part.count where cache.length + row < sampled.samples.count {
                        let expected = sampled.samples[cache.length + row]
                        var found = fixture.sampleIds.map { logits.row(row)[Int($0)] }
                        found.append(logits.row(row)[backend.argmax(logits.row(row), count: logits.columns)])
                        found.append(backend.logSumExp(logits.row(row), count: logits.columns))
                        let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
                        worst = max(worst, difference)
                        positions += 1
                        #expect(
                            difference < 2e-3,
                            "\(name) \(sampled.prompt), position \(cache.length + row): \(difference)")
                    }
                }
                cache.advance(by: part.count)
            }
        }
        #expect(positions > (isEmulated ? 30 : 1000))
        print(
            "\(name), \(backend.instructionSet): logits at \(positions) positions, at most \(worst) from the reference")
    }
}

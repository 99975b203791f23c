import Architectures
import Checkpoints
import Compute
import TestSupport
import Testing

/// Decoder-only models from Hugging Face checkpoints against transformers, on small models with random weights: every
/// family, every way to stretch RoPE, heads of 8, 12, 16 and 24 features, all kinds of files and float types.
@Suite struct HuggingFaceDecoderTests {
    @Test(arguments: HuggingFaceFixture.decoders)
    func statesAndLogitsAreThoseOfTransformers(name: String) throws {
        let run = DecoderRun(try HuggingFaceFixture.decoder(name))
        let inputs = try HuggingFaceFixture(name).inputs
        #expect(inputs.count >= 5)
        for input in inputs {
            let states = maximumDifference(run.hiddenStates(input.ids, chunk: 512), input.encoder)
            let logits = maximumDifference(run.logits(input.ids, chunk: 512), input.logits)
            #expect(states < 1e-4, "\(name), \(input.ids.count) tokens: states differ by \(states)")
            #expect(logits < 1e-4, "\(name), \(input.ids.count) tokens: logits differ by \(logits)")
        }
    }

    @Test(arguments: HuggingFaceFixture.decoders)
    func greedyIdsAreThoseOfTransformers(name: String) throws {
        try expectGreedyIds(name, HuggingFaceFixture.decoder(name))
    }

    /// The same network under other names, with other pairs for RoPE in Llama's case.
    @Test(arguments: HuggingFaceFixture.ggufCopies)
    func aCopyAsGGUFIsTheSameModel(name: String) throws {
        let model = try CausalModelFamily.model(GGUFCheckpoint(path: Fixtures.path("huggingface/\(name).gguf")))
        let run = DecoderRun(model)
        for input in try HuggingFaceFixture(name).inputs {
            let difference = maximumDifference(run.logits(input.ids, chunk: 512), input.logits)
            #expect(difference < 1e-4, "\(name), \(input.ids.count) tokens: \(difference)")
        }
        try expectGreedyIds(name, model)
    }

    private func expectGreedyIds(_ name: String, _ model: any CausalLanguageModel) throws {
        let fixture = try HuggingFaceFixture(name)
        let run = DecoderRun(model)
        let continuations = fixture.plainGreedy
        #expect(continuations.count >= 5)
        let prompts = continuations.map { fixture.inputs[$0.input].ids }
        for chunk in [512, 5] {
            let ids = run.greedy(prompts, count: 20, ends: fixture.options?.eos ?? [90], chunk: chunk)
            for (continuation, ids) in zip(continuations, ids) {
                #expect(ids == continuation.ids, "\(name), input \(continuation.input), chunks of \(chunk)")
            }
        }
    }

    /// How a prompt is cut, and what else is computed beside it, must not change a single bit.
    @Test(arguments: HuggingFaceFixture.decoders)
    func aRowDoesNotDependOnItsCompany(name: String) throws {
        let model = try HuggingFaceFixture.decoder(name)
        let run = DecoderRun(model)
        let sequences = try HuggingFaceFixture(name).inputs.map(\.ids)
        let alone = sequences.map { run.logits($0, chunk: 512) }
        for chunk in [1, 3, 16] {
            #expect(sequences.map { run.logits($0, chunk: chunk) } == alone, "\(name) in chunks of \(chunk)")
        }
        let together = run.logits(sequences, chunks: sequences.indices.map { [1, 5, 32, 2, 7, 40][$0 % 6] })
        #expect(together == alone, "\(name) together")
        let oneThread = DecoderRun(model, threads: 1)
        #expect(sequences.map { oneThread.logits($0, chunk: 9) } == alone, "\(name) on one thread")
    }

    /// Every way to compute gives the same logits within the rounding of float sums.
    @Test(arguments: HuggingFaceFixture.decoders)
    func everyBackendAgrees(name: String) throws {
        let model = try HuggingFaceFixture.decoder(name)
        let input = try #require(try HuggingFaceFixture(name).inputs.last)
        let backends =
            InstructionSet.available.map { ComputeBackend(instructionSet: $0) } + [ComputeBackend(products: .openblas)]
        for backend in backends {
            let logits = DecoderRun(model, backend: backend).logits(input.ids, chunk: 11)
            let difference = maximumDifference(logits, input.logits)
            #expect(difference < 1e-4, "\(name) \(backend.instructionSet) \(backend.products): \(difference)")
        }
    }

    /// A RoPE whose angles depend on the length of a prompt makes keys that only such a prompt can use.
    @Test func pagesAreNotSharedBeyondTheLengthOfTraining() throws {
        let dynamic = try HuggingFaceFixture.decoder("llama/llama-dynamic")
        #expect(dynamic.configuration.contextTokens == 64, "four times the 16 of the training")
        #expect(dynamic.reusesPrefixes(promptTokens: 16))
        #expect(!dynamic.reusesPrefixes(promptTokens: 17))
        for name in HuggingFaceFixture.decoders where name != "llama/llama-dynamic" {
            #expect(try HuggingFaceFixture.decoder(name).reusesPrefixes(promptTokens: 1 << 20), "\(name)")
        }
        // It is why: the first key of a long prompt is another than that of a short one.
        let run = DecoderRun(dynamic)
        let ids = try #require(try HuggingFaceFixture("llama/llama-dynamic").inputs.last).ids
        #expect(run.logits(ids, chunk: 512)[10] != run.logits(Array(ids.prefix(14)), chunk: 512)[10])
        #expect(run.logits(Array(ids.prefix(16)), chunk: 512)[10] == run.logits(Array(ids.prefix(14)), chunk: 512)[10])
    }

    @Test func aWindowIsKeptInTheCache() throws {
        let layout = try HuggingFaceFixture.decoder("qwen2/qwen2").cacheLayout
        #expect(layout.layers.map(\.window) == [nil, 5, 5])
        #expect(try HuggingFaceFixture.decoder("llama/mistral").cacheLayout.layers.map(\.window) == [6, 6])
        #expect(try HuggingFaceFixture.decoder("cohere/cohere2").cacheLayout.layers.map(\.window) == [6, nil, 6, nil])
        #expect(try HuggingFaceFixture.decoder("qwen2/qwen2-no-window").cacheLayout.layers.map(\.window) == [nil, nil])
    }
}

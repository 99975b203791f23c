import Architectures
import Checkpoints
import Compute
import Foundation
import Generation
import TestSupport
import Testing

/// Decoder-only models under the same beam search, held to what transformers finds with four beams: logits that are right
/// at every step, also on paths that are not the most probable one.
@Suite struct DecoderBeamTests {
    struct Fixture: Decodable {
        struct Input: Decodable { var ids: [Int32] }

        struct Beam: Decodable {
            struct Found: Decodable {
                var ids: [Int32]
                var score: Float
            }

            var input: Int
            var newTokens: Int?
            var beams: Int
            var lengthPenalty: Float?
            var earlyStopping: BeamSearchParityTests.EarlyStopping?
            var noRepeatNgram: Int?
            var repetitionPenalty: Float?
            var forcedBos: Int32?
            var hypotheses: [Found]
        }

        struct Options: Decodable { var eos: [Int32] }

        var options: Options?
        var inputs: [Input]
        var beam: [Beam]
    }

    /// A decoder as what reads a source and continues it. Every step computes whole sequences anew.
    private final class Continuation: SequenceToSequenceModel {
        let model: any CausalLanguageModel
        let backend = ComputeBackend()
        let threads = ThreadPool(threads: 2)
        let endOfSequence: Int32
        let pages: KVPagePool

        init(_ model: any CausalLanguageModel, end: Int32) {
            (self.model, endOfSequence) = (model, end)
            pages = KVPagePool(layout: model.cacheLayout, limitBytes: 1 << 28)
        }

        deinit { threads.stop() }

        var sourceVocabularySize: Int { model.vocabularySize }
        var targetVocabularySize: Int { model.vocabularySize }
        var unknown: Int32 { 0 }
        var bannedTokens: [Int32] { [] }
        var sizeBytes: Int { model.sizeBytes }

        func startDecoding(
            sources: [[Int32]], candidates: [[Int32]?], maximumRows: Int, workspace: Workspace
        ) -> any Decoding { Steps(self, sources) }

        private final class Steps: Decoding {
            let owner: Continuation
            let sources: [[Int32]]
            var last: [[Int32]] = []

            init(_ owner: Continuation, _ sources: [[Int32]]) { (self.owner, self.sources) = (owner, sources) }

            func sourceShares(_ rows: [DecoderRow], _ workspace: Workspace) -> [[Float]] {
                preconditionFailure("no test aligns the translations of this model")
            }

            func step(_ rows: [DecoderRow], _ workspace: Workspace) -> [UnsafeMutableBufferPointer<Float>] {
                last = rows.map { $0.position == 0 ? [] : last[$0.parent] + [$0.token] }
                let resources = ComputeResources(backend: owner.backend, pool: owner.threads, workspace: workspace)
                return zip(rows, last).map { row, generated in
                    let ids = sources[row.sentence] + generated
                    let cache = KVCache(pool: owner.pages, contextTokens: ids.count)
                    precondition(cache.reserve(ids.count), "the pool is large enough")
                    let logits = owner.model.forward(
                        DecoderStep(
                            [
                                DecoderSegment(
                                    cache: cache, tokens: ids[...], logits: .last,
                                    promptTokens: sources[row.sentence].count)
                            ], resources))
                    return UnsafeMutableBufferPointer(start: logits.pointer, count: logits.count)
                }
            }
        }
    }

    static let checkpoints = [
        "llama/llama", "llama/llama-linear", "llama/llama-dynamic", "llama/llama-yarn", "llama/llama-yarn-mscale",
        "llama/llama3", "llama/mistral", "qwen2/qwen2", "qwen2/qwen2-no-window", "qwen3/qwen3", "gemma3/gemma3-text",
        "gemma3/gemma3-multimodal", "cohere/aya", "cohere/cohere2", "cohere/cohere2-sharded", "cohere/command-r-plus",
    ]

    @Test(arguments: checkpoints)
    func fourBeamsFindWhatTheReferenceFinds(name: String) throws {
        let fixture: Fixture = try Fixtures.json("huggingface/\(name).json")
        let directory = Fixtures.path("huggingface/\(name)")
        let configuration = try ModelConfiguration(path: directory + "/config.json")
        let weights = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"].map {
            "\(directory)/\($0)"
        }
        let checkpoint = try Checkpoint(path: try #require(weights.first { access($0, R_OK) == 0 }))
        let ends = try configuration.tokens("eos_token_id")
        let model = Continuation(
            try CausalModelFamily.model(configuration, checkpoint),
            end: try #require(fixture.options?.eos.first ?? ends.first ?? 1))
        var compared = 0
        for beam in fixture.beam where beam.beams == 4 {
            // Rules against repetition count the prompt there, and are for translation here.
            guard beam.noRepeatNgram ?? 0 == 0, beam.repetitionPenalty ?? 1 == 1, beam.forcedBos == nil else {
                continue
            }
            var options = SearchOptions(
                beamSize: 4, results: beam.hypotheses.count, lengthPenalty: beam.lengthPenalty ?? 1,
                maximumLengthFactor: .infinity, maximumTokens: beam.newTokens ?? 20, style: .pooled)
            options.earlyStopping = beam.earlyStopping?.option ?? .atPresentLength
            options.endTokens = fixture.options?.eos ?? []
            let request = SearchRequest(source: fixture.inputs[beam.input].ids, candidates: nil, options: options)
            let found = BatchSearch.run([request], model: model, workspace: Workspace())[0]
            for (hypothesis, expected) in zip(found, beam.hypotheses) {
                let ids = hypothesis.tokens + (hypothesis.endToken.map { [$0] } ?? [])
                #expect(ids == expected.ids, "\(name) input \(beam.input)")
                #expect(abs((hypothesis.score ?? 0) - expected.score) < 1e-4)
            }
            #expect(found.count == beam.hypotheses.count)
            compared += 1
        }
        #expect(compared >= 5)
    }
}

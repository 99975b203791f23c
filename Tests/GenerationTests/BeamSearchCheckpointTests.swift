import Architectures
import Checkpoints
import Compute
import Generation
import TestSupport
import Testing

/// Small encoder-decoders in the layout of Hugging Face, searched as transformers searches them: from the weights to the
/// hypotheses. `models/m2m100/fixtures.py` says what the fixtures are.
@Suite struct BeamSearchCheckpointTests {
    struct Fixture: Decodable {
        struct Options: Decodable {
            var eos: [Int32]
            var renormalize: Bool
        }

        struct Input: Decodable {
            var ids: [Int32]
        }

        struct Greedy: Decodable {
            var input: Int
            var newTokens: Int
            var noRepeatNgram: Int
            var repetitionPenalty: Float
            var forcedBos: Int32?
            var ids: [Int32]
        }

        struct Beam: Decodable {
            struct Found: Decodable {
                var ids: [Int32]
                var score: Float
            }

            var input: Int
            var newTokens: Int
            var beams: Int
            var lengthPenalty: Float
            var earlyStopping: BeamSearchParityTests.EarlyStopping
            var noRepeatNgram: Int
            var repetitionPenalty: Float
            var forcedBos: Int32?
            var hypotheses: [Found]
        }

        var options: Options
        var inputs: [Input]
        var greedy: [Greedy]
        var beam: [Beam]

        var greedyRequests: [SearchRequest] {
            greedy.map { one in
                SearchRequest(
                    source: inputs[one.input].ids, candidates: nil,
                    options: SearchOptions(
                        maximumLengthFactor: .infinity, maximumTokens: one.newTokens, style: .pooled,
                        noRepeatNgramSize: one.noRepeatNgram, repetitionPenalty: one.repetitionPenalty,
                        forcedFirstToken: one.forcedBos, renormalizes: options.renormalize))
            }
        }

        var beamRequests: [SearchRequest] {
            beam.map { one in
                SearchRequest(
                    source: inputs[one.input].ids, candidates: nil,
                    options: SearchOptions(
                        beamSize: one.beams, results: one.hypotheses.count, lengthPenalty: one.lengthPenalty,
                        maximumLengthFactor: .infinity, maximumTokens: one.newTokens, style: .pooled,
                        earlyStopping: one.earlyStopping.option, noRepeatNgramSize: one.noRepeatNgram,
                        repetitionPenalty: one.repetitionPenalty, forcedFirstToken: one.forcedBos,
                        renormalizes: options.renormalize))
            }
        }
    }

    /// `family/name` and the file of the weights.
    static let checkpoints = [
        ("m2m100/nllb", "model.safetensors"), ("m2m100/nllb-sharded", "model.safetensors.index.json"),
        ("m2m100/m2m100-pytorch", "pytorch_model.bin"),
        ("m2m100/m2m100-pytorch-sharded", "pytorch_model.bin.index.json"), ("marian/opus-mt", "model.safetensors"),
        ("marian/opus-mt-pytorch", "pytorch_model.bin"), ("marian/opus-mt-two-vocabularies", "model.safetensors"),
        ("t5/t5-v1_1", "model.safetensors"), ("t5/t5-tied", "model.safetensors"), ("t5/madlad", "model.safetensors"),
    ]

    static func model(_ name: String, _ weights: String, _ pool: ThreadPool) throws -> any EncoderDecoderModel {
        func path(_ file: String) -> String { Fixtures.path("huggingface/\(name)/\(file)") }
        return try SequenceToSequenceFamily.model(
            WeightBinder(Checkpoint(path: path(weights))),
            configuration: ModelConfiguration(path: path("config.json")),
            generation: ModelConfiguration(path: path("generation_config.json")), backend: ComputeBackend(), pool: pool)
    }

    static func ids(_ hypothesis: Hypothesis) -> [Int32] {
        hypothesis.tokens + (hypothesis.endToken.map { [$0] } ?? [])
    }

    /// All searches of a checkpoint in one batch, greedy and with beams, then a few of them alone.
    @Test(arguments: checkpoints) func equalsTransformers(name: String, weights: String) throws {
        let fixture: Fixture = try Fixtures.json("huggingface/\(name).json")
        #expect(fixture.greedy.count >= 15 && fixture.beam.count >= 60)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let model = try Self.model(name, weights, pool)
        #expect(model.endTokens == fixture.options.eos)

        let requests = fixture.greedyRequests + fixture.beamRequests
        let found = BatchSearch.run(requests, model: model, workspace: Workspace())
        for (index, one) in fixture.greedy.enumerated() {
            #expect(found[index].map(Self.ids) == [one.ids], "greedy \(index)")
        }
        for (index, one) in fixture.beam.enumerated() {
            let hypotheses = found[fixture.greedy.count + index]
            #expect(hypotheses.map(Self.ids) == one.hypotheses.map(\.ids), "beam \(index)")
            for (hypothesis, wanted) in zip(hypotheses, one.hypotheses) {
                #expect(abs((hypothesis.score ?? .nan) - wanted.score) < 2e-5, "beam \(index)")
            }
        }
        for index in stride(from: 0, to: requests.count, by: 13) {
            let alone = BatchSearch.run([requests[index]], model: model, workspace: Workspace())
            #expect(alone == [found[index]], "request \(index)")
        }
    }

    /// The links of a batch's results, after searches of all lengths: those of the attention that a decoder of its own says.
    @Test(arguments: [("m2m100/nllb", "model.safetensors"), ("marian/opus-mt", "model.safetensors")])
    func linksAreThoseOfTheAttention(name: String, weights: String) throws {
        let fixture: Fixture = try Fixtures.json("huggingface/\(name).json")
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let model = try Self.model(name, weights, pool)
        var requests = (fixture.greedyRequests.prefix(6) + fixture.beamRequests.prefix(12)).map { $0 }
        for index in requests.indices where index % 3 != 2 {
            requests[index].alignedPieces = (index % 2)..<requests[index].source.count
        }
        let found = BatchSearch.run(requests, model: model, workspace: Workspace())
        let workspace = Workspace()
        for (request, hypotheses) in zip(requests, found) {
            guard let pieces = request.alignedPieces else {
                #expect(hypotheses.allSatisfy { $0.links.isEmpty })
                continue
            }
            for hypothesis in hypotheses {
                let expected = workspace.scoped {
                    let decoding = model.startDecoding(
                        sources: [request.source], candidates: [nil], maximumRows: 1, workspace: workspace)
                    return hypothesis.tokens.indices.map { position in
                        let row = DecoderRow(
                            sentence: 0, parent: 0, token: position > 0 ? hypothesis.tokens[position - 1] : 0,
                            position: position)
                        let shares = Array(workspace.scoped { decoding.sourceShares([row], workspace) }[0][pieces])
                        let most = shares.max() ?? 0
                        return TokenAlignment.Link(piece: shares.firstIndex(of: most) ?? 0, share: most)
                    }
                }
                #expect(hypothesis.links == expected)
            }
        }
    }
}

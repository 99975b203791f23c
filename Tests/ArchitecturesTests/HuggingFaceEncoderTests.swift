import Architectures
import Checkpoints
import Compute
import Foundation
import TestSupport
import Testing

/// BERT and XLM-R encoders against transformers, and the vectors that sentence-transformers' modules make of their
/// states.
@Suite struct HuggingFaceEncoderTests {
    private struct Fixture: Decodable {
        struct Input: Decodable {
            var ids: [Int32]
            var states: [[Float]]
            var embedding: [Float]
        }

        var inputs: [Input]

        init(_ name: String) throws { self = try Fixtures.json("huggingface/\(name).json") }
    }

    private static let encoders = ["bert/bert", "bert/bert-cls", "bert/xlm-roberta"]

    private func encoder(_ name: String) throws -> TextEncoder {
        try TextEncoder(
            TextEncoderConfiguration(try HuggingFaceFixture.configuration(name)), HuggingFaceFixture.weights(name),
            pooling: SentencePooling(directory: HuggingFaceFixture.directory(name).path))
    }

    private func withResources<Result>(
        _ backend: ComputeBackend = ComputeBackend(), threads: Int = 2, _ body: (ComputeResources) throws -> Result
    ) rethrows -> Result {
        let pool = ThreadPool(threads: threads)
        defer { pool.stop() }
        return try body(ComputeResources(backend: backend, pool: pool, workspace: Workspace()))
    }

    @Test(arguments: encoders)
    func statesAndEmbeddingsAreThoseOfTheReference(name: String) throws {
        let (encoder, fixture) = (try encoder(name), try Fixture(name))
        let backends =
            InstructionSet.available.map { ComputeBackend(instructionSet: $0) } + [ComputeBackend(products: .openblas)]
        for backend in backends {
            withResources(backend) { resources in
                let batch = fixture.inputs.map(\.ids)
                let states = encoder.hiddenStates(batch, resources: resources)
                let embeddings = encoder.embed(batch, resources: resources)
                for (index, input) in fixture.inputs.enumerated() {
                    let label = "\(name), \(input.ids.count) tokens, \(backend.instructionSet) \(backend.products)"
                    #expect(maximumDifference([states[index]], [Array(input.states.joined())]) < 1e-4, "\(label)")
                    #expect(maximumDifference([embeddings[index]], [input.embedding]) < 1e-4, "\(label)")
                }
                #expect(embeddings.allSatisfy { $0.count == encoder.dimensions })
            }
        }
    }

    /// A text's vector is the same, bit for bit, alone, in any company, in any order, on any number of threads.
    @Test(arguments: encoders)
    func aTextDoesNotDependOnItsCompany(name: String) throws {
        let encoder = try encoder(name)
        let texts = try Fixture(name).inputs.map(\.ids)
        let alone = withResources(threads: 1) { resources in
            texts.map { encoder.embed([$0], resources: resources)[0] }
        }
        for threads in [1, 2, 3] {
            withResources(threads: threads) { resources in
                #expect(encoder.embed(texts, resources: resources) == alone, "\(threads) threads")
                #expect(encoder.embed(texts.reversed(), resources: resources) == alone.reversed())
                let many = Array(repeating: texts, count: 90).flatMap { $0 }
                #expect(many.reduce(0) { $0 + $1.count } > 5_000, "more than is computed at once")
                let embedded = encoder.embed(many, resources: resources)
                #expect(embedded == Array(repeating: alone, count: 90).flatMap { $0 })
            }
        }
        withResources { #expect(encoder.embed([], resources: $0).isEmpty) }
    }

    @Test func theLongestTextIsWhatTheModulesSay() throws {
        #expect(try encoder("bert/bert").maximumTokens == 40)
        let longest = try TextEncoder(
            TextEncoderConfiguration(try HuggingFaceFixture.configuration("bert/xlm-roberta")),
            HuggingFaceFixture.weights("bert/xlm-roberta"), pooling: SentencePooling(normalizes: true))
        // Two of 50 positions stand before a text's first.
        #expect(longest.maximumTokens == 48)
        let text = [Int32](repeating: 7, count: 48)
        withResources { resources in
            let vector = longest.embed([text], resources: resources)[0]
            let length = vector.reduce(0) { $0 + $1 * $1 }
            #expect(abs(length - 1) < 1e-5)
        }
    }

    // MARK: Modules

    private func pooling(_ files: [String: String]) async throws -> SentencePooling {
        try await Fixtures.withTemporaryDirectory { directory in
            for (name, content) in files {
                let url = directory.appendingPathComponent(name)
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(content.utf8).write(to: url)
            }
            return try SentencePooling(directory: directory.path)
        }
    }

    private func modules(_ kinds: [String], path: String = "1_Pooling") -> String {
        let parts = kinds.enumerated().map { index, kind in
            #"{"idx":\#(index),"name":"\#(index)","path":"\#(kind == "Pooling" ? path : "")","type":"a.b.\#(kind)"}"#
        }
        return "[\(parts.joined(separator: ","))]"
    }

    @Test func poolingIsReadInEverySpelling() async throws {
        let list = modules(["Transformer", "Pooling", "Normalize"])
        func read(_ content: String) async throws -> SentencePooling {
            try await pooling(["modules.json": list, "1_Pooling/config.json": content])
        }
        #expect(try await read(#"{"pooling_mode_mean_tokens": true}"#) == SentencePooling(normalizes: true))
        #expect(try await read(#"{"pooling_mode": "cls"}"#) == SentencePooling(modes: [.firstToken], normalizes: true))
        let both = SentencePooling(modes: [.mean, .firstToken], normalizes: true)
        #expect(try await read(#"{"pooling_mode": ["mean", "cls"]}"#) == both)
        #expect(both.modes == [.firstToken, .mean], "in the order that they are concatenated")
        #expect(
            try await read(#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#) == both)
        #expect(try await read(#"{"word_embedding_dimension": 32}"#) == SentencePooling(normalizes: true))
        let plain = try await pooling([
            "modules.json": modules(["Transformer", "Pooling"]), "1_Pooling/config.json": "{}",
        ])
        #expect(!plain.normalizes)
        #expect(try await pooling([:]) == SentencePooling(normalizes: false), "without modules")
    }

    @Test(arguments: [
        (["Transformer", "Pooling", "Dense"], "{}", "Dense"), (["Transformer"], "{}", "Pooling"),
        (["WordEmbeddings", "Pooling"], "{}", "WordEmbeddings"),
        (["Transformer", "Pooling"], #"{"pooling_mode_attention": true}"#, "pooling_mode_attention"),
        (["Transformer", "Pooling"], #"{"pooling_mode": "median"}"#, "pooling_mode"),
        (["Transformer", "Pooling"], #"{"pooling_mode": []}"#, "pooling_mode"),
        (["Transformer", "Pooling"], #"{"pooling_mode_mean_tokens": 1}"#, "pooling_mode_mean_tokens"),
        (["Transformer", "Pooling"], "[]", "no JSON object"),
    ])
    func aModuleThatIsNotComputedIsRefusedByName(kinds: [String], content: String, named: String) async throws {
        do {
            _ = try await pooling(["modules.json": modules(kinds), "1_Pooling/config.json": content])
            Issue.record("\(kinds) \(content) was accepted")
        } catch let error as CheckpointError {
            #expect(error.description.contains(named), "\(error)")
        }
    }

    @Test(arguments: ["../1_Pooling", "/etc", "a/../../b"])
    func aModuleLiesWithinTheCheckpoint(path: String) async throws {
        await #expect(throws: CheckpointError.self) {
            try await pooling(["modules.json": modules(["Transformer", "Pooling"], path: path)])
        }
        await #expect(throws: CheckpointError.self) { try await pooling(["modules.json": "{}"]) }
        await #expect(throws: CheckpointError.self) { try await pooling(["modules.json": "[3]"]) }
    }

    // MARK: What does not fit

    static let refused: [(changes: [String: JSONValue], named: String)] = [
        (["model_type": .string("distilbert")], "distilbert"), (["hidden_size": .number(33)], "num_attention_heads"),
        (["hidden_size": .null], "hidden_size is missing"), (["hidden_act": .string("mish")], "hidden_act"),
        (["is_decoder": .boolean(true)], "is_decoder"),
        (["add_cross_attention": .boolean(true)], "add_cross_attention"),
        (["position_embedding_type": .string("relative_key")], "position_embedding_type"),
        (["layer_norm_eps": .number(0)], "layer_norm_eps"), (["vocab_size": .number(95)], "word_embeddings"),
        (["max_position_embeddings": .number(49)], "position_embeddings"),
        (["type_vocab_size": .number(3)], "token_type_embeddings"), (["num_hidden_layers": .number(3)], "layer.2."),
        (["num_hidden_layers": .number(1)], "layer.1."), (["intermediate_size": .number(49)], "intermediate.dense"),
        (["pad_token_id": .number(1_000)], "pad_token_id"),
    ]

    @Test(arguments: refused.indices)
    func aLyingConfigurationIsRefusedByName(index: Int) throws {
        let (changes, named) = Self.refused[index]
        do {
            let file = try HuggingFaceFixture.configuration("bert/bert", changing: changes)
            _ = try TextEncoder(
                TextEncoderConfiguration(file), HuggingFaceFixture.weights("bert/bert"),
                pooling: SentencePooling(normalizes: true))
            Issue.record("\(changes) was accepted")
        } catch let error as CheckpointError {
            #expect(error.description.contains(named), "\(changes): \(error)")
        }
    }

    @Test func aTensorWithoutAPlaceIsRefused() async throws {
        let configuration = try TextEncoderConfiguration(HuggingFaceFixture.configuration("bert/bert"))
        let tensors = try HuggingFaceFixture.tensors("bert/bert")
        let cases = [("encoder.layer.0.adapter.weight", false), ("classifier.weight", true), ("cls.seq.weight", true)]
        for (name, isFine) in cases {
            let more = (name: name, shape: [1], values: [Float(1)])
            try await HuggingFaceFixture.withCheckpoint(tensors + [more]) { checkpoint in
                let pooling = SentencePooling(normalizes: true)
                if isFine {
                    _ = try TextEncoder(configuration, checkpoint, pooling: pooling)
                } else {
                    #expect(throws: CheckpointError.unusedTensors(file: checkpoint.file, names: [name])) {
                        try TextEncoder(configuration, checkpoint, pooling: pooling)
                    }
                }
            }
        }
    }
}

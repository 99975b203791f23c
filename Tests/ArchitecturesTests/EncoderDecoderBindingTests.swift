import Architectures
import Checkpoints
import Compute
import Foundation
import TestSupport
import Testing

/// How a checkpoint in the layout of Hugging Face becomes a model: strict binding, spellings of options, errors that name
/// the key or the tensor.
@Suite struct EncoderDecoderBindingTests {
    /// A tensor of a checkpoint that is to be changed.
    struct Tensor {
        var type = "F32"
        var shape: [Int]
        var bytes: [UInt8]

        init(_ shape: [Int], _ value: Float = 0) {
            self.shape = shape
            bytes = (0..<shape.reduce(1, *)).flatMap { _ in withUnsafeBytes(of: value) { Array($0) } }
        }

        init(_ tensor: CheckpointTensor) {
            shape = tensor.shape
            bytes = tensor.floats().withUnsafeBytes { Array($0) }
        }
    }

    /// A small checkpoint with changed tensors and keys.
    static func bind(
        _ name: String, generation: [String: JSONValue]? = nil, keys: [String: JSONValue?] = [:],
        _ change: (inout [String: Tensor]) -> Void = { _ in }
    ) throws -> EncoderDecoderRun {
        let original = try Checkpoint(path: EncoderDecoderRun.path(name, "model.safetensors"))
        var tensors = original.tensors.mapValues(Tensor.init)
        change(&tensors)
        var header: [String] = []
        var data: [UInt8] = []
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            let end = data.count + tensor.bytes.count
            header.append(
                #""\#(name)":{"dtype":"\#(tensor.type)","shape":\#(tensor.shape),"data_offsets":[\#(data.count),\#(end)]}"#
            )
            data += tensor.bytes
        }
        let text = Array("{\(header.joined(separator: ","))}".utf8)
        let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
        let region = ByteRegion(copying: length + text + data, source: "model.safetensors")
        var members = try ModelConfiguration(path: EncoderDecoderRun.path(name, "config.json")).members
        for (key, value) in keys { members[key] = value }
        return try EncoderDecoderRun(
            Checkpoint(SafetensorsCheckpoint(region)), ModelConfiguration(file: "config.json", members: members),
            generation: generation.map { ModelConfiguration(file: "generation_config.json", members: $0) })
    }

    static let families = ["m2m100/nllb", "marian/opus-mt", "t5/t5-v1_1"]

    @Test(arguments: [
        ("m2m100/nllb", "model.shared.weight"),
        ("m2m100/nllb", "model.encoder.layers.1.fc1.bias"),
        ("m2m100/nllb", "model.decoder.layers.0.encoder_attn.k_proj.weight"),
        ("m2m100/nllb", "model.decoder.layer_norm.bias"),
        ("marian/opus-mt", "final_logits_bias"),
        ("marian/opus-mt", "model.decoder.layers.1.encoder_attn_layer_norm.weight"),
        ("marian/opus-mt-two-vocabularies", "model.decoder.embed_tokens.weight"),
        ("t5/t5-v1_1", "shared.weight"),
        ("t5/t5-v1_1", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
        ("t5/t5-v1_1", "decoder.block.1.layer.2.DenseReluDense.wi_1.weight"),
        ("t5/t5-tied", "decoder.final_layer_norm.weight"),
    ])
    func aMissingTensorIsNamed(name: String, tensor: String) {
        #expect(throws: CheckpointError.missingTensor(file: "model.safetensors", name: tensor)) {
            try Self.bind(name) { $0[tensor] = nil }
        }
    }

    @Test(arguments: families, ["model.encoder.layers.7.fc1.weight", "lm_head.bias", "shared.bias"])
    func aTensorWithoutAPlaceIsNamed(name: String, tensor: String) {
        #expect(throws: CheckpointError.unusedTensors(file: "model.safetensors", names: [tensor])) {
            try Self.bind(name) { $0[tensor] = Tensor([4, 4]) }
        }
    }

    @Test(arguments: [
        ("m2m100/nllb", "model.shared.weight", [95, 32]),
        ("m2m100/nllb", "model.encoder.layers.0.fc1.weight", [32, 48]),
        ("m2m100/nllb", "model.encoder.layers.0.fc1.bias", [1, 48]),
        ("marian/opus-mt", "final_logits_bias", [96]),
        ("marian/opus-mt", "model.encoder.embed_positions.weight", [63, 32]),
        ("t5/t5-v1_1", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", [4, 32]),
        ("t5/t5-v1_1", "encoder.block.0.layer.0.SelfAttention.q.weight", [24, 32]),
        ("t5/t5-v1_1", "lm_head.weight", [97, 24]),
    ])
    func aTensorOfAnotherShapeIsNamed(name: String, tensor: String, shape: [Int]) throws {
        let error = #expect(throws: CheckpointError.self) { try Self.bind(name) { $0[tensor] = Tensor(shape) } }
        #expect(
            error?.description.contains("the tensor \(tensor) is \(shape)") == true, "\(error?.description ?? "")")
    }

    @Test(arguments: families)
    func aTensorOfIntegersOrOfNoNumbersIsNamed(name: String) throws {
        let norm = try #require(
            Checkpoint(path: EncoderDecoderRun.path(name, "model.safetensors")).tensors.keys.sorted().first {
                $0.hasSuffix("norm.weight")
            })
        for change in [{ $0.type = "I32" }, { $0 = Tensor($0.shape, .nan) }] as [(inout Tensor) -> Void] {
            let error = #expect(throws: CheckpointError.self) {
                try Self.bind(name) { tensors in change(&tensors[norm, default: Tensor([1])]) }
            }
            #expect(error?.description.contains(norm) == true, "\(error?.description ?? "")")
        }
    }

    static let lies: [(name: String, key: String, value: JSONValue?, says: String)] = [
        ("m2m100/nllb", "model_type", .string("bart"), "model_type is \"bart\""),
        ("m2m100/nllb", "model_type", nil, "model_type is missing"),
        ("m2m100/nllb", "d_model", .number(31), "d_model is 31"),
        ("m2m100/nllb", "d_model", .number(-32), "d_model is -32"),
        ("m2m100/nllb", "d_model", .number(1e15), "d_model is 1"),
        ("m2m100/nllb", "d_model", .number(34), "encoder_attention_heads is 4"),
        ("m2m100/nllb", "d_model", .number(64), "model.shared.weight is [96, 32]"),
        ("m2m100/nllb", "d_model", .string("32"), "d_model is \"32\""),
        ("m2m100/nllb", "decoder_attention_heads", .number(5), "decoder_attention_heads is 5"),
        ("m2m100/nllb", "decoder_attention_heads", .number(0), "decoder_attention_heads is 0"),
        ("m2m100/nllb", "encoder_layers", .number(3), "model.encoder.layers.2"),
        ("m2m100/nllb", "encoder_layers", .number(1), "model.encoder.layers.1"),
        ("m2m100/nllb", "encoder_layers", .number(1e9), "encoder_layers is 1"),
        ("m2m100/nllb", "encoder_ffn_dim", .number(1.5), "encoder_ffn_dim is 1.5"),
        ("m2m100/nllb", "vocab_size", .number(97), "model.shared.weight is [96, 32]"),
        ("m2m100/nllb", "activation_function", .string("tanh"), "activation_function is \"tanh\""),
        ("m2m100/nllb", "scale_embedding", .number(1), "scale_embedding is 1"),
        ("m2m100/nllb", "max_position_embeddings", .number(0), "max_position_embeddings is 0"),
        ("m2m100/nllb", "max_position_embeddings", .number(1e12), "max_position_embeddings is 1"),
        ("m2m100/nllb", "pad_token_id", .number(96), "pad_token_id is 96"),
        ("m2m100/nllb", "pad_token_id", .number(-1), "pad_token_id is -1"),
        ("m2m100/nllb", "eos_token_id", .array([.number(2), .number(500)]), "eos_token_id is"),
        ("m2m100/nllb", "decoder_start_token_id", .number(1e10), "decoder_start_token_id is 1"),
        ("marian/opus-mt", "bad_words_ids", .array([.number(95)]), "bad_words_ids is"),
        ("marian/opus-mt", "bad_words_ids", .array([.array([.number(96)])]), "bad_words_ids is"),
        ("marian/opus-mt", "decoder_vocab_size", .number(80), "decoder_vocab_size is 80"),
        ("marian/opus-mt", "share_encoder_decoder_embeddings", .boolean(false), "model.decoder.embed_tokens.weight"),
        ("t5/t5-v1_1", "num_heads", .number(3), "SelfAttention.q.weight is [32, 24]"),
        ("t5/t5-v1_1", "d_kv", .number(0), "d_kv is 0"),
        ("t5/t5-v1_1", "d_kv", .number(16), "SelfAttention.q.weight is [32, 24]"),
        ("t5/t5-v1_1", "feed_forward_proj", .string("gated-tanh"), "feed_forward_proj is \"gated-tanh\""),
        ("t5/t5-v1_1", "feed_forward_proj", .string("relu"), "DenseReluDense.wi.weight"),
        ("t5/t5-v1_1", "relative_attention_num_buckets", .number(3), "relative_attention_num_buckets is 3"),
        ("t5/t5-v1_1", "relative_attention_num_buckets", .number(64), "relative_attention_bias.weight is [32, 4]"),
        ("t5/t5-v1_1", "relative_attention_max_distance", .number(16), "relative_attention_max_distance is 16"),
        ("t5/t5-v1_1", "num_decoder_layers", .number(3), "decoder.block.2"),
        ("t5/t5-v1_1", "layer_norm_epsilon", .number(-1), "layer_norm_epsilon is -1"),
    ]

    @Test(arguments: lies.indices)
    func aConfigurationThatLiesIsCaught(index: Int) {
        let lie = Self.lies[index]
        let error = #expect(throws: CheckpointError.self) { try Self.bind(lie.name, keys: [lie.key: lie.value]) }
        #expect(error?.description.contains(lie.says) == true, "\(lie.key): \(error?.description ?? "")")
    }

    /// The logits of the last input.
    private static func logits(_ run: EncoderDecoderRun, _ name: String) throws -> [[Float]] {
        let input = try #require(EncoderDecoderFixture(name).inputs.last)
        return run.logits([input.ids], given: [input.decoderIds])[0]
    }

    private static func reference(_ name: String) throws -> [[Float]] {
        try #require(EncoderDecoderFixture(name).inputs.last).logits
    }

    /// What is missing from a configuration is the family's default; published files leave out what they please.
    @Test(arguments: [
        (
            "m2m100/nllb",
            ["activation_function", "scale_embedding", "pad_token_id", "eos_token_id", "num_hidden_layers"]
        ),
        ("marian/opus-mt", ["decoder_vocab_size", "share_encoder_decoder_embeddings", "eos_token_id"]),
        ("marian/opus-mt", ["decoder_start_token_id", "pad_token_id", "bad_words_ids", "num_hidden_layers"]),
        ("t5/t5-v1_1", ["relative_attention_num_buckets", "pad_token_id", "eos_token_id", "decoder_start_token_id"]),
        ("t5/t5-v1_1", ["num_decoder_layers", "layer_norm_epsilon", "is_gated_act"]),
        ("t5/t5-tied", ["feed_forward_proj", "eos_token_id"]),
    ])
    func defaultsAreTheFamilys(name: String, missing: [String]) throws {
        let run = try Self.bind(name, keys: Dictionary(uniqueKeysWithValues: missing.map { ($0, nil) }))
        #expect(try largestDifference(Self.logits(run, name), Self.reference(name)) < 1e-4)
        let options = try EncoderDecoderFixture(name).options
        #expect(run.model.startToken == options.start && run.model.endTokens == options.eos)
        #expect(run.model.bannedTokens == options.banned)
    }

    /// Whether T5 scales its output stands in one key or another, and mT5 never does.
    @Test(arguments: [
        ("t5/t5-v1_1", ["tie_word_embeddings": true, "scale_decoder_outputs": false], "t5"),
        ("t5/t5-tied", ["tie_word_embeddings": true, "scale_decoder_outputs": true], "t5"),
        ("t5/t5-tied", ["tie_word_embeddings": true], "t5"),
        ("t5/t5-v1_1", ["tie_word_embeddings": true], "mt5"),
        ("t5/t5-v1_1", ["tie_word_embeddings": false], "mt5"),
    ])
    func whetherTheOutputIsScaled(name: String, flags: [String: Bool], type: String) throws {
        var keys: [String: JSONValue?] = flags.mapValues { .boolean($0) }
        keys["model_type"] = .string(type)
        let run = try Self.bind(name, keys: keys)
        #expect(try largestDifference(Self.logits(run, name), Self.reference(name)) < 1e-4)
    }

    @Test func keysOfGenerationWin() throws {
        let run = try Self.bind(
            "m2m100/nllb",
            generation: [
                "eos_token_id": .array([.number(2), .number(9)]), "decoder_start_token_id": .number(4),
                "forced_eos_token_id": .number(9),
                "bad_words_ids": .array([.array([.number(7)]), .array([.number(5), .number(6)])]),
            ], keys: ["eos_token_id": .number(3)])
        #expect(run.model.endTokens == [2, 9] && run.model.endOfSequence == 2)
        #expect(run.model.startToken == 4)
        #expect(run.model.forcedEndOfSequence == 9)
        #expect(run.model.bannedTokens == [1, 7])
    }

    /// Copies of the embedding have their place, another matrix in their name has none.
    @Test(arguments: [
        ("m2m100/nllb", "model.shared.weight", "model.encoder.embed_tokens.weight"),
        ("m2m100/nllb", "model.shared.weight", "model.decoder.embed_tokens.weight"),
        ("marian/opus-mt", "model.shared.weight", "model.decoder.embed_tokens.weight"),
        ("t5/t5-v1_1", "shared.weight", "encoder.embed_tokens.weight"),
    ])
    func aCopyOfTheEmbeddingIsIgnored(name: String, original: String, copy: String) throws {
        let run = try Self.bind(name) { $0[copy] = $0[original] }
        #expect(try largestDifference(Self.logits(run, name), Self.reference(name)) < 1e-4)
        let error = #expect(throws: CheckpointError.self) {
            try Self.bind(name) { tensors in
                tensors[copy] = tensors[original]
                tensors[copy]?.bytes[1001] ^= 1
            }
        }
        #expect(error?.description.contains("\(copy) is another matrix") == true, "\(error?.description ?? "")")
    }

    /// A matrix for the output is used where a file has one of its own.
    @Test(arguments: families)
    func theOutputMayHaveAMatrix(name: String) throws {
        let plain = try Self.logits(try Self.bind(name) { $0["final_logits_bias"]?.bytes = Tensor([96]).bytes }, name)
        let run = try Self.bind(name) { tensors in
            tensors["final_logits_bias"]?.bytes = Tensor([96]).bytes
            let output = tensors["lm_head.weight"] ?? tensors["model.shared.weight"]
            let count = output?.bytes.count ?? 0
            // Each number has its sign turned.
            tensors["lm_head.weight"] = output
            for place in stride(from: 3, to: count, by: 4) { tensors["lm_head.weight"]?.bytes[place] ^= 0x80 }
        }
        #expect(try largestDifference(Self.logits(run, name).map { $0.map(-) }, plain) == 0)
    }

    /// Tables and matrices that the published code does not read either.
    @Test(arguments: [
        ("m2m100/nllb", "model.encoder.embed_positions.weights"),
        ("t5/t5-v1_1", "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"),
    ])
    func whatNobodyReadsIsIgnored(name: String, tensor: String) throws {
        let run = try Self.bind(name) { $0[tensor] = Tensor([3, 5], 7) }
        #expect(try largestDifference(Self.logits(run, name), Self.reference(name)) < 1e-4)
    }

    /// A table of positions in Marian's files counts, whatever it holds.
    @Test func aTableOfPositionsIsRead() throws {
        let name = "marian/opus-mt"
        let run = try Self.bind(name) { tensors in
            for side in ["encoder", "decoder"] {
                tensors["model.\(side).embed_positions.weight"] = Tensor([64, 32], 0.125)
            }
        }
        #expect(try largestDifference(Self.logits(run, name), Self.reference(name)) > 0.01)
        let input = try #require(EncoderDecoderFixture(name).inputs.last)
        // Without places, a source's order does not matter.
        let states = run.states([input.ids, input.ids.reversed()])
        #expect(largestDifference(states[0], states[1].reversed()) < 1e-4)
    }
}

import Architectures
import Checkpoints
import Testing

/// `config.json` as transformers 4 and 5 write it, and as nobody should.
@Suite struct HuggingFaceConfigurationTests {
    private static func object(_ members: [String: JSONValue]) -> JSONValue { .object(members) }

    private func configuration(_ name: String, _ changes: [String: JSONValue]) throws -> DecoderConfiguration {
        try DecoderConfiguration(try HuggingFaceFixture.configuration(name, changing: changes))
    }

    /// The same RoPE in the spelling of transformers 4, of its first releases, and of 5.
    @Test(arguments: ["default", "linear", "dynamic", "yarn"])
    func bothSpellingsAreOneConfiguration(type: String) throws {
        var parameters: [String: JSONValue] = ["factor": .number(4), "original_max_position_embeddings": .number(32)]
        if type == "default" { parameters = [:] }
        let theta = JSONValue.number(12_345)
        let new = try configuration(
            "llama/llama",
            [
                "rope_theta": .null, "rope_scaling": .null,
                "rope_parameters": Self.object(
                    parameters.merging(["rope_type": .string(type), "rope_theta": theta]) { $1 }),
            ])
        for key in ["type", "rope_type"] {
            let old = try configuration(
                "llama/llama",
                ["rope_theta": theta, "rope_scaling": Self.object(parameters.merging([key: .string(type)]) { $1 })])
            #expect(old == new, "\(type) as \(key)")
        }
        let other = try configuration(
            "llama/llama",
            [
                "rope_theta": .number(12_346),
                "rope_scaling": Self.object(parameters.merging(["type": .string(type)]) { $1 }),
            ])
        #expect(other != new)
    }

    @Test func contextsAreStretchedWhereFilesGiveTheFirstTrainings() throws {
        func context(_ parameters: [String: JSONValue]) throws -> Int {
            try configuration("llama/llama", ["rope_scaling": Self.object(parameters)]).contextTokens
        }
        #expect(try context(["type": .string("linear"), "factor": .number(4)]) == 128)
        #expect(try context(["type": .string("dynamic"), "factor": .number(4)]) == 512)
        #expect(
            try context([
                "type": .string("yarn"), "factor": .number(4), "original_max_position_embeddings": .number(128),
            ]) == 512)
        #expect(
            try context([
                "type": .string("yarn"), "factor": .number(4), "original_max_position_embeddings": .number(32),
            ]) == 128)
        #expect(try context(["type": .string("dynamic"), "factor": .number(1e6)]) <= 1 << 24)
    }

    @Test func aWindowIsWhatTheFamilyMakesOfIt() throws {
        func isLocal(_ name: String, _ changes: [String: JSONValue]) throws -> [Bool] {
            try configuration(name, changes).isLocal
        }
        #expect(try isLocal("llama/mistral", [:]) == [true, true])
        #expect(try configuration("llama/mistral", ["sliding_window": .null]).window == 4_096, "the class's default")
        #expect(try isLocal("llama/llama", ["sliding_window": .number(4)]) == [false, false], "Llama has none")
        #expect(try isLocal("qwen2/qwen2", [:]) == [false, true, true])
        #expect(try isLocal("qwen2/qwen2", ["use_sliding_window": .boolean(false)]) == [false, false, false])
        #expect(try isLocal("qwen2/qwen2", ["max_window_layers": .null]) == [false, false, false])
        let types: [JSONValue] = [.string("sliding_attention"), .string("full_attention"), .string("full_attention")]
        #expect(try isLocal("qwen2/qwen2", ["layer_types": .array(types)]) == [true, false, false])
        #expect(try isLocal("cohere/cohere2", [:]) == [true, false, true, false])
        #expect(try isLocal("cohere/cohere2", ["sliding_window_pattern": .null]) == [true, true, true, false])
        #expect(try isLocal("gemma3/gemma3-text", [:]) == [true, true, true, true, true, false, true])
        #expect(
            try isLocal("gemma3/gemma3-text", ["layer_types": .null]) == [true, true, true, true, true, false, true])
        // Published files say null, which is no window, and not the default.
        let mistral = try HuggingFaceFixture.configuration("llama/mistral")
        let none = ModelConfiguration(
            file: "config.json", members: mistral.members.merging(["sliding_window": .null]) { $1 })
        #expect(try DecoderConfiguration(none).window == nil)
    }

    private static func rope(_ type: String, _ more: [String: JSONValue] = [:]) -> [String: JSONValue] {
        ["rope_scaling": object(more.merging(["rope_type": .string(type)]) { $1 })]
    }

    static let refused: [(name: String, changes: [String: JSONValue], named: [String])] = [
        ("llama/llama", ["model_type": .string("gpt_neox")], ["gpt_neox", "cohere2", "mistral", "gemma3_text"]),
        ("llama/llama", ["model_type": .null], ["model_type", "missing"]),
        ("llama/llama", rope("longrope", ["factor": .number(2)]), ["rope_type is longrope", "yarn", "llama3"]),
        ("llama/llama", rope("su"), ["rope_type is su"]),
        ("llama/llama", rope("mrope"), ["rope_type is mrope"]),
        ("llama/llama", ["rope_scaling": .object(["type": .string("su")])], ["type is su"]),
        ("llama/llama", ["rope_scaling": .string("linear")], ["rope_scaling", "an object"]),
        ("llama/llama", rope("linear"), ["factor is missing"]),
        ("llama/llama", rope("linear", ["factor": .number(0)]), ["factor is 0"]),
        ("llama/llama", rope("linear", ["factor": .string("2")]), ["factor is \"2\""]),
        ("llama/llama", rope("dynamic", ["factor": .number(0.5)]), ["factor is 0.5"]),
        ("llama/llama", rope("linear", ["factor": .number(2), "rope_theta": .number(0)]), ["rope_theta is 0"]),
        (
            "llama/llama",
            rope("llama3", ["factor": .number(8), "low_freq_factor": .number(4), "high_freq_factor": .number(4)]),
            ["high_freq_factor is 4", "more than"]
        ),
        ("llama/llama", rope("default", ["partial_rotary_factor": .number(0.5)]), ["partial_rotary_factor"]),
        ("llama/llama", ["rope_theta": .number(-1)], ["rope_theta is -1"]),
        ("llama/llama", ["hidden_size": .number(0)], ["hidden_size is 0"]),
        ("llama/llama", ["hidden_size": .number(32.5)], ["hidden_size is 32.5"]),
        ("llama/llama", ["hidden_size": .null], ["hidden_size is missing"]),
        ("llama/llama", ["num_hidden_layers": .number(1e9)], ["num_hidden_layers"]),
        ("llama/llama", ["num_attention_heads": .number(5), "num_key_value_heads": .null], ["hidden_size, 32"]),
        ("llama/llama", ["num_key_value_heads": .number(3)], ["num_key_value_heads", "divisor"]),
        ("llama/llama", ["head_dim": .number(7)], ["head_dim", "even"]),
        (
            "llama/llama",
            ["head_dim": .number(2), "rope_scaling": object(["type": .string("dynamic"), "factor": .number(2)])],
            ["head_dim", "dynamic"]
        ),
        ("llama/llama", ["vocab_size": .number(1e12)], ["vocab_size"]),
        ("llama/llama", ["rms_norm_eps": .number(0)], ["rms_norm_eps"]),
        ("llama/llama", ["hidden_act": .string("relu")], ["hidden_act", "relu", "silu"]),
        ("llama/llama", ["quantization_config": object(["quant_method": .string("gptq")])], ["gptq", "GGUF"]),
        ("qwen2/qwen2", ["layer_types": .array([.string("full_attention")])], ["layer_types", "3 layers"]),
        (
            "qwen2/qwen2", ["layer_types": .array([.string("a"), .string("b"), .string("c")])],
            ["layer_types", "\"a\""]
        ),
        ("qwen2/qwen2", ["sliding_window": .number(0)], ["sliding_window is 0"]),
        ("gemma3/gemma3-text", ["attn_logit_softcapping": .number(50)], ["attn_logit_softcapping is 50"]),
        ("gemma3/gemma3-text", ["use_bidirectional_attention": .boolean(true)], ["use_bidirectional_attention"]),
        ("gemma3/gemma3-text", ["rope_parameters": object(["rope_type": .string("default")])], ["full_attention"]),
        ("gemma3/gemma3-multimodal", ["text_config": .null], ["text_config is missing"]),
        ("cohere/aya", ["logit_scale": .string("x")], ["logit_scale"]),
        ("cohere/aya", ["layer_norm_eps": .number(2)], ["layer_norm_eps is 2"]),
    ]

    @Test(arguments: refused.indices)
    func whatIsNotComputedIsRefusedByName(index: Int) throws {
        let (name, changes, named) = Self.refused[index]
        do {
            _ = try configuration(name, changes)
            Issue.record("\(name) \(changes) was accepted")
        } catch let error as CheckpointError {
            for part in named { #expect(error.description.contains(part), "\(changes): \(error)") }
        }
    }

    @Test func defaultsAreThoseOfTransformers() throws {
        #expect(try configuration("llama/llama", ["num_key_value_heads": .null]).kvHeads == 4)
        #expect(try configuration("llama/llama", ["max_position_embeddings": .null]).contextTokens == 2_048)
        #expect(try configuration("qwen3/qwen3", ["head_dim": .null]).headDim == 128)
        #expect(try configuration("gemma3/gemma3-multimodal", [:]).contextTokens == 131_072)
        #expect(try configuration("cohere/cohere2", ["sliding_window": .null]).window == 4_096)
    }
}

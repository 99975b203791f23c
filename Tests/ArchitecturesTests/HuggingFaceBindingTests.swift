import Architectures
import Checkpoints
import TestSupport
import Testing

/// Checkpoints whose tensors and configuration do not fit together: each is refused by name, none crashes.
@Suite struct HuggingFaceBindingTests {
    private func error(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch let error as CheckpointError {
            return error.description
        } catch {
            return "another error: \(error)"
        }
    }

    private func error(_ name: String, _ changes: [String: JSONValue]) throws -> String {
        let configuration = try HuggingFaceFixture.configuration(name, changing: changes)
        return error { _ = try CausalModelFamily.model(configuration, HuggingFaceFixture.weights(name)) }
    }

    static let lies: [(name: String, changes: [String: JSONValue], named: [String])] = [
        ("llama/llama", ["vocab_size": .number(97)], ["model.embed_tokens.weight", "[97, 32]", "[96, 32]"]),
        ("llama/llama", ["hidden_size": .number(40)], ["model.embed_tokens.weight"]),
        ("llama/llama", ["intermediate_size": .number(47)], ["mlp.gate_proj.weight", "[47, 32]"]),
        ("llama/llama", ["num_key_value_heads": .number(4)], ["self_attn.k_proj.weight"]),
        ("llama/llama", ["num_attention_heads": .number(8)], ["self_attn.k_proj.weight"]),
        ("llama/llama", ["head_dim": .number(16)], ["self_attn.q_proj.weight", "[64, 32]"]),
        ("llama/llama", ["num_hidden_layers": .number(3)], ["model.layers.2.", "missing"]),
        ("llama/llama", ["num_hidden_layers": .number(1)], ["model.layers.1."]),
        ("llama/llama", ["tie_word_embeddings": .boolean(false)], ["lm_head.weight"]),
        ("llama/llama", ["attention_bias": .boolean(true)], ["self_attn.q_proj.bias"]),
        ("llama/llama", ["mlp_bias": .boolean(true)], ["mlp.gate_proj.bias"]),
        ("llama/llama-yarn", ["attention_bias": .boolean(false)], ["self_attn.k_proj.bias"]),
        ("llama/llama", ["model_type": .string("qwen2")], ["self_attn.q_proj.bias"]),
        ("llama/llama", ["model_type": .string("qwen3")], ["self_attn.q_proj.weight"]),
        ("qwen2/qwen2", ["model_type": .string("llama")], ["self_attn.k_proj.bias"]),
        ("llama/llama", ["model_type": .string("cohere"), "rms_norm_eps": .null], ["post_attention_layernorm.weight"]),
        ("cohere/aya", ["use_qk_norm": .boolean(true)], ["self_attn.q_norm.weight"]),
        ("cohere/command-r-plus", ["use_qk_norm": .boolean(false)], ["self_attn.q_norm.weight"]),
        (
            "cohere/aya", ["model_type": .string("llama"), "tie_word_embeddings": .boolean(true)],
            ["post_attention_layernorm.weight"]
        ),
    ]

    @Test(arguments: lies.indices)
    func aLyingConfigurationIsRefusedByTheTensor(index: Int) throws {
        let (name, changes, named) = Self.lies[index]
        let message = try error(name, changes)
        #expect(named.allSatisfy { message.contains($0) }, "\(name) \(changes): \(message)")
        #expect(message != "no error" && !message.hasPrefix("another"))
    }

    @Test func aTensorWithoutAPlaceIsRefused() async throws {
        let configuration = try HuggingFaceFixture.configuration("llama/llama")
        var tensors = try HuggingFaceFixture.tensors("llama/llama")
        tensors.append(("model.layers.0.self_attn.lora_A.weight", [2, 2], [1, 2, 3, 4]))
        try await HuggingFaceFixture.withCheckpoint(tensors) { checkpoint in
            let message = error { _ = try CausalModelFamily.model(configuration, checkpoint) }
            #expect(message.contains("lora_A"))
        }
    }

    @Test func whatEveryOldFileHasIsNoSurprise() async throws {
        let configuration = try HuggingFaceFixture.configuration("llama/llama")
        var tensors = try HuggingFaceFixture.tensors("llama/llama")
        tensors.append(("model.layers.0.self_attn.rotary_emb.inv_freq", [4], [1, 0.1, 0.01, 0.001]))
        try await HuggingFaceFixture.withCheckpoint(tensors) { checkpoint in
            let message = error { _ = try CausalModelFamily.model(configuration, checkpoint) }
            #expect(message == "no error")
        }
    }

    /// A copy of the tied matrix is the matrix; one that differs is used, as transformers does.
    @Test func aTiedMatrixMayBeWrittenTwice() async throws {
        let configuration = try HuggingFaceFixture.configuration("llama/llama")
        let ids = try HuggingFaceFixture("llama/llama").inputs[2].ids
        let model = try HuggingFaceFixture.decoder("llama/llama")
        let expected = DecoderRun(model).logits(ids, chunk: 64)
        let tensors = try HuggingFaceFixture.tensors("llama/llama")
        let embedding = try #require(tensors.first { $0.name == "model.embed_tokens.weight" })
        let copy = ("lm_head.weight", embedding.shape, embedding.values)
        try await HuggingFaceFixture.withCheckpoint(tensors + [copy]) { checkpoint in
            let twice = try CausalModelFamily.model(configuration, checkpoint)
            #expect(DecoderRun(twice).logits(ids, chunk: 64) == expected)
            #expect(twice.sizeBytes == model.sizeBytes)
        }
        let doubled = ("lm_head.weight", embedding.shape, embedding.values.map { $0 * 2 })
        try await HuggingFaceFixture.withCheckpoint(tensors + [doubled]) { checkpoint in
            let other = try CausalModelFamily.model(configuration, checkpoint)
            #expect(DecoderRun(other).logits(ids, chunk: 64) == expected.map { $0.map { $0 * 2 } })
        }
    }

    @Test func anInfiniteScaleIsRefused() async throws {
        let configuration = try HuggingFaceFixture.configuration("llama/llama")
        var tensors = try HuggingFaceFixture.tensors("llama/llama")
        let index = try #require(tensors.firstIndex { $0.name == "model.norm.weight" })
        tensors[index].values[3] = .infinity
        try await HuggingFaceFixture.withCheckpoint(tensors) { checkpoint in
            let message = error { _ = try CausalModelFamily.model(configuration, checkpoint) }
            #expect(message.contains("model.norm.weight") && message.contains("finite"))
        }
    }

    /// Of the weights that look at images none is needed and none is in the way.
    @Test func aMultimodalModelIsReadAsText() throws {
        let model = try HuggingFaceFixture.decoder("gemma3/gemma3-multimodal")
        #expect(model.configuration.heads == 8 && model.configuration.kvHeads == 4, "what the class takes")
        let text = try HuggingFaceFixture.weights("gemma3/gemma3-multimodal").tensors
        #expect(text.keys.contains { $0.hasPrefix("vision_tower.") })
    }
}

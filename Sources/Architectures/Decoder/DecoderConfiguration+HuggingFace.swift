package import Checkpoints
internal import Compute

extension DecoderConfiguration {
    /// Reads `config.json` as transformers 4 and 5 write it; a key that is not there has the value that transformers 5
    /// takes for the family.
    ///
    /// - Throws: `CheckpointError` naming the key, what it is and what was expected.
    package init(_ file: ModelConfiguration) throws {
        let modelType = try file.string("model_type")
        guard let family = CausalModelFamily(modelType: modelType) else {
            let known = CausalModelFamily.modelTypes.joined(separator: ", ")
            throw CheckpointError.unsupported(
                file: file.file, offset: 0, reason: "model_type is \(modelType); families: \(known)")
        }
        if let method = try file.object("quantization_config") {
            throw CheckpointError.unsupported(
                file: file.file, offset: 0,
                reason:
                    "quantization_config: weights by \(try method.string("quant_method", default: "an unnamed method"))"
                    + " are not read; take the model's float weights, or a GGUF file")
        }
        let reader = Reader(file: try Self.textModel(of: file, modelType), whole: file, family: family)
        self.family = family
        format = .huggingFace
        let defaults = Defaults(family)
        let text = reader.file
        let positions = try text.integer("max_position_embeddings", 1...(1 << 24), default: defaults.contextTokens)
        hiddenSize = try text.integer("hidden_size", 1...(1 << 20))
        layers = try text.integer("num_hidden_layers", 1...4096)
        feedForwardSize = try text.integer("intermediate_size", 1...(1 << 24))
        heads = try text.integer("num_attention_heads", 1...4096, default: defaults.heads)
        kvHeads = try text.integer("num_key_value_heads", 1...4096, default: defaults.kvHeads ?? heads)
        guard heads % kvHeads == 0 else {
            throw text.mismatch("num_key_value_heads", expected: "a divisor of the \(heads) heads")
        }
        headDim = try reader.headDim(hiddenSize: hiddenSize, heads: heads, default: defaults.headDim)
        normEpsilon = Float(
            try text.number(
                family.isCohere ? "layer_norm_eps" : "rms_norm_eps", 1e-30...1, default: family.isCohere ? 1e-5 : 1e-6))
        vocabularySize = try text.integer("vocab_size", 1...(1 << 21), default: defaults.vocabularySize)
        window = try reader.window()
        isLocal = try reader.localLayers(layers, window: window)
        let (global, local) = try reader.rotations(headDim: headDim, contextTokens: positions, defaults)
        globalRotation = family == .cohere2 ? nil : global
        localRotation = local
        contextTokens = (family == .cohere2 ? local : global).scaling.contextTokens(positions)
        let scaled =
            family == .gemma3 ? try text.number("query_pre_attn_scalar", 1e-6...1e6, default: 256) : Double(headDim)
        attentionScale = Float(1 / scaled.squareRoot())
        embeddingScale = family == .gemma3 ? Float(hiddenSize).squareRoot() : nil
        logitScale = family.isCohere ? Float(try text.number("logit_scale", -1e6...1e6, default: 0.0625)) : nil
        logitCap = family == .gemma3 ? try reader.cap("final_logit_softcapping") : nil
        if family == .gemma3 {
            guard try reader.cap("attn_logit_softcapping") == nil else {
                throw text.mismatch("attn_logit_softcapping", expected: "null: no Gemma 3 caps its scores")
            }
            guard try !text.boolean("use_bidirectional_attention", default: false) else {
                throw text.mismatch("use_bidirectional_attention", expected: "false: a decoder sees what came before")
            }
        }
        isTied = try text.boolean(
            "tie_word_embeddings", default: file.boolean("tie_word_embeddings", default: defaults.isTied))
        activation = try reader.activation()
        // Published weights of Gemma hold what is added to 1.
        normOffset = family == .gemma3 ? 1 : 0
        normalizesHeads = try family.normalizesHeads ?? text.boolean("use_qk_norm", default: false)
        biases = try reader.biases()
    }

    /// The part of a configuration that is about text.
    private static func textModel(of file: ModelConfiguration, _ modelType: String) throws -> ModelConfiguration {
        guard modelType == "gemma3" else { return file }
        guard let text = try file.object("text_config") else {
            throw file.mismatch("text_config", expected: "an object")
        }
        return text
    }

    /// What transformers 5 takes for keys that are not in the file.
    private struct Defaults {
        var contextTokens = 32_768
        /// nil where the key has to be there: no two models agree.
        var heads: Int?
        /// nil for as many as heads.
        var kvHeads: Int?
        /// nil for hiddenSize / heads.
        var headDim: Int?
        var vocabularySize: Int?
        var ropeBase = 10_000.0
        var isTied = false

        init(_ family: CausalModelFamily) {
            switch family {
            case .llama: contextTokens = 2_048
            case .mistral: (contextTokens, kvHeads) = (131_072, 8)
            case .qwen2: break
            case .qwen3: headDim = 128
            case .gemma3:
                (contextTokens, heads, kvHeads, headDim) = (131_072, 8, 4, 256)
                (vocabularySize, ropeBase, isTied) = (262_208, 1_000_000, true)
            case .cohere: (contextTokens, ropeBase, isTied) = (8_192, 500_000, true)
            case .cohere2: (contextTokens, isTied) = (8_192, true)
            }
        }
    }

    /// Reads what needs more than one key.
    private struct Reader {
        /// The text model's object.
        let file: ModelConfiguration
        /// The file's object.
        let whole: ModelConfiguration
        let family: CausalModelFamily

        func headDim(hiddenSize: Int, heads: Int, default fallback: Int?) throws -> Int {
            if file["head_dim"] == nil, fallback == nil, hiddenSize % heads != 0 {
                throw file.mismatch("num_attention_heads", expected: "a divisor of hidden_size, \(hiddenSize)")
            }
            let size = try file.integer("head_dim", 2...4096, default: fallback ?? hiddenSize / heads)
            guard size.isMultiple(of: 2), size >= 2 else {
                throw file.mismatch("head_dim", expected: "an even number: features turn in pairs (it is \(size))")
            }
            return size
        }

        func window() throws -> Int? {
            let range = 1...(1 << 40)
            switch family {
            case .llama, .cohere: return nil
            case .mistral:
                // Later models say null; the first ones relied on the default.
                return file.members["sliding_window"] == .null
                    ? nil : try file.integer("sliding_window", range, default: 4_096)
            case .qwen2, .qwen3:
                guard try file.boolean("use_sliding_window", default: false) else { return nil }
                return file.members["sliding_window"] == .null
                    ? nil : try file.integer("sliding_window", range, default: 4_096)
            case .gemma3, .cohere2: return try file.integer("sliding_window", range, default: 4_096)
            }
        }

        func localLayers(_ count: Int, window: Int?) throws -> [Bool] {
            guard window != nil else { return Array(repeating: false, count: count) }
            if family == .mistral { return Array(repeating: true, count: count) }
            if let types = file["layer_types"] {
                let expected = "a list of sliding_attention or full_attention for each of \(count) layers"
                guard case .array(let names) = types, names.count == count else {
                    throw file.mismatch("layer_types", expected: expected)
                }
                return try names.map { name in
                    switch name {
                    case .string("sliding_attention"): true
                    case .string("full_attention"): false
                    default: throw file.mismatch("layer_types", expected: "\(expected), not \(name.summary)")
                    }
                }
            }
            guard let usual = family.localRun else {
                let first = try file.integer("max_window_layers", default: 28)
                return (0..<count).map { $0 >= first }
            }
            let run = try file.integer("sliding_window_pattern", 1...(1 << 20), default: usual)
            return (0..<count).map { ($0 + 1) % run != 0 }
        }

        /// RoPE of the layers that see everything, and of those that see a window.
        func rotations(
            headDim: Int, contextTokens: Int, _ defaults: Defaults
        ) throws -> (global: Rotation, local: Rotation) {
            func rotation(_ parameters: ModelConfiguration?, base key: String, _ fallback: Double) throws -> Rotation {
                let inner = try parameters?["rope_theta"].map { _ in try parameters?.number("rope_theta", 1...1e30) }
                let base = try inner.flatMap { $0 } ?? file.number(key, 1...1e30, default: fallback)
                let scaling = try RotaryScaling(parameters, of: file, contextTokens: contextTokens)
                if case .dynamic = scaling, headDim < 4 {
                    throw file.mismatch("head_dim", expected: "4 or more where RoPE is dynamic")
                }
                return Rotation(
                    base: base, dimensions: headDim, pairing: family.pairing(.huggingFace), scaling: scaling)
            }
            let parameters = try file.object("rope_scaling") ?? file.object("rope_parameters")
            guard family == .gemma3 else {
                let rotation = try rotation(parameters, base: "rope_theta", defaults.ropeBase)
                return (rotation, rotation)
            }
            if let each = try file.object("rope_parameters"), file["rope_scaling"] == nil {
                let known = ["full_attention", "sliding_attention"]
                guard each.members.keys.allSatisfy(known.contains) else {
                    throw file.mismatch(
                        "rope_parameters", expected: "an object with \(known.joined(separator: " and ")) alone")
                }
                return (
                    try rotation(each.object("full_attention"), base: "rope_theta", defaults.ropeBase),
                    try rotation(each.object("sliding_attention"), base: "rope_local_base_freq", 10_000)
                )
            }
            return (
                try rotation(parameters, base: "rope_theta", defaults.ropeBase),
                try rotation(nil, base: "rope_local_base_freq", 10_000)
            )
        }

        func cap(_ key: String) throws -> Float? {
            guard file[key] != nil else { return nil }
            let cap = try file.number(key, 0...1e6)
            return cap > 0 ? Float(cap) : nil
        }

        func activation() throws -> GateActivation {
            let key = family == .gemma3 ? "hidden_activation" : "hidden_act"
            switch try file.string(key, default: family == .gemma3 ? "gelu_pytorch_tanh" : "silu") {
            case "silu", "swish": return .silu
            case "gelu_pytorch_tanh", "gelu_new", "gelu_fast": return .geluTanh
            default: throw file.mismatch(key, expected: "silu, swish, gelu_pytorch_tanh, gelu_new or gelu_fast")
            }
        }

        func biases() throws -> Biases {
            let attention: WeightBinder.Presence =
                switch family {
                case .qwen2, .mistral: .absent
                case .llama, .qwen3, .gemma3, .cohere, .cohere2:
                    try file.boolean("attention_bias", default: false) ? .required : .absent
                }
            let feedForward: WeightBinder.Presence =
                try family == .llama && file.boolean("mlp_bias", default: false) ? .required : .absent
            return Biases(
                queriesKeysValues: family == .qwen2 ? .required : attention, attentionOutput: attention,
                feedForward: feedForward)
        }
    }
}

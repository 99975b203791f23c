package import Checkpoints
internal import Compute

extension DecoderConfiguration {
    /// Reads a GGUF file's metadata. Keys begin with the architecture's name.
    ///
    /// - Throws: `GGUFMetadataError` naming the key, what it is and what was expected; `CheckpointError.unsupported`
    ///   for an architecture or a scaling of positions that is not computed here.
    package init(_ metadata: GGUFMetadata) throws {
        let architecture = try metadata.string("general.architecture")
        guard let family = CausalModelFamily(ggufArchitecture: architecture) else {
            let known = CausalModelFamily.ggufArchitectures.joined(separator: ", ")
            throw CheckpointError.unsupported(
                file: metadata.file, offset: 0, reason: "general.architecture is \(architecture); families: \(known)")
        }
        let reader = SizeReader(metadata: metadata, architecture: architecture)
        self.family = family
        format = .gguf
        contextTokens = try reader.size("context_length", 1...(1 << 24))
        hiddenSize = try reader.size("embedding_length", 1...(1 << 20))
        layers = try reader.size("block_count", 1...4096)
        feedForwardSize = try reader.uniform("feed_forward_length", 1...(1 << 24))
        heads = try reader.uniform("attention.head_count", 1...4096)
        kvHeads = try reader.uniform("attention.head_count_kv", 1...4096, default: heads)
        guard heads % kvHeads == 0 else {
            throw reader.mismatch("attention.head_count_kv", "a divisor of the \(heads) heads", "\(kvHeads)")
        }
        headDim = try reader.size("attention.key_length", 2...4096, default: hiddenSize / heads)
        let valueDim = try reader.size("attention.value_length", 2...4096, default: headDim)
        guard valueDim == headDim else {
            throw reader.mismatch("attention.value_length", "that of the keys, \(headDim)", "\(valueDim)")
        }
        normEpsilon = Float(
            try reader.number(
                family.isCohere ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-30...1))
        vocabularySize = nil
        let window = try reader.size("attention.sliding_window", 0...(1 << 40), default: 0)
        self.window = window > 0 ? window : nil
        isLocal = window > 0 ? try reader.localLayers(family, count: layers) : Array(repeating: false, count: layers)
        let rotation = Rotation(
            base: try reader.number("rope.freq_base", 1e-3...1e30, default: 10_000),
            dimensions: try reader.size("rope.dimension_count", 2...headDim, multipleOf: 2, default: headDim),
            pairing: family.pairing(.gguf), scaling: try reader.scaling())
        globalRotation = family == .cohere2 ? nil : rotation
        var local = rotation
        if family == .gemma3 {
            local.base = try reader.number("rope.freq_base_swa", 1e-3...1e30, default: 10_000)
            local.scaling = .none
        }
        localRotation = local
        // The 27-billion model of Gemma 3, the one with 62 layers, scales by the hidden size's share of a head.
        let scaled = family == .gemma3 && layers == 62 ? hiddenSize / heads : headDim
        attentionScale = 1 / Float(scaled).squareRoot()
        embeddingScale = family == .gemma3 ? Float(hiddenSize).squareRoot() : nil
        logitScale = family.isCohere ? Float(try reader.number("logit_scale", -1e6...1e6)) : nil
        let cap = try reader.number("final_logit_softcapping", 0...1e6, default: 0)
        logitCap = family == .gemma3 && cap > 0 ? Float(cap) : nil
        if try reader.number("attn_logit_softcapping", 0...1e6, default: 0) > 0 {
            throw CheckpointError.unsupported(
                file: metadata.file, offset: 0,
                reason: "\(architecture).attn_logit_softcapping: no model of this family caps its scores")
        }
        isTied = nil
        activation = family.activation
        // In GGUF the scales of Gemma's norms already contain the 1 that the original adds.
        normOffset = 0
        normalizesHeads = family.normalizesHeads
        biases = Biases(
            queriesKeysValues: family == .qwen2 ? .required : .optional, attentionOutput: .optional,
            feedForward: .optional)
    }

    /// Reads one number of the architecture, checked.
    private struct SizeReader {
        let metadata: GGUFMetadata
        let architecture: String

        func mismatch(_ key: String, _ expected: String, _ found: String) -> GGUFMetadataError {
            .mismatched(file: metadata.file, key: "\(architecture).\(key)", expected: expected, found: found)
        }

        func size(
            _ key: String, _ range: ClosedRange<Int>, multipleOf multiple: Int = 1, default fallback: Int? = nil
        ) throws -> Int {
            let name = "\(architecture).\(key)"
            let value = try fallback == nil ? metadata.integer(name) : metadata.integerIfPresent(name) ?? fallback ?? 0
            guard range.contains(value), value % multiple == 0 else {
                let steps = multiple > 1 ? ", a multiple of \(multiple)" : ""
                throw mismatch(key, "\(range.lowerBound) to \(range.upperBound)\(steps)", "\(value)")
            }
            return value
        }

        /// A number that some files give for each layer: then all must be the same.
        func uniform(_ key: String, _ range: ClosedRange<Int>, default fallback: Int? = nil) throws -> Int {
            guard case .array = metadata["\(architecture).\(key)"] else {
                return try size(key, range, default: fallback)
            }
            let values = try metadata.integers("\(architecture).\(key)")
            guard let first = values.first, values.allSatisfy({ $0 == first }), range.contains(first) else {
                throw mismatch(key, "the same number for every layer", "\(values.prefix(8))…")
            }
            return first
        }

        func number(_ key: String, _ range: ClosedRange<Double>, default fallback: Double? = nil) throws -> Double {
            let name = "\(architecture).\(key)"
            let stored = try fallback == nil ? metadata.float(name) : metadata.floatIfPresent(name)
            let value = stored.map(Double.init) ?? fallback ?? 0
            guard range.contains(value) else {
                throw mismatch(key, "a number from \(range.lowerBound) to \(range.upperBound)", "\(value)")
            }
            return value
        }

        /// For each layer whether it sees a window: a list, or the length of runs whose last layer sees everything.
        func localLayers(_ family: CausalModelFamily, count: Int) throws -> [Bool] {
            guard let usual = family.localRun else {
                // Files of Llama's architecture have a window for every layer or none; Qwen's carry none.
                return Array(repeating: family == .llama, count: count)
            }
            let key = "attention.sliding_window_pattern"
            if case .array = metadata["\(architecture).\(key)"] {
                let layers = try metadata.booleans("\(architecture).\(key)")
                guard layers.count == count else {
                    throw mismatch(key, "one value for each of \(count) layers", "\(layers.count)")
                }
                return layers
            }
            let run = try size(key, 1...(1 << 20), default: usual)
            return (0..<count).map { $0 % run < run - 1 }
        }

        func scaling() throws -> RotaryScaling {
            let key = "rope.scaling.type"
            switch try metadata.stringIfPresent("\(architecture).\(key)") ?? "none" {
            case "none": return .none
            case "linear": return .linear(factor: try number("rope.scaling.factor", 1e-6...1e6, default: 1))
            case "yarn":
                let factor = try number("rope.scaling.factor", 1e-6...1e6)
                // What files give multiplies what the paper takes.
                let given =
                    try number("rope.scaling.attn_factor", 1e-6...1e6, default: 1)
                    * number("rope.scaling.yarn_attn_factor", 1e-6...1e6, default: 1)
                guard try number("rope.scaling.yarn_ext_factor", -1...1, default: 1) == 1 else {
                    throw mismatch("rope.scaling.yarn_ext_factor", "1", "another number")
                }
                return .yarn(
                    YaRN(
                        factor: factor,
                        originalTokens: try size("rope.scaling.original_context_length", 1...(1 << 24)),
                        betaFast: try number("rope.scaling.yarn_beta_fast", 1e-3...1e6, default: 32),
                        betaSlow: try number("rope.scaling.yarn_beta_slow", 1e-3...1e6, default: 1),
                        attentionFactor: given * YaRN.magnitude(factor: factor)))
            case let type:
                throw CheckpointError.unsupported(
                    file: metadata.file, offset: 0,
                    reason: "\(architecture).\(key) is \(type); computed are none, linear, yarn, and Llama 3's through "
                        + "the tensor rope_freqs.weight")
            }
        }
    }
}

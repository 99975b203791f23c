package import Checkpoints
internal import Compute

/// The sizes of a decoder-only model, read from a GGUF file's metadata. Keys begin with the architecture's name.
package struct DecoderConfiguration: Sendable, Equatable {
    /// `general.architecture`
    package let architecture: String
    /// Tokens that prompt and answer may have together: `context_length`
    package let contextTokens: Int
    /// Features of a token: `embedding_length`
    package let hiddenSize: Int
    /// `block_count`
    package let layers: Int
    /// Features between the two products of the feed-forward layer: `feed_forward_length`
    package let feedForwardSize: Int
    /// Query heads: `attention.head_count`
    package let heads: Int
    /// Key/value heads: `attention.head_count_kv`, or as many as query heads
    package let kvHeads: Int
    /// Features of a head: `attention.key_length`, or hiddenSize / heads
    package let headDim: Int
    /// `attention.layer_norm_rms_epsilon`
    package let normEpsilon: Float
    /// θ of RoPE: `rope.freq_base`, or 10000
    package let ropeBase: Double
    /// Features of a head that turn: `rope.dimension_count`, or headDim
    package let ropeDimensions: Int
    /// What positions are divided by: `rope.scaling.factor` with `rope.scaling.type` = linear, else 1
    package let ropeFactor: Double
    /// Positions that a query sees, its own included, in the layers that have a window: `attention.sliding_window`
    package let window: Int?

    /// Reads the sizes.
    ///
    /// - Throws: `GGUFMetadataError` naming the key, what it is and what was expected; `CheckpointError.unsupported` for a
    ///   scaling of positions that is not computed here.
    package init(_ metadata: GGUFMetadata) throws {
        let architecture = try metadata.string("general.architecture")
        let reader = SizeReader(metadata: metadata, architecture: architecture)
        self.architecture = architecture
        contextTokens = try reader.size("context_length", 1...(1 << 24))
        hiddenSize = try reader.size("embedding_length", 16...(1 << 20), multipleOf: 16)
        layers = try reader.size("block_count", 1...4096)
        feedForwardSize = try reader.uniform("feed_forward_length", 16...(1 << 24), multipleOf: 16)
        heads = try reader.uniform("attention.head_count", 1...4096)
        kvHeads = try reader.uniform("attention.head_count_kv", 1...4096, default: heads)
        guard heads % kvHeads == 0 else {
            throw reader.mismatch("attention.head_count_kv", "a divisor of the \(heads) heads", "\(kvHeads)")
        }
        headDim = try reader.size("attention.key_length", 16...4096, multipleOf: 16, default: hiddenSize / heads)
        let valueDim = try reader.size("attention.value_length", 16...4096, multipleOf: 16, default: headDim)
        guard valueDim == headDim else {
            throw reader.mismatch("attention.value_length", "that of the keys, \(headDim)", "\(valueDim)")
        }
        let epsilon = try metadata.float("\(architecture).attention.layer_norm_rms_epsilon")
        guard epsilon > 0, epsilon < 1 else {
            throw reader.mismatch("attention.layer_norm_rms_epsilon", "between 0 and 1", "\(epsilon)")
        }
        normEpsilon = epsilon
        ropeBase = try reader.positive("rope.freq_base", default: 10_000)
        ropeDimensions = try reader.size("rope.dimension_count", 2...headDim, multipleOf: 2, default: headDim)
        switch try metadata.stringIfPresent("\(architecture).rope.scaling.type") ?? "none" {
        case "none": ropeFactor = 1
        case "linear": ropeFactor = try reader.positive("rope.scaling.factor", default: 1)
        case let type:
            throw CheckpointError.unsupported(
                file: metadata.file, offset: 0,
                reason: "\(architecture).rope.scaling.type is \(type); computed are none and linear, and Llama 3's "
                    + "through the tensor rope_freqs.weight")
        }
        let window = try metadata.integerIfPresent("\(architecture).attention.sliding_window") ?? 0
        guard window >= 0 else { throw reader.mismatch("attention.sliding_window", "0 or more", "\(window)") }
        self.window = window > 0 ? window : nil
    }

    /// The rotation of heads, its positions divided by `ropeFactor`.
    func rope(_ pairing: RoPE.Pairing) -> RoPE {
        RoPE(
            dimensions: ropeDimensions, base: ropeBase, pairing: pairing,
            divisors: ropeFactor == 1 ? nil : Array(repeating: Float(ropeFactor), count: ropeDimensions / 2))
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
        func uniform(
            _ key: String, _ range: ClosedRange<Int>, multipleOf multiple: Int = 1, default fallback: Int? = nil
        ) throws -> Int {
            guard case .array = metadata["\(architecture).\(key)"] else {
                return try size(key, range, multipleOf: multiple, default: fallback)
            }
            let values = try metadata.integers("\(architecture).\(key)")
            guard let first = values.first, values.allSatisfy({ $0 == first }), range.contains(first),
                first % multiple == 0
            else { throw mismatch(key, "the same number for every layer", "\(values.prefix(8))…") }
            return first
        }

        func positive(_ key: String, default fallback: Double) throws -> Double {
            guard let value = try metadata.floatIfPresent("\(architecture).\(key)") else { return fallback }
            guard value.isFinite, value > 0 else { throw mismatch(key, "a positive number", "\(value)") }
            return Double(value)
        }
    }
}

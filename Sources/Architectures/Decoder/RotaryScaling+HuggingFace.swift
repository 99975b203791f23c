internal import Checkpoints

extension RotaryScaling {
    /// The types that are computed here, as files spell them.
    private static let types = ["default", "linear", "dynamic", "yarn", "llama3"]

    /// Reads an object of RoPE's parameters: `rope_scaling` as transformers 4 wrote it, or `rope_parameters` of 5.
    ///
    /// - Parameters:
    ///   - parameters: the object; nil for none.
    ///   - file: the model's configuration, for the lengths.
    ///   - contextTokens: the configuration's `max_position_embeddings`.
    /// - Throws: `CheckpointError`: a type that is not computed here, or parameters that make no sense.
    init(_ parameters: ModelConfiguration?, of file: ModelConfiguration, contextTokens: Int) throws {
        guard let parameters else {
            self = .none
            return
        }
        let key = parameters["rope_type"] == nil ? "type" : "rope_type"
        let type = try parameters.string(key, default: "default")
        if try parameters.number("partial_rotary_factor", default: 1) != 1 {
            throw parameters.mismatch("partial_rotary_factor", expected: "1: the heads of this family turn as a whole")
        }
        func originalTokens() throws -> Int {
            let inner = try parameters.integer(
                "original_max_position_embeddings", 1...(1 << 24), default: contextTokens)
            return try file.integer("original_max_position_embeddings", 1...(1 << 24), default: inner)
        }
        let factors = 1e-6...1e6
        switch type {
        case "default": self = .none
        case "linear": self = .linear(factor: try parameters.number("factor", factors))
        case "dynamic":
            self = .dynamic(factor: try parameters.number("factor", 1...1e6), originalTokens: contextTokens)
        case "yarn":
            let original = try originalTokens()
            let factor = try parameters.number("factor", factors, default: Double(contextTokens) / Double(original))
            let attentionFactor: Double
            if parameters["attention_factor"] != nil {
                attentionFactor = try parameters.number("attention_factor", factors)
            } else {
                let scale = try parameters.number("mscale", 0...1e3, default: 0)
                let scaleOfAll = try parameters.number("mscale_all_dim", 0...1e3, default: 0)
                attentionFactor =
                    scale > 0 && scaleOfAll > 0
                    ? YaRN.magnitude(factor: factor, scale: scale) / YaRN.magnitude(factor: factor, scale: scaleOfAll)
                    : YaRN.magnitude(factor: factor)
            }
            self = .yarn(
                YaRN(
                    factor: factor, originalTokens: original,
                    betaFast: try parameters.number("beta_fast", 1e-3...1e6, default: 32),
                    betaSlow: try parameters.number("beta_slow", 1e-3...1e6, default: 1),
                    truncates: try parameters.boolean("truncate", default: true), attentionFactor: attentionFactor))
        case "llama3":
            let low = try parameters.number("low_freq_factor", factors)
            let high = try parameters.number("high_freq_factor", factors)
            guard high > low else {
                throw parameters.mismatch("high_freq_factor", expected: "more than low_freq_factor, \(low)")
            }
            self = .llama3(
                Llama3(
                    factor: try parameters.number("factor", factors), lowFrequencyFactor: low,
                    highFrequencyFactor: high, originalTokens: try originalTokens()))
        default:
            throw CheckpointError.unsupported(
                file: parameters.file, offset: 0,
                reason: "\(key) is \(type); computed are \(Self.types.joined(separator: ", "))")
        }
    }

    /// Tokens that a model has room for, whose configuration says `contextTokens`. Two scalings are written beside the
    /// length of the first training.
    func contextTokens(_ contextTokens: Int) -> Int {
        let stretched =
            switch self {
            case .none, .linear, .llama3: 0.0
            case .dynamic(let factor, let originalTokens): factor * Double(originalTokens)
            case .yarn(let yarn): yarn.factor * Double(yarn.originalTokens)
            }
        return max(contextTokens, Int(min(stretched, Double(1 << 24))))
    }
}

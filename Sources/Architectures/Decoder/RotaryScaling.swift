internal import Compute
internal import Foundation

/// How a model's rotary embedding is stretched beyond the context that it was first trained with. The definitions are
/// those of transformers' `modeling_rope_utils.py` (5.23); below, θ_i is a frequency and λ_i = 2π / θ_i its wavelength.
enum RotaryScaling: Sendable, Equatable {
    case none
    /// θ_i / factor (Chen et al., "Extending Context Window … via Positional Interpolation", 2023).
    case linear(factor: Double)
    /// A base that grows with the length of the sequence beyond `originalTokens`.
    case dynamic(factor: Double, originalTokens: Int)
    case yarn(YaRN)
    case llama3(Llama3)

    /// The rotation of heads.
    func rope(dimensions: Int, base: Double, pairing: RoPE.Pairing) -> RoPE {
        let frequencies = RoPE.frequencies(dimensions, base)
        switch self {
        case .none: return RoPE(frequencies: frequencies, pairing: pairing)
        case .linear(let factor): return RoPE(frequencies: frequencies.map { $0 / factor }, pairing: pairing)
        case .dynamic(let factor, let originalTokens):
            return RoPE(
                dimensions: dimensions, growing: .init(base: base, factor: factor, originalTokens: originalTokens),
                pairing: pairing)
        case .yarn(let yarn):
            return RoPE(
                frequencies: yarn.scaled(frequencies, base: base), pairing: pairing, magnitude: yarn.attentionFactor)
        case .llama3(let llama3): return RoPE(frequencies: frequencies.map(llama3.scaled), pairing: pairing)
        }
    }
}

/// Frequencies that turn often stay, those that turn seldom are divided by the factor, with a ramp over the pairs
/// between them (Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models", 2023).
struct YaRN: Sendable, Equatable {
    var factor: Double
    /// Positions of the first training.
    var originalTokens: Int
    /// Turns over `originalTokens` from which on a frequency stays.
    var betaFast = 32.0
    /// Turns up to which a frequency is divided.
    var betaSlow = 1.0
    /// Whether the ramp begins and ends at whole pairs.
    var truncates = true
    /// What cosines and sines are multiplied by.
    var attentionFactor: Double

    /// 0.1 · scale · ln factor + 1: the paper's attention factor, where scale is 1.
    static func magnitude(factor: Double, scale: Double = 1) -> Double {
        factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1
    }

    func scaled(_ frequencies: [Double], base: Double) -> [Double] {
        let dimensions = Double(2 * frequencies.count)
        /// The pair, as a real number, that turns so many times over the original context.
        func pair(turns: Double) -> Double {
            dimensions * log(Double(originalTokens) / (turns * 2 * .pi)) / (2 * log(base))
        }
        var (low, high) = (pair(turns: betaFast), pair(turns: betaSlow))
        if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, dimensions - 1))
        if low == high { high += 0.001 }
        return frequencies.enumerated().map { i, frequency in
            let ramp = min(max((Double(i) - low) / (high - low), 0), 1)
            return frequency / factor * ramp + frequency * (1 - ramp)
        }
    }
}

/// Wavelengths above `originalTokens / lowFrequencyFactor` are stretched by the factor, those below `originalTokens /
/// highFrequencyFactor` stay, and between them the share grows with the frequency (Grattafiori et al., "The Llama 3
/// Herd of Models", 2024).
struct Llama3: Sendable, Equatable {
    var factor: Double
    var lowFrequencyFactor: Double
    var highFrequencyFactor: Double
    /// Positions of the first training.
    var originalTokens: Int

    func scaled(_ frequency: Double) -> Double {
        let turns = Double(originalTokens) * frequency / (2 * .pi)
        if turns < lowFrequencyFactor { return frequency / factor }
        if turns > highFrequencyFactor { return frequency }
        let kept = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
        return (1 - kept) * frequency / factor + kept * frequency
    }
}

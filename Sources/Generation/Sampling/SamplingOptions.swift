/// How the next token is chosen from the logits. The order is: logit bias, penalties, temperature, then the filters
/// top-k, top-p, min-p and typical, then one draw (`Sampler` has the definitions, docs/http-api.md the reasons).
package struct SamplingOptions: Sendable, Equatable {
    /// What logits are divided by; 0 takes the largest. 0 to 2.
    package var temperature = 1.0
    /// Only this many of the most probable tokens are left; 0 leaves all.
    package var topK = 0
    /// The smallest set of the most probable tokens whose probabilities sum to this; 1 leaves all. (0, 1].
    package var topP = 1.0
    /// Tokens less probable than this share of the most probable one fall out; 0 leaves all. [0, 1].
    package var minP = 0.0
    /// Locally typical sampling (Meister et al., 2023): the set of this probability whose surprise is nearest the
    /// expected one; 1 leaves all. (0, 1].
    package var typicalP = 1.0
    /// Positive logits of tokens that the prompt or the answer holds are divided by it, negative ones multiplied
    /// (Keskar et al., "CTRL", 2019); 1 is none. Above 0.
    package var repetitionPenalty = 1.0
    /// Taken from the logits of tokens that the answer holds. −2 to 2.
    package var presencePenalty = 0.0
    /// Taken from the logits of tokens that the answer holds, once for each time. −2 to 2.
    package var frequencyPenalty = 0.0
    /// Added to the logits of these tokens. −100 to 100; −100 rules a token out, 100 rules all others out.
    package var logitBias: [Int32: Float] = [:]
    /// Makes the draws repeatable; nil draws differently each time.
    package var seed: UInt64?

    /// Temperature 1 and nothing else.
    package init() {}

    /// Always the most probable token.
    package static var greedy: SamplingOptions {
        var options = SamplingOptions()
        options.temperature = 0
        return options
    }
}

/// A token that was chosen, or that stands where it was looked at.
package struct SampledToken: Sendable {
    /// The least log-probability that is ever given, for what the model holds impossible: JSON has no −∞, and clients
    /// of OpenAI know this number.
    package static let leastLogprob: Float = -9999

    /// The token.
    package var id: Int32
    /// The natural logarithm of its probability by the model alone, before bias, penalties, temperature and filters;
    /// 0 if log-probabilities were not asked for.
    package var logprob: Float
    /// The most probable tokens by the model alone, best first, the lower id first on a tie; those that have no finite
    /// logit are not among them.
    package var top: [(id: Int32, logprob: Float)]

    /// A token and what is known of its place.
    package init(id: Int32, logprob: Float = 0, top: [(id: Int32, logprob: Float)] = []) {
        (self.id, self.logprob, self.top) = (id, logprob, top)
    }
}

/// Makes tokens less probable that the sequence has already (Keskar et al., "CTRL", 2019): a score s < 0 becomes
/// s · penalty, another s / penalty.
struct RepetitionPenalty: Sendable, Equatable {
    /// Above 1 to discourage, below 1 to encourage; positive.
    let penalty: Float

    /// Changes the scores `logit − normalizer` of some logits, each of which may be named more than once.
    func apply(to logits: UnsafeMutableBufferPointer<Float>, at indices: [Int], normalizer: Float) {
        var previous = -1
        for index in indices.sorted() where index != previous && index < logits.count {
            previous = index
            let score = logits[index] - normalizer
            logits[index] = normalizer + (score < 0 ? score * penalty : score / penalty)
        }
    }

    /// What a logit was that was changed with a normalizer of 0.
    func inverse(_ logit: Float) -> Float { logit < 0 ? logit / penalty : logit * penalty }
}

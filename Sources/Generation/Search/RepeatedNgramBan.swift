/// Finds the tokens that would repeat a run of `size` tokens (Paulus, Xiong and Socher, "A Deep Reinforced Model for
/// Abstractive Summarization", 2017).
struct RepeatedNgramBan: Sendable, Equatable {
    /// Tokens in a run; at least 1.
    let size: Int

    /// The tokens that would complete a run that the sequence has already; one may be named more than once.
    func tokens(completing sequence: [Int32]) -> [Int32] {
        guard sequence.count >= size else { return [] }
        let known = sequence.suffix(size - 1)
        var banned: [Int32] = []
        for start in 0...(sequence.count - size) where sequence[start..<start + size - 1] == known {
            banned.append(sequence[start + size - 1])
        }
        return banned
    }
}

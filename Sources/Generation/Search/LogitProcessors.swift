internal import Architectures

/// The rules that change a row of logits before a token is chosen, in this order, which is that of transformers:
///
/// 1. the repetition penalty, over what was generated and the decoder's start token;
/// 2. the ban of repeated n-grams, over the same sequence;
/// 3. banned tokens;
/// 4. no end token below the minimum length;
/// 5. the forced first token;
/// 6. the forced last token, which wins where one token is all there may be.
///
/// Only the logits concerned are touched. Rules see scores `logit − normalizer`: in greedy search the normalizer is 0; in
/// beam search it is the row's log-sum-exp, which makes the scores log-probabilities.
struct LogitProcessors: Sendable {
    /// What must come next.
    enum Forced: Equatable {
        /// The choice is free.
        case nothing
        /// This token, with a score of 0.
        case token(Int32)
        /// A token that the vocabulary does not have.
        case impossible
    }

    private let repetition: RepetitionPenalty?
    private let ngrams: RepeatedNgramBan?
    private let banned: [Int]
    private let ends: [Int]
    private let minimumTokens: Int
    private let first: Int32?
    private let last: Int32?
    private let limit: Int
    private let start: Int32?
    private let columns: LogitColumns

    /// The rules of one sentence: those of the request, and those that the model comes with.
    init(
        _ options: SearchOptions, limit: Int, endTokens: [Int32], model: any SequenceToSequenceModel,
        columns: LogitColumns
    ) {
        repetition = options.repetitionPenalty == 1 ? nil : RepetitionPenalty(penalty: options.repetitionPenalty)
        ngrams = options.noRepeatNgramSize > 0 ? RepeatedNgramBan(size: options.noRepeatNgramSize) : nil
        let never = (model.bannedTokens + options.bannedTokens).filter { !endTokens.contains($0) }
        banned = never.compactMap(columns.index(of:))
        ends = endTokens.compactMap(columns.index(of:))
        minimumTokens = options.minimumTokens
        first = options.forcedFirstToken
        last = options.forcedLastToken ?? model.forcedEndOfSequence
        self.limit = limit
        start = model.startToken
        self.columns = columns
    }

    /// What must follow the generated tokens.
    func forced(after tokens: [Int32]) -> Forced {
        guard let token = (tokens.count == limit - 1 ? last : nil) ?? (tokens.isEmpty ? first : nil) else {
            return .nothing
        }
        return columns.contains(token) ? .token(token) : .impossible
    }

    /// Applies the rules 1 to 4.
    ///
    /// - Returns: whether any of them had something to say.
    @discardableResult
    func apply(
        to logits: UnsafeMutableBufferPointer<Float>, after tokens: [Int32], normalizer: Float
    ) -> Bool {
        var changed = false
        if repetition != nil || ngrams != nil {
            let sequence = (start.map { [$0] } ?? []) + tokens
            repetition?.apply(to: logits, at: sequence.compactMap(columns.index(of:)), normalizer: normalizer)
            let repeated = ngrams?.tokens(completing: sequence) ?? []
            ban(repeated.compactMap(columns.index(of:)), in: logits)
            changed = repetition != nil || !repeated.isEmpty
        }
        ban(banned, in: logits)
        let isShort = tokens.count < minimumTokens
        if isShort { ban(ends, in: logits) }
        return changed || !banned.isEmpty || isShort
    }

    private func ban(_ indices: [Int], in logits: UnsafeMutableBufferPointer<Float>) {
        for index in indices where index < logits.count { logits[index] = -.infinity }
    }

    /// The logit that a token had before the repetition penalty, with a normalizer of 0.
    func withoutPenalty(_ logit: Float, of token: Int32, after tokens: [Int32]) -> Float {
        guard let repetition, token == start || tokens.contains(token) else { return logit }
        return repetition.inverse(logit)
    }
}

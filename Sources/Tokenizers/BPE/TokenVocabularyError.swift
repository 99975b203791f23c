/// What is wrong with the vocabulary of a byte-pair encoding.
package enum TokenVocabularyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// No tokens, or more than `TokenVocabulary.maximumCount`.
    case unsupportedSize(Int)
    /// A list that should have one entry for each token has another number.
    case unequalCounts(of: String, count: Int, tokens: Int)
    /// SentencePiece merges need scores.
    case missingScores
    /// A score is NaN.
    case scoreIsNotANumber(id: Int)
    /// The tokenizer's way of cutting text into words is not known.
    case unknownPreTokenizer(String)
    /// More merges than the tables have bits for.
    case tooManyMerges(Int)
    /// A merge is not two tokens with a space between.
    case malformedMerge(index: Int, text: String)
    /// A merge names a token, or makes one, that the vocabulary does not have.
    case mergeWithoutToken(index: Int, token: String)
    /// A special id is not below the number of tokens.
    case idOutsideVocabulary(name: String, id: Int32, count: Int)

    /// What is wrong, where, and what to do.
    package var description: String {
        switch self {
        case .unsupportedSize(let count):
            "the vocabulary has \(count) tokens; 1 to \(TokenVocabulary.maximumCount) are supported"
        case .unequalCounts(let list, let count, let tokens):
            "the vocabulary has \(count) \(list) for \(tokens) tokens; the file is damaged, fetch it again"
        case .missingScores:
            "the vocabulary has no scores, which say in what order its tokens are merged; "
                + "the file is incomplete, convert the model again"
        case .scoreIsNotANumber(let id):
            "the score of token \(id) is not a number; the file is damaged, fetch it again"
        case .unknownPreTokenizer(let name):
            "the pre-tokenizer '\(name)' is not known; known are "
                + PreTokenizer.allCases.map(\.rawValue).joined(separator: ", ")
        case .tooManyMerges(let count):
            "the vocabulary has \(count) merges; up to \(PairTable.maximumMerges) are supported"
        case .malformedMerge(let index, let text):
            "merge \(index) is '\(text)', not two tokens with a space between"
        case .mergeWithoutToken(let index, let token):
            "merge \(index) needs the token '\(token)', which the vocabulary does not have"
        case .idOutsideVocabulary(let name, let id, let count):
            "the \(name) token is \(id), but the vocabulary has \(count) tokens"
        }
    }
}

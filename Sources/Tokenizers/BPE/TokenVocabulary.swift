/// What a token of a chat model's vocabulary stands for. The raw values are those of GGUF's
/// `tokenizer.ggml.token_type`.
package enum TokenKind: Int32, Sendable {
    /// Text, found in the input.
    case normal = 1
    /// The token for what the vocabulary does not cover.
    case unknown = 2
    /// A mark such as the end of a turn: found only where special tokens are allowed, never shown.
    case control = 3
    /// Text that is always kept in one piece.
    case userDefined = 4
    /// A place in the vocabulary that nothing uses.
    case unused = 5
    /// One byte of a character that the vocabulary does not cover, written `<0x00>` to `<0xFF>`.
    case byte = 6
}

/// The tokens of a model as its file spells them; a token's id is its place.
package struct TokenVocabulary: Sendable {
    /// How the file spells each token.
    package let tokens: ByteStrings
    /// What each token stands for.
    package let kinds: [TokenKind]
    /// For each token, how early it is merged (higher is earlier). Only SentencePiece merges need it.
    package let scores: [Float]?

    /// As many tokens as the tables have bits for: ids have 21.
    package static let maximumCount = (1 << 21) - 1

    /// - Throws: `TokenVocabularyError` for an empty or too large vocabulary, and for kinds or scores that are
    ///   not one for each token, or not numbers.
    package init(tokens: ByteStrings, kinds: [TokenKind], scores: [Float]? = nil) throws(TokenVocabularyError) {
        guard (1...Self.maximumCount).contains(tokens.count) else { throw .unsupportedSize(tokens.count) }
        guard kinds.count == tokens.count else {
            throw .unequalCounts(of: "kinds", count: kinds.count, tokens: tokens.count)
        }
        if let scores {
            guard scores.count == tokens.count else {
                throw .unequalCounts(of: "scores", count: scores.count, tokens: tokens.count)
            }
            if let id = scores.firstIndex(where: \.isNaN) { throw .scoreIsNotANumber(id: id) }
        }
        (self.tokens, self.kinds, self.scores) = (tokens, kinds, scores)
    }

    /// The number of ids, which are 0 up to this number, excluded.
    package var count: Int { kinds.count }

    /// Whether `id` is one of the vocabulary.
    @inline(__always) func contains(_ id: Int32) -> Bool { id >= 0 && Int(id) < kinds.count }

    /// Whether the vocabulary has `id`, and as a token of this kind.
    @inline(__always) func isKind(_ kind: TokenKind, _ id: Int32) -> Bool {
        contains(id) && kinds[Int(id)] == kind
    }
}

/// The ids that frame a text, as a model's file gives them.
package struct SequenceMarks: Sendable, Equatable {
    /// Begins a text.
    package var beginOfSequence: Int32?
    /// Ends a text.
    package var endOfSequence: Int32?
    /// Ends a turn of a conversation.
    package var endOfTurn: Int32?
    /// Ends a message that is not the last of a turn.
    package var endOfMessage: Int32?
    /// Stands for what the vocabulary does not cover.
    package var unknown: Int32?
    /// Whether `beginOfSequence` goes before a prompt; nil is the default of the kind of tokenizer.
    package var addsBeginOfSequence: Bool?

    /// The marks of a model; none where the file says nothing.
    package init(
        beginOfSequence: Int32? = nil, endOfSequence: Int32? = nil, endOfTurn: Int32? = nil,
        endOfMessage: Int32? = nil, unknown: Int32? = nil, addsBeginOfSequence: Bool? = nil
    ) {
        self.beginOfSequence = beginOfSequence
        self.endOfSequence = endOfSequence
        self.endOfTurn = endOfTurn
        self.endOfMessage = endOfMessage
        self.unknown = unknown
        self.addsBeginOfSequence = addsBeginOfSequence
    }

    /// Names of tokens that end what a model generates, whatever its file says.
    private static let endNames: [StaticString] = [
        "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>", "<|endoftext|>", "<|end_of_text|>",
        "<|END_OF_TURN_TOKEN|>", "<EOT>", "</s>",
    ]

    /// - Throws: `TokenVocabularyError` if an id is not one of the vocabulary's.
    func check(_ vocabulary: TokenVocabulary) throws(TokenVocabularyError) {
        let marks: [(String, Int32?)] = [
            ("begin of sequence", beginOfSequence), ("end of sequence", endOfSequence), ("end of turn", endOfTurn),
            ("end of message", endOfMessage), ("unknown", unknown),
        ]
        for case (let name, let id?) in marks where !vocabulary.contains(id) {
            throw .idOutsideVocabulary(name: name, id: id, count: vocabulary.count)
        }
    }

    /// The ids after which a model has nothing more to say: those of the file, and the control and
    /// user-defined tokens with a name that is known for it.
    func endOfGeneration(_ vocabulary: TokenVocabulary) -> Set<Int32> {
        var ids = Set([endOfSequence, endOfTurn, endOfMessage].compactMap { $0 })
        let names = Set(Self.endNames.map { name in name.withUTF8Buffer { Array($0) } })
        for (index, kind) in vocabulary.kinds.enumerated() where kind == .control || kind == .userDefined {
            if names.contains(Array(vocabulary.tokens[index])) { ids.insert(Int32(index)) }
        }
        return ids
    }
}

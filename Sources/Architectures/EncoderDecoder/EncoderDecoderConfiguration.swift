internal import Checkpoints

/// The sizes of a transformer with an encoder and a decoder, and the tokens that mean something to it. Each family reads
/// them from its own keys of `config.json`.
package struct EncoderDecoderConfiguration: Sendable, Equatable {
    /// The sizes of one side.
    package struct Stack: Sendable, Equatable {
        package var layers: Int
        package var heads: Int
        /// Features of a head.
        package var headDim: Int
        /// Features inside a feed-forward network.
        package var feedForwardSize: Int

        /// Features of all heads together.
        var innerSize: Int { heads * headDim }
    }

    /// Features of a token.
    package var hiddenSize: Int
    package var encoder: Stack
    package var decoder: Stack
    package var sourceVocabularySize: Int
    package var targetVocabularySize: Int
    package var tokens: Tokens
    /// The most positions of either side; nil where any distance has its place.
    package var maximumPositions: Int?

    /// The tokens that mean something to the network or to a search.
    package struct Tokens: Sendable, Equatable {
        /// What the decoder is given first.
        package var start: Int32
        /// What ends a target, at least one; the first ends sources too.
        package var end: [Int32]
        /// What is never generated: the padding, and single tokens of `bad_words_ids`.
        package var banned: [Int32]
        /// What the longest target allowed has to end with.
        package var forcedEnd: Int32?
        /// What stands for pieces that the vocabulary does not have.
        package var unknown: Int32
    }
}

/// `config.json` and, where there is one, `generation_config.json`, whose keys win.
struct EncoderDecoderKeys {
    let model: ModelConfiguration
    let generation: ModelConfiguration?

    /// The file that has a key of generation.
    private func owner(of key: String) -> ModelConfiguration {
        if let generation, generation[key] != nil { return generation }
        return model
    }

    /// A size that is at least 1.
    func size(_ key: String, upTo limit: Int, default fallback: Int) throws -> Int {
        try model.integer(key, 1...limit, default: fallback)
    }

    /// The number of layers of one side.
    func layers(_ key: String, default fallback: Int) throws -> Int { try size(key, upTo: 256, default: fallback) }

    /// The number of a vocabulary's tokens.
    func vocabulary(_ key: String, default fallback: Int) throws -> Int {
        try size(key, upTo: 1 << 24, default: fallback)
    }

    /// One side of a network whose heads share `d_model`: `side_layers`, `side_attention_heads`, `side_ffn_dim`.
    func stack(_ side: String, hiddenSize: Int) throws -> EncoderDecoderConfiguration.Stack {
        let heads = try size("\(side)_attention_heads", upTo: 1024, default: 16)
        guard hiddenSize % heads == 0 else {
            throw model.mismatch("\(side)_attention_heads", expected: "a divisor of d_model, which is \(hiddenSize)")
        }
        return .init(
            layers: try layers("\(side)_layers", default: 12), heads: heads, headDim: hiddenSize / heads,
            feedForwardSize: try size("\(side)_ffn_dim", upTo: 1 << 20, default: 4096))
    }

    /// `d_model` of a network with waves for positions, which come in pairs.
    func evenHiddenSize(default fallback: Int) throws -> Int {
        let size = try size("d_model", upTo: 1 << 16, default: fallback)
        guard size % 2 == 0, size >= 4 else { throw model.mismatch("d_model", expected: "an even number from 4 on") }
        return size
    }

    /// What an embedding is multiplied by: `scale_embedding` says whether √d_model or nothing.
    func embeddingScale(hiddenSize: Int, default fallback: Bool) throws -> Float {
        try model.boolean("scale_embedding", default: fallback) ? Float(hiddenSize).squareRoot() : 1
    }

    /// The tokens, each checked against the vocabulary that it is of.
    func tokens(
        start: Int32? = nil, end: Int32, padding: Int32, unknown: Int32, vocabularySize: Int
    ) throws -> EncoderDecoderConfiguration.Tokens {
        func ids(_ key: String, default fallback: Int32?) throws -> [Int32] {
            let ids = try owner(of: key).tokens(key)
            let all = ids.isEmpty ? fallback.map { [$0] } ?? [] : ids
            guard all.allSatisfy({ Int($0) < vocabularySize }) else {
                throw owner(of: key).mismatch(key, expected: "ids below \(vocabularySize), the size of the vocabulary")
            }
            return all
        }
        guard let first = try ids("decoder_start_token_id", default: start).first else {
            throw model.mismatch("decoder_start_token_id", expected: "the id of the token that starts a target")
        }
        let banned = try ids("pad_token_id", default: padding) + bannedWords(below: vocabularySize)
        return .init(
            start: first, end: try ids("eos_token_id", default: end), banned: Array(Set(banned)).sorted(),
            forcedEnd: try ids("forced_eos_token_id", default: nil).first,
            unknown: try ids("unk_token_id", default: unknown).first ?? unknown)
    }

    /// The words of `bad_words_ids` that are one token; longer ones are of no family read here.
    private func bannedWords(below vocabularySize: Int) throws -> [Int32] {
        let key = "bad_words_ids"
        let owner = owner(of: key)
        guard let value = owner[key] else { return [] }
        let expected = "lists of token ids below \(vocabularySize)"
        guard case .array(let words) = value else { throw owner.mismatch(key, expected: expected) }
        return try words.compactMap { word in
            guard case .array(let ids) = word else { throw owner.mismatch(key, expected: expected) }
            guard ids.count == 1, let id = ids.first else { return nil }
            guard case .number(let number) = id, let token = Int32(exactly: number), token >= 0,
                Int(token) < vocabularySize
            else { throw owner.mismatch(key, expected: expected) }
            return token
        }
    }
}

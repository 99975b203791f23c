import Checkpoints

/// What becomes of text between added tokens: the normalizers, the pre-tokenizers and the model; and what goes around
/// ids, and how they become text.
struct TokenizerPipeline: Sendable {
    private let normalization: [NormalizationStep]
    private let preTokenization: [PreTokenizationStep]
    let model: TokenizerModel
    let processing: [PostProcessingStep]
    /// nil where tokens are put together with spaces.
    let decoding: [DecodingStep]?

    /// - Throws: `CheckpointError` naming a component that is not known.
    init(_ file: TokenizerFile, vocabularySize: Int) throws {
        normalization = file.normalization
        preTokenization = file.preTokenization
        model = file.model
        processing =
            try file.component("post_processor").map {
                try PostProcessingStep.read($0, vocabularySize: vocabularySize)
            } ?? file.processing
        decoding = file.decoding
    }

    /// A text as the model's vocabulary was trained on.
    func normalized(_ text: NormalizedText) -> NormalizedText {
        var text = text
        for step in normalization { step.apply(to: &text) }
        return text
    }

    /// Appends the ids of a normalized text.
    func encode(_ text: PreTokenizedText, to output: inout [Int32]) {
        var text = text
        for step in preTokenization { step.apply(to: &text) }
        switch model {
        case .bytePair(let model): model.encode(text, to: &output)
        case .unigram(let model): model.encode(text, to: &output)
        case .wordPiece(let model): model.encode(text, to: &output)
        }
    }
}

/// The model of a `tokenizer.json`.
enum TokenizerModel: Sendable {
    case bytePair(BytePairModel)
    case unigram(UnigramModel)
    case wordPiece(WordPieceModel)

    /// Its tokens.
    var vocabulary: HuggingFaceVocabulary {
        switch self {
        case .bytePair(let model): model.vocabulary
        case .unigram(let model): model.vocabulary
        case .wordPiece(let model): model.vocabulary
        }
    }
}

/// The tokens of a model together with those that were added to it.
struct AddedTokenTable {
    /// All tokens, with what they stand for: special ones are control tokens, other added ones user-defined.
    let vocabulary: TokenVocabulary
    /// Whether there is a token with the id.
    let exists: [Bool]
    /// The added tokens, with the ids that they have.
    let added: [AddedToken]
    /// How the normalizers spell the added tokens that are looked for in normalized text, where it differs.
    let respelled: [Int32: [UInt8]]
    /// For each id, whether decoding leaves it out with the special tokens.
    let isSkipped: [Bool]

    /// - Throws: `CheckpointError` for an added token whose id is another token's.
    init(_ file: TokenizerFile) throws {
        let model = file.model.vocabulary
        var added: [Int32: AddedToken] = [:]
        var idsByContent: [[UInt8]: Int32] = [:]
        for var token in file.addedTokens where !token.content.isEmpty {
            let known = model.id(token.content)
            if known >= 0 {
                // A token that the model has keeps its id, whatever the entry says.
                token.id = known
            } else if let earlier = idsByContent[token.content] {
                token.id = earlier
            } else if let other = added[token.id]?.content ?? Self.token(model, token.id) {
                throw CheckpointError.invalid(
                    file: file.source, offset: 0,
                    reason:
                        "the added token \(Self.quoted(token.content)) has the id \(token.id) of \(Self.quoted(other))")
            }
            added[token.id] = token
            idsByContent[token.content] = token.id
        }
        let count = max(model.count, (added.keys.max().map { Int($0) } ?? -1) + 1)
        var tokens = model.tokens
        var exists = model.exists
        var kinds = [TokenKind](repeating: .normal, count: count)
        for id in model.count..<count {
            tokens.append(added[Int32(id)]?.content ?? [])
            exists.append(added[Int32(id)] != nil)
        }
        var respelled: [Int32: [UInt8]] = [:]
        var isSkipped = [Bool](repeating: false, count: count)
        let specials = Set(added.values.filter(\.isSpecial).map(\.content))
        for (id, token) in added {
            kinds[Int(id)] = token.isSpecial ? .control : .userDefined
            if token.isNormalized {
                var text = token.content.withUnsafeBytes { NormalizedText($0, startsText: true) }
                for step in file.normalization { step.apply(to: &text) }
                if text.bytes != token.content { respelled[id] = text.bytes }
            }
            isSkipped[Int(id)] = specials.contains(respelled[id] ?? token.content)
        }
        do {
            vocabulary = try TokenVocabulary(tokens: tokens, kinds: kinds)
        } catch {
            throw CheckpointError.unsupported(file: file.source, offset: 0, reason: "\(error)")
        }
        (self.exists, self.respelled, self.isSkipped) = (exists, respelled, isSkipped)
        self.added = added.values.sorted { $0.id < $1.id }
    }

    private static func token(_ vocabulary: HuggingFaceVocabulary, _ id: Int32) -> [UInt8]? {
        Int(id) < vocabulary.count && vocabulary.exists[Int(id)] ? Array(vocabulary.tokens[Int(id)]) : nil
    }

    private static func quoted(_ token: [UInt8]) -> String {
        JSONValue.string(String(decoding: token, as: UTF8.self)).summary
    }

    /// What each token adds to a text that has begun, in bytes.
    ///
    /// - Parameter decoding: the decoders; nil for spaces between tokens.
    func texts(_ decoding: [DecodingStep]?) -> ByteStrings {
        var texts = ByteStrings()
        texts.reserveCapacity(count: vocabulary.count, bytes: vocabulary.tokens.bytes.count + vocabulary.count)
        let isByteLevel: Bool
        if let decoding, decoding.count == 1, case .byteLevel = decoding[0] {
            isByteLevel = true
        } else {
            isByteLevel = false
        }
        vocabulary.tokens.bytes.withUnsafeBytes { bytes in
            for id in 0..<vocabulary.count {
                guard exists[id], vocabulary.kinds[id] != .control else {
                    texts.append(EmptyCollection())
                    continue
                }
                let respelling = respelled[Int32(id)]
                let token = UnsafeRawBufferPointer(rebasing: bytes[vocabulary.tokens.range(id)])
                if isByteLevel, respelling == nil {
                    if !texts.append(spelledInAlphabet: token) { texts.append(token) }
                    continue
                }
                let text = respelling ?? Array(token)
                guard let decoding else {
                    texts.append([0x20] + text)
                    continue
                }
                texts.append(decoding.reduce(text) { $1.applyWithin($0) })
            }
        }
        return texts
    }
}

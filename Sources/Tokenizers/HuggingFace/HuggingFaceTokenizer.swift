package import Checkpoints

/// A tokenizer as the `tokenizers` library of Hugging Face describes it in a `tokenizer.json`, or one that the older
/// layouts describe (`vocab.txt`; `vocab.json` with `merges.txt`): added tokens are cut out of a text, the rest is
/// normalized, cut into words and given to the model. Ids and texts are the same as the library's;
/// `models/tokenizers-json/MODEL.md` says how.
///
/// A value is immutable; any number of threads may use it. Encoding takes time in proportion to the text, but for a
/// word of *n* characters, which can take *n* log *n*. `truncation` and `padding` of the file are left to the caller.
package final class HuggingFaceTokenizer: TextTokenizer {
    /// How many ids there are; some may be of no token.
    package let vocabularySize: Int
    package let beginOfSequence: Int32?
    package let addsBeginOfSequence: Bool
    /// The ids that the caller gave, that of `eos_token`, and those whose names are known for it.
    package let endOfGeneration: Set<Int32>
    package let addsSpacePrefix: Bool
    /// The id for what the vocabulary does not cover, if `tokenizer_config.json` names one.
    package let unknownID: Int32?
    /// The id of `eos_token` of `tokenizer_config.json`.
    package let endOfSequence: Int32?
    /// The id of `pad_token` of `tokenizer_config.json`.
    package let padding: Int32?

    /// The tokens, those of the model and the added ones.
    private let vocabulary: TokenVocabulary
    /// What each token adds to a text in bytes; empty for special tokens.
    private let texts: ByteStrings
    /// What the decoder gets for tokens that are looked for in another spelling than their own.
    private let respelled: [Int32: [UInt8]]
    /// Whether decoding leaves each token out with the special ones.
    private let isSkipped: [Bool]
    private let exists: [Bool]
    private let pipeline: TokenizerPipeline
    private let rawTokens: AddedTokenMatcher
    private let normalizedTokens: AddedTokenMatcher
    private let controlTokens: SpecialTokenMatcher
    private let namedTokens: SpecialTokenMatcher

    /// Reads a `tokenizer.json`.
    ///
    /// - Parameters:
    ///   - tokenizerJSON: the file's bytes.
    ///   - configuration: `tokenizer_config.json`, which names the begin and end of a text.
    ///   - endOfGeneration: ids that end what a model generates, such as those of `generation_config.json`.
    /// - Throws: `CheckpointError` naming the file and the byte, or the component that is not known.
    package convenience init(
        tokenizerJSON: ByteRegion, configuration: ModelConfiguration? = nil, endOfGeneration: Set<Int32> = []
    ) throws {
        let file = try TokenizerFile(tokenizerJSON)
        try self.init(file, configuration: configuration, endOfGeneration: endOfGeneration)
    }

    /// Reads BERT's older layout: the tokens of a WordPiece model, one a line.
    ///
    /// - Parameter configuration: `tokenizer_config.json`: `do_lower_case`, `strip_accents`,
    ///   `tokenize_chinese_chars`, and the names of the special tokens.
    /// - Throws: `CheckpointError`.
    package convenience init(
        wordPieceVocabulary: ByteRegion, configuration: ModelConfiguration? = nil, endOfGeneration: Set<Int32> = []
    ) throws {
        let file = try TokenizerFile(wordPieceVocabulary: wordPieceVocabulary, configuration: configuration)
        try self.init(file, configuration: configuration, endOfGeneration: endOfGeneration)
    }

    /// Reads GPT-2's older layout: the tokens of a byte-level model with their ids, and the merges, one a line.
    ///
    /// - Parameter configuration: `tokenizer_config.json`: the class of the tokenizer, which says how it cuts text
    ///   (GPT-2's way unless it is Qwen's), and the added tokens.
    /// - Throws: `CheckpointError`.
    package convenience init(
        vocabulary: ByteRegion, merges: ByteRegion, configuration: ModelConfiguration? = nil,
        endOfGeneration: Set<Int32> = []
    ) throws {
        let file = try TokenizerFile(vocabulary: vocabulary, merges: merges, configuration: configuration)
        try self.init(file, configuration: configuration, endOfGeneration: endOfGeneration)
    }

    private init(
        _ file: TokenizerFile, configuration: ModelConfiguration?, endOfGeneration: Set<Int32>
    ) throws {
        let tokens = try AddedTokenTable(file)
        vocabulary = tokens.vocabulary
        exists = tokens.exists
        vocabularySize = tokens.vocabulary.count
        respelled = tokens.respelled
        isSkipped = tokens.isSkipped
        rawTokens = AddedTokenMatcher(tokens.added.filter { !$0.isNormalized }.map { ($0, $0.content) })
        normalizedTokens = AddedTokenMatcher(
            tokens.added.filter(\.isNormalized).map { ($0, tokens.respelled[$0.id] ?? $0.content) })
        do {
            controlTokens = try SpecialTokenMatcher(tokens.vocabulary, [.control])
            namedTokens = try SpecialTokenMatcher(tokens.vocabulary, [.control, .userDefined])
        } catch {
            throw CheckpointError.unsupported(file: file.source, offset: 0, reason: "\(error)")
        }
        pipeline = try TokenizerPipeline(file, vocabularySize: tokens.vocabulary.count)
        texts = tokens.texts(pipeline.decoding)
        addsSpacePrefix = pipeline.decoding?.contains(where: \.dropsFirstSpace) ?? true

        let names = NamedTokens(configuration, tokens.vocabulary, tokens.exists)
        let framing = pipeline.processing.first { !$0.before.isEmpty }
        let isUnwanted = try configuration?.boolean("add_bos_token", default: true) == false
        let isWanted = try configuration?.boolean("add_bos_token", default: false) == true
        let begin = try names.id("bos_token") ?? framing?.before.first
        beginOfSequence = begin
        let isFramed = framing.map { $0.before.first == begin } ?? (isWanted && pipeline.processing.isEmpty)
        addsBeginOfSequence = !isUnwanted && begin != nil && isFramed
        endOfSequence = try names.id("eos_token")
        unknownID = try names.id("unk_token")
        padding = try names.id("pad_token")
        self.endOfGeneration = endOfGeneration.union(
            SequenceMarks(endOfSequence: endOfSequence).endOfGeneration(tokens.vocabulary))
    }

    // MARK: - Encoding

    package func encode(_ text: String, allowSpecial: Bool) -> [Int32] {
        pieces(text, findsSpecial: allowSpecial)
    }

    /// The ids of `text` with all added tokens found in it, and with the marks that the post-processor puts around it:
    /// the library's `encode`.
    package func encodeWithMarks(_ text: String) -> [Int32] {
        pipeline.processing.reduce(pieces(text)) { $1.apply(to: $0) }
    }

    /// The ids of `text` with all added tokens found in it, without marks around it: the library's `encode` with
    /// `add_special_tokens=False`.
    package func pieces(_ text: String) -> [Int32] { pieces(text, findsSpecial: true) }

    /// The marks that `encodeWithMarks` puts before and behind a text.
    package var marks: (before: [Int32], after: [Int32]) {
        pipeline.processing.reduce(into: ([], [])) { $0 = ($1.before + $0.0, $0.1 + $1.after) }
    }

    private func pieces(_ text: String, findsSpecial: Bool) -> [Int32] {
        var text = text
        return text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            var output: [Int32] = []
            rawTokens.forEachPart(bytes, findsSpecial: findsSpecial) { part in
                switch part {
                case .token(let id): output.append(id)
                case .text(let range):
                    let fragment = UnsafeRawBufferPointer(rebasing: bytes[range])
                    append(
                        NormalizedText(fragment, startsText: range.lowerBound == 0), findsSpecial, to: &output)
                }
            }
            return output
        }
    }

    /// Appends the ids of a text that has none of the tokens that are looked for before normalization.
    private func append(_ text: NormalizedText, _ findsSpecial: Bool, to output: inout [Int32]) {
        let normalized = pipeline.normalized(text)
        normalized.bytes.withUnsafeBytes { bytes in
            normalizedTokens.forEachPart(bytes, findsSpecial: findsSpecial) { part in
                switch part {
                case .token(let id): output.append(id)
                case .text(let range): pipeline.encode(PreTokenizedText(normalized, range), to: &output)
                }
            }
        }
    }

    // MARK: - Decoding

    /// The text of `ids`: the library's `decode`. Ids without a token give nothing.
    ///
    /// - Parameter skipSpecial: whether special tokens are left out.
    package func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool = true) -> String {
        var tokens: [[UInt8]] = []
        for id in ids where vocabulary.contains(id) && exists[Int(id)] && !(skipSpecial && isSkipped[Int(id)]) {
            tokens.append(respelled[id] ?? Array(vocabulary.tokens[Int(id)]))
        }
        guard let decoding = pipeline.decoding else {
            return String(decoding: Array(tokens.joined(separator: [0x20])), as: UTF8.self)
        }
        let texts = decoding.reduce(tokens) { $1.apply(to: $0) }
        return String(decoding: Array(texts.joined()), as: UTF8.self)
    }

    package func bytes(of id: Int32) -> ArraySlice<UInt8> {
        vocabulary.contains(id) ? texts[Int(id)] : []
    }

    package func isControl(_ id: Int32) -> Bool { vocabulary.isKind(.control, id) }

    package func controlTokenOffsets(in text: String) -> [Int] { controlTokens.tokenOffsets(in: text) }

    package func specialID(named name: String) -> Int32? { namedTokens.id(named: name) }

    /// The id of the token, of the model or added, that is spelled `token` in the file.
    package func id(of token: String) -> Int32? {
        if let id = namedTokens.id(named: token) { return id }
        let id = pipeline.model.vocabulary.id(token.utf8)
        return id >= 0 ? id : nil
    }

    /// How the file spells the token `id`; nil if there is none.
    package func token(_ id: Int32) -> String? {
        guard vocabulary.contains(id), exists[Int(id)] else { return nil }
        return String(decoding: vocabulary.tokens[Int(id)], as: UTF8.self)
    }
}

/// The tokens that a `tokenizer_config.json` names: as a text, or as an added token.
private struct NamedTokens {
    private let configuration: ModelConfiguration?
    private let table: ByteStringTable

    init(_ configuration: ModelConfiguration?, _ vocabulary: TokenVocabulary, _ exists: [Bool]) {
        self.configuration = configuration
        table =
            configuration == nil
            ? ByteStringTable(ByteStrings()) { _ in true } : ByteStringTable(vocabulary.tokens) { exists[$0] }
    }

    /// The id of the token that a key names, if there is such a key and such a token.
    func id(_ key: String) throws -> Int32? {
        guard let configuration, let value = configuration[key] else { return nil }
        let name: String
        if case .object(let members) = value {
            name = try ModelConfiguration(file: "\(configuration.file): \(key)", members: members).string("content")
        } else {
            name = try configuration.string(key)
        }
        let id = table.id(name.utf8)
        return id >= 0 ? id : nil
    }
}

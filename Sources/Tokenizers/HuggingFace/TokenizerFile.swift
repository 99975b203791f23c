import Checkpoints

/// A tokenizer as a file describes it, in parts.
struct TokenizerFile {
    /// The file, for error messages.
    let source: String
    private(set) var addedTokens: [AddedToken] = []
    private(set) var normalization: [NormalizationStep] = []
    private(set) var preTokenization: [PreTokenizationStep] = []
    /// What goes around ids, where no component says so.
    private(set) var processing: [PostProcessingStep] = []
    /// nil where tokens are put together with spaces.
    private(set) var decoding: [DecodingStep]?
    private(set) var model: TokenizerModel
    private var components: [String: TokenizerComponent] = [:]

    /// As many bytes as a file may have that is no vocabulary.
    private static let maximumBytes = 1 << 28

    /// Reads a `tokenizer.json`.
    ///
    /// - Throws: `CheckpointError`.
    init(_ region: ByteRegion) throws {
        source = region.source
        guard region.count <= Self.maximumBytes else {
            throw CheckpointError.unsupported(
                file: source, offset: 0, reason: "\(region.count) bytes, more than the \(Self.maximumBytes) possible")
        }
        var scanner = JSONScanner(region)
        var values: [String: Range<Int>] = [:]
        var found: TokenizerModel?
        try scanner.object("the file") { scanner, name throws(CheckpointError) in
            let name = String(decoding: name, as: UTF8.self)
            let start = scanner.offset
            guard values[name] == nil else { throw scanner.invalid("the file has the name \(name) twice", at: start) }
            // By far the largest part is read where it stands.
            if name == "model" { found = try TokenizerModel(&scanner) }
            values[name] = name == "model" ? start..<scanner.offset : try scanner.skip(name)
        }
        try scanner.finish("the file")
        for key in ["normalizer", "pre_tokenizer", "post_processor", "decoder"] {
            guard let range = values[key] else { continue }
            var scanner = JSONScanner(region, range)
            let value = try scanner.value(key)
            if value != .null { components[key] = try TokenizerComponent(value, file: region.source, path: key) }
        }
        guard let found else { throw scanner.invalid("the file has no model", at: 0) }
        model = found
        normalization = try components["normalizer"].map { try NormalizationStep.read($0) } ?? []
        preTokenization = try components["pre_tokenizer"].map { try PreTokenizationStep.read($0) } ?? []
        decoding = try components["decoder"].map { try DecodingStep.read($0) }
        if let range = values["added_tokens"] { addedTokens = try Self.addedTokens(JSONScanner(region, range)) }
    }

    /// A component that depends on others.
    func component(_ key: String) -> TokenizerComponent? { components[key] }

    private static func addedTokens(_ scanner: JSONScanner) throws -> [AddedToken] {
        var scanner = scanner
        let value = try scanner.value("added_tokens")
        guard value != .null else { return [] }
        guard case .array(let entries) = value else { throw scanner.invalid("added_tokens is no list", at: 0) }
        return try entries.enumerated().map { index, entry in
            let file = "\(scanner.region.source): added_tokens[\(index)]"
            guard case .object(let members) = entry else {
                throw CheckpointError.invalid(file: file, offset: 0, reason: "it is no object")
            }
            return try AddedToken(ModelConfiguration(file: file, members: members))
        }
    }
}

// MARK: - Older layouts

extension TokenizerFile {
    /// BERT's tokens, one a line, and what `tokenizer_config.json` says about them.
    ///
    /// - Throws: `CheckpointError`.
    init(wordPieceVocabulary region: ByteRegion, configuration: ModelConfiguration?) throws {
        let options = configuration ?? ModelConfiguration(file: region.source, members: [:])
        func name(_ key: String, _ usual: String) throws -> [UInt8] {
            if case .object? = options[key] {
                return Array(try options.object(key)?.string("content").utf8 ?? usual.utf8)
            }
            return Array(try options.string(key, default: usual).utf8)
        }
        source = region.source
        let vocabulary = try HuggingFaceVocabulary(lines: region)
        model = .wordPiece(
            try WordPieceModel(
                vocabulary, unknown: try name("unk_token", "[UNK]"), continuingPrefix: Array("##".utf8),
                maximumCharacters: 100, file: region.source))
        let lowercases = try options.boolean("do_lower_case", default: true)
        normalization = [
            .bert(
                BertNormalization(
                    cleansText: true, separatesChinese: try options.boolean("tokenize_chinese_chars", default: true),
                    stripsAccents: try options.boolean("strip_accents", default: lowercases), lowercases: lowercases))
        ]
        preTokenization = [.bert]
        decoding = [.wordPiece(prefix: Array("##".utf8), cleansUp: true)]
        addedTokens = try Self.addedTokens(configuration)
        var marks: [Int32] = []
        for (key, usual) in [
            ("pad_token", "[PAD]"), ("unk_token", "[UNK]"), ("cls_token", "[CLS]"), ("sep_token", "[SEP]"),
            ("mask_token", "[MASK]"),
        ] {
            let content = try name(key, usual)
            let id = vocabulary.id(content)
            guard id >= 0 else { continue }
            if key == "cls_token" || key == "sep_token" { marks.append(id) }
            if !addedTokens.contains(where: { $0.content == content }) {
                addedTokens.append(AddedToken(id: id, content: content, isSpecial: true))
            }
        }
        if marks.count == 2 { processing = [PostProcessingStep(before: [marks[0]], after: [marks[1]])] }
    }

    /// The tokens and merges of a byte-level model, and what `tokenizer_config.json` says about them.
    ///
    /// - Throws: `CheckpointError`.
    init(vocabulary: ByteRegion, merges: ByteRegion, configuration: ModelConfiguration?) throws {
        source = vocabulary.source
        var scanner = JSONScanner(vocabulary)
        let tokens = try HuggingFaceVocabulary(object: &scanner)
        try scanner.finish("the vocabulary")
        var mergeScanner = MergeScanner(lines: merges)
        model = .bytePair(try BytePairModel(tokens, merges: &mergeScanner, options: BytePairModel.Options()))
        let options = configuration ?? ModelConfiguration(file: vocabulary.source, members: [:])
        let name = try options.string("tokenizer_class", default: "GPT2Tokenizer")
        if name.hasPrefix("Qwen2") {
            normalization = [.form(.nfc)]
            preTokenization = [
                .split(.regex(try Self.qwenWords(vocabulary.source)), .isolated, inverted: false),
                .byteLevel(addsPrefixSpace: false, splits: false),
            ]
        } else {
            let addsPrefixSpace = try options.boolean("add_prefix_space", default: false)
            preTokenization = [.byteLevel(addsPrefixSpace: addsPrefixSpace, splits: true)]
        }
        decoding = [.byteLevel]
        addedTokens = try Self.addedTokens(configuration)
        if name.hasPrefix("Roberta") || name.hasPrefix("Bart"),
            case let (begin, end) = (tokens.id("<s>".utf8), tokens.id("</s>".utf8)), begin >= 0, end >= 0
        {
            processing = [PostProcessingStep(before: [begin], after: [end])]
        }
    }

    /// How Qwen cuts text into words.
    private static func qwenWords(_ file: String) throws -> RegexProgram {
        do {
            return try RegexProgram(
                #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"#
                    + #"|\s+(?!\S)|\s+"#)
        } catch {
            throw CheckpointError.unsupported(file: file, offset: 0, reason: "\(error)")
        }
    }

    /// The entries of `added_tokens_decoder`, by their ids.
    private static func addedTokens(_ configuration: ModelConfiguration?) throws -> [AddedToken] {
        guard let configuration, let decoder = try configuration.object("added_tokens_decoder") else { return [] }
        return try decoder.members.keys.map { key in
            guard let id = Int32(key), id >= 0, id <= HuggingFaceVocabulary.maximumID,
                let entry = try decoder.object(key)
            else { throw decoder.mismatch(key, expected: "an id and its token") }
            return try AddedToken(entry, id: id)
        }.sorted { $0.id < $1.id }
    }
}

extension AddedToken {
    /// A token that is found wherever its content stands.
    init(id: Int32, content: [UInt8], isSpecial: Bool) {
        (self.id, self.content, self.isSpecial) = (id, content, isSpecial)
    }
}

extension TokenizerModel {
    /// Reads the `model` of a `tokenizer.json`.
    ///
    /// - Throws: `CheckpointError` for what is not known, naming it.
    init(_ scanner: inout JSONScanner) throws(CheckpointError) {
        var lists: [String: Range<Int>] = [:]
        var members: [String: JSONValue] = [:]
        try scanner.object("the model") { scanner, name throws(CheckpointError) in
            let name = String(decoding: name, as: UTF8.self)
            guard lists[name] == nil, members[name] == nil else { throw scanner.invalid("the model has \(name) twice") }
            if name == "vocab" || name == "merges" {
                lists[name] = try scanner.skip(name)
            } else {
                do { members[name] = try scanner.value("model.\(name)") } catch { throw Self.named(error, scanner) }
            }
        }
        do { self = try Self.model(lists, members, scanner) } catch { throw Self.named(error, scanner) }
    }

    /// An error as one about a checkpoint, which all are.
    private static func named(_ error: any Error, _ scanner: JSONScanner) -> CheckpointError {
        error as? CheckpointError ?? scanner.invalid("\(error)")
    }

    private static func model(
        _ lists: [String: Range<Int>], _ members: [String: JSONValue], _ scanner: JSONScanner
    ) throws -> TokenizerModel {
        let region = scanner.region
        let component = try TokenizerComponent(.object(members), file: region.source, path: "model")
        func list(_ name: String) throws -> JSONScanner {
            guard let range = lists[name] else { throw scanner.invalid("the model has no \(name)") }
            return JSONScanner(region, range)
        }
        var vocabularyScanner = try list("vocab")
        switch component.type {
        case "BPE":
            let options = try bytePairOptions(component)
            let vocabulary = try HuggingFaceVocabulary(object: &vocabularyScanner)
            var merges = MergeScanner(try list("merges"))
            return .bytePair(try BytePairModel(vocabulary, merges: &merges, options: options))
        case "Unigram":
            let options = component.options
            let unknownID =
                options["unk_id"] == nil ? nil : try options.integer("unk_id", 0...HuggingFaceVocabulary.maximumID)
            return .unigram(
                try UnigramModel(
                    &vocabularyScanner, unknownID: unknownID,
                    fallsBackToBytes: try options.boolean("byte_fallback", default: false)))
        case "WordPiece":
            let vocabulary = try HuggingFaceVocabulary(object: &vocabularyScanner)
            return .wordPiece(
                try WordPieceModel(
                    vocabulary, unknown: try component.bytes("unk_token", default: "[UNK]"),
                    continuingPrefix: try component.bytes("continuing_subword_prefix", default: "##"),
                    maximumCharacters: try component.options.integer("max_input_chars_per_word", default: 100),
                    file: region.source))
        default: throw component.unknownType("model")
        }
    }

    private static func bytePairOptions(_ component: TokenizerComponent) throws -> BytePairModel.Options {
        let options = component.options
        // A tokenizer that drops merges at random would give other ids each time.
        try component.expect("dropout", toBe: .number(0))
        return BytePairModel.Options(
            unknown: options["unk_token"] == nil ? nil : try component.bytes("unk_token"),
            continuingPrefix: try component.bytes("continuing_subword_prefix", default: ""),
            wordSuffix: try component.bytes("end_of_word_suffix", default: ""),
            fusesUnknown: try options.boolean("fuse_unk", default: false),
            fallsBackToBytes: try options.boolean("byte_fallback", default: false),
            ignoresMerges: try options.boolean("ignore_merges", default: false))
    }
}

package import Checkpoints

/// Makes the tokenizer of a translation model from the files of its checkpoint.
package enum TranslationTokenizers {
    /// The families whose tokenizers are known, by `model_type` of `config.json`; `nllb` stands for an `m2m_100` that
    /// has NLLB's vocabulary.
    package static let families = ["m2m_100", "nllb", "nllb-moe", "marian", "t5", "mt5", "umt5"]

    /// Reads the tokenizer of a checkpoint.
    ///
    /// - Parameters:
    /// - Throws: `TranslationTokenizerError` if files are missing or do not fit the model or each other,
    package static func load(
        family: String, directory files: [String: String], configuration: ModelConfiguration,
        tokenizerConfiguration: ModelConfiguration? = nil, pieceTokenizer: (any PieceTokenizer)? = nil
    ) throws -> any TranslationTokenizer {
        let tokenizerConfiguration =
            try tokenizerConfiguration ?? files["tokenizer_config.json"].map { try ModelConfiguration(path: $0) }
        let checkpoint = TokenizerFiles(
            files: files, configuration: configuration, tokenizerConfiguration: tokenizerConfiguration,
            pieceTokenizer: pieceTokenizer)
        let tokenizer: any TranslationTokenizer
        switch family {
        case "m2m_100", "m2m100", "nllb", "nllb-moe":
            tokenizer = try checkpoint.isNLLB(family) ? checkpoint.nllb() : checkpoint.m2m100()
        case "marian": tokenizer = try checkpoint.marian()
        case "t5", "mt5", "umt5": tokenizer = try checkpoint.t5()
        default: throw TranslationTokenizerError.unknownFamily(family, known: families)
        }
        let weights = try configuration.integer("vocab_size", 1...TokenVocabulary.maximumCount)
        try check("source", tokenizer.sourceVocabularySize, weights)
        let targetWeights = try configuration.integer(
            "decoder_vocab_size", 1...TokenVocabulary.maximumCount, default: weights)
        try check("target", tokenizer.targetVocabularySize, targetWeights)
        return tokenizer
    }

    private static func check(_ side: String, _ tokens: Int, _ weights: Int) throws {
        guard tokens <= weights else {
            throw TranslationTokenizerError.moreTokensThanModel(side: side, tokens: tokens, weights: weights)
        }
    }
}

/// The files of one checkpoint, and what they make.
struct TokenizerFiles {
    let files: [String: String]
    let configuration: ModelConfiguration
    let tokenizerConfiguration: ModelConfiguration?
    let pieceTokenizer: (any PieceTokenizer)?

    /// A SentencePiece file by one of its names.
    func model(_ names: String...) throws -> SentencePieceModel? {
        for case let path? in names.map({ files[$0] }) { return try SentencePieceModel(ByteRegion(mapping: path)) }
        return nil
    }

    /// The id of the entry that ends a text: `</s>`, else what the model's configuration says.
    func endID(_ tokenizer: any PieceTokenizer, _ file: String) throws -> Int32 {
        if let id = tokenizer.id(of: "</s>") { return id }
        guard let id = try configuration.tokens("eos_token_id").first, Int(id) < tokenizer.vocabularySize else {
            throw TranslationTokenizerError.missingEntry(file: file, entry: "</s>")
        }
        return id
    }

    func marian() throws -> MarianTranslationTokenizer {
        let sourceCode = try language("source_lang")
        let targetCode = try language("target_lang")
        guard let model = try model("source.spm"), let path = files["vocab.json"] else {
            guard let pieceTokenizer else {
                throw TranslationTokenizerError.missingFiles(
                    tokenizer: "Marian", anyOf: ["source.spm and vocab.json", "tokenizer.json"])
            }
            let marks = (0..<Int32(pieceTokenizer.vocabularySize)).compactMap { id in
                pieceTokenizer.piece(of: id).flatMap { MarianLanguageMark.code(Array($0.utf8)[...]) }.map { ($0, id) }
            }
            return MarianTranslationTokenizer(
                pieceTokenizer, targetVocabularySize: pieceTokenizer.vocabularySize, marks: marks,
                endID: try endID(pieceTokenizer, "tokenizer.json"), source: sourceCode, target: targetCode)
        }
        let source = try PieceVocabulary(path: path)
        let target: PieceVocabulary
        if let path = files["target_vocab.json"] {
            target = try PieceVocabulary(path: path)
        } else if try tokenizerConfiguration?.boolean("separate_vocabs", default: false) == true {
            throw TranslationTokenizerError.missingFiles(
                tokenizer: "Marian", anyOf: ["target_vocab.json, because tokenizer_config.json has separate_vocabs"])
        } else {
            target = source
        }
        let marks = (0..<Int32(source.size)).compactMap { id in
            MarianLanguageMark.code(source.spelling(id)).map { ($0, id) }
        }
        let tokenizer = try VocabularyPieceTokenizer(
            model, source: source, target: target, languageMarks: Set(marks.map(\.1)))
        return MarianTranslationTokenizer(
            tokenizer, targetVocabularySize: tokenizer.targetVocabularySize, marks: marks,
            endID: try source.required("</s>"), source: sourceCode, target: targetCode)
    }

    func t5() throws -> T5TranslationTokenizer {
        let tokenizer: any PieceTokenizer
        let file: String
        if let model = try model("spiece.model", "sentencepiece.model", "spm.model", "tokenizer.model") {
            (tokenizer, file) = (try SentencePiecePieceTokenizer(model), model.source)
        } else if let pieceTokenizer {
            (tokenizer, file) = (pieceTokenizer, "tokenizer.json")
        } else {
            throw TranslationTokenizerError.missingFiles(tokenizer: "T5", anyOf: ["spiece.model", "tokenizer.json"])
        }
        let weights = try configuration.integer("vocab_size", 1...TokenVocabulary.maximumCount)
        // Entries for gaps in a text, which no translation has. Where the files do not say how many there are, there
        // are as many as there usually are and the model has room for.
        let usual = tokenizer.id(of: "<extra_id_0>") == nil ? 100 : 0
        let room = max(0, min(usual, weights - tokenizer.vocabularySize))
        let extraIDs = try tokenizerConfiguration?.integer("extra_ids", 0...1 << 16, default: room) ?? room
        return T5TranslationTokenizer(
            tokenizer, extraIDs: min(extraIDs, room), tasks: try tasks(), endID: try endID(tokenizer, file))
    }

    /// The translations that `task_specific_params` of the configuration names: `translation_en_to_de` and what stands
    /// before a text for it.
    private func tasks() throws -> [T5TranslationTokenizer.Task] {
        guard let parameters = try configuration.object("task_specific_params") else { return [] }
        return try parameters.members.keys.sorted().compactMap { name in
            let words = name.split(separator: "_")
            guard words.count == 4, words[0] == "translation", words[2] == "to",
                let prefix = try parameters.object(name)?.string("prefix", default: ""), !prefix.isEmpty
            else { return nil }
            return T5TranslationTokenizer.Task(source: String(words[1]), target: String(words[3]), prefix: prefix)
        }
    }

    /// A language of `tokenizer_config.json`; nil for the name of a group of languages (`roa`, `mul`).
    private func language(_ key: String) throws -> String? {
        guard let code = try tokenizerConfiguration?.string(key, default: ""), LanguageNames.isKnown(code) else {
            return nil
        }
        return code
    }
}

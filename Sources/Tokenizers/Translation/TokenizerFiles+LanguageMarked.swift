import Checkpoints

/// NLLB and M2M100: one network, two vocabularies.
extension TokenizerFiles {
    /// Whether a checkpoint of the family M2M100 has NLLB's vocabulary: the configuration names the tokenizer; where it
    /// does not, M2M100's has a `vocab.json`, and NLLB's has not.
    func isNLLB(_ family: String) throws -> Bool {
        if family.hasPrefix("nllb") { return true }
        let name = try tokenizerConfiguration?.string("tokenizer_class", default: "") ?? ""
        if name.hasPrefix("Nllb") { return true }
        return !name.hasPrefix("M2M100") && files["vocab.json"] == nil
    }

    func nllb() throws -> LanguageMarkedTokenizer {
        let codes = LanguageLists.codes(LanguageLists.nllb)
        let placement: LanguageMarkedTokenizer.Placement =
            try tokenizerConfiguration?.boolean("legacy_behaviour", default: false) == true ? .behind : .before
        guard let model = try model("sentencepiece.bpe.model") else {
            guard let pieceTokenizer else {
                throw TranslationTokenizerError.missingFiles(
                    tokenizer: "NLLB", anyOf: ["sentencepiece.bpe.model", "tokenizer.json"])
            }
            return try listed(pieceTokenizer, codes: codes, isCode: Self.isFLORESCode, placement)
        }
        let tokenizer = try SentencePiecePieceTokenizer(model, numbering: .fairseq)
        let marks = try marks(
            codes: codes, spelling: { $0 }, first: tokenizer.vocabularySize, pieces: tokenizer,
            isCode: Self.isFLORESCode)
        // Behind the list is <mask>, unless the files say otherwise.
        let mask = try AddedTokens(files: files, configuration: tokenizerConfiguration).tokens["<mask>"]?.id
        let masks = (mask.map(Int.init) ?? tokenizer.vocabularySize + codes.count) + 1
        let reserved = max(0, masks - (marks.map { Int($0.id) + 1 }.max() ?? 0))
        return LanguageMarkedTokenizer(tokenizer, marks: marks, reserved: reserved, endID: 2, placement: placement)
    }

    func m2m100() throws -> LanguageMarkedTokenizer {
        let list = try tokenizerConfiguration?.string("language_codes", default: "m2m100") ?? "m2m100"
        let codes: [String]
        switch list {
        case "m2m100": codes = LanguageLists.codes(LanguageLists.m2m100)
        case "wmt21": codes = LanguageLists.codes(LanguageLists.wmt21)
        default:
            throw CheckpointError.unsupported(
                file: tokenizerConfiguration?.file ?? "tokenizer_config.json", offset: 0,
                reason: "language_codes is '\(list)'; known are m2m100 and wmt21")
        }
        guard let model = try model("sentencepiece.bpe.model", "spm.model"), let path = files["vocab.json"] else {
            guard let pieceTokenizer else {
                throw TranslationTokenizerError.missingFiles(
                    tokenizer: "M2M100", anyOf: ["sentencepiece.bpe.model and vocab.json", "tokenizer.json"])
            }
            return try listed(pieceTokenizer, codes: codes, isCode: Self.isM2M100Mark, .before)
        }
        let vocabulary = try PieceVocabulary(path: path)
        let tokenizer = try VocabularyPieceTokenizer(model, source: vocabulary, target: vocabulary)
        let marks = try marks(
            codes: codes, spelling: { "__\($0)__" }, first: vocabulary.count, pieces: tokenizer,
            isCode: Self.isM2M100Mark)
        return LanguageMarkedTokenizer(tokenizer, marks: marks, endID: try vocabulary.required("</s>"))
    }

    /// The marks of a vocabulary that has them among its entries, as a `tokenizer.json` does.
    private func listed(
        _ tokenizer: any PieceTokenizer, codes: [String], isCode: (String) -> String?,
        _ placement: LanguageMarkedTokenizer.Placement
    ) throws -> LanguageMarkedTokenizer {
        let known = Set(codes)
        var marks: [(code: String, id: Int32)] = []
        for id in 0..<Int32(tokenizer.vocabularySize) {
            guard let code = tokenizer.piece(of: id).flatMap(isCode) else { continue }
            // Other entries of that form are languages only behind the known ones, where they are added.
            if known.contains(code) || marks.count >= min(known.count, 100) { marks.append((code, id)) }
        }
        guard !marks.isEmpty else {
            throw TranslationTokenizerError.missingEntry(file: "tokenizer.json", entry: codes.first ?? "")
        }
        let endID = try endID(tokenizer, "tokenizer.json")
        return LanguageMarkedTokenizer(tokenizer, marks: marks, endID: endID, placement: placement)
    }

    /// The ids of languages: what `tokenizer.json` or the added entries say, else their place in the list.
    ///
    /// - Parameters:
    ///   - spelling: the mark of a code.
    ///   - first: the id of the list's first.
    ///   - isCode: the code of a mark, if it is one; added entries that are marks are languages, too.
    private func marks(
        codes: [String], spelling: (String) -> String, first: Int, pieces: any PieceTokenizer,
        isCode: (String) -> String?
    ) throws -> [(code: String, id: Int32)] {
        let added = try AddedTokens(files: files, configuration: tokenizerConfiguration).tokens
        let known = Set(codes)
        let further = added.filter { isCode($0.key).map { !known.contains($0) } ?? false }
            .sorted { ($0.value.id, $0.key) < ($1.value.id, $1.key) }.compactMap { isCode($0.key) }
        var owners: [Int32: String] = [:]
        return try (codes + further).enumerated().map { index, code in
            let mark = spelling(code)
            let (file, id) =
                pieceTokenizer?.id(of: mark).map { ("tokenizer.json", $0) } ?? added[mark].map { ($0.file, $0.id) }
                ?? ("the list of languages", Int32(first + index))
            if let owner = owners.updateValue(mark, forKey: id) {
                throw TranslationTokenizerError.invalidMark(
                    file: file, mark: mark, id: id, reason: "which is that of '\(owner)'")
            }
            if Int(id) < pieces.vocabularySize, let piece = pieces.piece(of: id), piece != mark {
                throw TranslationTokenizerError.invalidMark(
                    file: file, mark: mark, id: id, reason: "which is that of the piece '\(piece)'")
            }
            return (code, id)
        }
    }

    /// The code of a mark of NLLB, which is the code itself: `por_Latn`.
    private static func isFLORESCode(_ mark: String) -> String? {
        let words = mark.utf8.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
        let isUpper = { (byte: UInt8) in (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
        let isLower = { (byte: UInt8) in (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
        guard words.count == 2, words[0].count == 3, words[0].allSatisfy(isLower), words[1].count == 4,
            words[1].first.map(isUpper) == true, words[1].dropFirst().allSatisfy(isLower)
        else { return nil }
        return mark
    }

    /// The code of a mark of M2M100: `pt` of `__pt__`.
    private static func isM2M100Mark(_ mark: String) -> String? {
        guard mark.utf8.count > 4, mark.hasPrefix("__"), mark.hasSuffix("__") else { return nil }
        let code = String(mark.dropFirst(2).dropLast(2))
        return LanguageCodes.tag(code) == nil ? nil : code
    }
}

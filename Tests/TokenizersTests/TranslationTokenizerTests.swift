import Checkpoints
import Foundation
import Testing
import Tokenizers

@Suite("Translation tokenizers against the reference")
struct TranslationTokenizerTests {
    @Test(arguments: TranslationTokenizerFixtures.names)
    func cutsTextsAsTheReference(_ name: String) throws {
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(name)
        let expected = try TranslationTokenizerFixtures.expectations(name)
        let texts = try TranslationTokenizerFixtures.texts()
        try #require(texts.count == expected.ids.count && expected.ids.count(where: { $0 != nil }) > 400)
        for case (let text, let ids?) in zip(texts, expected.ids) {
            #expect(tokenizer.pieces(text) == ids, "\(text.debugDescription)")
        }
    }

    @Test(arguments: TranslationTokenizerFixtures.names)
    func putsTextsTogetherAsTheReference(_ name: String) throws {
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(name)
        let decoded = try TranslationTokenizerFixtures.expectations(name).decoded
        try #require(decoded.count > 60)
        for case let sequence in decoded {
            #expect(Array(tokenizer.decode(sequence.ids).utf8) == Array(sequence.text.utf8), "\(sequence.ids)")
        }
    }

    @Test(arguments: TranslationTokenizerFixtures.names)
    func putsMarksAroundASource(_ name: String) throws {
        let sources = try TranslationTokenizerFixtures.expectations(name).sources
        try #require(!sources.isEmpty)
        for source in sources {
            let tokenizer = try TranslationTokenizerFixtures.tokenizer(name, legacy: source.legacy)
            let pieces = tokenizer.pieces(source.text)
            #expect(
                tokenizer.source(pieces[...], from: source.from, to: source.to) == source.ids, "to \(source.to ?? "-")")
            #expect(tokenizer.forcedFirstToken(to: source.to) == source.first)
            // A part of a long sentence has the same marks.
            let part = tokenizer.source(pieces[2..<4], from: source.from, to: source.to)
            #expect(part.count == source.ids.count - pieces.count + 2)
        }
    }

    @Test(arguments: TranslationTokenizerFixtures.names)
    func hasTheSizeOfTheReference(_ name: String) throws {
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(name)
        let expected = try TranslationTokenizerFixtures.expectations(name)
        #expect(tokenizer.sourceVocabularySize == expected.size)
        #expect(tokenizer.targetVocabularySize == expected.targetSize ?? expected.size)
    }

    @Test(arguments: ["nllb", "m2m100"])
    func givesEveryLanguageItsToken(_ name: String) throws {
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(name)
        let languages = try TranslationTokenizerFixtures.expectations(name).languages
        #expect(Set(tokenizer.languages.map(\.code)) == Set(languages.keys))
        for (code, id) in languages {
            #expect(tokenizer.forcedFirstToken(to: code) == id, "\(code)")
            #expect(tokenizer.source([], from: code, to: nil).first == id)
            #expect(tokenizer.decode([id]).isEmpty)
        }
        #expect(tokenizer.forcedFirstToken(to: nil) == nil)
        #expect(tokenizer.forcedFirstToken(to: "xxx_Latn") == nil)
        #expect(tokenizer.languages.allSatisfy { $0.isSource && $0.isTarget })
    }

    @Test func listsTheTargetsOfAMarianModel() throws {
        let languages = try TranslationTokenizerFixtures.tokenizer("marian").languages
        let tags = Dictionary(uniqueKeysWithValues: languages.map { ($0.code, $0.tag) })
        #expect(
            tags == [
                "por": "pt", "spa": "es", "cmn_Hans": "zh-Hans", "cmn_Hant": "zh-Hant", "pt_BR": "pt-BR",
                "srp_Latn": "sr-Latn", "ara": "ar", "arb": "arb", "jpn": "ja",
            ])
        #expect(languages.allSatisfy { $0.isTarget && !$0.isSource })
    }

    @Test func listsWhatTheFilesSayOfABilingualModel() throws {
        // `mul` is no language.
        let languages = try TranslationTokenizerFixtures.tokenizer("marian-separate").languages
        #expect(languages == [TranslationLanguage(code: "eng", tag: "en", isSource: true, isTarget: false)])
    }

    @Test func listsTheTasksOfT5() throws {
        let languages = try TranslationTokenizerFixtures.tokenizer("t5").languages
        #expect(languages.filter(\.isSource).map(\.tag) == ["en"])
        #expect(languages.filter(\.isTarget).map(\.tag) == ["de", "fr", "ro"])
        let tokenizer = try TranslationTokenizerFixtures.tokenizer("t5")
        // What the model has no task for has no prefix.
        #expect(tokenizer.source([7], from: "de", to: "fr") == tokenizer.source([7], from: nil, to: nil))
    }

    @Test func listsTheMarksOfMADLAD() throws {
        let languages = try TranslationTokenizerFixtures.tokenizer("madlad").languages
        let tags = Dictionary(uniqueKeysWithValues: languages.map { ($0.code, $0.tag) })
        #expect(
            tags == [
                "ace": "ace", "ar": "ar", "az_RU": "az-RU", "en": "en", "fil": "fil", "iw": "he", "jv": "jv",
                "ms_Arab": "ms-Arab", "pt": "pt", "ru_Latn": "ru-Latn", "sr": "sr", "zh": "zh", "zh_Latn": "zh-Latn",
            ])
    }

    @Test(arguments: [
        ">>por<< The ferry", ">>spa<<", "The >>spa<< ferry", ">>cmn_Hans<<>>por<< x", "\u{3000}>>por<< x", ">> por <<",
        ">>xyz<< The ferry",
    ])
    func aTextCannotChooseTheTargetOfMarian(_ text: String) throws {
        let tokenizer = try TranslationTokenizerFixtures.tokenizer("marian")
        let marks = Set(try TranslationTokenizerFixtures.expectations("marian").languages.values)
        #expect(marks.isDisjoint(with: tokenizer.pieces(text)))
        let source = tokenizer.source(tokenizer.pieces(text)[...], from: nil, to: "jpn")
        #expect(source.count { marks.contains($0) } == 1)
    }

    @Test(arguments: ["<2pt> The ferry", "a<2zh_Latn>b", "<2pt><2en>", " <2iw>", "<2pt>"])
    func aTextCannotChooseTheTargetOfMADLAD(_ text: String) throws {
        let tokenizer = try TranslationTokenizerFixtures.tokenizer("madlad")
        let marks = Set(try TranslationTokenizerFixtures.expectations("madlad").languages.values)
        let pieces = tokenizer.pieces(text)
        #expect(marks.isDisjoint(with: pieces))
        // The text is still there, spelled otherwise.
        #expect(tokenizer.decode(pieces) == text.trimmingPrefix(" "))
    }

    @Test(arguments: TranslationTokenizerFixtures.names)
    func passesOverWhatIsNoToken(_ name: String) throws {
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(name)
        for id in [Int32.min, -1, Int32(tokenizer.targetVocabularySize), .max] {
            #expect(tokenizer.decode([id]).isEmpty)
        }
        #expect(tokenizer.pieces("").isEmpty)
        #expect(tokenizer.decode([]).isEmpty)
    }

    @Test(.timeLimit(.minutes(1)), arguments: TranslationTokenizerFixtures.names)
    func takesTimeInProportionToTheText(_ name: String) throws {
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(name)
        for unit in ["a", "ab ", "漢", " ", ">>por<<", "<2pt>", "\u{301}", "ꮳ"] {
            let text = String(repeating: unit, count: 400_000 / unit.utf8.count)
            let pieces = tokenizer.pieces(text)
            #expect(pieces.count <= 2 * text.utf8.count)
            #expect(tokenizer.decode(pieces).utf8.count <= 4 * text.utf8.count)
        }
    }

    @Test func bergamotHasAnEndAndNoLanguages() throws {
        let path = TokenizerFixturePath.path("identity.spm")
        let unigram = try UnigramTokenizer(SentencePieceModel(ByteRegion(mapping: path)))
        let tokenizer = try BergamotTranslationTokenizer(source: unigram, target: unigram)
        let pieces = tokenizer.pieces("The ferry leaves.")
        #expect(pieces == unigram.encode("The ferry leaves."))
        #expect(tokenizer.source(pieces[...], from: "en", to: "pt") == pieces + [tokenizer.endID])
        #expect(tokenizer.forcedFirstToken(to: "pt") == nil)
        #expect(tokenizer.decode(pieces + [tokenizer.endID]) == "The ferry leaves.")
        #expect(tokenizer.languages.isEmpty)
        #expect(tokenizer.sourceVocabularySize == unigram.vocabularySize)

        let endless = try HandMadeModel().tokenizer()
        #expect(throws: TranslationTokenizerError.self) {
            try BergamotTranslationTokenizer(source: endless, target: endless)
        }
    }
}

/// Where the models of the Unigram tests lie.
private enum TokenizerFixturePath {
    static func path(_ name: String) -> String {
        TranslationTokenizerFixtures.directory.deletingLastPathComponent().appending(path: "tokenizers/\(name)")
            .path(percentEncoded: false)
    }
}

import Checkpoints
import Foundation
import Testing
import Tokenizers

@Suite("Files of translation tokenizers")
struct TranslationTokenizerFilesTests {
    @Test(arguments: [
        ("nllb", ["sentencepiece.bpe.model"], "sentencepiece.bpe.model, or for tokenizer.json"),
        ("m2m100", ["vocab.json", "sentencepiece.bpe.model"], "sentencepiece.bpe.model, or for tokenizer.json"),
        ("marian", ["source.spm"], "source.spm and vocab.json, or for tokenizer.json"),
        ("marian", ["vocab.json"], "source.spm and vocab.json"),
        ("marian-separate", ["target_vocab.json"], "target_vocab.json"),
        ("t5", ["spiece.model"], "spiece.model, or for tokenizer.json"),
    ])
    func saysWhatItLookedFor(_ name: String, _ missing: [String], _ message: String) throws {
        let error = #expect(throws: TranslationTokenizerError.self) {
            try TranslationTokenizerFixtures.tokenizer(name, without: Set(missing))
        }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    /// The target's SentencePiece model is for those who train; what is generated is put together by the dictionary.
    @Test(arguments: ["marian", "marian-separate"])
    func needsNoModelOfTheTarget(_ name: String) throws {
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(name, without: ["target.spm"])
        #expect(tokenizer.targetVocabularySize > 100)
    }

    @Test(arguments: TranslationTokenizerFixtures.names)
    func refusesATokenizerThatIsLargerThanItsModel(_ name: String) throws {
        let size = try TranslationTokenizerFixtures.expectations(name).size
        // Entries for gaps in a text are no reason: a translation never has them.
        let needed = name == "t5" ? size - 100 : size
        #expect(throws: Never.self) { try TranslationTokenizerFixtures.tokenizer(name, vocabularySize: size + 7) }
        #expect(throws: Never.self) { try TranslationTokenizerFixtures.tokenizer(name, vocabularySize: needed) }
        #expect(
            throws: TranslationTokenizerError.moreTokensThanModel(side: "source", tokens: needed, weights: needed - 1)
        ) { try TranslationTokenizerFixtures.tokenizer(name, vocabularySize: needed - 1) }
    }

    @Test func refusesAFamilyThatIsNotKnown() throws {
        let error = #expect(throws: TranslationTokenizerError.self) {
            try TranslationTokenizers.load(
                family: "pegasus", directory: [:], configuration: ModelConfiguration(file: "config.json", members: [:]))
        }
        #expect(error?.description.contains("marian") == true)
    }

    @Test(arguments: [
        ("[]", "no JSON object"), ("", "no JSON object"), ("nonsense", "no JSON object"),
        (#"{"</s>": 0, "<unk>": -1}"#, "below 0"), (#"{"</s>": 0, "<unk>": 1.0}"#, "no whole number"),
        (#"{"</s>": 0, "<unk>": 1e3}"#, "no whole number"), (#"{"</s>": 0, "<unk>": "1"}"#, "no whole number"),
        (#"{"</s>": 0, "<unk>": null}"#, "no whole number"), (#"{"</s>": 0, "<unk>": []}"#, "no whole number"),
        (#"{"</s>": 0, "<unk>": 99999999999999999999999}"#, "highest possible"),
        (#"{"</s>": 0, "<unk>": 2097151}"#, "highest possible"),
        (#"{"</s>": 0, "<unk>": 2000000}"#, "the highest of 2 ids"),
        (#"{"</s>": 0, "<unk>": 0}"#, "that of both"), (#"{"</s>": 0, "<unk>": 1, "</s>": 2}"#, "occurs twice"),
        (#"{"</s>": 0, "<unk>": 1"#, "comma or a closing brace"), (#"{"</s>": 0, "<unk": 1,}"#, "no JSON string"),
        (#"{"</s>": 0} 1"#, "follow the object"), (#"{"</s>" 0}"#, "colon"), (#"{"</s>: 0}"#, "has no end"),
        (#"{"\ud800": 0}"#, "half a character"), (#"{"\q": 0}"#, "unknown escape"), (#"{"\u12": 0}"#, "hexadecimal"),
        ("{\"a\u{1}\": 0}", "control character"), ("{}", "empty"),
    ])
    func refusesADictionaryThatIsNone(_ json: String, _ message: String) throws {
        let scratch = try TranslationTokenizerScratch()
        for name in ["marian", "m2m100"] {
            let files = try scratch.file("vocab.json", json.utf8)
            let error = #expect(throws: CheckpointError.self) {
                try TranslationTokenizerFixtures.tokenizer(name, adding: files)
            }
            #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
        }
    }

    @Test func refusesADictionaryThatIsNotUTF8() throws {
        let scratch = try TranslationTokenizerScratch()
        let files = try scratch.file("vocab.json", Array(#"{"</s>": 0, "a"#.utf8) + [0xFF] + Array(#"": 1}"#.utf8))
        #expect(throws: CheckpointError.self) { try TranslationTokenizerFixtures.tokenizer("marian", adding: files) }
    }

    @Test(arguments: ["</s>", "<unk>"])
    func refusesADictionaryWithoutWhatItNeeds(_ entry: String) throws {
        let scratch = try TranslationTokenizerScratch()
        let names = ["</s>", "<unk>", "a"].filter { $0 != entry }
        let files = try scratch.file("vocab.json", #"{"\#(names[0])": 0, "\#(names[1])": 1}"#.utf8)
        for name in ["marian", "m2m100"] {
            let error = #expect(throws: TranslationTokenizerError.self) {
                try TranslationTokenizerFixtures.tokenizer(name, adding: files)
            }
            #expect(error?.description.contains("'\(entry)'") == true)
        }
    }

    /// Two spellings of one letter are two entries, though Swift's strings call them equal.
    @Test func keepsTheSpellingsOfALetterApart() throws {
        let scratch = try TranslationTokenizerScratch()
        let json = #"{"</s>": 0, "<unk>": 1, "▁é": 2, "▁e\u0301": 3, "\ud83d\ude00": 4, "e": 5, "▁": 6, "\"": 7}"#
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(
            "marian", adding: scratch.file("vocab.json", json.utf8))
        #expect(Array(tokenizer.decode([2]).utf8) == [0xC3, 0xA9])
        #expect(Array(tokenizer.decode([3]).utf8) == [0x65, 0xCC, 0x81])
        #expect(tokenizer.decode([4, 7]) == "\u{1F600}\"")
        #expect(tokenizer.sourceVocabularySize == 8)
    }

    @Test(arguments: ["nllb", "m2m100", "marian", "t5"])
    func refusesATruncatedModel(_ name: String) throws {
        let scratch = try TranslationTokenizerScratch()
        let files = try TranslationTokenizerFixtures.files(name)
        let model = try #require(files.keys.first { $0.hasSuffix(".model") || $0 == "source.spm" })
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: try #require(files[model]))))
        for length in [0, 1, 17, bytes.count / 2, bytes.count - 1] {
            let cut = try scratch.file(model, bytes.prefix(length))
            // A file that ends between two pieces is a smaller vocabulary; all else is an error, never a crash.
            if length == 0 || length == bytes.count - 1 || length == 17 {
                #expect(throws: CheckpointError.self) {
                    try TranslationTokenizerFixtures.tokenizer(name, adding: cut)
                }
            } else {
                _ = try? TranslationTokenizerFixtures.tokenizer(name, adding: cut)
            }
        }
    }

    /// A Unigram model with other pieces first cannot have fairseq's ids.
    @Test func refusesAModelThatIsNotFairseqs() throws {
        let scratch = try TranslationTokenizerScratch()
        let files = try scratch.file("sentencepiece.bpe.model", HandMadeModel().bytes)
        let error = #expect(throws: CheckpointError.self) {
            try TranslationTokenizerFixtures.tokenizer("nllb", adding: files)
        }
        #expect(error?.description.contains("<unk>, <s> and </s>") == true)
    }

    // MARK: - Added entries

    @Test func addedEntriesSayTheIDsOfLanguages() throws {
        let scratch = try TranslationTokenizerScratch()
        let size = try TranslationTokenizerFixtures.expectations("nllb").size
        let json = #"{"por_Latn": \#(size), "tyv_Cyrl": \#(size + 1), "<extra>": 5}"#
        let files = try scratch.file("added_tokens.json", json.utf8)
        let tokenizer = try TranslationTokenizerFixtures.tokenizer("nllb", vocabularySize: size + 3, adding: files)
        #expect(tokenizer.forcedFirstToken(to: "por_Latn") == Int32(size))
        #expect(tokenizer.forcedFirstToken(to: "tyv_Cyrl") == Int32(size + 1))
        #expect(tokenizer.languages.count == 203)
        #expect(tokenizer.languages.last == TranslationLanguage(code: "tyv_Cyrl", tag: "tyv"))
        #expect(tokenizer.decode([Int32(size), Int32(size + 1)]).isEmpty)
    }

    @Test func theConfigurationSaysTheIDsOfLanguages() throws {
        let scratch = try TranslationTokenizerScratch()
        let size = try TranslationTokenizerFixtures.expectations("m2m100").size
        let json = #"{"added_tokens_decoder": {"\#(size)": {"content": "__pt__", "special": true}}}"#
        let files = try scratch.file("tokenizer_config.json", json.utf8)
        let tokenizer = try TranslationTokenizerFixtures.tokenizer("m2m100", vocabularySize: size + 1, adding: files)
        #expect(tokenizer.forcedFirstToken(to: "pt") == Int32(size))
        #expect(tokenizer.languages.count == 100)
    }

    @Test(arguments: [
        #"{"por_Latn": 4}"#, #"{"por_Latn": 2}"#, #"{"por_Latn": 901}"#, #"{"tyv_Cyrl": 950}"#,
        #"{"por_Latn": 2000, "spa_Latn": 2000}"#,
    ])
    func refusesMarksWithTheIDsOfOthers(_ json: String) throws {
        let scratch = try TranslationTokenizerScratch()
        let files = try scratch.file("added_tokens.json", json.utf8)
        let error = #expect(throws: TranslationTokenizerError.self) {
            try TranslationTokenizerFixtures.tokenizer("nllb", vocabularySize: 3000, adding: files)
        }
        #expect(error?.description.contains("which is that of") == true)
    }

    @Test(arguments: ["[]", #"{"por_Latn": -4}"#, #"{"por_Latn": "x"}"#])
    func refusesAddedEntriesThatAreNone(_ json: String) throws {
        let scratch = try TranslationTokenizerScratch()
        let files = try scratch.file("added_tokens.json", json.utf8)
        #expect(throws: CheckpointError.self) { try TranslationTokenizerFixtures.tokenizer("nllb", adding: files) }
    }

    @Test(arguments: [
        #"{"added_tokens_decoder": {"x": {"content": "por_Latn"}}}"#,
        #"{"added_tokens_decoder": {"-1": {"content": "a"}}}"#,
        #"{"added_tokens_decoder": {"5": {}}}"#, #"{"added_tokens_decoder": []}"#, #"{"language_codes": "klingon"}"#,
        #"{"language_codes": 3}"#, #"{"tokenizer_class": 3}"#,
    ])
    func refusesAConfigurationThatIsNone(_ json: String) throws {
        let scratch = try TranslationTokenizerScratch()
        let files = try scratch.file("tokenizer_config.json", json.utf8)
        #expect(throws: CheckpointError.self) { try TranslationTokenizerFixtures.tokenizer("m2m100", adding: files) }
    }

    @Test func theConfigurationNamesTheList() throws {
        let scratch = try TranslationTokenizerScratch()
        let files = try scratch.file("tokenizer_config.json", #"{"language_codes": "wmt21"}"#.utf8)
        let tokenizer = try TranslationTokenizerFixtures.tokenizer("m2m100", adding: files)
        #expect(tokenizer.languages.map(\.code) == (try TranslationTokenizerFixtures.lists().wmt21))
    }

    @Test(arguments: [
        #"{"translation_en_to_de": {"prefix": 4}}"#, #"{"translation_en_to_de": []}"#, "[]",
    ])
    func refusesTasksThatAreNone(_ json: String) throws {
        let scratch = try TranslationTokenizerScratch()
        let path = try #require(
            try scratch.file("config.json", #"{"vocab_size": 4000, "task_specific_params": \#(json)}"#.utf8)[
                "config.json"])
        #expect(throws: CheckpointError.self) {
            try TranslationTokenizers.load(
                family: "t5", directory: TranslationTokenizerFixtures.files("t5"),
                configuration: ModelConfiguration(path: path))
        }
    }

    // MARK: - tokenizer.json

    static let letters = ["p", "o", "r", "_", "L", "a", "t", "n", ">", "<", "2", "e", "s", "▁", "▁the", "▁pots"]

    @Test func aListedVocabularyServesNLLB() throws {
        let codes = try TranslationTokenizerFixtures.lists().nllb
        let pieces = ListedPieces(
            entries: ["<s>", "<pad>", "</s>", "<unk>"] + Self.letters + ["abc_Defg"] + codes + ["<mask>", "tyv_Cyrl"])
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(
            "nllb", without: ["sentencepiece.bpe.model"], pieceTokenizer: pieces)
        let first = Int32(5 + Self.letters.count)
        #expect(tokenizer.forcedFirstToken(to: "ace_Arab") == first)
        #expect(tokenizer.forcedFirstToken(to: "tyv_Cyrl") == first + 203)
        #expect(tokenizer.forcedFirstToken(to: "abc_Defg") == nil)
        #expect(tokenizer.languages.count == 203)
        let ids = tokenizer.pieces("por_Latn the pots</s>")
        // The marks are spelled; the vocabulary has no slash.
        let spelled =
            "por_Latn".map { pieces.id(of: String($0)) ?? -1 } + [18, 19] + ["<", "s", ">"].compactMap(pieces.id)
        #expect(ids == spelled)
        #expect(tokenizer.source([18], from: "zul_Latn", to: nil) == [first + 201, 18, 2])
        #expect(tokenizer.decode([2, first, 18, 19, 2]) == "the pots")
    }

    @Test func aListedVocabularyServesTheOthers() throws {
        let marks = [">>por<<", ">>xx_yy_zz<<", ">>spa<<"]
        let marian = ListedPieces(entries: ["</s>", "<unk>"] + Self.letters + marks + ["<pad>"])
        let opus = try TranslationTokenizerFixtures.tokenizer(
            "marian", without: ["source.spm", "tokenizer_config.json"], pieceTokenizer: marian)
        #expect(opus.languages.map(\.tag) == ["pt", "es"])
        #expect(opus.source([5], from: nil, to: "spa") == [Int32(4 + Self.letters.count), 5, 0])
        #expect(opus.pieces(">>por<<").count == 7)

        let madlad = ListedPieces(
            entries: ["<unk>", "<s>", "</s>"] + Self.letters + ["<2pt>", "<2translate>", "▁<2es>"])
        let t5 = try TranslationTokenizerFixtures.tokenizer("madlad", without: ["spiece.model"], pieceTokenizer: madlad)
        #expect(t5.languages.map(\.tag) == ["pt", "es"])
        #expect(t5.source([5], from: nil, to: "pt") == [Int32(3 + Self.letters.count), 5, 2])
        #expect(t5.source([5], from: nil, to: "es") == [Int32(5 + Self.letters.count), 5, 2])
        #expect(t5.pieces("<2pt>").count == 5)

        let m2m = ListedPieces(entries: ["<s>", "<pad>", "</s>", "<unk>"] + Self.letters + ["__pt__", "__ns__"])
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(
            "m2m100", without: ["sentencepiece.bpe.model"], pieceTokenizer: m2m)
        #expect(tokenizer.languages.map(\.tag) == ["pt", "nso"])
        #expect(tokenizer.source([5], from: "ns", to: "pt") == [Int32(5 + Self.letters.count), 5, 2])
    }

    @Test func aListedVocabularyHasTheLastWordOnLanguages() throws {
        let size = try TranslationTokenizerFixtures.expectations("nllb").size
        let entries = (0..<size).map { "piece \($0)" } + ["por_Latn"]
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(
            "nllb", vocabularySize: size + 1, pieceTokenizer: ListedPieces(entries: entries))
        #expect(tokenizer.forcedFirstToken(to: "por_Latn") == Int32(size))
        // Text is still cut by the SentencePiece model.
        let expected = try TranslationTokenizerFixtures.expectations("nllb")
        #expect(tokenizer.pieces(try TranslationTokenizerFixtures.texts()[0]) == expected.ids[0])
    }

    @Test func refusesAListedVocabularyWithoutLanguages() throws {
        let error = #expect(throws: TranslationTokenizerError.self) {
            try TranslationTokenizerFixtures.tokenizer(
                "nllb", without: ["sentencepiece.bpe.model"], pieceTokenizer: ListedPieces(entries: ["</s>", "a"]))
        }
        #expect(error?.description.contains("ace_Arab") == true)
    }
}

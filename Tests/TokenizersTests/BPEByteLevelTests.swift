import Testing
import Tokenizers

@Suite("Byte-level BPE against the tokenizers package")
struct BPEByteLevelTests {
    @Test(arguments: BPEFixtures.preTokenizers)
    func cutsWordsAsThePatternsDo(_ preTokenizer: PreTokenizer) throws {
        let texts = try BPEFixtures.texts().texts
        let expected = try #require(try BPEFixtures.byteLevelCase(preTokenizer))
        try #require(texts.count == expected.words.count && texts.count > 400)
        for (text, lengths) in zip(texts, expected.words) {
            #expect(preTokenizer.wordLengths(in: text) == lengths, "\(text.debugDescription)")
        }
    }

    @Test(arguments: [PreTokenizer.commandR, .starcoder, .refact])
    func cutsAroundEveryDigit(_ preTokenizer: PreTokenizer) throws {
        let expected = try #require(try BPEFixtures.byteLevelCase(.smollm))
        for (text, lengths) in zip(try BPEFixtures.texts().texts, expected.words) {
            #expect(preTokenizer.wordLengths(in: text) == lengths, "\(text.debugDescription)")
        }
    }

    @Test(arguments: BPEFixtures.preTokenizers)
    func encodesAsThePackage(_ preTokenizer: PreTokenizer) throws {
        let tokenizer = try BPEFixtures.byteLevelTokenizer(preTokenizer)
        let expected = try #require(try BPEFixtures.byteLevelCase(preTokenizer))
        let hashes = expected.hashes ?? expected.ids?.map(TokenizerFixtures.hash) ?? []
        let texts = try BPEFixtures.texts().texts
        try #require(hashes.count == texts.count)
        for (index, text) in texts.enumerated() {
            let ids = tokenizer.encode(text, allowSpecial: false)
            if let wanted = expected.ids { #expect(ids == wanted[index], "\(text.debugDescription)") }
            #expect(TokenizerFixtures.hash(ids) == hashes[index], "\(text.debugDescription)")
        }
    }

    @Test(arguments: BPEFixtures.preTokenizers)
    func encodesLongTextsAsThePackage(_ preTokenizer: PreTokenizer) throws {
        let tokenizer = try BPEFixtures.byteLevelTokenizer(preTokenizer)
        for long in try #require(try BPEFixtures.byteLevelCase(preTokenizer)).long {
            let ids = tokenizer.encode(String(repeating: long.unit, count: long.times), allowSpecial: false)
            #expect(ids.count == long.count, "\(long.unit.debugDescription)")
            #expect(TokenizerFixtures.hash(ids) == long.hash, "\(long.unit.debugDescription)")
        }
    }

    @Test(arguments: BPEFixtures.preTokenizers)
    func findsSpecialTokensBeforeAnythingElse(_ preTokenizer: PreTokenizer) throws {
        let tokenizer = try BPEFixtures.byteLevelTokenizer(preTokenizer)
        let expected = try #require(try BPEFixtures.byteLevelCase(preTokenizer))
        for (index, text) in try BPEFixtures.texts().special.enumerated() {
            #expect(tokenizer.encode(text, allowSpecial: true) == expected.special[index], "\(text.debugDescription)")
            #expect(tokenizer.encode(text, allowSpecial: false) == expected.plain[index], "\(text.debugDescription)")
        }
    }

    /// Encoding the same text again and again, and all texts at once, gives what each gives alone.
    @Test func aTextDoesNotChangeWhatItsNeighboursBecome() throws {
        let tokenizer = try BPEFixtures.byteLevelTokenizer(.gpt2)
        let texts = try BPEFixtures.texts().texts.filter {
            $0.first?.isLetter == true && $0.last?.isWhitespace == false
        }
        try #require(texts.count > 50)
        let alone = texts.map { tokenizer.encode($0 + "\n", allowSpecial: false) }
        let together = tokenizer.encode(texts.map { $0 + "\n" }.joined(), allowSpecial: false)
        #expect(together == Array(alone.joined()))
    }

    @Test func givesTheTextBack() throws {
        let tokenizer = try BPEFixtures.byteLevelTokenizer(.llamaBPE)
        for text in try BPEFixtures.texts().texts where !text.utf8.contains(0xF5) {
            let ids = tokenizer.encode(text, allowSpecial: false)
            #expect(tokenizer.decodeBytes(ids) == Array(text.utf8), "\(text.debugDescription)")
        }
    }

    @Test func canonicallyEquivalentTextsStayDifferent() throws {
        let tokenizer = try BPEFixtures.byteLevelTokenizer(.gpt2)
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        #expect(composed == decomposed)
        #expect(tokenizer.encode(composed, allowSpecial: true) != tokenizer.encode(decomposed, allowSpecial: true))
        let special = try #require(tokenizer.specialID(named: "[\u{E9}]"))
        #expect(tokenizer.encode("[\u{E9}]", allowSpecial: false) == [special])
        #expect(!tokenizer.encode("[e\u{301}]", allowSpecial: false).contains(special))
        #expect(tokenizer.specialID(named: "[e\u{301}]") == nil)
    }

    /// A megabyte that no pattern cuts, in each of the ways that a careless algorithm is quadratic in.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "a", "ab", " ", "\n", "A", "1", "!", "\u{301}", "漢", "Aª", "\u{301}A", "' ", " \u{3000}", "<|endoftext|",
        ])
    func aMegabyteIsNotQuadratic(_ unit: String) throws {
        let text = String(repeating: unit, count: 1_000_000 / unit.utf8.count)
        for preTokenizer in [PreTokenizer.gpt2, .smollm, .llamaBPE, .tekken] {
            let tokenizer = try BPEFixtures.byteLevelTokenizer(preTokenizer)
            let ids = tokenizer.encode(text, allowSpecial: true)
            #expect(tokenizer.decodeBytes(ids).elementsEqual(text.utf8), "\(preTokenizer)")
        }
    }
}

import Testing
import Tokenizers

@Suite("Vocabularies of byte-pair encodings")
struct BPEVocabularyTests {
    private func byteLevel(
        _ tokens: [String], kinds: [Int32]? = nil, merges: [String], preTokenizer: PreTokenizer = .gpt2,
        marks: SequenceMarks = SequenceMarks()
    ) throws -> ByteLevelBPETokenizer {
        try ByteLevelBPETokenizer(
            vocabulary: try BPEFixtures.vocabulary(tokens, kinds ?? tokens.map { _ in 1 }),
            merges: ByteStrings(merges.map(\.utf8)), preTokenizer: preTokenizer, marks: marks)
    }

    @Test func saysWhatIsWrongWithAMerge() {
        #expect(throws: TokenVocabularyError.malformedMerge(index: 1, text: "ab")) {
            try byteLevel(["a", "b", "ab"], merges: ["a b", "ab"])
        }
        for merge in ["", " ", "a ", " b"] {
            #expect(throws: TokenVocabularyError.malformedMerge(index: 0, text: merge)) {
                try byteLevel(["a", "b", "ab"], merges: [merge])
            }
        }
        #expect(throws: TokenVocabularyError.mergeWithoutToken(index: 0, token: "ba")) {
            try byteLevel(["a", "b", "ab"], merges: ["b a"])
        }
        #expect(throws: TokenVocabularyError.mergeWithoutToken(index: 0, token: "c")) {
            try byteLevel(["a", "b", "ab"], merges: ["c a"])
        }
    }

    @Test func listsMustHaveOneEntryForEachToken() {
        #expect(throws: TokenVocabularyError.unsupportedSize(0)) { try BPEFixtures.vocabulary([], []) }
        #expect(throws: TokenVocabularyError.unequalCounts(of: "kinds", count: 1, tokens: 2)) {
            try BPEFixtures.vocabulary(["a", "b"], [1])
        }
        #expect(throws: TokenVocabularyError.unequalCounts(of: "scores", count: 3, tokens: 2)) {
            try BPEFixtures.vocabulary(["a", "b"], [1, 1], [1, 2, 3])
        }
        #expect(throws: TokenVocabularyError.scoreIsNotANumber(id: 1)) {
            try BPEFixtures.vocabulary(["a", "b"], [1, 1], [1, .nan])
        }
        #expect(throws: TokenVocabularyError.missingScores) {
            try SentencePieceBPETokenizer(vocabulary: try BPEFixtures.vocabulary(["a"], [1]))
        }
    }

    @Test func namesThePreTokenizerThatItDoesNotKnow() {
        let error = #expect(throws: TokenVocabularyError.self) { try PreTokenizer(named: "jais") }
        #expect(error == .unknownPreTokenizer("jais"))
        #expect(error?.description.contains("'jais'") == true && error?.description.contains("llama-bpe") == true)
        #expect(throws: TokenVocabularyError.self) { try PreTokenizer(named: "") }
        #expect((try? PreTokenizer(named: "gpt-2")) == .gpt2)
    }

    @Test(arguments: [-1, 3, Int32.max])
    func idsMustBeOfTheVocabulary(_ id: Int32) {
        #expect(throws: TokenVocabularyError.idOutsideVocabulary(name: "end of sequence", id: id, count: 3)) {
            try byteLevel(["a", "b", "ab"], merges: [], marks: SequenceMarks(endOfSequence: id))
        }
    }

    @Test func knowsWhatEndsGeneration() throws {
        let tokens = ["a", "<|im_end|>", "</s>", "<end_of_turn>", "<|other|>"]
        let marks = SequenceMarks(beginOfSequence: 0, endOfTurn: 4)
        let tokenizer = try byteLevel(tokens, kinds: [1, 3, 1, 4, 3], merges: [], marks: marks)
        #expect(tokenizer.endOfGeneration == [1, 3, 4])
        #expect(tokenizer.beginOfSequence == 0 && !tokenizer.addsBeginOfSequence)
        #expect(try byteLevel(tokens, merges: [], preTokenizer: .llamaBPE).addsBeginOfSequence)
        let told = SequenceMarks(addsBeginOfSequence: false)
        #expect(try byteLevel(tokens, merges: [], preTokenizer: .llamaBPE, marks: told).addsBeginOfSequence == false)
        let pieces = try BPEFixtures.vocabulary(["a"], [1], [0])
        #expect(try SentencePieceBPETokenizer(vocabulary: pieces).addsBeginOfSequence)
    }

    @Test func plainTextNeverBecomesAControlToken() throws {
        let tokenizer = try byteLevel(
            ["a", "b", "ab", "x"], kinds: [1, 1, 3, 1], merges: ["a b"], preTokenizer: .llamaBPE)
        #expect(tokenizer.encode("ab", allowSpecial: false) == [0, 1])
        #expect(tokenizer.encode("abx", allowSpecial: true) == [2, 3])
        let pieces = try BPEFixtures.vocabulary(["a", "b", "ab", "<0x61>"], [1, 1, 3, 6], [0, 0, 5, 0])
        let other = try SentencePieceBPETokenizer(vocabulary: pieces, addsSpacePrefix: false)
        #expect(other.encode("ab", allowSpecial: false) == [0, 1])
        #expect(other.encode("ab", allowSpecial: true) == [2])
    }

    @Test func bytesWithoutATokenAreLeftOut() throws {
        let tokenizer = try byteLevel(["a", "b", "ab"], merges: ["a b"])
        #expect(tokenizer.encode("aéb", allowSpecial: false) == [2])
        #expect(tokenizer.encode("é漢😀", allowSpecial: false).isEmpty)
        #expect(tokenizer.encode("", allowSpecial: true).isEmpty)
    }

    @Test func equalScoresMergeFromTheLeft() throws {
        let pieces = try BPEFixtures.vocabulary(["a", "aa", "<unk>"], [1, 1, 2], [0, -.infinity, 0])
        let tokenizer = try SentencePieceBPETokenizer(vocabulary: pieces, addsSpacePrefix: false)
        #expect(tokenizer.encode("aaaaa", allowSpecial: false) == [1, 1, 0])
        #expect(tokenizer.encode("xyaz", allowSpecial: false) == [2, 0, 2])
        let zeros = try BPEFixtures.vocabulary(["a", "b", "ab", "ba"], [1, 1, 1, 1], [0, 0, -0.0, 0])
        let other = try SentencePieceBPETokenizer(vocabulary: zeros, addsSpacePrefix: false)
        #expect(other.encode("aba", allowSpecial: false) == [2, 0])
    }

    @Test func aMergeMayHaveManyLevelsInALongWord() throws {
        // a, aa, aaaa, …: each merge is made of the one before.
        let tokens = (0..<12).map { String(repeating: "a", count: 1 << $0) }
        let merges = tokens.dropLast().map { "\($0) \($0)" }
        let tokenizer = try byteLevel(tokens, merges: merges)
        let ids = tokenizer.encode(String(repeating: "a", count: 100_000), allowSpecial: false)
        #expect(ids == [Int32](repeating: 11, count: 48) + [10, 9, 7, 5])
    }

    @Test func spacesWithoutATokenAreSpelledInBytes() throws {
        let bytes = (0..<256).map { "<0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) + ">" }
        let pieces = try BPEFixtures.vocabulary(
            bytes + ["<x>"], [Int32](repeating: 6, count: 256) + [3], [Float](repeating: 0, count: 257))
        let space: [Int32] = [0xE2, 0x96, 0x81]
        for prefix in [false, true] {
            let tokenizer = try SentencePieceBPETokenizer(vocabulary: pieces, addsSpacePrefix: prefix)
            let spaces = tokenizer.encode(String(repeating: " ", count: 1000), allowSpecial: false)
            #expect(spaces == Array(repeatElement(space, count: prefix ? 1001 : 1000).joined()))
            let parts = tokenizer.encode(String(repeating: " <x>", count: 1000), allowSpecial: true)
            #expect(parts.count == 1000 * (prefix ? 7 : 4))
        }
    }

    @Test func specialTokensThatAreNotTextAreNotFound() throws {
        var tokens = ByteStrings(["a", "Ã", "©"].map(\.utf8))
        for damaged: [UInt8] in [[0xC3], [0xA9], [0xA9, 0x61], [0x61, 0xF0], []] { tokens.append(damaged) }
        let kinds: [TokenKind] = [.normal, .normal, .normal, .userDefined, .userDefined, .control, .control, .control]
        let vocabulary = try TokenVocabulary(tokens: tokens, kinds: kinds, scores: [Float](repeating: 0, count: 8))
        for preTokenizer in PreTokenizer.allCases {
            let tokenizer = try ByteLevelBPETokenizer(
                vocabulary: vocabulary, merges: ByteStrings(), preTokenizer: preTokenizer)
            #expect(tokenizer.encode("aéa\u{1F600}é", allowSpecial: true) == [0, 1, 2, 0, 1, 2], "\(preTokenizer)")
            #expect(tokenizer.bytes(of: 3) == [0xC3])
        }
        let tokenizer = try SentencePieceBPETokenizer(vocabulary: vocabulary, addsSpacePrefix: false)
        #expect(tokenizer.encode("aéa", allowSpecial: true) == [0, 0])
    }

    /// What no property of a character may be mistaken for, in each block of Unicode.
    @Test func classesAreThoseOfTheStandardLibrary() {
        for value in UInt32(0x80)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let isLetter: Bool
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: isLetter = true
            default: isLetter = false
            }
            let words = PreTokenizer.gpt2.wordLengths(in: "a\(Character(scalar))")
            if (words.count == 1) != isLetter {
                Issue.record("U+\(String(value, radix: 16))")
                return
            }
        }
    }
}

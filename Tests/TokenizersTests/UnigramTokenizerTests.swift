import Foundation
import Testing
import Tokenizers

@Suite("Unigram tokenizer against the SentencePiece library")
struct UnigramTokenizerTests {
    static let models = TokenizerFixtures.smallModels + TokenizerFixtures.realModels

    @Test(arguments: models)
    func encodesAsTheLibrary(_ model: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(model)
        let expected = try TokenizerFixtures.expectations(model)
        let texts = try TokenizerFixtures.strings().texts
        try #require(texts.count == expected.ids.count && texts.count > 300)
        for (text, ids) in zip(texts, expected.ids) {
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
        }
    }

    @Test(arguments: models)
    func decodesAsTheLibrary(_ model: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(model)
        let expected = try TokenizerFixtures.expectations(model)
        for (index, text) in try TokenizerFixtures.strings().texts.enumerated() {
            let decoded = tokenizer.decode(expected.ids[index])
            let wanted = expected.decoded[String(index)] ?? text
            #expect(Array(decoded.utf8) == Array(wanted.utf8), "\(text.debugDescription)")
        }
    }

    @Test(arguments: models)
    func decodesSequencesThatNoTextGives(_ model: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(model)
        for sequence in try TokenizerFixtures.expectations(model).sequences {
            #expect(Array(tokenizer.decode(sequence.ids).utf8) == Array(sequence.text.utf8), "\(sequence.ids)")
        }
    }

    @Test(arguments: models)
    func encodesBytesThatAreNotUTF8(_ model: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(model)
        let invalid = try TokenizerFixtures.strings().invalid
        for (text, ids) in zip(invalid, try TokenizerFixtures.expectations(model).invalid) {
            let encoded = TokenizerFixtures.bytes(hexadecimal: text).withUnsafeBytes { tokenizer.encode(utf8: $0) }
            #expect(encoded == ids, "\(text)")
        }
    }

    @Test(arguments: models)
    func encodesLongTexts(_ model: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(model)
        let all = try TokenizerFixtures.strings().texts.joined()
        for long in try TokenizerFixtures.expectations(model).long {
            let ids = tokenizer.encode(String(repeating: long.unit ?? all, count: long.times))
            let name = "\(long.unit?.debugDescription ?? "all") × \(long.times)"
            #expect(ids.count == long.count, "\(name)")
            #expect(TokenizerFixtures.hash(ids) == long.hash, "\(name)")
            #expect(tokenizer.decode(ids).utf8.count == long.decodedBytes, "\(name)")
        }
    }

    @Test(arguments: models)
    func findsTheSpecialPieces(_ model: String) throws {
        let expected = try TokenizerFixtures.expectations(model)
        let parsed = try TokenizerFixtures.model(model)
        #expect(parsed.pieces.count == expected.size)
        #expect(parsed.unknownID ?? -1 == expected.unknown)
        #expect(parsed.beginID ?? -1 == expected.begin)
        #expect(parsed.endID ?? -1 == expected.end)
        #expect(parsed.padID ?? -1 == expected.pad)

        let tokenizer = try UnigramTokenizer(parsed)
        #expect(tokenizer.vocabularySize == expected.size)
        #expect(tokenizer.unknownID == expected.unknown)
        #expect(tokenizer.endOfSequenceID ?? -1 == expected.end)
    }

    @Test func readsTheVocabularyOfATranslationModel() throws {
        let model = try TokenizerFixtures.model("enpt")
        #expect(model.pieces.count == 32_000)
        #expect(model.modelKind == .unigram)
        #expect(model.normalizer.name == "nmt_nfkc")
        #expect(model.endID == 0 && model.unknownID == 1 && model.beginID == nil && model.padID == nil)
        #expect(!model.byteFallback)
        let tokenizer = try UnigramTokenizer(model)
        #expect(tokenizer.pieceBytes(0) == Array("</s>".utf8))
        #expect(tokenizer.endOfSequenceID == 0)
    }

    @Test func keepsTheTwoSpellingsOfAnAccentApart() throws {
        // With the real vocabulary both are one letter; with one that rewrites nothing they are not.
        let real = try TokenizerFixtures.tokenizer("enpt")
        #expect(real.encode("a\u{300}") == real.encode("\u{E0}"))
        let plain = try TokenizerFixtures.tokenizer("user_defined")
        #expect(plain.encode("a\u{300}") != plain.encode("\u{E0}"))
    }

    @Test(arguments: [Int32.min, -1, 32_000, .max])
    func passesOverIDsOutsideTheVocabulary(_ id: Int32) throws {
        let tokenizer = try TokenizerFixtures.tokenizer("enpt")
        #expect(tokenizer.pieceBytes(id) == [])
        let ids = tokenizer.encode("Good morning")
        #expect(tokenizer.decode([id] + ids + [id]) == "Good morning")
    }

    /// None of these would end before the run is given up if anything were quadratic.
    @Test(arguments: ["a", " ", "é", "漢", "▁", "\u{301}", "ab1", "<sep>", "\u{FFFD}", "\u{FDFA}"])
    func takesTimeInProportionToTheText(_ unit: String) throws {
        let text = String(repeating: unit, count: (1 << 20) / unit.utf8.count)
        for model in ["enpt", "bytes", "user_defined", "unusual"] {
            let tokenizer = try TokenizerFixtures.tokenizer(model)
            let ids = tokenizer.encode(text)
            #expect(ids.count <= text.utf8.count * 12)
        }
    }

    @Test func isTheSameFromManyThreads() async throws {
        let tokenizer = try TokenizerFixtures.tokenizer("enpt")
        let texts = try TokenizerFixtures.strings().texts
        let expected = texts.map(tokenizer.encode)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { texts.map(tokenizer.encode) == expected } }
            for await same in group { #expect(same) }
        }
    }
}

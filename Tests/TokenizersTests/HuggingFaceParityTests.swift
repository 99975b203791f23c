import Checkpoints
import Testing
import Tokenizers

/// Ids and texts against those of the library.
@Suite("tokenizer.json: the same as the library")
struct HuggingFaceParityTests {
    @Test(arguments: HuggingFaceFixtures.families)
    func givesTheLibrarysIDs(_ family: String) throws {
        let tokenizer = try HuggingFaceFixtures.tokenizer(family)
        let expected = try HuggingFaceFixtures.expectations(family)
        let texts = try HuggingFaceFixtures.texts()
        #expect(expected.pieces.count == texts.count)
        for (index, text) in texts.enumerated() {
            #expect(tokenizer.pieces(text) == expected.pieces[index], "\(index): \(text.debugDescription)")
            let plain = expected.plain[String(index)] ?? expected.pieces[index]
            #expect(tokenizer.encode(text, allowSpecial: false) == plain, "plain \(index): \(text.debugDescription)")
            #expect(tokenizer.encode(text, allowSpecial: true) == expected.pieces[index])
            let marked = (expected.marks.before ?? []) + expected.pieces[index] + (expected.marks.after ?? [])
            #expect(tokenizer.encodeWithMarks(text) == marked)
        }
        for long in expected.long {
            let ids = tokenizer.pieces(String(repeating: long.unit, count: long.times))
            #expect(ids.count == long.count, "\(long.unit.debugDescription) \(long.times) times")
            #expect(HuggingFaceFixtures.hash(ids) == long.hash, "\(long.unit.debugDescription) \(long.times) times")
        }
    }

    @Test(arguments: HuggingFaceFixtures.families)
    func decodesAsTheLibraryDoes(_ family: String) throws {
        let tokenizer = try HuggingFaceFixtures.tokenizer(family)
        let expected = try HuggingFaceFixtures.expectations(family)
        for (index, text) in try HuggingFaceFixtures.texts().enumerated() {
            let ids = (expected.marks.before ?? []) + expected.pieces[index] + (expected.marks.after ?? [])
            let key = String(index)
            let decoded = expected.decoded[key] ?? .some(text)
            // Where the library fails there is nothing to compare with, but there must be an answer.
            let answer = tokenizer.decode(ids)
            if let decoded { #expect(Array(answer.utf8) == Array(decoded.utf8), "\(index): \(text.debugDescription)") }
            let shown = expected.shown[key] ?? decoded
            let all = tokenizer.decode(ids, skipSpecial: false)
            if let shown { #expect(Array(all.utf8) == Array(shown.utf8), "all of \(index): \(text.debugDescription)") }
        }
        for sequence in expected.sequences {
            #expect(Array(tokenizer.decode(sequence.ids).utf8) == Array(sequence.text.utf8), "\(sequence.ids)")
            #expect(Array(tokenizer.decode(sequence.ids, skipSpecial: false).utf8) == Array(sequence.all.utf8))
        }
    }

    /// Text that is generated token by token is what decoding all of it gives.
    @Test(arguments: [
        "llama2", "llama2-metaspace", "llama3", "gpt2", "roberta", "qwen2", "cohere", "gemma", "tekken", "o200k",
        "deepseek", "bloom", "xlm-roberta", "nllb", "bert-uncased",
    ])
    func decodesTokenByToken(_ family: String) throws {
        let tokenizer = try HuggingFaceFixtures.tokenizer(family)
        let expected = try HuggingFaceFixtures.expectations(family)
        let texts = try HuggingFaceFixtures.texts()
        for (index, ids) in expected.pieces.enumerated() where !texts[index].hasPrefix("  ") {
            var detokenizer = StreamingDetokenizer(tokenizer)
            let text = ids.reduce(into: "") { $0 += detokenizer.append($1) } + detokenizer.finish()
            let whole = tokenizer.decode(ids)
            #expect(Array(text.utf8) == Array(whole.utf8), "\(index): \(texts[index].debugDescription)")
        }
    }

    @Test(arguments: ["bert-uncased", "bert-cased"])
    func readsTheTokensOfBERT(_ family: String) throws {
        let configuration = try HuggingFaceFixtures.configuration(
            #"{"do_lower_case": \#(family == "bert-uncased"), "tokenize_chinese_chars": true, "strip_accents": null}"#)
        let tokenizer = try HuggingFaceTokenizer(
            wordPieceVocabulary: try HuggingFaceFixtures.region("\(family).vocab.txt"), configuration: configuration)
        let described = try HuggingFaceFixtures.tokenizer(family)
        for text in try HuggingFaceFixtures.texts() where !text.unicodeScalars.contains(where: { _ in text.count > 60 })
        {
            #expect(tokenizer.marks.before == described.marks.before && tokenizer.marks.after == described.marks.after)
            // The two files differ in how long a word may be.
            if family == "bert-uncased" { #expect(tokenizer.encodeWithMarks(text) == described.encodeWithMarks(text)) }
        }
        #expect(tokenizer.vocabularySize == described.vocabularySize)
    }

    @Test(arguments: ["gpt2", "qwen2"])
    func readsTokensAndMerges(_ family: String) throws {
        let added =
            family == "gpt2"
            ? #""0": {"content": "<|endoftext|>", "special": true, "normalized": true}"#
            : #""0": {"content": "<|endoftext|>", "special": true}, "1": {"content": "<|im_start|>", "special": true},"#
                + #""2": {"content": "<|im_end|>", "special": true},"#
                + #""900": {"content": "<tool_call>", "special": false, "normalized": false}"#
        let configuration = try HuggingFaceFixtures.configuration(
            #"{"tokenizer_class": "\#(family == "gpt2" ? "GPT2Tokenizer" : "Qwen2Tokenizer")","#
                + #""added_tokens_decoder": {\#(added)}}"#)
        let tokenizer = try HuggingFaceTokenizer(
            vocabulary: try HuggingFaceFixtures.region("\(family).vocab.json"),
            merges: try HuggingFaceFixtures.region("\(family).merges.txt"), configuration: configuration)
        let expected = try HuggingFaceFixtures.expectations(family)
        for (index, text) in try HuggingFaceFixtures.texts().enumerated() {
            #expect(tokenizer.pieces(text) == expected.pieces[index], "\(index): \(text.debugDescription)")
        }
    }
}

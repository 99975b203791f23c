import Testing
import Tokenizers

@Suite("Streaming detokenizer")
struct BPEDetokenizerTests {
    /// Streams ids and checks, at each step, that what has come out is a beginning of the whole text.
    private func stream(_ tokenizer: any TextTokenizer, _ ids: [Int32], isPrefixOf whole: String) -> String {
        var detokenizer = StreamingDetokenizer(tokenizer)
        var text = ""
        for id in ids {
            text += detokenizer.append(id)
            #expect(Array(whole.utf8).starts(with: text.utf8), "\(ids)")
        }
        return text + detokenizer.finish()
    }

    @Test func damagedCharactersAreReplacedAsByPython() throws {
        let tokenizer = try BPEFixtures.byteLevelTokenizer(.gpt2)
        let sequences = try BPEFixtures.byteLevel().sequences
        try #require(sequences.count > 50 && sequences.contains { $0.text.contains("\u{FFFD}") })
        for sequence in sequences {
            let text = stream(tokenizer, sequence.ids, isPrefixOf: sequence.text)
            #expect(Array(text.utf8) == Array(sequence.text.utf8), "\(sequence.ids)")
            #expect(Array(tokenizer.decode(sequence.ids).utf8) == Array(sequence.text.utf8), "\(sequence.ids)")
        }
    }

    @Test func streamedByteLevelTextIsTheText() throws {
        let tokenizer = try BPEFixtures.byteLevelTokenizer(.llamaBPE)
        for text in try BPEFixtures.texts().texts {
            let ids = tokenizer.encode(text, allowSpecial: false)
            #expect(stream(tokenizer, ids, isPrefixOf: text).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
        }
    }

    @Test(arguments: BPEFixtures.pieceModels)
    func streamedPiecesAreTheText(_ model: String) throws {
        let tokenizer = try BPEFixtures.pieceTokenizer(model)
        let expected = try BPEFixtures.pieces(model)
        for (index, text) in try BPEFixtures.texts().texts.enumerated() {
            let whole = expected.decoded[String(index)] ?? text
            let streamed = stream(tokenizer, expected.ids[index], isPrefixOf: whole)
            #expect(streamed.utf8.elementsEqual(whole.utf8), "\(text.debugDescription)")
        }
    }

    @Test func anEmojiComesOutWhole() throws {
        let tokenizer = try BPEFixtures.pieceTokenizer("gemma")
        let ids = tokenizer.encode("😱!", allowSpecial: false)
        try #require(ids.count == 5)
        var detokenizer = StreamingDetokenizer(tokenizer)
        #expect(ids.map { detokenizer.append($0) } == ["", "", "", "😱", "!"])
        #expect(detokenizer.append(ids[0]) == "" && detokenizer.finish() == "\u{FFFD}" && detokenizer.finish() == "")
    }

    @Test func onlyTheFirstSpaceIsTheOneOfEncoding() throws {
        let tokenizer = try BPEFixtures.pieceTokenizer("llama")
        let word = tokenizer.encode("the", allowSpecial: false)
        let begin = try #require(tokenizer.specialID(named: "<s>"))
        var detokenizer = StreamingDetokenizer(tokenizer)
        var text = ""
        for id in [begin] + word + word { text += detokenizer.append(id) }
        #expect(text == "the the")
        var continued = StreamingDetokenizer(tokenizer, continuesText: true)
        #expect(word.map { continued.append($0) }.joined() == " the")
    }

    @Test func controlTokensAndStrangersPrintNothing() throws {
        let tokenizer = try BPEFixtures.byteLevelTokenizer(.gpt2)
        let end = try #require(tokenizer.specialID(named: "<|im_end|>"))
        let call = try #require(tokenizer.specialID(named: "<tool_call>"))
        var detokenizer = StreamingDetokenizer(tokenizer)
        let ids = [end, -1, .min, .max, Int32(tokenizer.vocabularySize), call]
        #expect(ids.map { detokenizer.append($0) } == ["", "", "", "", "", "<tool_call>"])
        #expect(tokenizer.isControl(end) && !tokenizer.isControl(call) && !tokenizer.isControl(-1))
    }
}

import Testing
import Tokenizers

@Suite("SentencePiece BPE against the SentencePiece library")
struct BPESentencePieceTests {
    @Test(arguments: BPEFixtures.pieceModels)
    func encodesAsTheLibrary(_ model: String) throws {
        let tokenizer = try BPEFixtures.pieceTokenizer(model)
        let expected = try BPEFixtures.pieces(model).ids
        let texts = try BPEFixtures.texts().texts
        try #require(texts.count == expected.count && texts.count > 400)
        for (text, ids) in zip(texts, expected) {
            #expect(tokenizer.encode(text, allowSpecial: false) == ids, "\(text.debugDescription)")
        }
    }

    @Test(arguments: BPEFixtures.pieceModels)
    func decodesAsTheLibrary(_ model: String) throws {
        let tokenizer = try BPEFixtures.pieceTokenizer(model)
        let expected = try BPEFixtures.pieces(model)
        for (index, text) in try BPEFixtures.texts().texts.enumerated() {
            let wanted = expected.decoded[String(index)] ?? text
            let decoded = tokenizer.decode(expected.ids[index])
            #expect(Array(decoded.utf8) == Array(wanted.utf8), "\(text.debugDescription)")
        }
    }

    @Test(arguments: BPEFixtures.pieceModels)
    func encodesLongTextsAsTheLibrary(_ model: String) throws {
        let tokenizer = try BPEFixtures.pieceTokenizer(model)
        for long in try BPEFixtures.pieces(model).long {
            let ids = tokenizer.encode(String(repeating: long.unit, count: long.times), allowSpecial: false)
            #expect(ids.count == long.count, "\(long.unit.debugDescription)")
            #expect(TokenizerFixtures.hash(ids) == long.hash, "\(long.unit.debugDescription)")
        }
    }

    @Test func controlTokensAreFoundOnlyWhereAllowed() throws {
        let tokenizer = try BPEFixtures.pieceTokenizer("gemma")
        let turn = try #require(tokenizer.specialID(named: "<start_of_turn>"))
        let call = try #require(tokenizer.specialID(named: "<tool_call>"))
        let text = "<start_of_turn>x<tool_call>"
        let allowed = tokenizer.encode(text, allowSpecial: true)
        #expect(allowed.first == turn && allowed.last == call && allowed.count == 3)
        let plain = tokenizer.encode(text, allowSpecial: false)
        #expect(!plain.contains(turn) && plain.last == call)
        #expect(tokenizer.decode(plain) == text)
        #expect(tokenizer.decode(allowed) == "x<tool_call>")
        #expect(tokenizer.isControl(turn) && !tokenizer.isControl(call))
    }

    @Test func aSpaceGoesBeforeWhatFollowsASpecialToken() throws {
        let tokenizer = try BPEFixtures.pieceTokenizer("llama")
        let end = try #require(tokenizer.specialID(named: "</s>"))
        let word = tokenizer.encode("the", allowSpecial: false)
        #expect(tokenizer.encode("the</s>the", allowSpecial: true) == word + [end] + word)
        #expect(tokenizer.bytes(of: word[0]).first == 0x20)
        #expect(tokenizer.encode("", allowSpecial: true).isEmpty)
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: ["a", "ab", " ", "\n", "漢", "😀", "a ", "x\u{2581}", "<start_of_turn", "\u{301}"])
    func aMegabyteIsNotQuadratic(_ unit: String) throws {
        let text = String(repeating: unit, count: 1_000_000 / unit.utf8.count)
        for model in ["llama", "gemma"] {
            let tokenizer = try BPEFixtures.pieceTokenizer(model)
            let decoded = tokenizer.decode(tokenizer.encode(text, allowSpecial: true))
            #expect(decoded.utf8.elementsEqual(text.replacing("\u{2581}", with: " ").utf8), "\(model)")
        }
    }

    /// Texts are merged word by word where no piece crosses from one to the next. Against merging of the whole text, with
    /// pieces that go on behind a space after `>`, after `é`, and after a letter and two spaces.
    @Test func wordsAreNotCutWherePiecesGoOn() throws {
        let pieces = [
            "▁", "a", "b", ">", "<", "é", "▁a", "▁b", "ab", "▁ab", "▁▁", "▁▁▁▁", "<▁", "><", ">▁", ">▁<", "é▁", "é▁a",
            "b▁",
            "b▁▁", "▁<",
        ]
        let scores = pieces.indices.map { Float(($0 * 7) % pieces.count) }
        let tokenizer = try SentencePieceBPETokenizer(
            vocabulary: TokenVocabulary(
                tokens: ByteStrings(pieces.map { Array($0.utf8) }), kinds: pieces.map { _ in .normal }, scores: scores),
            addsSpacePrefix: false)
        var generator = Draws(state: 11)
        for _ in 0..<3000 {
            let text = String(
                (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                    "ab><é    ".randomElement(using: &generator) ?? "a"
                })
            #expect(
                tokenizer.encode(text, allowSpecial: false) == Self.merged(text, pieces, scores),
                "\(text.debugDescription)")
        }
    }

    /// The same numbers in every run (Steele and others, "SplitMix", 2014).
    private struct Draws: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }

    /// The definition: the neighbours whose piece has the highest score become one, the leftmost first, until there are none.
    private static func merged(_ text: String, _ pieces: [String], _ scores: [Float]) -> [Int32] {
        var parts = text.replacing(" ", with: "▁").map(String.init)
        while true {
            var best: (index: Int, score: Float)?
            for index in parts.indices.dropLast() {
                guard let piece = pieces.firstIndex(of: parts[index] + parts[index + 1]) else { continue }
                if scores[piece] > best?.score ?? -.infinity { best = (index, scores[piece]) }
            }
            guard let best else { break }
            parts[best.index] += parts.remove(at: best.index + 1)
        }
        return parts.map { Int32(pieces.firstIndex(of: $0) ?? -1) }
    }
}

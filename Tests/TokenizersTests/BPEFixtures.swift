import Foundation
import Tokenizers

/// The files that `models/bpe/reference.py` wrote.
enum BPEFixtures {
    struct Texts: Decodable {
        var texts: [String]
        /// Texts with the spellings of special tokens.
        var special: [String]
    }

    /// A text of a unit many times, whose ids are compared by their number and hash.
    struct Long: Decodable {
        var unit: String
        var times: Int
        var count: Int
        var hash: String
    }

    struct Sequence: Decodable {
        var ids: [Int32]
        var text: String
    }

    struct ByteLevel: Decodable {
        var tokens: [String]
        var kinds: [Int32]
        var merges: [String]
        /// Ids that cut characters in two, and what they decode to.
        var sequences: [Sequence]
    }

    /// What the `tokenizers` package makes of the texts with one pre-tokenizer.
    struct ByteLevelCase: Decodable {
        var name: String
        var ids: [[Int32]]?
        var hashes: [String]?
        /// For each text, the lengths of its words in bytes.
        var words: [[Int]]
        var long: [Long]
        /// The ids of the texts with special tokens, all of them found.
        var special: [[Int32]]
        /// The same with only the user-defined ones found.
        var plain: [[Int32]]
    }

    /// A SentencePiece vocabulary and what the library makes of the texts with it.
    struct Pieces: Decodable {
        var tokens: [String]
        var kinds: [Int32]
        var scores: [Float]
        var addsSpacePrefix: Bool
        var ids: [[Int32]]
        /// By the index of the text, where decoding does not give it back.
        var decoded: [String: String]
        var long: [Long]
    }

    static let pieceModels = ["llama", "gemma", "no_bytes"]
    static let preTokenizers: [PreTokenizer] = [.gpt2, .smollm, .llamaBPE, .qwen2, .tekken]

    static func texts() throws -> Texts { try decode("texts") }
    static func byteLevel() throws -> ByteLevel { try decode("byte_level") }
    static func pieces(_ model: String) throws -> Pieces { try decode("pieces_\(model)") }

    static func byteLevelCase(_ preTokenizer: PreTokenizer) throws -> ByteLevelCase? {
        let cases: [ByteLevelCase] = try decode("byte_level_cases")
        return cases.first { $0.name == preTokenizer.rawValue }
    }

    static func byteLevelTokenizer(
        _ preTokenizer: PreTokenizer, marks: SequenceMarks = SequenceMarks()
    ) throws -> ByteLevelBPETokenizer {
        let file = try byteLevel()
        return try ByteLevelBPETokenizer(
            vocabulary: try vocabulary(file.tokens, file.kinds), merges: ByteStrings(file.merges.map(\.utf8)),
            preTokenizer: preTokenizer, marks: marks)
    }

    static func pieceTokenizer(_ model: String) throws -> SentencePieceBPETokenizer {
        let file = try pieces(model)
        return try SentencePieceBPETokenizer(
            vocabulary: try vocabulary(file.tokens, file.kinds, file.scores), addsSpacePrefix: file.addsSpacePrefix)
    }

    static func vocabulary(_ tokens: [String], _ kinds: [Int32], _ scores: [Float]? = nil) throws -> TokenVocabulary {
        try TokenVocabulary(
            tokens: ByteStrings(tokens.map(\.utf8)), kinds: kinds.map { TokenKind(rawValue: $0) ?? .normal },
            scores: scores)
    }

    private static func decode<Value: Decodable>(_ name: String) throws -> Value {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/bpe/\(name).json")
        return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file))
    }
}

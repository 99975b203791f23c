import Checkpoints
import Foundation
import Tokenizers

/// The files that `models/tokenizers/reference.py` wrote.
enum TokenizerFixtures {
    /// The strings that every model is tried on.
    struct Strings: Decodable {
        var texts: [String]
        /// Byte sequences that are not UTF-8, in hexadecimal.
        var invalid: [String]
    }

    /// What the SentencePiece library makes of the strings with one model.
    struct Expectations: Decodable {
        struct Sequence: Decodable {
            var ids: [Int32]
            var text: String
        }

        struct Long: Decodable {
            /// nil is all strings of the fixtures, one after the other.
            var unit: String?
            var times: Int
            var count: Int
            var hash: String
            var decodedBytes: Int
        }

        var size: Int
        var unknown: Int32
        var begin: Int32
        var end: Int32
        var pad: Int32
        var ids: [[Int32]]
        /// By the index of the string, where decoding does not give it back.
        var decoded: [String: String]
        var sequences: [Sequence]
        var invalid: [[Int32]]
        var long: [Long]
    }

    /// The models that lie beside their expectations.
    static let smallModels = [
        "identity", "bytes", "no_dummy_prefix", "extra_whitespace", "verbatim", "user_defined", "suffix",
        "suffix_verbatim", "folded", "unescaped", "no_unknown", "unusual",
    ]
    /// The vocabularies of real translation models, which are downloaded.
    static let realModels = ["enpt", "pten"]

    static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/tokenizers")

    static func strings() throws -> Strings {
        try decode("strings")
    }

    static func expectations(_ model: String) throws -> Expectations {
        try decode(model)
    }

    /// The path of a model, small or real.
    static func path(_ model: String) throws -> String {
        realModels.contains(model)
            ? try realVocabularyPath(model) : directory.appending(path: "\(model).spm").path(percentEncoded: false)
    }

    static func model(_ name: String) throws -> SentencePieceModel {
        try SentencePieceModel(ByteRegion(mapping: try path(name)))
    }

    static func tokenizer(_ name: String) throws -> UnigramTokenizer {
        try UnigramTokenizer(model(name))
    }

    /// The 64-bit FNV-1a hash of ids, each as four bytes.
    static func hash(_ ids: [Int32]) -> String {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for id in ids {
            for shift in [0, 8, 16, 24] {
                value = (value ^ UInt64(UInt8(truncatingIfNeeded: id >> Int32(shift)))) &* 0x100_0000_01B3
            }
        }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func bytes(hexadecimal text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    private static func decode<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: directory.appending(path: "\(name).json")))
    }
}

import Checkpoints
import Foundation
import Tokenizers

/// The files that `models/tokenizers-json/reference.py` wrote.
enum HuggingFaceFixtures {
    /// What the library makes of the texts with one tokenizer.
    struct Expectations: Decodable {
        struct Marks: Decodable {
            var before: [Int32]?
            var after: [Int32]?
        }

        /// A text of a unit many times, whose ids are compared by their number and hash.
        struct Long: Decodable {
            var unit: String
            var times: Int
            var count: Int
            var hash: String
        }

        /// Ids in no order, and what they decode to without and with special tokens.
        struct Sequence: Decodable {
            var ids: [Int32]
            var text: String
            var all: String
        }

        var pieces: [[Int32]]
        var marks: Marks
        /// By the index of the text: what decoding gives without special tokens, where it is not the text. Null where the
        /// library fails.
        var decoded: [String: String?]
        /// The same with special tokens, where it is not the same as without.
        var shown: [String: String?]
        /// The ids with special tokens left as text, where they differ.
        var plain: [String: [Int32]]
        var long: [Long]
        var sequences: [Sequence]
        var size: Int
    }

    static let families = [
        "llama2", "llama2-metaspace", "llama2-legacy", "llama3", "gpt2", "roberta", "qwen2", "cohere", "gemma",
        "tekken",
        "o200k", "cl100k", "deepseek", "deepseek-coder", "falcon", "bloom", "clip", "t5", "xlm-roberta",
        "unigram-bytes",
        "nllb", "marian", "bert-uncased", "bert-cased", "odd-added", "odd-ctc", "odd-splits", "odd-normalizer-bytes",
    ]

    static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/tokenizers-json")

    static func texts() throws -> [String] { try decode("texts") }
    static func expectations(_ family: String) throws -> Expectations { try decode(family) }

    static func region(_ name: String) throws -> ByteRegion {
        try ByteRegion(mapping: directory.appending(path: name).path(percentEncoded: false))
    }

    /// A `tokenizer.json`, with the character map of `nmt_nfkc` where the file has its name.
    static func description(_ family: String) throws -> String {
        let text = try String(contentsOf: directory.appending(path: "\(family).tokenizer.json"), encoding: .utf8)
        guard text.contains("\"nmt_nfkc\"") else { return text }
        let map = try Data(contentsOf: directory.appending(path: "nmt_nfkc.bin")).base64EncodedString()
        return text.replacingOccurrences(of: "\"nmt_nfkc\"", with: "\"\(map)\"")
    }

    static func tokenizer(_ family: String, configuration: ModelConfiguration? = nil) throws -> HuggingFaceTokenizer {
        try tokenizer(json: try description(family), configuration: configuration)
    }

    static func tokenizer(json: String, configuration: ModelConfiguration? = nil) throws -> HuggingFaceTokenizer {
        try HuggingFaceTokenizer(
            tokenizerJSON: ByteRegion(copying: json.utf8, source: "tokenizer.json"), configuration: configuration)
    }

    static func configuration(_ json: String) throws -> ModelConfiguration {
        try ModelConfiguration(ByteRegion(copying: json.utf8, source: "tokenizer_config.json"))
    }

    static func decode<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: directory.appending(path: "\(name).json")))
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

    /// A file with a byte-level or other model of few tokens, and components as given.
    static func small(
        model: String = #"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}"#, normalizer: String = "null",
        preTokenizer: String = "null", postProcessor: String = "null", decoder: String = "null",
        addedTokens: String = "[]"
    ) -> String {
        """
        {"version":"1.0","truncation":null,"padding":null,"added_tokens":\(addedTokens),"normalizer":\(normalizer),\
        "pre_tokenizer":\(preTokenizer),"post_processor":\(postProcessor),"decoder":\(decoder),"model":\(model)}
        """
    }
}

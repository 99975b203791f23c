/// What the float reference says of a decoder: see `models/llama/reference.py`, which writes these files.
package struct DecoderFixture: Decodable, Sendable {
    /// A prompt, and the ids with the largest logits after it, one after the other.
    package struct Continuation: Decodable, Sendable {
        package var name: String
        /// `chat` or `raw`.
        package var kind: String
        package var text: String?
        package var messages: [Message]?
        package var promptIds: [Int32]
        package var ids: [Int32]
        /// `stop` or `length`.
        package var end: String
        /// What the ids stand for, end tokens left out.
        package var output: String
        /// For each id the two largest logits at its place, as pairs of id and logit.
        package var top2: [[[Double]]]
    }

    /// A message of a conversation; calls of tools are left out.
    package struct Message: Decodable, Sendable {
        package var role: String
        package var content: String?
    }

    /// Ids, and the logits after some of them.
    package struct Sequence: Decodable, Sendable {
        package var ids: [Int32]
        /// The positions whose logits are given in full.
        package var positions: [Int]
        package var logits: [[Float]]
    }

    /// For every position of a prompt and its continuation: the logits of `sampleIds`, the largest, and log Σ exp.
    package struct Samples: Decodable, Sendable {
        package var prompt: String
        package var samples: [[Float]]
    }

    package var sampleIds: [Int32]
    package var sequences: [Sequence]?
    package var greedy: [Continuation]?
    package var prompts: [Continuation]?
    package var logits: [Samples]?

    /// The fixture of a model below `Tests/Fixtures/generation`.
    package init(_ name: String) throws {
        self = try Fixtures.json("generation/\(name).json")
    }

    /// The small models with random weights, one for each variant of the families.
    package static let tinyModels = [
        "gemma3", "gemma3-layer-list", "gemma3-softcap", "llama-bias", "llama-linear-rope", "llama-mixed-types",
        "llama-tied", "llama-untied-q8_0", "llama3-rope", "mistral-wide-heads", "qwen2", "qwen3", "qwen3-tools",
    ]

    /// The path of a small model's file.
    package static func tinyPath(_ name: String) -> String { Fixtures.path("generation/tiny/\(name).gguf") }
}

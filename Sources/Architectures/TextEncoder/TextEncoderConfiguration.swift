package import Checkpoints
internal import Compute

/// The sizes of a text encoder, read from a checkpoint's `config.json`.
package struct TextEncoderConfiguration: Sendable, Equatable {
    /// The families, by `model_type`.
    package enum Family: String, Sendable, CaseIterable {
        /// BERT (Devlin et al., 2019), MiniLM, and the embedding models made of them.
        case bert
        /// RoBERTa (Liu et al., 2019).
        case roberta
        /// XLM-R (Conneau et al., 2020).
        case xlmRoberta = "xlm-roberta"
    }

    /// The family.
    package let family: Family
    /// Token ids.
    package let vocabularySize: Int
    /// Features of a token.
    package let hiddenSize: Int
    /// Layers.
    package let layers: Int
    /// Heads, a divisor of the hidden size.
    package let heads: Int
    /// Features between the two products of the feed-forward layer.
    package let feedForwardSize: Int
    /// Positions that have an embedding.
    package let positions: Int
    /// Kinds of tokens that have an embedding; a text alone is of the first.
    package let tokenTypes: Int
    /// The token that fills a batch up elsewhere; here no batch is filled up.
    package let padding: Int32
    /// What is added to a variance before its root is taken.
    package let normEpsilon: Float
    /// Of the feed-forward layer.
    let activation: Activation

    /// The position of a text's first token: RoBERTa's begin behind that of the padding.
    var firstPosition: Int { family == .bert ? 0 : Int(padding) + 1 }
    /// Tokens that a text may have, those that begin and end it included.
    package var maximumTokens: Int { positions - firstPosition }

    /// Reads `config.json`.
    ///
    /// - Throws: `CheckpointError` naming the key, what it is and what was expected.
    package init(_ file: ModelConfiguration) throws {
        let modelType = try file.string("model_type")
        guard let family = Family(rawValue: modelType) else {
            throw CheckpointError.unsupported(
                file: file.file, offset: 0,
                reason: "model_type is \(modelType); text encoders: "
                    + Family.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self.family = family
        vocabularySize = try file.integer("vocab_size", 1...(1 << 21))
        hiddenSize = try file.integer("hidden_size", 1...(1 << 16))
        layers = try file.integer("num_hidden_layers", 1...1024)
        heads = try file.integer("num_attention_heads", 1...1024)
        guard hiddenSize % heads == 0 else {
            throw file.mismatch("num_attention_heads", expected: "a divisor of hidden_size, \(hiddenSize)")
        }
        feedForwardSize = try file.integer("intermediate_size", 1...(1 << 20))
        positions = try file.integer("max_position_embeddings", 1...(1 << 20), default: 512)
        tokenTypes = try file.integer("type_vocab_size", 1...1024, default: 2)
        let padding = try file.integer("pad_token_id", 0...(vocabularySize - 1), default: family == .bert ? 0 : 1)
        self.padding = Int32(padding)
        guard family == .bert || positions > padding + 1 else {
            throw file.mismatch("max_position_embeddings", expected: "more than pad_token_id + 1, \(padding + 1)")
        }
        normEpsilon = Float(try file.number("layer_norm_eps", 1e-30...1, default: 1e-12))
        guard try file.string("position_embedding_type", default: "absolute") == "absolute" else {
            throw file.mismatch("position_embedding_type", expected: "absolute")
        }
        for key in ["is_decoder", "add_cross_attention"] where try file.boolean(key, default: false) {
            throw file.mismatch(key, expected: "false: an encoder sees the whole text")
        }
        switch try file.string("hidden_act", default: "gelu") {
        case "gelu": activation = .geluErf
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": activation = .geluTanh
        case "relu": activation = .relu
        case "silu", "swish": activation = .swish
        default:
            throw file.mismatch("hidden_act", expected: "gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu or silu")
        }
    }
}

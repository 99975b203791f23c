internal import Compute

/// What a decoder-only model is: its sizes and the choices of its family, read from a GGUF file's metadata or from the
/// `config.json` of a Hugging Face checkpoint.
package struct DecoderConfiguration: Sendable, Equatable {
    /// Where the checkpoint's names and layouts come from: the same network under different names.
    package enum Format: Sendable {
        case gguf
        case huggingFace
    }

    /// Whether linear layers have a bias.
    struct Biases: Sendable, Equatable {
        var queriesKeysValues: WeightBinder.Presence
        var attentionOutput: WeightBinder.Presence
        var feedForward: WeightBinder.Presence
    }

    /// The rotary embedding of some layers.
    struct Rotation: Sendable, Equatable {
        /// θ
        var base: Double
        /// Features of a head that turn.
        var dimensions: Int
        var pairing: RoPE.Pairing
        var scaling: RotaryScaling

        var rope: RoPE { scaling.rope(dimensions: dimensions, base: base, pairing: pairing) }
    }

    /// The family.
    package let family: CausalModelFamily
    /// Whose names and layouts the checkpoint has.
    package let format: Format
    /// Tokens that prompt and answer may have together.
    package let contextTokens: Int
    /// Features of a token.
    package let hiddenSize: Int
    /// Blocks.
    package let layers: Int
    /// Features between the two products of the feed-forward layer.
    package let feedForwardSize: Int
    /// Query heads.
    package let heads: Int
    /// Key/value heads, a divisor of the query heads.
    package let kvHeads: Int
    /// Features of a head.
    package let headDim: Int
    /// What is added to a variance or mean square before its root is taken.
    package let normEpsilon: Float
    /// Token ids, or nil where the checkpoint's embedding says it alone.
    package let vocabularySize: Int?
    /// Positions that a query sees, its own included, in the layers that have a window.
    package let window: Int?
    /// For each layer whether it sees the window only.
    package let isLocal: [Bool]
    /// RoPE in the layers that see everything; nil for none, and no positions.
    let globalRotation: Rotation?
    /// RoPE in the layers that see a window.
    let localRotation: Rotation
    /// What scores are multiplied by.
    let attentionScale: Float
    /// What embeddings are multiplied by.
    let embeddingScale: Float?
    /// What logits are multiplied by.
    let logitScale: Float?
    /// Logits become `cap · tanh(logits / cap)`.
    let logitCap: Float?
    /// Whether the output is the embedding's matrix; nil where the file says it by leaving the other out.
    let isTied: Bool?
    /// Of the feed-forward layer's gate.
    let activation: GateActivation
    /// What is added to the stored scales of root-mean-square norms.
    let normOffset: Float
    /// Whether queries and keys are normalised by head; nil where the file says it by having the tensors.
    let normalizesHeads: Bool?
    let biases: Biases

    /// What a layer rotates heads by.
    func rotation(layer: Int) -> Rotation? { isLocal[layer] ? localRotation : globalRotation }

    /// The window of a layer, or nil if it sees everything.
    func window(layer: Int) -> Int? { isLocal[layer] ? window : nil }
}

internal import Checkpoints
package import Compute
internal import Yams

/// An operation around a sublayer, one letter of Marian's `transformer-preprocess` and `transformer-postprocess`.
package enum LayerOperation: Character, Sendable {
    /// Add the sublayer's input.
    case addInput = "a"
    /// Layer normalisation.
    case normalize = "n"
}

/// The sizes and options of a Bergamot model, read from the `special:model.yml` in its own checkpoint.
package struct BergamotConfiguration: Sendable, Equatable {
    /// `dim-emb`: features of a token.
    package var hiddenSize: Int
    /// `transformer-dim-ffn`: features inside a feed-forward layer.
    package var feedForwardSize: Int
    /// `enc-depth`
    package var encoderLayers: Int
    /// `dec-depth`
    package var decoderLayers: Int
    /// `transformer-heads`
    package var attentionHeads: Int
    /// `transformer-ffn-activation`
    package var activation: Activation
    /// `transformer-preprocess`: before a sublayer.
    package var preprocess: [LayerOperation]
    /// `transformer-postprocess`: after a sublayer.
    package var postprocess: [LayerOperation]
    /// `transformer-postprocess-emb`: after the embedding.
    package var embeddingPostprocess: [LayerOperation]
    /// `transformer-postprocess-top`: after the last layer.
    package var topPostprocess: [LayerOperation]
    /// `dim-vocabs`, first: source tokens.
    package var sourceVocabularySize: Int
    /// `dim-vocabs`, second: target tokens.
    package var targetVocabularySize: Int
    /// `tied-embeddings-all` or `tied-embeddings-src`: source and target share one table, `Wemb`.
    package var sharedEmbeddings: Bool
    /// `tied-embeddings` or `tied-embeddings-all`: the output layer is the target's table.
    package var tiedOutput: Bool
    /// `output-omit-bias` is not set.
    package var outputBias: Bool

    /// Reads the options.
    ///
    /// - Throws: `CheckpointError.unsupported` or `.invalid` naming the option.
    package init(yaml: String, file: String) throws {
        let options = try MarianOptions(yaml: yaml, file: file)
        try options.require("type", oneOf: ["transformer"])
        try options.require("transformer-decoder-autoreg", oneOf: ["rnn"])
        try options.require("dec-cell", oneOf: ["ssru"])
        try options.require("transformer-ffn-depth", oneOf: ["2"], default: "2")
        try options.refuse("transformer-train-position-embeddings", "transformer-no-projection", "lemma-dim-emb")
        if let tied = options.string("transformer-tied-layers"), !tied.isEmpty {
            throw options.unsupported("transformer-tied-layers", tied)
        }
        hiddenSize = try options.integer("dim-emb", in: 2...16384)
        feedForwardSize = try options.integer("transformer-dim-ffn", in: 1...65536)
        encoderLayers = try options.integer("enc-depth", in: 1...128)
        decoderLayers = try options.integer("dec-depth", in: 1...128)
        attentionHeads = try options.integer("transformer-heads", in: 1...256)
        guard hiddenSize % attentionHeads == 0, hiddenSize % 2 == 0 else {
            throw options.invalid("dim-emb \(hiddenSize) is not even and a multiple of \(attentionHeads) heads")
        }
        let name = options.string("transformer-ffn-activation") ?? "swish"
        guard let activation = Activation(rawValue: name) else {
            throw options.unsupported("transformer-ffn-activation", name)
        }
        self.activation = activation
        preprocess = try options.operations("transformer-preprocess", default: "")
        postprocess = try options.operations("transformer-postprocess", default: "dan")
        embeddingPostprocess = try options.operations("transformer-postprocess-emb", default: "d")
        topPostprocess = try options.operations("transformer-postprocess-top", default: "")
        (sourceVocabularySize, targetVocabularySize) = try options.vocabularies()
        let tiedAll = options.flag("tied-embeddings-all")
        sharedEmbeddings = tiedAll || options.flag("tied-embeddings-src")
        tiedOutput = tiedAll || options.flag("tied-embeddings")
        outputBias = !options.flag("output-omit-bias")
    }
}

/// The options of `special:model.yml`, with errors that name them.
private struct MarianOptions {
    let root: Node.Mapping
    let file: String

    init(yaml: String, file: String) throws {
        self.file = file
        do {
            guard let root = try Yams.compose(yaml: yaml)?.mapping else {
                throw CheckpointError.invalid(file: file, offset: 0, reason: "special:model.yml is not a mapping")
            }
            self.root = root
        } catch let error as YamlError {
            throw CheckpointError.invalid(file: file, offset: 0, reason: "special:model.yml: \(error)")
        }
    }

    func string(_ key: String) -> String? { root[Node(key)]?.scalar?.string }

    func flag(_ key: String) -> Bool { root[Node(key)]?.bool ?? false }

    func invalid(_ reason: String) -> CheckpointError {
        .invalid(file: file, offset: 0, reason: "special:model.yml: \(reason)")
    }

    func unsupported(_ key: String, _ value: String) -> CheckpointError {
        .unsupported(file: file, offset: 0, reason: "special:model.yml: \(key): \(value)")
    }

    func require(_ key: String, oneOf allowed: [String], default fallback: String? = nil) throws {
        guard let value = string(key) ?? fallback else { throw invalid("\(key) is missing") }
        guard allowed.contains(value) else { throw unsupported(key, value) }
    }

    func refuse(_ keys: String...) throws {
        for key in keys {
            guard let value = string(key), !["false", "0", "~", "null", ""].contains(value) else { continue }
            throw unsupported(key, value)
        }
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int {
        guard let text = string(key) else { throw invalid("\(key) is missing") }
        guard let value = Int(text), range.contains(value) else {
            throw invalid("\(key) is \(text), not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// The operations of a string such as "dan"; dropout (d) does nothing when translating.
    func operations(_ key: String, default fallback: String) throws -> [LayerOperation] {
        let text = string(key) ?? fallback
        return try text.compactMap { letter in
            if letter == "d" { return nil }
            guard let operation = LayerOperation(rawValue: letter) else { throw unsupported(key, text) }
            return operation
        }
    }

    func vocabularies() throws -> (source: Int, target: Int) {
        let sizes = root[Node("dim-vocabs")]?.sequence?.compactMap(\.int) ?? []
        guard sizes.count == 2, sizes.allSatisfy({ (3...(1 << 24)).contains($0) }) else {
            throw invalid("dim-vocabs is not two sizes")
        }
        return (sizes[0], sizes[1])
    }
}

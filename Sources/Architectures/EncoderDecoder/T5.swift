package import Checkpoints
package import Compute

/// T5 (Raffel et al., 2019), T5 v1.1, mT5 (Xue et al., 2020) and MADLAD-400 (Kudugunta et al., 2023): a transformer with
/// root-mean-square norms before each sublayer, no biases, scores that are not divided, and relative positions.
/// `models/t5/MODEL.md` is the same in prose.
package final class T5: EncoderDecoderModel {
    package let configuration: EncoderDecoderConfiguration
    package let backend: ComputeBackend
    package let sizeBytes: Int
    let pool: ThreadPool
    private let embedding: WeightMatrix  // shared [vocabularySize, hiddenSize]
    private let encoder: [EncoderBlock]  // encoder.block.N
    private let encoderBias: RelativePositionBias  // encoder.block.0.layer.0.SelfAttention.relative_attention_bias
    private let encoderNorm: RMSNorm  // encoder.final_layer_norm
    private let decoder: [DecoderBlock]  // decoder.block.N
    private let decoderBias: RelativePositionBias  // decoder.block.0.layer.0.SelfAttention.relative_attention_bias
    private let decoderNorm: RMSNorm  // decoder.final_layer_norm, times 1/√hiddenSize where the output is scaled
    let output: TokenLogits  // lm_head, or shared

    /// Binds a checkpoint's tensors.
    ///
    /// - Throws: `CheckpointError` naming the key or the tensor.
    package init(
        _ binder: WeightBinder, configuration: ModelConfiguration, generation: ModelConfiguration? = nil,
        backend: ComputeBackend, pool: ThreadPool
    ) throws {
        let options = try Options(EncoderDecoderKeys(model: configuration, generation: generation))
        let sizes = options.sizes
        let hidden = sizes.hiddenSize
        embedding = try binder.matrix("shared.weight", inputs: hidden, outputs: sizes.sourceVocabularySize)
        try binder.ignoreCopies(["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"], of: "shared.weight")
        // Early files have one for the attention to the source, which nothing ever read.
        binder.ignore("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight")
        encoder = try (0..<sizes.encoder.layers).map {
            try EncoderBlock(binder, "encoder.block.\($0).layer", options)
        }
        encoderBias = try options.bias(binder, "encoder", heads: sizes.encoder.heads)
        encoderNorm = try binder.norm("encoder.final_layer_norm.weight", count: hidden, epsilon: options.epsilon)
        decoder = try (0..<sizes.decoder.layers).map {
            try DecoderBlock(binder, "decoder.block.\($0).layer", options)
        }
        decoderBias = try options.bias(binder, "decoder", heads: sizes.decoder.heads)
        let outputScale = options.scalesOutput ? 1 / Float(hidden).squareRoot() : 1
        decoderNorm = RMSNorm(
            scale: try binder.vector("decoder.final_layer_norm.weight", count: hidden).map { $0 * outputScale },
            epsilon: options.epsilon)
        output = TokenLogits(
            projection: Projection(
                weights: try binder.outputMatrix("lm_head.weight", tied: "shared.weight", embedding), bias: nil))
        try binder.finish()
        (self.configuration, self.backend, self.pool) = (sizes, backend, pool)
        sizeBytes = binder.sizeBytes
    }

    /// What `config.json` says.
    private struct Options {
        let sizes: EncoderDecoderConfiguration
        /// `layer_norm_epsilon`
        let epsilon: Float
        /// `relative_attention_num_buckets`
        let buckets: Int
        /// `relative_attention_max_distance`
        let farthest: Int
        let activation: FeedForward
        let scalesOutput: Bool

        /// `feed_forward_proj`
        enum FeedForward {
            case plain(Activation)
            case gated(GateActivation)
        }

        init(_ keys: EncoderDecoderKeys) throws {
            let model = keys.model
            let isMultilingual = model["model_type"] == .string("mt5")
            let hidden = try keys.size("d_model", upTo: 1 << 16, default: 512)
            let encoder = EncoderDecoderConfiguration.Stack(
                layers: try keys.layers("num_layers", default: isMultilingual ? 8 : 6),
                heads: try keys.size("num_heads", upTo: 1024, default: isMultilingual ? 6 : 8),
                headDim: try keys.size("d_kv", upTo: 1 << 12, default: 64),
                feedForwardSize: try keys.size("d_ff", upTo: 1 << 20, default: isMultilingual ? 1024 : 2048))
            var decoder = encoder
            decoder.layers = try keys.layers("num_decoder_layers", default: encoder.layers)
            let vocabulary = try keys.vocabulary("vocab_size", default: isMultilingual ? 250_112 : 32_128)
            sizes = EncoderDecoderConfiguration(
                hiddenSize: hidden, encoder: encoder, decoder: decoder, sourceVocabularySize: vocabulary,
                targetVocabularySize: vocabulary,
                tokens: try keys.tokens(start: 0, end: 1, padding: 0, unknown: 2, vocabularySize: vocabulary),
                maximumPositions: nil)
            epsilon = Float(try model.number("layer_norm_epsilon", 0...1, default: 1e-6))
            buckets = try model.integer("relative_attention_num_buckets", 4...4096, default: 32)
            farthest = try model.integer("relative_attention_max_distance", 1...65_536, default: 128)
            guard farthest > buckets / 2 else {
                throw model.mismatch(
                    "relative_attention_max_distance", expected: "more than half the buckets, \(buckets / 2)")
            }
            activation = try Self.feedForward(model, default: isMultilingual ? "gated-gelu" : "relu")
            // The first T5 scales, and says so in the key of another thing unless transformers 5 has written the file.
            let isTied = try model.boolean("tie_word_embeddings", default: true)
            scalesOutput = try !isMultilingual && model.boolean("scale_decoder_outputs", default: isTied)
        }

        private static func feedForward(_ model: ModelConfiguration, default fallback: String) throws -> FeedForward {
            let key = "feed_forward_proj"
            switch try model.string(key, default: fallback) {
            // Called gelu, and always its approximation.
            case "gated-gelu", "gated-gelu_new": return .gated(.geluTanh)
            case "gated-silu", "gated-swish": return .gated(.silu)
            default: return .plain(try Activation(model, key: key, default: fallback))
            }
        }

        func norm(_ binder: WeightBinder, _ name: String) throws -> RMSNorm {
            try binder.norm("\(name).layer_norm.weight", count: sizes.hiddenSize, epsilon: epsilon)
        }

        /// `name.{q,k,v}` `[heads · headDim, hiddenSize]`, `name.o` `[hiddenSize, heads · headDim]`
        func attention(
            _ binder: WeightBinder, _ name: String, _ stack: EncoderDecoderConfiguration.Stack
        ) throws -> AttentionWeights {
            func inward(_ letter: String) throws -> Projection {
                try binder.projection("\(name).\(letter)", inputs: sizes.hiddenSize, outputs: stack.innerSize)
            }
            return AttentionWeights(
                query: try inward("q"), key: try inward("k"), value: try inward("v"),
                output: try binder.projection("\(name).o", inputs: stack.innerSize, outputs: sizes.hiddenSize),
                heads: stack.heads, headDim: stack.headDim, scale: 1)
        }

        /// `name.wi`, or `name.wi_0` and `name.wi_1`, `[feedForwardSize, hiddenSize]`; `name.wo`
        func feedForward(_ binder: WeightBinder, _ name: String, innerSize: Int) throws -> FeedForwardNetwork {
            func inward(_ part: String) throws -> Projection {
                try binder.projection("\(name).\(part)", inputs: sizes.hiddenSize, outputs: innerSize)
            }
            let inner: FeedForwardNetwork.Inner =
                switch activation {
                case .plain(let activation): .plain(try inward("wi"), activation)
                case .gated(let activation): .gated(gate: try inward("wi_0"), up: try inward("wi_1"), activation)
                }
            return FeedForwardNetwork(
                inner: inner,
                output: try binder.projection("\(name).wo", inputs: innerSize, outputs: sizes.hiddenSize))
        }

        /// `[buckets, heads]`, in the first block, for all blocks of a side.
        func bias(_ binder: WeightBinder, _ side: String, heads: Int) throws -> RelativePositionBias {
            let name = "\(side).block.0.layer.0.SelfAttention.relative_attention_bias.weight"
            return RelativePositionBias(
                table: try binder.floats(name, shape: [buckets, heads]), heads: heads, farthest: farthest,
                bothDirections: side == "encoder")
        }
    }

    /// A layer of the encoder.
    private struct EncoderBlock: Sendable {
        let attentionNorm: RMSNorm  // layer.0.layer_norm
        let attention: SourceAttention  // layer.0.SelfAttention
        let feedForwardNorm: RMSNorm  // layer.1.layer_norm
        let feedForward: FeedForwardNetwork  // layer.1.DenseReluDense

        init(_ binder: WeightBinder, _ name: String, _ options: Options) throws {
            let sizes = options.sizes.encoder
            attentionNorm = try options.norm(binder, "\(name).0")
            attention = SourceAttention(weights: try options.attention(binder, "\(name).0.SelfAttention", sizes))
            feedForwardNorm = try options.norm(binder, "\(name).1")
            feedForward = try options.feedForward(
                binder, "\(name).1.DenseReluDense", innerSize: sizes.feedForwardSize)
        }

        /// Changes x `[rows, hiddenSize]` in place.
        func callAsFunction(_ x: MatrixView, _ batch: SourceBatch, bias: DistanceBias) {
            let resources = batch.resources
            resources.workspace.scoped {
                let h = resources.normalized(x, by: attentionNorm)
                resources.accumulate(attention(h, batch, bias: bias), into: x)
            }
            resources.workspace.scoped {
                resources.accumulate(feedForward(resources.normalized(x, by: feedForwardNorm), resources), into: x)
            }
        }
    }

    /// A layer of the decoder.
    private struct DecoderBlock: Sendable {
        let attentionNorm: RMSNorm  // layer.0.layer_norm
        let attention: TargetAttention  // layer.0.SelfAttention
        let memoryNorm: RMSNorm  // layer.1.layer_norm
        let memoryAttention: MemoryAttention  // layer.1.EncDecAttention
        let feedForwardNorm: RMSNorm  // layer.2.layer_norm
        let feedForward: FeedForwardNetwork  // layer.2.DenseReluDense

        init(_ binder: WeightBinder, _ name: String, _ options: Options) throws {
            let sizes = options.sizes.decoder
            attentionNorm = try options.norm(binder, "\(name).0")
            attention = TargetAttention(weights: try options.attention(binder, "\(name).0.SelfAttention", sizes))
            memoryNorm = try options.norm(binder, "\(name).1")
            memoryAttention = MemoryAttention(
                weights: try options.attention(binder, "\(name).1.EncDecAttention", sizes))
            feedForwardNorm = try options.norm(binder, "\(name).2")
            feedForward = try options.feedForward(
                binder, "\(name).2.DenseReluDense", innerSize: sizes.feedForwardSize)
        }

        /// Changes x `[rows, hiddenSize]` in place.
        func callAsFunction(_ x: MatrixView, layer: Int, _ step: TargetStep, bias: DistanceBias) {
            let resources = step.resources
            resources.workspace.scoped {
                let h = resources.normalized(x, by: attentionNorm)
                resources.accumulate(attention(h, layer: layer, step, bias: bias), into: x)
            }
            resources.workspace.scoped {
                let h = resources.normalized(x, by: memoryNorm)
                resources.accumulate(memoryAttention(h, layer: layer, step), into: x)
            }
            resources.workspace.scoped {
                resources.accumulate(feedForward(resources.normalized(x, by: feedForwardNorm), resources), into: x)
            }
        }
    }
}

extension T5: EncoderDecoderNetwork {
    var memoryAttention: [MemoryAttention] { decoder.map(\.memoryAttention) }

    /// Embeddings of T5 are neither scaled nor placed.
    private func embed(_ tokens: some Collection<Int32>, _ resources: ComputeResources) -> MatrixView {
        let x = resources.workspace.matrix(rows: tokens.count, columns: embedding.inputs)
        for (row, token) in tokens.enumerated() {
            embedding.expandRow(Int(token), into: x.row(row), on: backend)
        }
        return x
    }

    func encode(_ batch: SourceBatch) -> MatrixView {
        let x = embed(batch.sources.flatMap { $0 }, batch.resources)
        let far = max(0, batch.longest - 1)
        let bias = encoderBias.biases(-far...far, batch.resources.workspace)
        for block in encoder { block(x, batch, bias: bias) }
        return batch.resources.normalized(x, by: encoderNorm)
    }

    func decode(_ step: TargetStep) -> MatrixView {
        let x = embed(step.tokens, step.resources)
        let bias = decoderBias.biases(-(step.longest - 1)...0, step.resources.workspace)
        for (layer, block) in decoder.enumerated() { block(x, layer: layer, step, bias: bias) }
        return step.resources.normalized(x, by: decoderNorm)
    }
}

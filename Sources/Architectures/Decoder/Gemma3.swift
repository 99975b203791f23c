package import Checkpoints
package import Compute

/// Gemma 3 (Gemma Team, "Gemma 3 Technical Report", 2025). Five of six layers see a sliding window and turn with their
/// own RoPE base; the sixth sees everything. Queries and keys are normalised by head, and the results of attention and
/// feed-forward once more before they are added (`models/gemma3/MODEL.md`).
///
///     x ← √hiddenSize · E[ids]
///     x ← x + postNorm(attention(norm(x)))
///     x ← x + postNorm(feedForward(norm(x)))
///     logits = Eᵀ norm(x)
///
/// In GGUF the norms' scales already contain the 1 that the original adds.
package final class Gemma3: CausalLanguageModel {
    struct Block: Sendable {
        let attentionNorm: RMSNorm
        let attention: GroupedQueryAttention
        let attentionPostNorm: RMSNorm
        let feedForwardNorm: RMSNorm
        let feedForward: GatedFeedForward
        let feedForwardPostNorm: RMSNorm

        /// Changes x `[rows, hiddenSize]` in place.
        ///
        /// - Parameter wanted: the rows to go on with, which is what x has then.
        func callAsFunction(
            _ x: inout MatrixView, layer: Int, angles: RoPE.Angles, _ step: DecoderStep,
            wanted: DecoderStep.Wanted? = nil
        ) {
            let next = wanted?.step ?? step
            let sum = wanted.map { step.select(x, for: $0.step) } ?? x
            step.resources.workspace.scoped {
                let h = step.norm(x, attentionNorm)
                let attended = attention(h, layer: layer, angles: angles, step, wanted: wanted)
                next.add(next.norm(attended, attentionPostNorm), to: sum)
            }
            step.resources.workspace.scoped {
                next.add(next.norm(feedForward(next.norm(sum, feedForwardNorm), next), feedForwardPostNorm), to: sum)
            }
            x = sum
        }
    }

    package let configuration: DecoderConfiguration
    package let sizeBytes: Int
    package let cacheLayout: KVCacheLayout
    private let embedding: TokenEmbedding
    private let blocks: [Block]
    /// For each layer whether it sees a window.
    private let isLocal: [Bool]
    /// Of the layers that see everything.
    private let globalRoPE: RoPE
    /// Of the layers that see a window.
    private let localRoPE: RoPE

    package var vocabularySize: Int { embedding.vocabularySize }

    /// Binds a checkpoint's tensors.
    ///
    /// - Throws: `CheckpointError`, `GGUFMetadataError`.
    package init(_ checkpoint: GGUFCheckpoint) throws {
        let metadata = checkpoint.metadata
        let configuration = try DecoderConfiguration(metadata)
        let binder = GGUFBinder(checkpoint)
        embedding = try TokenEmbedding(
            binder, configuration, scale: Float(configuration.hiddenSize).squareRoot(),
            logitCap: try metadata.floatIfPresent("gemma3.final_logit_softcapping").flatMap { $0 > 0 ? $0 : nil })
        if let cap = try metadata.floatIfPresent("gemma3.attn_logit_softcapping"), cap > 0 {
            throw CheckpointError.unsupported(
                file: checkpoint.file, offset: 0, reason: "gemma3.attn_logit_softcapping: no Gemma 3 caps its scores")
        }
        let isLocal = try Self.localLayers(metadata, count: configuration.layers)
        blocks = try isLocal.enumerated().map { layer, isLocal in
            try Self.block(binder, configuration, layer: layer, window: isLocal ? configuration.window : nil)
        }
        try binder.finish()
        globalRoPE = configuration.rope(.halves)
        localRoPE = RoPE(
            dimensions: configuration.ropeDimensions,
            base: Double(try metadata.floatIfPresent("gemma3.rope.freq_base_swa") ?? 10_000), pairing: .halves)
        self.isLocal = isLocal
        self.configuration = configuration
        sizeBytes = binder.sizeBytes
        cacheLayout = KVCacheLayout(layers: blocks.map(\.attention.cacheLayer))
    }

    /// For each layer whether it sees a window: a list, or the length of runs whose last layer sees everything.
    private static func localLayers(_ metadata: GGUFMetadata, count: Int) throws -> [Bool] {
        let key = "gemma3.attention.sliding_window_pattern"
        func mismatch(_ expected: String, _ found: String) -> GGUFMetadataError {
            .mismatched(file: metadata.file, key: key, expected: expected, found: found)
        }
        if case .array = metadata[key] {
            let layers = try metadata.booleans(key)
            guard layers.count == count else {
                throw mismatch("one value for each of \(count) layers", "\(layers.count)")
            }
            return layers
        }
        let run = try metadata.integerIfPresent(key) ?? 6
        guard run > 0 else { throw mismatch("1 or more", "\(run)") }
        return (0..<count).map { $0 % run < run - 1 }
    }

    private static func block(
        _ binder: GGUFBinder, _ configuration: DecoderConfiguration, layer: Int, window: Int?
    ) throws -> Block {
        let name = "blk.\(layer)"
        let (hidden, headDim) = (configuration.hiddenSize, configuration.headDim)
        let (queries, keys) = (configuration.heads * headDim, configuration.kvHeads * headDim)
        let feedForward = configuration.feedForwardSize
        func norm(_ part: String, _ count: Int) throws -> RMSNorm {
            try binder.norm("\(name).\(part).weight", count: count, epsilon: configuration.normEpsilon)
        }
        // The 27-billion model, the one with 62 layers, scales by the hidden size's share of a head.
        let scaled = configuration.layers == 62 ? hidden / configuration.heads : headDim
        return Block(
            attentionNorm: try norm("attn_norm", hidden),
            attention: GroupedQueryAttention(
                query: try binder.projection("\(name).attn_q", inputs: hidden, outputs: queries),
                key: try binder.projection("\(name).attn_k", inputs: hidden, outputs: keys),
                value: try binder.projection("\(name).attn_v", inputs: hidden, outputs: keys),
                output: try binder.projection("\(name).attn_output", inputs: queries, outputs: hidden),
                queryNorm: try norm("attn_q_norm", headDim), keyNorm: try norm("attn_k_norm", headDim),
                heads: configuration.heads, kvHeads: configuration.kvHeads, headDim: headDim,
                scale: 1 / Float(scaled).squareRoot(), window: window),
            attentionPostNorm: try norm("post_attention_norm", hidden),
            feedForwardNorm: try norm("ffn_norm", hidden),
            feedForward: GatedFeedForward(
                gate: try binder.projection("\(name).ffn_gate", inputs: hidden, outputs: feedForward),
                up: try binder.projection("\(name).ffn_up", inputs: hidden, outputs: feedForward),
                down: try binder.projection("\(name).ffn_down", inputs: feedForward, outputs: hidden),
                activation: .geluTanh),
            feedForwardPostNorm: try norm("post_ffw_norm", hidden))
    }

    package func forward(_ step: DecoderStep) -> MatrixView {
        var x = embedding.embed(step)
        let (global, local) = (step.angles(globalRoPE), step.angles(localRoPE))
        let wanted = step.wanted(isLocal.last == true ? localRoPE : globalRoPE)
        for (layer, block) in blocks.enumerated() {
            block(
                &x, layer: layer, angles: isLocal[layer] ? local : global, step,
                wanted: layer == blocks.count - 1 ? wanted : nil)
        }
        return embedding.logits(x, step)
    }
}

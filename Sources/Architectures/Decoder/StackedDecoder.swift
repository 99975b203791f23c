internal import Compute

/// What a decoder stacks: attention and a feed-forward layer, with the norms of the family.
protocol DecoderBlock: Sendable {
    var attention: GroupedQueryAttention { get }

    /// Binds the tensors of a layer.
    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration, layer: Int) throws

    /// Changes x `[rows, hiddenSize]` in place.
    ///
    /// - Parameters:
    ///   - angles: of the rows' positions; nil where the layer has none.
    ///   - wanted: the rows to go on with, which is what x has then.
    func callAsFunction(
        _ x: inout MatrixView, layer: Int, angles: RoPE.Angles?, _ step: DecoderStep, wanted: DecoderStep.Wanted?)
}

/// A decoder-only model: blocks of one family between the embedding and the logits.
final class StackedDecoder<Block: DecoderBlock>: CausalLanguageModel {
    let configuration: DecoderConfiguration
    let sizeBytes: Int
    let stepBytes: Int
    let cacheLayout: KVCacheLayout
    private let embedding: TokenEmbedding
    private let blocks: [Block]
    /// The distinct rotations.
    private let ropes: [RoPE]
    /// For each layer the index of its rotation.
    private let ropeOfLayer: [Int?]

    var vocabularySize: Int { embedding.vocabularySize }

    /// Binds a checkpoint's tensors.
    ///
    /// - Throws: `CheckpointError`.
    init(_ binder: WeightBinder, _ configuration: DecoderConfiguration) throws {
        embedding = try TokenEmbedding(binder, configuration)
        blocks = try (0..<configuration.layers).map { try Block(binder, configuration, layer: $0) }
        let divisors = try Self.divisors(binder, configuration)
        var rotations: [DecoderConfiguration.Rotation] = []
        ropeOfLayer = (0..<configuration.layers).map { layer in
            guard let rotation = configuration.rotation(layer: layer) else { return nil }
            if let known = rotations.firstIndex(of: rotation) { return known }
            rotations.append(rotation)
            return rotations.count - 1
        }
        ropes = rotations.map { $0.rope.dividing(by: divisors) }
        try binder.finish()
        self.configuration = configuration
        sizeBytes = binder.sizeBytes + embedding.boundedBytes
        stepBytes = binder.sizeBytes - embedding.unreadBytes
        cacheLayout = KVCacheLayout(layers: blocks.map(\.attention.cacheLayer))
    }

    /// In GGUF, Llama 3.1 and later: each frequency has its own divisor, in a tensor.
    private static func divisors(_ binder: WeightBinder, _ configuration: DecoderConfiguration) throws -> [Float]? {
        guard configuration.format == .gguf, configuration.family == .llama, binder.has("rope_freqs.weight") else {
            return nil
        }
        return try binder.vector("rope_freqs.weight", count: configuration.localRotation.dimensions / 2)
    }

    func reusesPrefixes(promptTokens: Int) -> Bool {
        ropes.allSatisfy { rope in rope.growingBase.map { promptTokens <= $0.originalTokens } ?? true }
    }

    func hiddenStates(_ step: DecoderStep) -> MatrixView {
        var x = embedding.embed(step)
        let angles = ropes.map { step.angles($0) }
        let wanted = step.wanted(ropeOfLayer.last.flatMap { $0 }.map { ropes[$0] })
        // By index: an iteration copies each block, and counts every reference in it.
        for layer in blocks.indices {
            blocks[layer](
                &x, layer: layer, angles: ropeOfLayer[layer].map { angles[$0] }, step,
                wanted: layer == blocks.count - 1 ? wanted : nil)
        }
        embedding.normalize(x, step)
        return x
    }

    func logits(_ hiddenStates: MatrixView, _ step: DecoderStep) -> MatrixView {
        embedding.logits(hiddenStates, step)
    }
}

import Architectures
import Checkpoints
import Compute
import Foundation
import Testing

/// What quantising costs every family, on its small checkpoints: the divergence of the next token's probabilities from
/// those of the float reference. Their layers of 32 features are narrow ones, which keep 8 bits under `q4` too;
/// `QuantizationQualityTests` measures real models.
@Suite struct QuantizedFamiliesTests {
    /// The mean over rows of Σ p (ln p − ln q), in nats.
    private func divergence(_ expected: [[[Float]]], _ found: [[[Float]]]) -> Double {
        func logProbabilities(_ logits: [Float]) -> [Double] {
            let top = Double(logits.max() ?? 0)
            let sum = logits.reduce(0) { $0 + exp(Double($1) - top) }
            return logits.map { Double($0) - top - log(sum) }
        }
        var sum = 0.0
        var rows = 0
        for (expected, found) in zip(expected.joined(), found.joined()) {
            let (p, q) = (logProbabilities(expected), logProbabilities(found))
            sum += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
            rows += 1
        }
        return sum / Double(max(1, rows))
    }

    @Test(arguments: EncoderDecoderFixture.names, [PackedWeights.Quantization.int8, .q4])
    func translationModels(name: String, quantization: PackedWeights.Quantization) throws {
        let fixture = try EncoderDecoderFixture(name)
        let run = try EncoderDecoderRun(name, quantization: quantization)
        let found = run.logits(fixture.inputs.map(\.ids), given: fixture.inputs.map(\.decoderIds))
        let mean = divergence(fixture.inputs.map(\.logits), found)
        #expect(mean < (quantization == .int8 ? 0.01 : 0.1), "\(mean)")
    }

    @Test(arguments: HuggingFaceFixture.decoders, [PackedWeights.Quantization.int8, .q4])
    func chatModels(name: String, quantization: PackedWeights.Quantization) throws {
        let fixture = try HuggingFaceFixture(name)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let packed = PackedWeights(
            directory: nil, key: "", quantization: quantization, activations: .float, pool: pool,
            backend: ComputeBackend())
        let model = try CausalModelFamily.model(
            HuggingFaceFixture.configuration(name), HuggingFaceFixture.weights(name), quantizer: packed.matrix,
            interleaver: { $0.interleaved(on: ComputeBackend(), pool) })
        _ = packed.finish()
        let run = DecoderRun(model)
        let found = run.logits(fixture.inputs.map(\.ids), chunks: fixture.inputs.map { _ in 64 })
        let mean = divergence(fixture.inputs.map(\.logits), found)
        #expect(mean < (quantization == .int8 ? 0.01 : 0.1), "\(mean)")
    }
}

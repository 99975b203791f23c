import Architectures
import Checkpoints
import Compute
import Foundation
import TestSupport
import Testing

/// What quantising costs real models: the divergence of their next tokens' probabilities from those with the weights as
/// they were, over texts that the models were asked to continue.
@Suite(.serialized) struct QuantizationQualityTests {
    /// Positions that are compared.
    private static let positions = 320

    struct Way: CustomTestStringConvertible, Sendable {
        var quantization: PackedWeights.Quantization
        var activations: PackedWeights.Activations
        /// What the mean divergence must stay below, in nats.
        var limit: Double
        var testDescription: String { "\(quantization) \(activations)" }
    }

    static let ways = [
        Way(quantization: .int8, activations: .float, limit: 0.01),
        Way(quantization: .int8, activations: .rounded, limit: 0.1),
        Way(quantization: .q4, activations: .float, limit: 0.1),
    ]

    /// The log-probabilities at every position of the texts, handed over one text after another.
    private static func run(
        _ model: any CausalLanguageModel, _ texts: [[Int32]], _ pool: ThreadPool, _ body: (Int, MatrixView) -> Void
    ) {
        let workspace = Workspace()
        let pages = KVPagePool(layout: model.cacheLayout, limitBytes: 1 << 30)
        for (index, ids) in texts.enumerated() {
            let cache = KVCache(pool: pages, contextTokens: model.configuration.contextTokens)
            guard cache.reserve(ids.count) else { preconditionFailure("the pool is large enough") }
            let resources = ComputeResources(backend: ComputeBackend(), pool: pool, workspace: workspace)
            workspace.scoped {
                let segment = DecoderSegment(cache: cache, tokens: ids[...], logits: .all)
                body(index, model.forward(DecoderStep([segment], resources)))
            }
        }
    }

    /// Σ p (ln p − ln q) of two rows of logits.
    private static func divergence(_ p: UnsafePointer<Float>, _ q: UnsafePointer<Float>, count: Int) -> Double {
        func logSum(_ x: UnsafePointer<Float>) -> Double {
            var top = -Float.infinity
            for i in 0..<count { top = max(top, x[i]) }
            var sum = 0.0
            for i in 0..<count { sum += Double(exp(x[i] - top)) }
            return Double(top) + log(sum)
        }
        let (a, b) = (logSum(p), logSum(q))
        var sum = 0.0
        for i in 0..<count {
            let logP = Double(p[i]) - a
            sum += exp(logP) * (logP - Double(q[i]) + b)
        }
        return sum
    }

    @Test(arguments: ["smollm2-135m-instruct", "gemma-3-270m"])
    func probabilitiesStayNearlyWhatTheyWere(name: String) throws {
        let path = try InstalledModels.file("model", of: name)
        var left = Self.positions
        var texts: [[Int32]] = []
        for prompt in try #require(try DecoderFixture(name).prompts) where left > 0 {
            let ids = (prompt.promptIds + prompt.ids).prefix(min(left, 80))
            texts.append(Array(ids))
            left -= ids.count
        }
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        var expected: [[Float]] = []
        Self.run(try CausalModelFamily.model(GGUFCheckpoint(path: path)), texts, pool) { _, logits in
            expected.append(Array(UnsafeBufferPointer(start: logits.pointer, count: logits.count)))
        }
        for way in Self.ways {
            let packed = PackedWeights(
                directory: nil, key: "", quantization: way.quantization, activations: way.activations, pool: pool,
                backend: ComputeBackend())
            let model = try CausalModelFamily.model(
                GGUFCheckpoint(path: path), quantizer: packed.matrix,
                interleaver: { $0.interleaved(on: ComputeBackend(), pool) })
            var sum = 0.0, worst = 0.0, count = 0, same = 0
            Self.run(model, texts, pool) { index, logits in
                expected[index].withUnsafeBufferPointer { reference in
                    guard let base = reference.baseAddress else { return }
                    for row in 0..<logits.rows {
                        let start = base + row * logits.columns
                        let divergence = Self.divergence(start, logits.row(row), count: logits.columns)
                        sum += divergence
                        worst = max(worst, divergence)
                        count += 1
                        let backend = ComputeBackend()
                        let best = backend.argmax(logits.row(row), count: logits.columns)
                        if (0..<logits.columns).allSatisfy({ start[$0] <= start[best] }) { same += 1 }
                    }
                }
            }
            let mean = sum / Double(count)
            print(
                "\(name) \(way.testDescription): mean divergence \(mean), largest \(worst), "
                    + "same best token at \(same) of \(count) positions")
            #expect(count >= 300)
            #expect(mean < way.limit && mean.isFinite, "\(way.testDescription): \(mean)")
        }
    }
}

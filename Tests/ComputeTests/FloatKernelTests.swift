import Compute
import Foundation
import Testing

@Suite struct FloatKernelTests {
    static let sizes = [1, 2, 15, 16, 17, 31, 32, 48, 63, 64, 65, 256, 257, 1000]

    /// Elementwise and reducing operations give the same bits on every instruction set.
    @Test(arguments: sizes) func everyInstructionSetGivesTheSameBits(count: Int) throws {
        let portable = try #require(nativeBackends.first)
        for backend in nativeBackends.dropFirst() {
            #expect(Self.everything(portable, count) == Self.everything(backend, count), "\(backend.testDescription)")
        }
    }

    static func everything(_ backend: ComputeBackend, _ count: Int) -> [UInt32] {
        var generator = Generator(state: UInt64(count))
        let rows = 3
        let a = generator.floats(rows * count, in: -8...8), b = generator.floats(rows * count)
        let scale = generator.floats(count), bias = generator.floats(count)
        var result: [UInt32] = []
        func matrix(_ values: [Float]) -> TestMatrix { TestMatrix(values, rows: rows, columns: count) }
        let norm = LayerNorm(scale: scale, bias: bias, epsilon: 1e-6)
        for residual in [nil, matrix(b)] {
            let out = matrix(a)
            norm.apply(out.view, adding: residual?.view, into: out.view, on: backend)
            result += out.bits
        }
        for activation in Activation.allCases {
            let x = matrix(a)
            backend.activate(x.view, activation)
            result += x.bits
        }
        let x = matrix(a), cell = matrix(b), out = matrix(a)
        backend.ssru(gate: matrix(a).view, input: matrix(b).view, cell: cell.view, into: out.view)
        backend.softmax(x.view.pointer, count: x.view.count)
        result += x.bits + cell.bits + out.bits
        result.append(backend.logSumExp(matrix(a).view.pointer, count: rows * count).bitPattern)
        result.append(UInt32(backend.argmax(matrix(a).view.pointer, count: rows * count)))
        return result
    }

    @Test(arguments: nativeBackends, sizes) func layerNormFollowsItsFormula(backend: ComputeBackend, count: Int) {
        var generator = Generator(state: 3)
        let x = generator.floats(count), residual = generator.floats(count)
        let scale = generator.floats(count), bias = generator.floats(count)
        let out = TestMatrix(rows: 1, columns: count)
        LayerNorm(scale: scale, bias: bias, epsilon: 1e-6).apply(
            TestMatrix(x, rows: 1, columns: count).view, adding: TestMatrix(residual, rows: 1, columns: count).view,
            into: out.view, on: backend)
        let sum = zip(x, residual).map { Double($0) + Double($1) }
        let mean = sum.reduce(0, +) / Double(count)
        let variance = sum.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
        for i in 0..<count {
            let expected = Double(scale[i]) * (sum[i] - mean) / (variance + 1e-6).squareRoot() + Double(bias[i])
            // One feature alone has variance 0, and its rounding is divided by the root of epsilon.
            #expect(abs(Double(out.values[i]) - expected) < (count == 1 ? 1e-2 : 2e-5))
        }
    }

    @Test(arguments: nativeBackends, sizes) func softmaxSumsToOneAndFollowsItsFormula(
        backend: ComputeBackend, count: Int
    ) {
        var generator = Generator(state: 9)
        let x = generator.floats(count, in: -30...30)
        let out = TestMatrix(x, rows: 1, columns: count)
        backend.softmax(out.view.pointer, count: count)
        let top = Double(x.max() ?? 0)
        let total = x.reduce(0.0) { $0 + exp(Double($1) - top) }
        for i in 0..<count {
            #expect(abs(Double(out.values[i]) - exp(Double(x[i]) - top) / total) < 1e-6)
        }
        #expect(abs(out.values.reduce(0, +) - 1) < 1e-5)
        #expect(abs(Double(backend.logSumExp(x, count: count)) - (top + log(total))) < 1e-4)
    }

    @Test(arguments: nativeBackends) func theExponentialIsAccurateOverItsRange(backend: ComputeBackend) {
        // softmax of (0, x) is 1 / (1 + e^x) in its first value, for x from 0 down to where it no longer matters.
        for step in 0..<2000 {
            let x = -Float(step) * 0.04
            let pair = TestMatrix([0, x], rows: 1, columns: 2)
            backend.softmax(pair.view.pointer, count: 2)
            let expected = exp(Double(x)) / (1 + exp(Double(x)))
            #expect(abs(Double(pair.values[1]) - expected) <= 4e-7 * expected + 1e-37)
        }
    }

    @Test(arguments: nativeBackends) func argmaxTakesTheFirstOfEqualsAndIgnoresNaN(backend: ComputeBackend) {
        func argmax(_ x: [Float]) -> Int { backend.argmax(x, count: x.count) }
        #expect(argmax([1, 5, 5, 2]) == 1)
        #expect(argmax([-.infinity, -3, -.infinity]) == 1)
        #expect(argmax([.nan, 1, .nan, 2, .nan]) == 3)
        #expect(argmax([Float](repeating: 0, count: 40) + [1] + [Float](repeating: 1, count: 40)) == 40)
        #expect(argmax([-.infinity, -.infinity]) == 0)
    }

    struct AttentionShape: CustomTestStringConvertible, Sendable {
        var rows, length, heads, headDim: Int
        var testDescription: String { "\(rows)×\(length), \(heads) heads of \(headDim)" }
    }

    @Test(arguments: [
        AttentionShape(rows: 1, length: 1, heads: 1, headDim: 8),
        AttentionShape(rows: 4, length: 17, heads: 3, headDim: 16),
        AttentionShape(rows: 30, length: 30, heads: 8, headDim: 32),
        AttentionShape(rows: 2, length: 130, heads: 2, headDim: 48),
        AttentionShape(rows: 3, length: 64, heads: 3, headDim: 8),
        AttentionShape(rows: 2, length: 96, heads: 1, headDim: 40),
        AttentionShape(rows: 1, length: 30, heads: 8, headDim: 32),
        AttentionShape(rows: 1, length: 70, heads: 7, headDim: 40),
        AttentionShape(rows: 5, length: 33, heads: 2, headDim: 24),
    ])
    func attentionFollowsItsFormula(shape: AttentionShape) {
        var generator = Generator(state: UInt64(shape.length))
        let hidden = shape.heads * shape.headDim
        let queries = generator.floats(shape.rows * hidden), keys = generator.floats(shape.length * hidden)
        let values = generator.floats(shape.length * hidden)
        let scale = 1 / Float(shape.headDim).squareRoot()
        var expected: [Double] = []
        for row in 0..<shape.rows {
            for head in 0..<shape.heads {
                let features = (head * shape.headDim)..<((head + 1) * shape.headDim)
                let scores = (0..<shape.length).map { t in
                    features.reduce(0.0) { $0 + Double(queries[row * hidden + $1]) * Double(keys[t * hidden + $1]) }
                        * Double(scale)
                }
                let weights = scores.map { exp($0 - (scores.max() ?? 0)) }
                let total = weights.reduce(0, +)
                for d in features {
                    expected.append(
                        (0..<shape.length).reduce(0) { $0 + weights[$1] / total * Double(values[$1 * hidden + d]) })
                }
            }
        }
        var bits: [[UInt32]] = []
        for backend in everyBackend {
            let keyMatrix = TestMatrix(keys, rows: shape.length, columns: hidden)
            let valueMatrix = TestMatrix(values, rows: shape.length, columns: hidden)
            let storage = TestMatrix(
                rows: 1, columns: AttentionMemory.keyCount(length: shape.length, hiddenSize: hidden)
            ).view
            let memory = AttentionMemory(
                keys: keyMatrix.view, values: valueMatrix.view, storage: storage.pointer, on: backend)
            let out = TestMatrix(rows: shape.rows, columns: hidden)
            backend.attend(
                TestMatrix(queries, rows: shape.rows, columns: hidden).view, to: memory, heads: shape.heads,
                scale: scale, into: out.view, Workspace())
            for (found, wanted) in zip(out.values, expected) { #expect(abs(Double(found) - wanted) < 2e-5) }
            if backend.products == .native { bits.append(out.bits) }
        }
        #expect(bits.allSatisfy { $0 == bits.first })
    }

    @Test(arguments: everyBackend) func floatLinearIsWithinItsBound(backend: ComputeBackend) {
        for (rows, inputs, outputs) in [(1, 24, 40), (7, 257, 33), (25, 512, 96), (3, 1, 1)] {
            var generator = Generator(state: UInt64(inputs))
            let x = generator.floats(rows * inputs), weights = generator.floats(inputs * outputs)
            let bias = generator.floats(outputs)
            for transposed in [false, true] {
                let linear = Linear.float32(
                    FloatLinear(
                        weights: weights, transposed: transposed, inputs: inputs, outputs: outputs,
                        bias: AlignedBuffer(bias, paddedTo: 16), for: backend))
                let workspace = lastingWorkspace()
                let out = linear(TestMatrix(x, rows: rows, columns: inputs).view, on: backend, workspace)
                for row in 0..<rows {
                    for j in 0..<outputs {
                        var sum = Double(bias[j]), magnitude = abs(sum)
                        for k in 0..<inputs {
                            let product =
                                Double(x[row * inputs + k])
                                * Double(weights[transposed ? j * inputs + k : k * outputs + j])
                            sum += product
                            magnitude += abs(product)
                        }
                        // The bound of recursive summation: inputs · 2^-24 · Σ|products|.
                        #expect(abs(Double(out.row(row)[j]) - sum) <= Double(inputs + 1) * 6e-8 * magnitude)
                    }
                }
            }
        }
    }
}

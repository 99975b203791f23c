import Compute
import Foundation
import Testing

@Suite struct DecoderOperationsTests {
    @Test(arguments: FloatKernelTests.sizes) func rmsNormFollowsItsFormula(count: Int) {
        var generator = Generator(state: UInt64(count))
        let x = generator.floats(2 * count), scale = generator.floats(count)
        var bits: [[UInt32]] = []
        for backend in nativeBackends {
            let out = TestMatrix(rows: 2, columns: count)
            RMSNorm(scale: scale, epsilon: 1e-5).apply(
                TestMatrix(x, rows: 2, columns: count).view, into: out.view, on: backend)
            bits.append(out.bits)
            for row in 0..<2 {
                let values = x[(row * count)..<((row + 1) * count)].map(Double.init)
                let root = (values.reduce(0) { $0 + $1 * $1 } / Double(count) + 1e-5).squareRoot()
                for (i, value) in values.enumerated() {
                    #expect(abs(Double(out.values[row * count + i]) - value / root * Double(scale[i])) < 1e-5)
                }
            }
        }
        #expect(bits.allSatisfy { $0 == bits.first })
    }

    @Test(arguments: GateActivation.allCases, FloatKernelTests.sizes)
    func gatesFollowTheirFormulas(activation: GateActivation, count: Int) {
        var generator = Generator(state: UInt64(count))
        let gate = generator.floats(count, in: -12...12), up = generator.floats(count)
        var bits: [[UInt32]] = []
        for backend in nativeBackends {
            let out = TestMatrix(gate, rows: 1, columns: count)
            backend.applyGate(out.view, activation, to: TestMatrix(up, rows: 1, columns: count).view)
            bits.append(out.bits)
            for i in 0..<count {
                let x = Double(gate[i])
                let f =
                    activation == .silu
                    ? x / (1 + exp(-x))
                    : 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
                #expect(abs(Double(out.values[i]) - f * Double(up[i])) < 2e-5)
            }
        }
        #expect(bits.allSatisfy { $0 == bits.first })
    }

    @Test(arguments: [RoPE.Pairing.interleaved, .halves], [16, 10]) func ropeTurnsPairs(
        pairing: RoPE.Pairing, dimensions: Int
    ) {
        let heads = 3, headDim = 16
        let positions = [0, 1, 7, 4095]
        var generator = Generator(state: 1)
        let x = generator.floats(positions.count * heads * headDim)
        var bits: [[UInt32]] = []
        for backend in nativeBackends {
            let out = TestMatrix(x, rows: positions.count, columns: heads * headDim)
            RoPE(dimensions: dimensions, base: 10_000, pairing: pairing).apply(
                out.view, heads: heads, positions: positions, on: backend, Workspace())
            bits.append(out.bits)
            for (row, position) in positions.enumerated() {
                for head in 0..<heads {
                    let start = (row * heads + head) * headDim
                    for i in 0..<(dimensions / 2) {
                        // The angle is a float, as in the implementations that models are trained with.
                        let frequency = Float(pow(10_000, -2 * Double(i) / Double(dimensions)))
                        let angle = Double(Float(position) * frequency)
                        let first = start + (pairing == .interleaved ? 2 * i : i)
                        let second = pairing == .interleaved ? first + 1 : first + dimensions / 2
                        let (a, b) = (Double(x[first]), Double(x[second]))
                        #expect(abs(Double(out.values[first]) - (a * cos(angle) - b * sin(angle))) < 1e-5)
                        #expect(abs(Double(out.values[second]) - (a * sin(angle) + b * cos(angle))) < 1e-5)
                    }
                    // What does not turn stays as it was.
                    for i in dimensions..<headDim { #expect(out.values[start + i] == x[start + i]) }
                }
            }
        }
        #expect(bits.allSatisfy { $0 == bits.first })
    }

    /// Attention depends on the distance alone: turning queries and keys by the same shift changes no product.
    @Test func ropeProductsDependOnTheDistance() {
        var generator = Generator(state: 2)
        let q = generator.floats(32), k = generator.floats(32)
        func product(_ m: Int, _ n: Int) -> Float {
            let rope = RoPE(dimensions: 32, base: 10_000, pairing: .halves, divisors: [Float](repeating: 2, count: 16))
            let (a, b) = (TestMatrix(q, rows: 1, columns: 32), TestMatrix(k, rows: 1, columns: 32))
            rope.apply(a.view, heads: 1, positions: [m], on: ComputeBackend(), Workspace())
            rope.apply(b.view, heads: 1, positions: [n], on: ComputeBackend(), Workspace())
            return zip(a.values, b.values).reduce(0) { $0 + $1.0 * $1.1 }
        }
        #expect(abs(product(5, 2) - product(905, 902)) < 1e-3)
        #expect(abs(product(5, 2) - product(5, 3)) > 1e-3)
    }
}

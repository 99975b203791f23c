import Compute
import Testing

/// Integer products are exact, so every instruction set and OpenBLAS must give the same bits as the definition.
@Suite struct Int8LinearTests {
    struct Shape: CustomTestStringConvertible, Sendable {
        var rows, inputs, outputs: Int
        var testDescription: String { "\(rows)×\(inputs)→\(outputs)" }
    }

    static let shapes = [
        Shape(rows: 1, inputs: 256, outputs: 256), Shape(rows: 2, inputs: 24, outputs: 40),
        Shape(rows: 3, inputs: 7, outputs: 1), Shape(rows: 5, inputs: 1536, outputs: 17),
        Shape(rows: 6, inputs: 4, outputs: 16), Shape(rows: 7, inputs: 33, outputs: 130),
        Shape(rows: 12, inputs: 256, outputs: 96), Shape(rows: 13, inputs: 48, outputs: 200),
        Shape(rows: 31, inputs: 130, outputs: 64), Shape(rows: 64, inputs: 257, outputs: 333),
    ]

    /// The definition, written out: quantise, multiply integers, scale, add.
    static func reference(
        _ x: [Float], _ shape: Shape, weights: [Int8], weightMultiplier: Float,
        activations: ActivationQuantization, bias: [Float]?
    ) -> [Float] {
        (0..<shape.rows).flatMap { row -> [Float] in
            let values = x[(row * shape.inputs)..<((row + 1) * shape.inputs)]
            let multiplier: Float
            switch activations {
            case .fixed(let value): multiplier = value
            case .dynamic:
                let magnitude = values.map { abs($0) }.max() ?? 0
                multiplier = magnitude > 0 ? 127 / magnitude : 1
            }
            let quantized = values.map { Int(max(-127, min(127, $0 * multiplier)).rounded(.toNearestOrEven)) }
            return (0..<shape.outputs).map { output in
                let sum = (0..<shape.inputs).reduce(0) { $0 + quantized[$1] * Int(weights[output * shape.inputs + $1]) }
                let scale = 1 / (multiplier * weightMultiplier)
                guard case .fixed = activations else {
                    return bias.map { Float(sum) * scale + $0[output] } ?? Float(sum) * scale
                }
                // Shifted by 127 to be unsigned; the bias takes it back.
                let weightSum = (0..<shape.inputs).reduce(0) { $0 + Int(weights[output * shape.inputs + $1]) }
                let unit = -((127 / multiplier) * (127 / weightMultiplier)) / 127
                return Float(sum + 127 * weightSum) * scale + (Float(weightSum) * unit + (bias?[output] ?? 0))
            }
        }
    }

    @Test(arguments: shapes, [ActivationQuantization.fixed(multiplier: 50.3), .dynamic])
    func equalsTheDefinitionOnEveryBackend(shape: Shape, activations: ActivationQuantization) {
        var generator = Generator(state: UInt64(shape.rows * 7919 + shape.inputs))
        let x = generator.floats(shape.rows * shape.inputs)
        let weights = generator.bytes(shape.inputs * shape.outputs)
        for bias in [nil, generator.floats(shape.outputs)] {
            let expected = Self.reference(
                x, shape, weights: weights, weightMultiplier: 80, activations: activations, bias: bias)
            for backend in everyBackend {
                let linear = Linear.int8(
                    Int8Linear(
                        weights: weights, inputs: shape.inputs, outputs: shape.outputs, weightMultiplier: 80,
                        activations: activations, bias: bias.map { AlignedBuffer($0, paddedTo: 16) }, for: backend))
                let out = TestMatrix(rows: shape.rows, columns: shape.outputs)
                linear.apply(
                    TestMatrix(x, rows: shape.rows, columns: shape.inputs).view, into: out.view, on: backend,
                    Workspace())
                #expect(out.bits == expected.map(\.bitPattern), "\(backend.testDescription)")
            }
        }
    }

    /// The largest magnitudes everywhere: where a saturating 16-bit step would give another answer.
    @Test(arguments: everyBackend, [(Float(9), Int8(127)), (-9, 127), (9, -127), (-9, -127)])
    func extremesDoNotSaturate(backend: ComputeBackend, extreme: (x: Float, weight: Int8)) {
        let inputs = 1536, outputs = 16
        let linear = Linear.int8(
            Int8Linear(
                weights: [Int8](repeating: extreme.weight, count: inputs * outputs), inputs: inputs, outputs: outputs,
                weightMultiplier: 1, activations: .fixed(multiplier: 100), bias: nil, for: backend))
        let out = TestMatrix(rows: 1, columns: outputs)
        linear.apply(
            TestMatrix([Float](repeating: extreme.x, count: inputs), rows: 1, columns: inputs).view, into: out.view,
            on: backend, Workspace())
        let sum = Float(inputs * 127 * Int(extreme.weight)) * (extreme.x < 0 ? -1 : 1)
        for value in out.values { #expect(abs(value - sum / 100) < 0.1) }
    }

    @Test(arguments: everyBackend) func selectedRowsBecomeTheOutputs(backend: ComputeBackend) {
        var generator = Generator(state: 5)
        let weights = generator.bytes(50 * 24)
        let ids: [Int32] = [49, 0, 7, 7, 31]
        let selected = ids.flatMap { weights[(Int($0) * 24)..<((Int($0) + 1) * 24)] }
        let x = TestMatrix(generator.floats(3 * 24), rows: 3, columns: 24)
        let workspace = lastingWorkspace()
        func run(_ weights: [Int8], _ ids: [Int32]?) -> [Float] {
            let build = { (pointer: UnsafePointer<Int32>?) in
                Linear.int8(
                    Int8Linear(
                        weights: weights, inputs: 24, outputs: 5, selecting: pointer, weightMultiplier: 60,
                        activations: .fixed(multiplier: 40), bias: nil, for: backend, in: workspace))
            }
            let linear = ids.map { $0.withUnsafeBufferPointer { build($0.baseAddress) } } ?? build(nil)
            let out = TestMatrix(rows: 3, columns: 5)
            linear.apply(x.view, into: out.view, on: backend, Workspace())
            return out.values
        }
        #expect(run(weights, ids) == run(selected, nil))
    }

    @Test(arguments: everyBackend) func aRowDoesNotDependOnItsCompany(backend: ComputeBackend) {
        var generator = Generator(state: 11)
        let weights = generator.bytes(96 * 72)
        let x = generator.floats(29 * 96)
        for activations in [ActivationQuantization.fixed(multiplier: 30), .dynamic] {
            let linear = Linear.int8(
                Int8Linear(
                    weights: weights, inputs: 96, outputs: 72, weightMultiplier: 90, activations: activations,
                    bias: nil, for: backend))
            let together = TestMatrix(rows: 29, columns: 72)
            linear.apply(TestMatrix(x, rows: 29, columns: 96).view, into: together.view, on: backend, Workspace())
            for row in 0..<29 {
                let alone = TestMatrix(rows: 1, columns: 72)
                linear.apply(
                    TestMatrix(Array(x[(row * 96)..<((row + 1) * 96)]), rows: 1, columns: 96).view, into: alone.view,
                    on: backend, Workspace())
                #expect(alone.values == Array(together.values[(row * 72)..<((row + 1) * 72)]))
            }
        }
    }

    /// Halves go to the even neighbour, what is too large is clipped, and NaN does no harm beyond its own row.
    @Test(arguments: everyBackend) func quantisationRoundsHalvesToEvenAndClips(backend: ComputeBackend) {
        let x: [Float] = [
            0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, 1e30, -1e30, .infinity, -.infinity, 0, -0, 3.49, 64.5,
        ]
        // An identity matrix hands the quantised activations through.
        let identity = x.indices.flatMap { row in x.indices.map { Int8($0 == row ? 1 : 0) } }
        let linear = Linear.int8(
            Int8Linear(
                weights: identity, inputs: x.count, outputs: x.count, weightMultiplier: 1,
                activations: .fixed(multiplier: 1), bias: nil, for: backend))
        let workspace = lastingWorkspace()
        let out = linear(TestMatrix(x, rows: 1, columns: x.count).view, on: backend, workspace)
        let rounded = (0..<x.count).map { out.pointer[$0].rounded() }
        #expect(rounded == [0, 2, 2, 0, -2, 126, 127, 127, -127, 127, -127, 0, 0, 3, 64])
    }
}

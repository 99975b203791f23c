import Compute
import Testing

/// 8-bit weights times activations of 8 bits: the sums are integers, so every instruction set, OpenBLAS, and any number of
/// rows and threads must give the same bits as the definition.
@Suite struct PackedInt8MatrixTests {
    /// Rounds a row as the definition says: integers and max / 127.
    static func rounded(_ values: ArraySlice<Float>) -> (integers: [Int], scale: Float) {
        let magnitude = values.map { abs($0) }.max() ?? 0
        let multiplier = magnitude > 0 ? 127 / magnitude : 0
        return (values.map { Int(max(-127, min(127, $0 * multiplier)).rounded(.toNearestOrEven)) }, magnitude / 127)
    }

    static func reference(_ x: [Float], rows: Int, _ weights: [Float], inputs: Int, outputs: Int) -> [Float] {
        let columns = (0..<outputs).map { rounded(weights[($0 * inputs)..<(($0 + 1) * inputs)]) }
        return (0..<rows).flatMap { row in
            let a = rounded(x[(row * inputs)..<((row + 1) * inputs)])
            return columns.map { column in
                Float(zip(a.integers, column.integers).reduce(0) { $0 + $1.0 * $1.1 }) * a.scale * column.scale
            }
        }
    }

    static let shapes = [(1, 1), (3, 17), (4, 16), (7, 100), (33, 64), (130, 48), (256, 96), (1024, 40), (1500, 35)]

    @Test(arguments: shapes, [1, 5, 13])
    func equalsTheDefinitionOnEveryBackend(shape: (inputs: Int, outputs: Int), rows: Int) throws {
        var generator = Generator(state: UInt64(shape.inputs * 131 + shape.outputs + rows))
        let weights = generator.floats(shape.inputs * shape.outputs, in: -0.2...0.2)
        let x = generator.floats(rows * shape.inputs)
        let expected = Self.reference(x, rows: rows, weights, inputs: shape.inputs, outputs: shape.outputs)
        let layout = try PackedMatrices.layout(.int8Panels, shape.outputs, shape.inputs)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for backend in everyBackend {
            let matrix = PackedMatrices.matrix(layout, try PackedMatrices.pack(layout, weights, on: backend))
            let out = TestMatrix(rows: rows, columns: shape.outputs)
            matrix.apply(
                TestMatrix(x, rows: rows, columns: shape.inputs).view, into: out.view, on: backend, pool, Workspace())
            #expect(out.bits == expected.map(\.bitPattern), "\(backend.testDescription)")
            #expect(matrix.inputs == shape.inputs && matrix.outputs == shape.outputs)
        }
    }

    /// From one row to more than any block has, in company and alone, on one thread and two.
    @Test(arguments: nativeBackends, [(100, 70), (1024, 300)])
    func aRowsBitsDependOnNothingElse(backend: ComputeBackend, shape: (inputs: Int, outputs: Int)) throws {
        var generator = Generator(state: 11)
        let layout = try PackedMatrices.layout(.int8Panels, shape.outputs, shape.inputs)
        let packed = try PackedMatrices.pack(layout, generator.floats(shape.inputs * shape.outputs))
        let matrix = PackedMatrices.matrix(layout, packed)
        let pools = [ThreadPool(threads: 1), ThreadPool(threads: 2)]
        defer { for pool in pools { pool.stop() } }
        let x = TestMatrix(generator.floats(130 * shape.inputs), rows: 130, columns: shape.inputs)
        var alone: [UInt32] = []
        for row in 0..<130 {
            let out = TestMatrix(rows: 1, columns: shape.outputs)
            matrix.apply(x.view.slice(row..<(row + 1)), into: out.view, on: backend, pools[row % 2], Workspace())
            alone += out.bits
        }
        for rows in Array(1...40) + [47, 64, 97, 128, 130] {
            let out = TestMatrix(rows: rows, columns: shape.outputs)
            matrix.apply(x.view.slice((130 - rows)..<130), into: out.view, on: backend, pools[rows % 2], Workspace())
            #expect(out.bits == Array(alone.suffix(rows * shape.outputs)), "\(rows) rows")
        }
    }

    /// The largest magnitudes everywhere: where a saturating 16-bit step would give another answer.
    @Test(arguments: everyBackend, [(Float(9), Float(5)), (-9, 5), (9, -5), (-9, -5)])
    func extremesDoNotSaturate(backend: ComputeBackend, extreme: (x: Float, weight: Float)) throws {
        let inputs = 4096, outputs = 16
        let layout = try PackedMatrices.layout(.int8Panels, outputs, inputs)
        let weights = [Float](repeating: extreme.weight, count: inputs * outputs)
        let matrix = PackedMatrices.matrix(layout, try PackedMatrices.pack(layout, weights))
        let pool = ThreadPool(threads: 1)
        let out = TestMatrix(rows: 1, columns: outputs)
        let x = TestMatrix([Float](repeating: extreme.x, count: inputs), rows: 1, columns: inputs)
        matrix.apply(x.view, into: out.view, on: backend, pool, Workspace())
        let exact = Float(inputs) * extreme.x * extreme.weight
        #expect(out.values.allSatisfy { abs($0 - exact) <= abs(exact) * 1e-6 }, "\(out.values[0]) \(exact)")
    }

    @Test(arguments: everyBackend) func zeroRowsAndTinyOnesAreZeros(backend: ComputeBackend) throws {
        let layout = try PackedMatrices.layout(.int8Panels, 3, 40)
        let weights =
            [Float](repeating: 0, count: 40) + [Float](repeating: 1e-38, count: 40) + [Float](repeating: 1, count: 40)
        let matrix = PackedMatrices.matrix(layout, try PackedMatrices.pack(layout, weights))
        let x =
            [Float](repeating: 0, count: 40) + [Float](repeating: Float.leastNormalMagnitude / 16, count: 40)
            + [Float](repeating: 2, count: 40)
        let out = TestMatrix(rows: 3, columns: 3)
        matrix.apply(
            TestMatrix(x, rows: 3, columns: 40).view, into: out.view, on: backend, ThreadPool(threads: 1), Workspace())
        #expect(out.values.prefix(8).allSatisfy { $0 == 0 })
        #expect(abs(out.values[8] - 80) < 1e-4)
    }

    @Test(arguments: everyBackend, [1, 9, 33]) func severalMatricesAtOnceGiveWhatEachGives(
        backend: ComputeBackend, rows: Int
    ) throws {
        var generator = Generator(state: UInt64(rows))
        let formats: [(PackedFormat, Int)] = [
            (.int8Panels, 300), (.int8Rows, 33), (.blocks4, 64), (.int8Panels, 17), (.int8Rows, 5),
        ]
        let inputs = 72
        let matrices = try formats.map { format, outputs in
            let layout = try PackedMatrices.layout(format, outputs, inputs)
            return PackedMatrices.matrix(layout, try PackedMatrices.pack(layout, generator.floats(inputs * outputs)))
        }
        let x = TestMatrix(generator.floats(rows * inputs), rows: rows, columns: inputs)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let outs = matrices.map { TestMatrix(rows: rows, columns: $0.outputs) }
        WeightMatrix.applyAll(zip(matrices, outs).map { ($0, $1.view) }, to: x.view, on: backend, pool, Workspace())
        for (matrix, out) in zip(matrices, outs) {
            let alone = TestMatrix(rows: rows, columns: matrix.outputs)
            matrix.apply(x.view, into: alone.view, on: backend, pool, Workspace())
            #expect(out.bits == alone.bits)
        }
    }
}

import Compute
import TestSupport
import Testing
import TileEmulator

/// Products of prompts' rows in two bfloat16 for each number, by AMX tiles: the definition within its bound, and bits that
/// depend on nothing but the row.
@Suite struct SplitProductTests {
    private static func product(
        _ matrix: WeightMatrix, _ x: TestMatrix, _ backend: ComputeBackend, _ pool: ThreadPool
    ) -> TestMatrix {
        let out = TestMatrix(rows: x.view.rows, columns: matrix.outputs)
        WeightMatrix.applyAll([(matrix, out.view)], to: x.view, on: backend, pool, Workspace(), ofPrompts: true)
        return out
    }

    private static func product(
        _ linear: QuantizedLinear, _ x: TestMatrix, _ backend: ComputeBackend, _ pool: ThreadPool
    ) -> TestMatrix { product(.rows(linear), x, backend, pool) }

    private static func rows(_ x: TestMatrix, _ range: Range<Int>) -> TestMatrix {
        let part = TestMatrix(rows: range.count, columns: x.view.columns)
        part.view.copy(from: x.view.slice(range))
        return part
    }

    @Test func onlyTilesSplit() {
        for backend in everyBackend {
            #expect(backend.splitsPrompts == (backend.instructionSet == .amx && backend.products == .native))
        }
    }

    /// Each product of parts leaves out less than 3 · 2⁻¹⁸ of it. One of the three missing would be fifty times that.
    @Test(arguments: WeightType.allCases, [(256, 1), (768, 45)])
    func equalTheDefinitionWithinTheirBound(type: WeightType, shape: (inputs: Int, outputs: Int)) {
        guard let tiles else { return }
        var generator = Generator(state: UInt64(type.rawValue) &* 37 &+ UInt64(shape.outputs))
        let linear = QuantizedProductTests.random(
            type, inputs: shape.inputs, outputs: shape.outputs, &generator)
        let weights = QuantizedProductTests.expanded(linear, on: ComputeBackend(instructionSet: .portable))
        let rows = 40
        // Rows of every magnitude, and in each a number that is far larger than the others.
        let x = (0..<rows).flatMap { row in
            let size = Float(sign: .plus, exponent: row * 3 - 60, significand: 1)
            return generator.floats(shape.inputs).enumerated().map {
                $0.offset == row ? 1000 * size : $0.element * size
            }
        }
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let found = Self.product(linear, TestMatrix(x, rows: rows, columns: shape.inputs), tiles, pool).values
        for row in 0..<rows {
            for (output, weight) in weights.enumerated() {
                var (sum, magnitude) = (0.0, 0.0)
                for k in 0..<shape.inputs {
                    let term = Double(x[row * shape.inputs + k]) * Double(weight[k])
                    sum += term
                    magnitude += abs(term)
                }
                let difference = abs(Double(found[row * shape.outputs + output]) - sum)
                #expect(difference <= 0x1p-16 * magnitude, "row \(row), output \(output)")
            }
        }
    }

    /// Shapes that fill tiles and shapes that do not: outputs, rows and, of float types, columns.
    @Test(
        arguments: [(WeightType.q4_1, 256), (.f32, 48), (.f16, 16), (.q8_0, 96), (.i8, 80)], [1, 16, 17, 35, 64, 230])
    func aRowsBitsDependOnNothingElse(layer: (type: WeightType, inputs: Int), outputs: Int) {
        guard let tiles else { return }
        var generator = Generator(state: UInt64(layer.inputs) &* 101 &+ UInt64(outputs))
        let linear = QuantizedProductTests.random(layer.type, inputs: layer.inputs, outputs: outputs, &generator)
        let x = TestMatrix(generator.floats(70 * layer.inputs), rows: 70, columns: layer.inputs)
        let pools = (1...3).map { ThreadPool(threads: $0, spin: .microseconds(20)) }
        defer { for pool in pools { pool.stop() } }
        let before = svc_tile_instructions()
        let together = Self.product(linear, x, tiles, pools[0]).bits
        #expect(svc_tile_instructions() > before || tiles.instructionSet == .detected)
        for count in [1, 2, 15, 16, 17, 31, 32, 33, 48, 69] {
            for start in [0, 70 - count] {
                let some = Self.product(linear, Self.rows(x, start..<start + count), tiles, pools[count % 3]).bits
                #expect(
                    some == Array(together[start * outputs..<(start + count) * outputs]), "\(count) rows from \(start)")
            }
        }
    }

    /// The widest panels there are, and the longest rows.
    @Test(arguments: [(WeightType.q4_1, 576, 200, 130), (.q6_K, 4096, 70, 33), (.q8_0, 20_000, 9, 23)])
    func longPromptsAndWideLayersGiveTheSameBits(type: WeightType, inputs: Int, outputs: Int, rows: Int) {
        guard let tiles else { return }
        var generator = Generator(state: 7)
        let linear = QuantizedProductTests.random(type, inputs: inputs, outputs: outputs, &generator)
        let x = TestMatrix(generator.floats(rows * inputs), rows: rows, columns: inputs)
        let pool = ThreadPool(threads: 3)
        defer { pool.stop() }
        let together = Self.product(linear, x, tiles, pool).bits
        for row in [0, rows / 2, rows - 1] {
            let alone = Self.product(linear, Self.rows(x, row..<row + 1), tiles, pool).bits
            #expect(alone == Array(together[row * outputs..<(row + 1) * outputs]), "row \(row)")
        }
    }

    @Test(arguments: [1, 9, 33]) func severalLayersAtOnceGiveWhatEachGives(rows: Int) throws {
        guard let tiles else { return }
        var generator = Generator(state: UInt64(rows))
        let layers = [(WeightType.q4_1, 96), (.q8_0, 20), (.q4_0, 33)].map {
            QuantizedProductTests.random($0.0, inputs: 256, outputs: $0.1, &generator)
        }
        let x = TestMatrix(generator.floats(rows * 256), rows: rows, columns: 256)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let outs = layers.map { TestMatrix(rows: rows, columns: $0.outputs) }
        let interleaved = try #require(WeightMatrix.rows(layers[0]).interleaved(on: tiles, pool))
        let matrices = [interleaved, .rows(layers[1]), .rows(layers[2])]
        WeightMatrix.applyAll(
            zip(matrices, outs).map { ($0, $1.view) }, to: x.view, on: tiles, pool, Workspace(), ofPrompts: true)
        for (linear, out) in zip(layers, outs) { #expect(out.bits == Self.product(linear, x, tiles, pool).bits) }
    }

    /// What lies by sixteen is expanded to the same floats.
    @Test(arguments: InterleavedMatrixTests.types, [1, 16, 35, 230])
    func interleavedRowsGiveTheSameBits(type: WeightType, outputs: Int) throws {
        guard let tiles else { return }
        var generator = Generator(state: UInt64(type.rawValue) &* 59 &+ UInt64(outputs))
        let linear = QuantizedProductTests.random(type, inputs: 512, outputs: outputs, &generator)
        let x = TestMatrix(generator.floats(33 * 512), rows: 33, columns: 512)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let interleaved = try #require(WeightMatrix.rows(linear).interleaved(on: tiles, pool))
        #expect(Self.product(interleaved, x, tiles, pool).bits == Self.product(linear, x, tiles, pool).bits)
    }
}

import Compute
import Testing

/// Float rows made smaller: as near as the format allows, the same bytes everywhere, and nothing made of what is no number.
@Suite struct WeightQuantizerTests {
    /// About normally distributed: the sum of twelve.
    static func normal(_ count: Int, _ generator: inout Generator, deviation: Float = 0.02) -> [Float] {
        (0..<count).map { _ in
            deviation * (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &generator) }
        }
    }

    static func expanded(_ matrix: WeightMatrix, on backend: ComputeBackend) -> [Float] {
        (0..<matrix.outputs).flatMap { row in
            let out = TestMatrix(rows: 1, columns: matrix.inputs)
            matrix.expandRow(row, into: out.view.pointer, on: backend)
            return out.values
        }
    }

    @Test(arguments: PackedFormat.allCases, [(1, 1), (5, 31), (17, 48), (40, 100), (33, 1056)])
    func everyInstructionSetAndDivisionMakesTheSameBytes(format: PackedFormat, shape: (rows: Int, columns: Int)) throws
    {
        var generator = Generator(state: UInt64(shape.columns))
        let weights = Self.normal(shape.rows * shape.columns, &generator)
        let layout = try PackedMatrices.layout(format, shape.rows, shape.columns)
        let all = try nativeBackends.flatMap { backend in
            try [16, 64].map { pieceRows in
                let packed = try PackedMatrices.pack(layout, weights, on: backend, pieceRows: pieceRows)
                return (0..<layout.bytes).map { packed.pointer[$0] }
            }
        }
        #expect(all.allSatisfy { $0 == all[0] })
    }

    @Test(arguments: PackedFormat.allCases, [(3, 20), (20, 64), (9, 1000)])
    func theWeightsAreNearlyWhatTheyWere(format: PackedFormat, shape: (rows: Int, columns: Int)) throws {
        var generator = Generator(state: UInt64(shape.columns) + 7)
        let weights = Self.normal(shape.rows * shape.columns, &generator)
        let layout = try PackedMatrices.layout(format, shape.rows, shape.columns)
        let matrix = PackedMatrices.matrix(layout, try PackedMatrices.pack(layout, weights))
        for backend in nativeBackends {
            let found = Self.expanded(matrix, on: backend)
            let squares = zip(found, weights).map { Double($0 - $1) * Double($0 - $1) }.reduce(0, +)
            let error = (squares / Double(weights.count)).squareRoot() / 0.02
            // Measured: 0.006 with 8 bits, 0.072 with 4.
            #expect(error < (format == .blocks4 ? 0.078 : 0.01), "\(error)")
            guard format != .blocks4 else { continue }
            for row in 0..<shape.rows {
                let range = (row * shape.columns)..<((row + 1) * shape.columns)
                let magnitude = weights[range].map { abs($0) }.max() ?? 0
                for index in range { #expect(abs(found[index] - weights[index]) <= magnitude / 254 * 1.0001) }
            }
        }
    }

    /// Halves and their like are expanded first, blocks of GGUF also.
    @Test(arguments: [WeightType.f16, .bf16, .q8_0, .q4_K], PackedFormat.allCases)
    func otherTypesAreQuantisedAsTheFloatsTheyStandFor(type: WeightType, format: PackedFormat) throws {
        var generator = Generator(state: 3)
        let rows = 21, columns = type.blockElements == 1 ? 45 : 512
        let bytes = AlignedBuffer(QuantizedLinearTests.blocks(type, rows: rows, columns: columns, &generator))
        let floats = (0..<rows).flatMap { row in
            (0..<columns).map { column in
                let start = row * type.rowBytes(columns) + column / type.blockElements * type.blockBytes
                return QuantizedLinearTests.element(
                    type, (0..<type.blockBytes).map { bytes.pointer[start + $0] }, column % type.blockElements)
            }
        }
        let layout = try PackedMatrices.layout(format, rows, columns)
        let direct = try PackedMatrices.pack(layout, bytes, type: type)
        let byFloats = try PackedMatrices.pack(layout, floats)
        #expect((0..<layout.bytes).allSatisfy { direct.pointer[$0] == byFloats.pointer[$0] })
    }

    @Test(arguments: PackedFormat.allCases, [Float.nan, .infinity, -.infinity, -Float.nan])
    func whatIsNoNumberIsRefusedByItsRow(format: PackedFormat, value: Float) throws {
        for (row, column) in [(0, 0), (18, 40), (36, 16), (36, 40)] {
            let layout = try PackedMatrices.layout(format, 37, 41)
            var weights = [Float](repeating: 1, count: 37 * 41)
            weights[row * 41 + column] = value
            for backend in nativeBackends {
                #expect(throws: WeightQuantizer.Refusal.notFinite(row: row)) {
                    try PackedMatrices.pack(layout, weights, on: backend, pieceRows: 16)
                }
            }
        }
    }

    @Test func fourBitsRefuseWhatTheirScalesCannotReach() throws {
        let layout = try PackedMatrices.layout(.blocks4, 2, 32)
        let weights = [Float](repeating: 1, count: 63) + [-1e7]
        #expect(throws: WeightQuantizer.Refusal.tooLarge(row: 1)) { try PackedMatrices.pack(layout, weights) }
        // Eight bits have floats for scales.
        let rows = try PackedMatrices.layout(.int8Rows, 2, 32)
        let found = Self.expanded(
            PackedMatrices.matrix(rows, try PackedMatrices.pack(rows, weights)), on: ComputeBackend())
        #expect(abs(found[63] + 1e7) <= 1)
    }

    @Test(arguments: PackedFormat.allCases, [Float(0), 1, -0.7, 3e-5, 6e6])
    func rowsOfOneNumberStayRowsOfOneNumber(format: PackedFormat, value: Float) throws {
        let layout = try PackedMatrices.layout(format, 3, 96)
        let packed = try PackedMatrices.pack(layout, [Float](repeating: value, count: 288))
        for backend in nativeBackends {
            for found in Self.expanded(PackedMatrices.matrix(layout, packed), on: backend) {
                #expect(abs(found - value) <= abs(value) * (format == .blocks4 && value == 3e-5 ? 0.1 : 1e-3))
            }
        }
    }

    @Test(arguments: [PackedFormat.int8Rows, .blocks4], [1, 4, 17, 40])
    func productsWithFloatActivationsAreThoseOfTheWeights(format: PackedFormat, rows: Int) throws {
        var generator = Generator(state: UInt64(rows))
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for (outputs, inputs) in [(1, 5), (37, 64), (50, 75), (130, 576)] {
            let layout = try PackedMatrices.layout(format, outputs, inputs)
            let packed = try PackedMatrices.pack(layout, Self.normal(outputs * inputs, &generator))
            let matrix = PackedMatrices.matrix(layout, packed)
            let x = TestMatrix(generator.floats(rows * inputs), rows: rows, columns: inputs)
            let values = x.values
            var fused: [[UInt32]] = []
            for backend in everyBackend {
                let weights = Self.expanded(matrix, on: backend)
                let out = TestMatrix(rows: rows, columns: outputs)
                matrix.apply(x.view, into: out.view, on: backend, pool, Workspace())
                for t in 0..<rows {
                    for o in 0..<outputs {
                        var sum = 0.0, magnitude = 0.0
                        for k in 0..<inputs {
                            let product = Double(values[t * inputs + k]) * Double(weights[o * inputs + k])
                            sum += product
                            magnitude += abs(product)
                        }
                        let bound = Double(inputs + 4) * 0x1p-23 * magnitude
                        #expect(abs(Double(out.values[t * outputs + o]) - sum) <= bound)
                    }
                }
                if backend.products == .native, backend.instructionSet != .portable { fused.append(out.bits) }
                let alone = TestMatrix(rows: 1, columns: outputs)
                matrix.apply(
                    x.view.slice((rows - 1)..<rows), into: alone.view, on: backend, ThreadPool(threads: 1), Workspace())
                if backend.products == .native { #expect(alone.bits == Array(out.bits.suffix(outputs))) }
            }
            #expect(fused.allSatisfy { $0 == fused[0] })
        }
    }

    @Test func shapesThatCannotBePackedHaveNoLayout() {
        for format in PackedFormat.allCases {
            for (rows, columns) in [(0, 1), (1, 0), (-1, 4), (4, -1), (1, 131_073), (Int.max, 1), (1, Int.max)] {
                #expect(PackedLayout(format, rows: rows, columns: columns) == nil)
            }
        }
    }
}

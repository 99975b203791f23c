import Compute
import Testing

/// Rows that lie together by sixteen, times activations of 23 bits: the definition, and bits that depend on nothing but the
/// row of activations and the row of weights.
@Suite struct InterleavedMatrixTests {
    static let backends = nativeBackends.filter(\.interleaves)
    static let types: [WeightType] = [.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K, .iq4_NL, .i8]

    private static func matrix(
        _ linear: QuantizedLinear, _ backend: ComputeBackend, _ pool: ThreadPool
    ) throws -> InterleavedMatrix {
        try #require(InterleavedMatrix(linear, on: backend, pool))
    }

    private static func product(
        _ matrix: InterleavedMatrix, _ x: TestMatrix, _ backend: ComputeBackend, _ pool: ThreadPool
    ) -> TestMatrix {
        let out = TestMatrix(rows: x.view.rows, columns: matrix.outputs)
        InterleavedMatrix.applyAll([(matrix, out.view)], to: x.view, on: backend, pool, Workspace())
        return out
    }

    private static func rows(_ x: TestMatrix, _ range: Range<Int>) -> TestMatrix {
        let part = TestMatrix(rows: range.count, columns: x.view.columns)
        part.view.copy(from: x.view.slice(range))
        return part
    }

    /// The activations as the definition has them: in each run of 128 whole multiples of a unit, of which 2²² − 1 are the
    /// largest of the run.
    private static func rounded(_ x: [Float]) -> [Double] {
        stride(from: 0, to: x.count, by: 128).flatMap { start -> [Double] in
            let run = x[start..<min(start + 128, x.count)]
            let largest = max(run.map { abs($0) }.max() ?? 0, 0x1p-86)
            let (unit, inverse) = (largest / 0x3fffff, 0x3fffff / largest)
            return run.map { Double(($0 * inverse).rounded(.toNearestOrEven)) * Double(unit) }
        }
    }

    /// What is left to rounding is the addition of blocks. Without the last digit of the activations the difference would be
    /// ten times what is allowed.
    @Test(arguments: types, [(256, 1), (768, 45), (288, 17)])
    func equalTheDefinition(type: WeightType, widest: (inputs: Int, outputs: Int)) throws {
        let shape = (inputs: widest.inputs / type.blockElements * type.blockElements, outputs: widest.outputs)
        var generator = Generator(state: UInt64(type.rawValue) &* 41 &+ UInt64(shape.outputs))
        let linear = QuantizedProductTests.random(type, inputs: shape.inputs, outputs: shape.outputs, &generator)
        // Rows of every magnitude, and in each a number that is far larger than the others.
        let x = (0..<29).map { row in
            let size = Float(sign: .plus, exponent: row * 8 - 130, significand: 1)
            return generator.floats(shape.inputs).enumerated().map {
                $0.offset == 7 * row ? 50 * size : $0.element * size
            }
        }
        try Self.expectDefinition(of: linear, times: x)
    }

    /// The smallest and the largest weights of a type, times activations that are all as large as their run has them: no sum
    /// leaves its 32 bits.
    @Test(arguments: types, [0x00, 0x7f, 0x80, 0xff] as [UInt8])
    func theLargestSumsFit(type: WeightType, byte: UInt8) throws {
        var generator = Generator(state: 12)
        let blocks = QuantizedLinearTests.blocks(type, rows: 20, columns: 256, of: byte, &generator)
        let linear = QuantizedLinearTests.layer(blocks, type, inputs: 256, outputs: 20)
        let x = (0..<14).map { row in [Float](repeating: row % 2 == 0 ? 1.25 : -1.25, count: 256) }
        for rows in [1, 7, 14] { try Self.expectDefinition(of: linear, times: Array(x[..<rows])) }
    }

    private static func expectDefinition(of linear: QuantizedLinear, times x: [[Float]]) throws {
        let weights = QuantizedProductTests.expanded(linear, on: ComputeBackend(instructionSet: .portable))
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for backend in backends {
            let found = product(
                try matrix(linear, backend, pool),
                TestMatrix(x.flatMap(\.self), rows: x.count, columns: linear.inputs), backend, pool
            ).values
            for (row, values) in x.enumerated() {
                let rounded = rounded(values)
                for (output, weight) in weights.enumerated() {
                    var (sum, magnitude) = (0.0, 0.0)
                    for (x, w) in zip(rounded, weight) {
                        sum += x * Double(w)
                        magnitude += abs(x * Double(w))
                    }
                    // Of floats below 2⁻¹²⁶ the last bit is 2⁻¹⁴⁹.
                    let allowed = Double(linear.inputs / 32 + 8) * (0x1p-23 * magnitude + 0x1p-148)
                    let difference = abs(Double(found[row * linear.outputs + output]) - sum)
                    #expect(difference <= allowed, "row \(row), output \(output): \(difference / magnitude)")
                }
            }
        }
    }

    /// Of 40 rows any number, first or last, on any number of threads; outputs that are no whole groups.
    @Test(arguments: types, [1, 3, 16, 35, 130])
    func aRowsBitsDependOnNothingElse(type: WeightType, outputs: Int) throws {
        var generator = Generator(state: UInt64(type.rawValue) &* 103 &+ UInt64(outputs))
        let linear = QuantizedProductTests.random(type, inputs: 256, outputs: outputs, &generator)
        let x = TestMatrix(generator.floats(40 * 256), rows: 40, columns: 256)
        let pools = (1...4).map { ThreadPool(threads: $0, spin: .microseconds(20)) }
        defer { for pool in pools { pool.stop() } }
        for backend in Self.backends {
            let matrix = try Self.matrix(linear, backend, pools[2])
            let alone = (0..<40).flatMap {
                Self.product(matrix, Self.rows(x, $0..<$0 + 1), backend, pools[$0 % 4]).bits
            }
            for count in 1...40 {
                for start in [0, 40 - count] {
                    let some = Self.product(matrix, Self.rows(x, start..<start + count), backend, pools[count % 4]).bits
                    #expect(
                        some == Array(alone[start * outputs..<(start + count) * outputs]), "\(count) rows from \(start)"
                    )
                }
            }
        }
    }

    /// As many rows as a long prompt has, and rows so long that few of them are expanded together.
    @Test(arguments: [(WeightType.q4_1, 576, 230, 512), (.q6_K, 4096, 37, 65), (.q8_0, 20_000, 20, 23)])
    func longPromptsAndWideLayersGiveTheSameBits(type: WeightType, inputs: Int, outputs: Int, rows: Int) throws {
        var generator = Generator(state: 6)
        let linear = QuantizedProductTests.random(type, inputs: inputs, outputs: outputs, &generator)
        let x = TestMatrix(generator.floats(rows * inputs), rows: rows, columns: inputs)
        let pool = ThreadPool(threads: 3)
        defer { pool.stop() }
        for backend in Self.backends {
            let matrix = try Self.matrix(linear, backend, pool)
            let together = Self.product(matrix, x, backend, pool).bits
            for row in [0, 1, rows / 2, rows - 1] {
                let alone = Self.product(matrix, Self.rows(x, row..<row + 1), backend, pool).bits
                #expect(alone == Array(together[row * outputs..<(row + 1) * outputs]), "row \(row)")
            }
        }
    }

    @Test(arguments: [1, 8, 9, 33]) func severalMatricesAtOnceGiveWhatEachGives(rows: Int) throws {
        var generator = Generator(state: UInt64(rows))
        let layers = [(WeightType.q4_1, 96), (.q8_0, 20), (.q6_K, 33)].map {
            QuantizedProductTests.random($0.0, inputs: 256, outputs: $0.1, &generator)
        }
        let x = TestMatrix(generator.floats(rows * 256), rows: rows, columns: 256)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for backend in Self.backends {
            let matrices = try layers.map { try Self.matrix($0, backend, pool) }
            let outs = matrices.map { TestMatrix(rows: rows, columns: $0.outputs) }
            InterleavedMatrix.applyAll(
                zip(matrices, outs).map { ($0, $1.view) }, to: x.view, on: backend, pool, Workspace())
            for (matrix, out) in zip(matrices, outs) {
                #expect(out.bits == Self.product(matrix, x, backend, pool).bits)
            }
        }
    }

    /// Rows of an embedding are those of the stored matrix.
    @Test(arguments: types) func rowsAreThoseOfTheFile(type: WeightType) throws {
        var generator = Generator(state: UInt64(type.rawValue))
        let linear = QuantizedProductTests.random(type, inputs: 512, outputs: 35, &generator)
        let expected = QuantizedProductTests.expanded(linear, on: ComputeBackend(instructionSet: .portable))
        let pool = ThreadPool(threads: 1)
        defer { pool.stop() }
        for backend in Self.backends {
            let matrix = try Self.matrix(linear, backend, pool)
            for (index, row) in expected.enumerated() {
                let out = TestMatrix(rows: 1, columns: 512)
                matrix.expandRow(index, into: out.view.pointer, on: backend)
                #expect(out.values == row, "row \(index)")
            }
        }
    }

    /// Integers whose scale is kept for the whole row: what `--quantize` makes of vocabularies.
    @Test(arguments: [(40, 96), (5, 32)]) func scalesOfRowsAreKept(outputs: Int, inputs: Int) throws {
        var generator = Generator(state: UInt64(outputs))
        let layout = try PackedMatrices.layout(.int8Rows, outputs, inputs)
        let stored = PackedMatrices.matrix(layout, try PackedMatrices.pack(layout, generator.floats(outputs * inputs)))
        let x = TestMatrix(generator.floats(13 * inputs), rows: 13, columns: inputs)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for backend in Self.backends {
            let matrix = try #require(stored.interleaved(on: backend, pool))
            for row in 0..<outputs {
                let (expected, found) = (TestMatrix(rows: 1, columns: inputs), TestMatrix(rows: 1, columns: inputs))
                stored.expandRow(row, into: expected.view.pointer, on: backend)
                matrix.expandRow(row, into: found.view.pointer, on: backend)
                #expect(found.values == expected.values)
            }
            let (expected, found) = (TestMatrix(rows: 13, columns: outputs), TestMatrix(rows: 13, columns: outputs))
            stored.apply(x.view, into: expected.view, on: backend, pool, Workspace())
            matrix.apply(x.view, into: found.view, on: backend, pool, Workspace())
            let largest = expected.values.map { abs($0) }.max() ?? 0
            for (a, b) in zip(expected.values, found.values) { #expect(abs(a - b) <= 0x1p-18 * largest) }
        }
    }

    /// A damaged file's scales are infinite or no numbers: so are the results, and only those of the damaged row.
    @Test(arguments: types.filter { $0 != .i8 }, [1, 7, 30]) func damagedScalesStayInTheirOutput(
        type: WeightType, rows: Int
    ) throws {
        var generator = Generator(state: UInt64(type.rawValue))
        var bytes = QuantizedLinearTests.blocks(type, rows: 5, columns: 256, &generator)
        for index in (2 * type.rowBytes(256))..<(3 * type.rowBytes(256)) { bytes[index] = 0xff }
        let linear = QuantizedLinearTests.layer(bytes, type, inputs: 256, outputs: 5)
        let x = TestMatrix(generator.floats(rows * 256), rows: rows, columns: 256)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for backend in Self.backends {
            let found = Self.product(try Self.matrix(linear, backend, pool), x, backend, pool).values
            for (index, value) in found.enumerated() { #expect(value.isFinite == (index % 5 != 2)) }
        }
    }

    @Test(arguments: types, [Float.nan, .infinity, -.infinity])
    func whatIsNoNumberStaysInItsRow(type: WeightType, value: Float) throws {
        var generator = Generator(state: UInt64(type.rawValue) &+ 3)
        let linear = QuantizedProductTests.random(type, inputs: 256, outputs: 20, &generator)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for backend in Self.backends {
            let matrix = try Self.matrix(linear, backend, pool)
            for rows in [2, 6, 30] {
                let clean = generator.floats(rows * 256)
                var damaged = clean
                damaged[256 + 77] = value
                let expected = Self.product(matrix, TestMatrix(clean, rows: rows, columns: 256), backend, pool).values
                let found = Self.product(matrix, TestMatrix(damaged, rows: rows, columns: 256), backend, pool).values
                for (index, number) in found.enumerated() {
                    #expect(index / 20 == 1 ? number.isNaN : number == expected[index], "\(rows) rows, \(index)")
                }
            }
        }
    }

    @Test(arguments: types) func zerosGiveZeros(type: WeightType) throws {
        var generator = Generator(state: UInt64(type.rawValue) &+ 5)
        let linear = QuantizedProductTests.random(type, inputs: 256, outputs: 20, &generator)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for backend in Self.backends {
            let matrix = try Self.matrix(linear, backend, pool)
            let x = TestMatrix([Float](repeating: 0, count: 14 * 256), rows: 14, columns: 256)
            #expect(Self.product(matrix, x, backend, pool).values.allSatisfy { $0 == 0 })
        }
    }

    @Test func othersStayAsTheyAre() {
        var generator = Generator(state: 8)
        let pool = ThreadPool(threads: 1)
        defer { pool.stop() }
        for backend in everyBackend {
            #expect(backend.interleaves == (backend.instructionSet >= .avx512vnni && backend.products == .native))
            for type in WeightType.allCases {
                let linear = QuantizedProductTests.random(type, inputs: 256, outputs: 20, &generator)
                let isInterleaved = InterleavedMatrix(linear, on: backend, pool) != nil
                #expect(isInterleaved == (backend.interleaves && Self.types.contains(type)), "\(type) \(backend)")
            }
        }
    }
}

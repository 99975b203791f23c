import Compute
import Testing

/// Products of quantised layers against the definition in double precision, and the promise that a row's numbers depend
/// on nothing but the row: not on its company, the pieces, the threads, nor on AVX2 or AVX-512.
@Suite struct QuantizedProductTests {
    static let fused = nativeBackends.filter { $0.instructionSet != .portable }

    /// The layer's weights as floats.
    static func expanded(_ linear: QuantizedLinear, on backend: ComputeBackend) -> [[Float]] {
        (0..<linear.outputs).map { row in
            let out = TestMatrix(rows: 1, columns: linear.inputs)
            linear.expandRow(row, into: out.view.pointer, on: backend)
            return out.values
        }
    }

    static func random(_ type: WeightType, inputs: Int, outputs: Int, _ generator: inout Generator) -> QuantizedLinear {
        QuantizedLinearTests.layer(
            QuantizedLinearTests.blocks(type, rows: outputs, columns: inputs, &generator), type, inputs: inputs,
            outputs: outputs)
    }

    static func product(_ linear: QuantizedLinear, _ x: TestMatrix, _ backend: ComputeBackend, _ pool: ThreadPool)
        -> TestMatrix
    {
        let out = TestMatrix(rows: x.view.rows, columns: linear.outputs)
        linear.apply(x.view, into: out.view, on: backend, pool)
        return out
    }

    @Test(arguments: WeightType.allCases, [(256, 1), (768, 45)])
    func equalTheDefinitionWithinItsBound(type: WeightType, shape: (inputs: Int, outputs: Int)) {
        var generator = Generator(state: UInt64(type.rawValue) &* 31 &+ UInt64(shape.outputs))
        let linear = Self.random(type, inputs: shape.inputs, outputs: shape.outputs, &generator)
        let weights = Self.expanded(linear, on: ComputeBackend(instructionSet: .portable))
        let rows = 40
        let x = TestMatrix(generator.floats(rows * shape.inputs), rows: rows, columns: shape.inputs)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let results = everyBackend.map { Self.product(linear, x, $0, pool).values }
        let values = x.values
        for t in 0..<rows {
            for (o, weight) in weights.enumerated() {
                var sum = 0.0, magnitude = 0.0
                for k in 0..<shape.inputs {
                    let term = Double(values[t * shape.inputs + k]) * Double(weight[k])
                    sum += term
                    magnitude += abs(term)
                }
                for (backend, result) in zip(everyBackend, results) {
                    let difference = abs(Double(result[t * shape.outputs + o]) - sum)
                    #expect(
                        difference <= Double(shape.inputs) * 0x1p-24 * magnitude, "row \(t) output \(o) \(backend)")
                }
            }
        }
    }

    /// One block of columns, and shapes that are no multiple of any tile; from one row to more than any tile holds.
    @Test(arguments: WeightType.allCases, [1, 3, 16, 35])
    func aRowsBitsDependOnNothingElse(type: WeightType, outputs: Int) {
        var generator = Generator(state: UInt64(type.rawValue) &* 97 &+ UInt64(outputs))
        let inputs = max(256, type.blockElements)
        let linear = Self.random(type, inputs: inputs, outputs: outputs, &generator)
        let x = TestMatrix(generator.floats(40 * inputs), rows: 40, columns: inputs)
        let pools = (1...4).map { ThreadPool(threads: $0, spin: .microseconds(20)) }
        defer { for pool in pools { pool.stop() } }
        var fusedBits: [[UInt32]] = []
        for backend in nativeBackends {
            var alone: [UInt32] = []
            for t in 0..<40 {
                let row = TestMatrix(rows: 1, columns: inputs)
                row.view.copy(from: x.view.slice(t..<(t + 1)))
                alone += Self.product(linear, row, backend, pools[t % 4]).bits
            }
            for rows in 1...40 {
                let some = TestMatrix(rows: rows, columns: inputs)
                some.view.copy(from: x.view.slice((40 - rows)..<40))
                let bits = Self.product(linear, some, backend, pools[rows % 4]).bits
                #expect(bits == Array(alone.suffix(rows * outputs)), "\(rows) rows, \(backend.testDescription)")
            }
            let single = TestMatrix(rows: 40, columns: outputs)
            linear.apply(x.view, into: single.view, on: backend)
            #expect(single.bits == alone, "without a pool, \(backend.testDescription)")
            if backend.instructionSet != .portable { fusedBits.append(alone) }
        }
        #expect(fusedBits.allSatisfy { $0 == fusedBits.first })
    }

    /// As many rows as a long prompt has, and as many columns as make panels smaller than usual.
    @Test(arguments: [(WeightType.q4_1, 576, 70, 512), (.q6_K, 4096, 37, 65), (.q8_0, 20_000, 9, 23)])
    func longPromptsAndWideLayersGiveTheSameBits(type: WeightType, inputs: Int, outputs: Int, rows: Int) {
        var generator = Generator(state: 5)
        let linear = Self.random(type, inputs: inputs, outputs: outputs, &generator)
        let x = TestMatrix(generator.floats(rows * inputs), rows: rows, columns: inputs)
        let pool = ThreadPool(threads: 3)
        defer { pool.stop() }
        for backend in nativeBackends {
            let together = Self.product(linear, x, backend, pool).bits
            for t in [0, 1, rows / 2, rows - 1] {
                let row = TestMatrix(rows: 1, columns: inputs)
                row.view.copy(from: x.view.slice(t..<(t + 1)))
                let alone = Self.product(linear, row, backend, pool).bits
                #expect(alone == Array(together[(t * outputs)..<((t + 1) * outputs)]), "row \(t)")
            }
        }
    }

    @Test(arguments: [1, 5, 8, 9, 33]) func severalLayersAtOnceGiveWhatEachGives(rows: Int) {
        var generator = Generator(state: UInt64(rows))
        let layers = [(WeightType.q4_1, 96), (.q8_0, 20), (.q4_0, 33)].map {
            Self.random($0.0, inputs: 256, outputs: $0.1, &generator)
        }
        let x = TestMatrix(generator.floats(rows * 256), rows: rows, columns: 256)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for backend in everyBackend {
            let outs = layers.map { TestMatrix(rows: rows, columns: $0.outputs) }
            QuantizedLinear.applyAll(zip(layers, outs).map { ($0, $1.view) }, to: x.view, on: backend, pool)
            for (linear, out) in zip(layers, outs) {
                #expect(out.bits == Self.product(linear, x, backend, pool).bits)
            }
        }
    }

    /// In a mapped file a tensor need not begin where a vector would like it to.
    @Test(arguments: WeightType.allCases) func weightsMayLieAnywhere(type: WeightType) {
        var generator = Generator(state: UInt64(type.rawValue))
        let bytes = QuantizedLinearTests.blocks(type, rows: 9, columns: 256, &generator)
        let x = TestMatrix(generator.floats(10 * 256), rows: 10, columns: 256)
        let pool = ThreadPool(threads: 1)
        let aligned = QuantizedLinearTests.layer(bytes, type, inputs: 256, outputs: 9)
        let buffer = AlignedBuffer<UInt8>([0, 0, 0] + bytes)
        let moved = QuantizedLinear(
            weights: buffer.pointer + 3, type: type, inputs: 256, outputs: 9, owner: buffer)
        for backend in nativeBackends {
            #expect(
                Self.product(moved, x, backend, pool).bits == Self.product(aligned, x, backend, pool).bits,
                "\(backend.testDescription)")
        }
    }

    /// A damaged file's scales are infinite or no numbers: so are the results, and only those of the damaged row.
    @Test(arguments: WeightType.allCases.filter { $0 != .i8 }, [1, 7, 30])
    func damagedScalesStayInTheirOutput(type: WeightType, rows: Int) {
        var generator = Generator(state: UInt64(type.rawValue))
        var bytes = QuantizedLinearTests.blocks(type, rows: 5, columns: 256, &generator)
        for index in (2 * type.rowBytes(256))..<(3 * type.rowBytes(256)) { bytes[index] = 0xff }
        let linear = QuantizedLinearTests.layer(bytes, type, inputs: 256, outputs: 5)
        let x = TestMatrix(generator.floats(rows * 256), rows: rows, columns: 256)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        for backend in everyBackend {
            for (index, value) in Self.product(linear, x, backend, pool).values.enumerated() {
                #expect(value.isFinite == (index % 5 != 2), "\(backend.testDescription)")
            }
        }
    }

    @Test func noRowsAreNoWork() {
        var generator = Generator(state: 1)
        let linear = Self.random(.q4_1, inputs: 32, outputs: 4, &generator)
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let guarded = TestMatrix([1, 2, 3, 4], rows: 1, columns: 4)
        let none = MatrixView(pointer: guarded.view.pointer, rows: 0, columns: 32)
        let out = MatrixView(pointer: guarded.view.pointer, rows: 0, columns: 4)
        linear.apply(none, into: out, on: ComputeBackend(), pool)
        #expect(guarded.values == [1, 2, 3, 4])
    }
}

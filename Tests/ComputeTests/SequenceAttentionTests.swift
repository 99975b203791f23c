import Compute
import Foundation
import Testing

/// Attention of encoders and beams against its definition in doubles, for heads of any size.
@Suite struct SequenceAttentionTests {
    static let headDims = [1, 4, 8, 16, 20, 32, 48, 64, 100, 128]
    static let lengths = [1, 3, 15, 16, 17, 32, 33, 70]

    /// Random queries, keys and values of some heads.
    private struct Problem {
        let heads = 3
        let headDim: Int
        let length: Int
        let queries: TestMatrix
        let keys: TestMatrix
        let values: TestMatrix
        /// `[heads]` of biases by distance, the first query's reading from `length − 1` on, the next ones' one before.
        let biases: AlignedBuffer<Float>
        let stride: Int

        init(headDim: Int, length: Int, rows: Int) {
            var generator = Generator(state: UInt64(1000 * headDim + length))
            (self.headDim, self.length) = (headDim, length)
            let width = heads * headDim
            queries = TestMatrix(generator.floats(rows * width), rows: rows, columns: width)
            keys = TestMatrix(generator.floats(length * width), rows: length, columns: width)
            values = TestMatrix(generator.floats(length * width), rows: length, columns: width)
            stride = length + rows + 16
            biases = AlignedBuffer(generator.floats(heads * stride))
        }

        var width: Int { heads * headDim }
        var scale: Float { 1 / Float(headDim).squareRoot() }

        /// Where a query's biases begin.
        func bias(head: Int, row: Int, rows: Int) -> UnsafePointer<Float> {
            UnsafePointer(biases.pointer + head * stride + rows - 1 - row)
        }

        /// The definition, over the keys of `positions`.
        func expected(row: Int, head: Int, positions: [Int], bias: UnsafePointer<Float>?) -> [Double] {
            func at(_ matrix: TestMatrix, _ row: Int, _ d: Int) -> Double {
                Double(matrix.view.row(row)[head * headDim + d])
            }
            let scores = positions.enumerated().map { place, position in
                (0..<headDim).reduce(0) { $0 + at(queries, row, $1) * at(keys, position, $1) } * Double(scale)
                    + Double(bias?[place] ?? 0)
            }
            let top = scores.max() ?? 0
            let weights = scores.map { exp($0 - top) }
            let total = weights.reduce(0, +)
            return (0..<headDim).map { d in
                zip(positions, weights).reduce(0) { $0 + $1.1 * at(values, $1.0, d) } / total
            }
        }
    }

    private static func memory(
        _ problem: Problem, _ workspace: Workspace, on backend: ComputeBackend
    ) -> SequenceMemory {
        let floats = SequenceMemory.floats(length: problem.length, heads: problem.heads, headDim: problem.headDim)
        let storage = workspace.take(Float.self, count: floats)
        storage.update(repeating: .nan, count: floats)
        let memory = SequenceMemory(
            length: problem.length, heads: problem.heads, headDim: problem.headDim, storage: storage)
        for head in 0..<problem.heads {
            memory.store(head: head, keys: problem.keys.view, values: problem.values.view, on: backend)
        }
        return memory
    }

    @Test(arguments: headDims, lengths)
    func sequenceAttentionFollowsItsDefinition(headDim: Int, length: Int) {
        let rows = 11
        let problem = Problem(headDim: headDim, length: length, rows: rows)
        let workspace = Workspace()
        let scratch = workspace.take(Float.self, count: SequenceMemory.scratchFloats(length: length))
        for backend in nativeBackends {
            let memory = Self.memory(problem, workspace, on: backend)
            for isBiased in [false, true] {
                let out = TestMatrix(rows: rows, columns: problem.width)
                for head in 0..<problem.heads {
                    let bias = AttentionBias(first: problem.bias(head: head, row: 0, rows: rows), step: -1)
                    memory.attend(
                        problem.queries.view, head: head, scale: problem.scale, bias: isBiased ? bias : nil,
                        into: out.view, scratch: scratch, on: backend)
                    for row in 0..<rows {
                        let expected = problem.expected(
                            row: row, head: head, positions: Array(0..<length),
                            bias: isBiased ? problem.bias(head: head, row: row, rows: rows) : nil)
                        let found = out.view.row(row) + head * headDim
                        let isClose = expected.indices.allSatisfy { abs(Double(found[$0]) - expected[$0]) < 2e-5 }
                        #expect(isClose, "\(backend.testDescription), row \(row), head \(head)")
                    }
                }
            }
        }
    }

    /// A query alone and among others has the same bits.
    @Test(arguments: [4, 20, 64, 128], [1, 17, 33])
    func aQueryDoesNotDependOnTheOthers(headDim: Int, length: Int) {
        let rows = 13
        let problem = Problem(headDim: headDim, length: length, rows: rows)
        let workspace = Workspace()
        let scratch = workspace.take(Float.self, count: SequenceMemory.scratchFloats(length: length))
        for backend in nativeBackends {
            let memory = Self.memory(problem, workspace, on: backend)
            let together = TestMatrix(rows: rows, columns: problem.width)
            let alone = TestMatrix(rows: rows, columns: problem.width)
            for head in 0..<problem.heads {
                memory.attend(
                    problem.queries.view, head: head, scale: 1, into: together.view, scratch: scratch, on: backend)
                for row in 0..<rows {
                    memory.attend(
                        problem.queries.view.slice(row..<row + 1), head: head, scale: 1,
                        into: alone.view.slice(row..<row + 1), scratch: scratch, on: backend)
                }
            }
            #expect(together.bits == alone.bits, "\(backend.testDescription)")
        }
    }

    /// Each row has a past of its own, in slots that lie anywhere and are partly shared.
    @Test(arguments: headDims, lengths)
    func gatheredAttentionFollowsItsDefinition(headDim: Int, length: Int) {
        let rows = 3
        let problem = Problem(headDim: headDim, length: 2 * length, rows: rows)
        var generator = Generator(state: 5)
        let pasts = (0..<rows).map { _ in
            (0..<length).map { _ in Int.random(in: 0..<2 * length, using: &generator) }
        }
        // A slot has the keys of all heads, something else, and the values.
        let (gap, width) = (7, problem.width)
        let store = AlignedBuffer<Float>(count: 2 * length * (2 * width + gap))
        let stride = length + 2
        let slots = AlignedBuffer<UnsafePointer<Float>>(count: rows * stride)
        for position in 0..<2 * length {
            let slot = store.pointer + position * (2 * width + gap)
            slot.update(from: problem.keys.view.row(position), count: width)
            (slot + width).update(repeating: .nan, count: gap)
            (slot + width + gap).update(from: problem.values.view.row(position), count: width)
        }
        for (row, past) in pasts.enumerated() {
            for (place, position) in past.enumerated() {
                slots.pointer[row * stride + place] = UnsafePointer(store.pointer + position * (2 * width + gap))
            }
        }
        let workspace = Workspace()
        let scratch = workspace.take(Float.self, count: GatheredAttention.scratchFloats(length: length))
        let attention = GatheredAttention(
            slots: UnsafePointer(slots.pointer), stride: stride, length: length, headDim: headDim,
            scale: problem.scale)
        for backend in nativeBackends {
            for isBiased in [false, true] {
                let out = TestMatrix(rows: rows, columns: width)
                for head in 0..<problem.heads {
                    let bias = isBiased ? problem.bias(head: head, row: 0, rows: rows) : nil
                    attention.attend(
                        problem.queries.view, head: head, keyOffset: head * headDim,
                        valueOffset: width + gap + head * headDim, bias: bias, into: out.view, scratch: scratch,
                        on: backend)
                    for row in 0..<rows {
                        let expected = problem.expected(row: row, head: head, positions: pasts[row], bias: bias)
                        let found = out.view.row(row) + head * headDim
                        let isClose = expected.indices.allSatisfy { abs(Double(found[$0]) - expected[$0]) < 2e-5 }
                        #expect(isClose, "\(backend.testDescription), row \(row), head \(head)")
                    }
                }
            }
        }
    }

    /// The Gaussian error linear unit and its approximation, each within 10⁻⁶ of its formula.
    @Test(arguments: nativeBackends)
    func geluFollowsItsFormulas(backend: ComputeBackend) {
        let x = (-12_000...12_000).map { Float($0) / 1000 }
        let bias = AlignedBuffer([Float](repeating: 0.25, count: x.count))
        for isExact in [true, false] {
            let plain = TestMatrix(x, rows: 1, columns: x.count)
            let biased = TestMatrix(x.map { $0 - 0.25 }, rows: 1, columns: x.count)
            backend.activate(plain.view, isExact ? .geluErf : .geluTanh)
            backend.activate(biased.view, bias: bias, isExact ? .geluErf : .geluTanh)
            var differences: [Double] = []
            let (found, foundBiased) = (plain.values, biased.values)
            for (i, value) in x.enumerated() {
                let z = Double(value)
                let cubic = (2 / Double.pi).squareRoot() * (z + 0.044715 * z * z * z)
                let expected = z / 2 * (1 + (isExact ? erf(z / 2.0.squareRoot()) : tanh(cubic)))
                differences.append(abs(Double(found[i]) - expected))
                // The sum with the bias is rounded too.
                differences.append(abs(Double(foundBiased[i]) - expected) / 2)
            }
            #expect(differences.allSatisfy { $0 < 1e-6 }, "\(differences.max() ?? 0)")
        }
    }

    /// A bias and an activation at once are what they are one after the other, in every row.
    @Test(arguments: Activation.allCases, [1, 16, 17, 40])
    func biasAndActivationAreOneAfterTheOther(activation: Activation, columns: Int) {
        var generator = Generator(state: 9)
        let x = generator.floats(3 * columns), bias = AlignedBuffer(generator.floats(columns))
        for backend in nativeBackends {
            let together = TestMatrix(x, rows: 3, columns: columns)
            backend.activate(together.view, bias: bias, activation)
            let apart = TestMatrix(
                x.enumerated().map { $1 + bias.pointer[$0 % columns] }, rows: 3, columns: columns)
            backend.activate(apart.view, activation)
            #expect(together.bits == apart.bits, "\(backend.testDescription)")
        }
    }
}

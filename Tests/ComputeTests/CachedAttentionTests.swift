import Compute
import Foundation
import Testing

/// Attention over pages against its definition in doubles.
@Suite struct CachedAttentionTests {
    private struct Shape {
        var heads: Int
        var kvHeads: Int
        var headDim: Int
        var window: Int?
    }

    /// Pages of random keys and values, and the same as plain rows.
    private final class Pages {
        let keys: [[Float]]
        let values: [[Float]]
        let buffers: [AlignedBuffer<Float>]
        let table: UnsafeMutablePointer<UnsafePointer<Float>?>

        /// `length` positions of `kvHeads · headDim` features; what lies behind the last is NaN.
        init(length: Int, kvHeads: Int, headDim: Int, _ random: inout Numbers) {
            keys = (0..<length).map { _ in random.floats(kvHeads * headDim) }
            values = (0..<length).map { _ in random.floats(kvHeads * headDim) }
            let headFloats = CachePage.floats(headDim: headDim)
            let count = (length + CachePage.tokens - 1) / CachePage.tokens
            buffers = (0..<count).map { _ in
                let buffer = AlignedBuffer<Float>(count: kvHeads * headFloats)
                for i in 0..<buffer.count { buffer.pointer[i] = .nan }
                return buffer
            }
            table = .allocate(capacity: count)
            for (index, buffer) in buffers.enumerated() {
                (table + index).initialize(to: UnsafePointer(buffer.pointer))
            }
            for position in 0..<length {
                for head in 0..<kvHeads {
                    keys[position].withUnsafeBufferPointer { key in
                        values[position].withUnsafeBufferPointer { value in
                            CachePage.store(
                                key: key.baseAddress! + head * headDim, value: value.baseAddress! + head * headDim,
                                headDim: headDim, slot: position % CachePage.tokens,
                                head: buffers[position / CachePage.tokens].pointer + head * headFloats)
                        }
                    }
                }
            }
        }

        deinit { table.deallocate() }
    }

    private struct Numbers {
        var state: UInt64

        mutating func floats(_ count: Int) -> [Float] {
            (0..<count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(Int64(bitPattern: state) >> 40) / Float(1 << 23)
            }
        }
    }

    private func definition(
        _ query: ArraySlice<Float>, _ pages: Pages, kvHead: Int, _ shape: Shape, position: Int, scale: Double
    ) -> [Double] {
        let first = shape.window.map { max(0, position + 1 - $0) } ?? 0
        let columns = kvHead * shape.headDim..<(kvHead + 1) * shape.headDim
        let scores = (first...position).map { t in
            scale * zip(query, pages.keys[t][columns]).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let top = scores.max() ?? 0
        let weights = scores.map { exp($0 - top) }
        let total = weights.reduce(0, +)
        return columns.map { d in
            zip(first...position, weights).reduce(0) { $0 + Double(pages.values[$1.0][d]) * $1.1 } / total
        }
    }

    private func attend(
        _ queries: [Float], rows: Int, _ pages: Pages, _ shape: Shape, position: Int, _ backend: ComputeBackend
    ) -> [Float] {
        let width = shape.heads * shape.headDim
        let input = AlignedBuffer(queries)
        let output = AlignedBuffer<Float>(count: rows * width)
        let scratch = AlignedBuffer<Float>(count: CachedAttention.scratchFloats(end: position + rows))
        let group = shape.heads / shape.kvHeads
        for kvHead in 0..<shape.kvHeads {
            CachedAttention(
                pages: UnsafePointer(pages.table), offset: kvHead * CachePage.floats(headDim: shape.headDim),
                headDim: shape.headDim, scale: 0.3, window: shape.window
            ).attend(
                MatrixView(pointer: input.pointer, rows: rows, columns: width), rows: 0..<rows,
                heads: kvHead * group..<(kvHead + 1) * group, position: position,
                into: MatrixView(pointer: output.pointer, rows: rows, columns: width), scratch: scratch.pointer,
                on: backend)
        }
        return Array(UnsafeBufferPointer(start: output.pointer, count: rows * width))
    }

    @Test(arguments: InstructionSet.available)
    func itIsItsDefinition(instructionSet: InstructionSet) {
        let backend = ComputeBackend(instructionSet: instructionSet)
        var random = Numbers(state: 5)
        let shapes = [
            Shape(heads: 9, kvHeads: 3, headDim: 64), Shape(heads: 4, kvHeads: 1, headDim: 256, window: 40),
            Shape(heads: 2, kvHeads: 2, headDim: 16, window: 7), Shape(heads: 14, kvHeads: 2, headDim: 48),
            Shape(heads: 3, kvHeads: 1, headDim: 32, window: 1),
        ]
        for shape in shapes {
            for (position, rows) in [(0, 1), (0, 5), (31, 1), (31, 2), (32, 1), (60, 13), (99, 1), (0, 100)] {
                let pages = Pages(
                    length: position + rows, kvHeads: shape.kvHeads, headDim: shape.headDim, &random)
                let width = shape.heads * shape.headDim
                let queries = random.floats(rows * width)
                let found = attend(queries, rows: rows, pages, shape, position: position, backend)
                for row in 0..<rows {
                    for head in 0..<shape.heads {
                        let at = row * width + head * shape.headDim
                        let expected = definition(
                            queries[at..<at + shape.headDim], pages, kvHead: head / (shape.heads / shape.kvHeads),
                            shape,
                            position: position + row, scale: Double(Float(0.3)))
                        let difference = zip(found[at..<at + shape.headDim], expected).map { abs(Double($0) - $1) }
                            .max()
                        #expect(difference ?? .infinity < 3e-6, "\(shape) \(position) row \(row) head \(head)")
                    }
                }
            }
        }
    }

    @Test(arguments: InstructionSet.available)
    func aQueryDoesNotDependOnTheOthers(instructionSet: InstructionSet) {
        let backend = ComputeBackend(instructionSet: instructionSet)
        var random = Numbers(state: 9)
        for shape in [
            Shape(heads: 9, kvHeads: 3, headDim: 64), Shape(heads: 4, kvHeads: 1, headDim: 80, window: 33),
        ] {
            let pages = Pages(length: 90, kvHeads: shape.kvHeads, headDim: shape.headDim, &random)
            let width = shape.heads * shape.headDim
            let queries = random.floats(70 * width)
            let together = attend(queries, rows: 70, pages, shape, position: 20, backend)
            for row in [0, 1, 11, 12, 44, 69] {
                let alone = attend(
                    Array(queries[row * width..<(row + 1) * width]), rows: 1, pages, shape, position: 20 + row, backend)
                #expect(alone == Array(together[row * width..<(row + 1) * width]), "row \(row)")
            }
        }
    }
}

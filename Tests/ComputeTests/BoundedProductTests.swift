import Compute
import Synchronization
import Testing

/// The largest outputs of a matrix without all others: whatever is bounded, the result is that of the whole product.
@Suite struct BoundedProductTests {
    private let pool = ThreadPool(threads: 2)

    /// A matrix of Q8_0 blocks with random weights and, at `likely`, rows that follow x, whose products stand out.
    private static func blocks(
        rows: Int, x: [Float], likely: [Int], _ generator: inout Generator
    ) -> [UInt8] {
        let columns = x.count
        var bytes: [UInt8] = []
        for row in 0..<rows {
            let isLikely = likely.contains(row)
            for block in 0..<(columns / 32) {
                let scale = Float.random(in: 0.001...0.01, using: &generator)
                let half = QuantizedLinearTests.halfBits(row % 3 == 0 && !isLikely ? -scale : scale)
                bytes += [UInt8(half & 0xff), UInt8(half >> 8)]
                for k in 0..<32 {
                    let weight =
                        isLikely
                        ? (x[32 * block + k] < 0 ? -127 : 127) : Int.random(in: -127...127, using: &generator)
                    bytes.append(UInt8(bitPattern: Int8(weight)))
                }
            }
        }
        return bytes
    }

    /// A matrix and its planes.
    private struct Pair {
        let linear: QuantizedLinear
        let bounded: BoundedProduct

        init(_ blocks: [UInt8], rows: Int, columns: Int, released: @escaping (Range<Int>) -> Void = { _ in }) throws {
            let buffer = AlignedBuffer(blocks)
            linear = QuantizedLinear(
                weights: buffer.pointer, type: .q8_0, inputs: columns, outputs: rows, owner: buffer)
            bounded = try #require(BoundedProduct(linear, released: released))
        }
    }

    private func whole(_ pair: Pair, _ x: [Float], on backend: ComputeBackend) -> [Float] {
        let out = TestMatrix(rows: 1, columns: pair.linear.outputs)
        pair.linear.apply(TestMatrix(x, rows: 1, columns: x.count).view, into: out.view, on: backend, pool)
        return out.values
    }

    /// The bounded product, nil where it was not done.
    private func bounded(
        _ pair: Pair, _ x: [Float], largest: LargestValues = LargestValues(), on backend: ComputeBackend
    ) -> [Float]? {
        let out = TestMatrix(rows: 1, columns: pair.linear.outputs)
        let view = TestMatrix(x, rows: 1, columns: x.count).view
        let isDone = pair.bounded.apply(view, largest: largest, into: out.view, on: backend, pool, Workspace())
        return isDone ? out.values : nil
    }

    /// What is there has the bits of the whole product, and nothing is missing that is as large.
    private func expectLargest(
        _ found: [Float], _ all: [Float], wanted: LargestValues = LargestValues(), isCopied: Bool, _ comment: Comment
    ) {
        let sorted = all.filter { !$0.isNaN }.sorted(by: >)
        let least = min(sorted[wanted.count - 1], sorted[0] - wanted.margin)
        var known = 0
        for (row, (value, exact)) in zip(found, all).enumerated() {
            if value == -.infinity {
                #expect(exact < least, "\(comment): row \(row)")
            } else {
                known += 1
                #expect(value.bitPattern == exact.bitPattern, "\(comment): row \(row)")
            }
        }
        #expect(known > 0)
        if isCopied { #expect(known < all.count / 2, "\(comment): \(known) of \(all.count) rows were multiplied") }
    }

    /// One group of weights; a hidden size that is no power of two; more blocks than the kernels prepare at a time.
    @Test(arguments: nativeBackends, [64, 576, 640, 2112])
    func theLargestIsThatOfTheWholeProduct(backend: ComputeBackend, columns: Int) throws {
        var generator = Generator(state: UInt64(columns))
        let rows = 1003
        let plain = generator.floats(columns)
        var outliers = plain
        for k in stride(from: 5, to: columns, by: 97) { outliers[k] *= 40 }
        for (name, x) in [
            ("plain", plain), ("outliers", outliers), ("tiny", plain.map { $0 * 1e-20 }),
            ("large", plain.map { $0 * 1e9 }), ("some zeros", plain.enumerated().map { $0 / 32 % 2 == 0 ? 0 : $1 }),
        ] {
            // The first row, the last, two that are equal, and those around where threads share the work.
            let pair = try Pair(
                Self.blocks(rows: rows, x: x, likely: [0, 77, 500, 501, 502, 1002], &generator), rows: rows,
                columns: columns)
            let all = whole(pair, x, on: backend)
            // While rows are copied, and with all of them copied.
            for product in 1...BoundedProduct.productsToCopy + 1 {
                let found = try #require(bounded(pair, x, on: backend), "\(name)")
                expectLargest(
                    found, all, isCopied: product >= BoundedProduct.productsToCopy,
                    "\(backend.instructionSet) \(columns) \(name), product \(product)")
            }
        }
    }

    /// Rows that are alike but for what bounds do not read, among many that are not: the largest is found by what was left
    /// out. Were less room left for it than it takes, another row would win.
    @Test(arguments: nativeBackends, [64, 640]) func lowerBitsDecide(backend: ComputeBackend, columns: Int) throws {
        var generator = Generator(state: UInt64(columns) + 7)
        for trial in 0..<20 {
            let x = generator.floats(columns)
            let rows = 1200, rowBytes = columns / 32 * 34
            let alike = Array(stride(from: 3 + trial, to: rows, by: 40))
            var blocks = Self.blocks(rows: rows, x: x, likely: [3], &generator)
            let template = Array(blocks[3 * rowBytes..<4 * rowBytes])
            for (number, row) in alike.enumerated() {
                for k in 0..<rowBytes {
                    var byte = template[k]
                    if k % 34 >= 2 {
                        // One of them follows x in all that is left open, the others where chance has it.
                        let follows = number == trial % alike.count
                        let isNegative = x[k / 34 * 32 + k % 34 - 2] < 0
                        let lower: UInt8 =
                            follows ? (isNegative ? 0 : 15) : UInt8.random(in: 0...15, using: &generator)
                        byte = byte & 0xf0 | lower
                    }
                    blocks[row * rowBytes + k] = byte
                }
            }
            // The template itself would be the largest.
            for k in 0..<rowBytes where k % 34 >= 2 { blocks[3 * rowBytes + k] = 0 }
            let pair = try Pair(blocks, rows: rows, columns: columns)
            let all = whole(pair, x, on: backend)
            for _ in 0..<BoundedProduct.productsToCopy { _ = bounded(pair, x, on: backend) }
            let found = try #require(bounded(pair, x, on: backend))
            expectLargest(found, all, isCopied: true, "\(backend.instructionSet) \(columns), trial \(trial)")
        }
    }

    /// Vectors that are large in the same few columns, as hidden states are, times rows of which none stands out. Were these
    /// columns bounded like others, a third of the rows would reach the largest product.
    @Test(arguments: nativeBackends) func fewLargeColumnsDoNotWidenBounds(backend: ComputeBackend) throws {
        var generator = Generator(state: 9)
        let (rows, columns) = (3000, 640)
        let pair = try Pair(
            Self.blocks(rows: rows, x: generator.floats(columns), likely: [], &generator), rows: rows, columns: columns)
        func hidden() -> [Float] {
            generator.floats(columns).enumerated().map { k, value in k % 32 == 5 || k % 32 == 20 ? 60 * value : value }
        }
        for _ in 0..<BoundedProduct.productsToCopy { _ = bounded(pair, hidden(), on: backend) }
        for product in 0..<20 {
            let x = hidden()
            let found = try #require(bounded(pair, x, on: backend), "product \(product)")
            expectLargest(found, whole(pair, x, on: backend), isCopied: true, "product \(product)")
            let known = found.count { $0 != -.infinity }
            #expect(known < rows / 100, "product \(product): \(known) rows were multiplied")
        }
    }

    /// As sampling wants them: so many, or all within a distance of the largest. Equal ones come together.
    @Test(
        arguments: nativeBackends,
        [
            LargestValues(count: 2), LargestValues(count: 40), LargestValues(count: 100, margin: 1),
            LargestValues(margin: 0.5), LargestValues(margin: 3),
        ])
    func theLargestFewAreThoseOfTheWholeProduct(backend: ComputeBackend, wanted: LargestValues) throws {
        var generator = Generator(state: UInt64(wanted.count))
        let (rows, columns) = (8000, 128)
        let x = generator.floats(columns)
        var blocks = Self.blocks(rows: rows, x: x, likely: [4, 5, 2000, 7999], &generator)
        // Rows 600 to 639 equal row 4, so that the number that is wanted ends among equals, in one block of rows and others.
        let rowBytes = columns / 32 * 34
        for row in [40, 41] + Array(600..<640) {
            blocks.replaceSubrange(row * rowBytes..<(row + 1) * rowBytes, with: blocks[4 * rowBytes..<5 * rowBytes])
        }
        let pair = try Pair(blocks, rows: rows, columns: columns)
        let all = whole(pair, x, on: backend)
        for product in 1...BoundedProduct.productsToCopy + 1 {
            // A product with too many rows may be followed by some that are left to the caller.
            guard let found = bounded(pair, x, largest: wanted, on: backend) else { continue }
            expectLargest(
                found, all, wanted: wanted, isCopied: product >= BoundedProduct.productsToCopy,
                "\(backend.instructionSet) \(wanted), product \(product)")
        }
        var last: [Float]?
        for _ in 0..<40 where last == nil { last = bounded(pair, x, largest: wanted, on: backend) }
        let found = try #require(last)
        expectLargest(found, all, wanted: wanted, isCopied: true, "\(backend.instructionSet) \(wanted)")
    }

    /// Infinite products are nobody's choice, and make room for others.
    @Test(arguments: nativeBackends) func whatIsInfiniteIsLeftToTheCaller(backend: ComputeBackend) throws {
        var generator = Generator(state: 5)
        let (rows, columns) = (2000, 64)
        let x = generator.floats(columns).map { abs($0) + 0.1 }
        var blocks = Self.blocks(rows: rows, x: x, likely: [9, 900], &generator)
        // A row whose first block is multiplied by infinity.
        for k in 0..<32 { blocks[70 * 68 + 2 + k] = 1 }
        (blocks[70 * 68], blocks[70 * 68 + 1]) = (0x00, 0x7c)
        let pair = try Pair(blocks, rows: rows, columns: columns)
        #expect(whole(pair, x, on: backend)[70] == .infinity)
        for _ in 0..<BoundedProduct.productsToCopy {
            #expect(bounded(pair, x, largest: LargestValues(count: 3), on: backend) == nil)
        }
    }

    /// Embeddings of a tied matrix come from the copy as far as there is one.
    @Test(arguments: nativeBackends) func copiedRowsAreExpanded(backend: ComputeBackend) throws {
        var generator = Generator(state: 11)
        let (rows, columns) = (200, 576)
        let x = generator.floats(columns)
        let pair = try Pair(
            Self.blocks(rows: rows, x: x, likely: [7], &generator), rows: rows, columns: columns)
        func expandable() -> Int {
            (0..<rows).count { row in
                var (copied, own) = ([Float](repeating: 0, count: columns), [Float](repeating: 1, count: columns))
                guard pair.bounded.expandRow(row, into: &copied, on: backend) else { return false }
                pair.linear.expandRow(row, into: &own, on: backend)
                #expect(copied.map(\.bitPattern) == own.map(\.bitPattern), "row \(row)")
                return true
            }
        }
        #expect(expandable() == 0)
        _ = bounded(pair, x, on: backend)
        #expect((1..<rows).contains(expandable()))
        for _ in 1..<BoundedProduct.productsToCopy { _ = bounded(pair, x, on: backend) }
        #expect(expandable() == rows)
    }

    @Test(arguments: nativeBackends) func rowsThatAreEqualAreAllThere(backend: ComputeBackend) throws {
        var generator = Generator(state: 3)
        let x = generator.floats(128)
        var blocks = Self.blocks(rows: 200, x: x, likely: [20], &generator)
        let rowBytes = 128 / 32 * 34
        for copy in [3, 199] {
            blocks.replaceSubrange(copy * rowBytes..<(copy + 1) * rowBytes, with: blocks[20 * rowBytes..<21 * rowBytes])
        }
        let pair = try Pair(blocks, rows: 200, columns: 128)
        for _ in 0..<BoundedProduct.productsToCopy { _ = bounded(pair, x, on: backend) }
        let found = try #require(bounded(pair, x, on: backend))
        let largest = try #require(found.max())
        #expect(found.indices.filter { found[$0] == largest } == [3, 20, 199])
    }

    /// Numbers without bounds, and rows without: what cannot be told is computed in full, or by the caller.
    @Test(arguments: nativeBackends) func whatIsNotFiniteMisleadsNobody(backend: ComputeBackend) throws {
        var generator = Generator(state: 4)
        let x = generator.floats(64)
        var blocks = Self.blocks(rows: 300, x: x, likely: [20, 250], &generator)
        let damaged: [(row: Int, half: UInt16)] = [(7, 0x7c00), (8, 0x7e00), (299, 0xfc00)]
        for (row, half) in damaged {
            blocks[row * 68] = UInt8(half & 0xff)
            blocks[row * 68 + 1] = UInt8(half >> 8)
        }
        let pair = try Pair(blocks, rows: 300, columns: 64)
        for _ in 0..<BoundedProduct.productsToCopy { _ = bounded(pair, x, on: backend) }
        let all = whole(pair, x, on: backend)
        if let found = bounded(pair, x, on: backend) {
            // Infinity may stand for itself or be left to the caller; the largest finite product must be there.
            let finite = all.enumerated().filter { $0.element.isFinite }.max { $0.element < $1.element }
            let best = try #require(finite)
            #expect(found[best.offset].bitPattern == best.element.bitPattern)
        } else {
            #expect(all.contains(.infinity), "only an infinite product leaves no largest one")
        }
        for strange in [Float.nan, .infinity, 1e20] {
            var x = x
            x[33] = strange
            let isBounded = bounded(pair, x, on: backend) != nil
            #expect(!isBounded, "\(strange) has no bounds")
        }
    }

    /// Where nothing stands out the caller multiplies everything, for a while without being held up by bounds.
    @Test func tooManyRowsAreLeftToTheCaller() throws {
        var generator = Generator(state: 5)
        let backend = ComputeBackend()
        let (x, zeros) = (generator.floats(64), [Float](repeating: 0, count: 64))
        let released = Mutex<[Range<Int>]>([])
        let pair = try Pair(
            Self.blocks(rows: 400, x: x, likely: [100], &generator), rows: 400, columns: 64,
            released: { range in released.withLock { $0.append(range) } })
        for _ in 0..<BoundedProduct.productsToCopy {
            let isBounded = bounded(pair, x, on: backend) != nil
            #expect(isBounded)
        }
        let copied = released.withLock { $0.dropLast() }
        #expect(copied.first?.lowerBound == 0 && copied.last?.upperBound == 400 * 68)
        #expect(
            zip(copied, copied.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound },
            "each row is let go when it is copied")
        // All products with zeros are equal. One such vector is no reason to give up.
        #expect(bounded(pair, zeros, on: backend) == [Float](repeating: 0, count: 400))
        #expect(bounded(pair, x, on: backend) != nil)
        let left = (0..<100).count { _ in bounded(pair, zeros, on: backend) == nil }
        #expect((80...99).contains(left), "\(left) of 100 products were left to the caller")
        let answers = (0..<100).count { _ in bounded(pair, x, on: backend) != nil }
        #expect((50...99).contains(answers), "bounds are tried again")
        #expect(released.withLock { $0.last } == 0..<400 * 68, "what was mapped again meanwhile is let go")
    }

    @Test func otherMatricesHaveNoBounds() {
        let bytes = AlignedBuffer([UInt8](repeating: 0, count: 4096))
        func linear(_ type: WeightType, _ columns: Int) -> QuantizedLinear {
            QuantizedLinear(weights: bytes.pointer, type: type, inputs: columns, outputs: 8, owner: bytes)
        }
        #expect(BoundedProduct(linear(.q4_0, 64)) == nil)
        #expect(BoundedProduct(linear(.q8_0, 96)) == nil, "blocks go in pairs")
        #expect(BoundedProduct(linear(.q8_0, 64)) != nil)
    }
}

internal import CKernels
internal import Synchronization

/// The largest outputs of a Q8_0 matrix, without reading all of it: what greedy decoding, top-k and min-p want of a layer over
/// a vocabulary.
///
/// A copy of the matrix lies in two planes. The upper four bits of each weight bound every product (by Cauchy and Schwarz,
/// with room for rounding: `nibble_planes.inc`), in little more than half of the bytes; only rows whose bound reaches what
/// is known to be wanted are multiplied, with the bits that the whole matrix would give. The largest output is exact
/// whatever the bounds are; where they let too many rows through again and again, the caller computes all for a while.
///
/// What makes bounds wide is mostly a few columns in which hidden states are large, token after token. Two columns of each
/// block, those in which the first vector is largest, are therefore known in full.
///
/// Rows go from the matrix into the planes bit by bit, some with every product; until then they are multiplied where they
/// are. So nobody waits for the planes, few tokens do not pay for many, and memory that is mapped can be let go as other
/// memory fills.
///
/// Not thread-safe: products are computed one at a time. `@unchecked Sendable`: the thread that runs a model owns it.
package final class BoundedProduct: @unchecked Sendable {
    /// Of so many values, at most, each can be told from all that are smaller.
    package static let mostWanted = 256
    /// All rows are copied after this many products.
    package static let productsToCopy = 64
    /// With more than one in so many rows whose bounds reach what is wanted, the whole matrix is faster.
    private static let tooManyShare = 16
    /// Products that are left to the caller before bounds are tried again, at most. One product with too many rows, as the
    /// first after a prompt may be, is followed by none, the next by one, and then by twice as many each time.
    private static let longestPause = 32
    /// Where several values are wanted: rows of which the largest bound is looked at first, and how many products, for each
    /// value, it may take to know what bounds must reach.
    private static let rowsOfBlock = 64
    private static let productsForEachWanted = 8
    /// Pieces of work for each thread: rows that are multiplied lie close together in many vocabularies.
    private static let piecesPerThread = 16
    /// After so many products the matrix is let go again: whoever else needed it has had it mapped.
    private static let boundedBeforeRelease = 64

    private let linear: QuantizedLinear
    private let released: (Range<Int>) -> Void
    private let upper: AlignedBuffer<UInt8>
    private let lower: AlignedBuffer<UInt8>
    /// Two places in each block of columns.
    private var chosen: [UInt8]
    /// The first so many rows are copied.
    private var copied = 0
    /// Products until bounds are tried again, and how many there will be the next time.
    private var pausing = 0
    private var nextPause = 0
    /// Products that were bounded.
    private var bounded = 0

    /// - Parameter released: told which bytes of the matrix are not expected to be read soon.
    /// - Returns: nil for a matrix of another type or shape, and where there is no memory for another.
    package init?(_ linear: QuantizedLinear, released: @escaping (Range<Int>) -> Void = { _ in }) {
        let (rows, columns) = (linear.outputs, linear.inputs)
        guard linear.type == .q8_0, linear.scales == nil, columns % 64 == 0,
            let upper = AlignedBuffer<UInt8>(mapped: rows * svc_upper_bytes(columns) + 64),
            let lower = AlignedBuffer<UInt8>(mapped: rows * columns / 2)
        else { return nil }
        (self.linear, self.released) = (linear, released)
        (self.upper, self.lower) = (upper, lower)
        chosen = [UInt8](repeating: 0, count: columns / 16)
    }

    /// Bytes of the planes.
    package var sizeBytes: Int { upper.count + lower.count }

    /// Bytes that a product reads, but for the rows that are multiplied in full.
    package var boundBytes: Int { upper.count }

    /// Whether bounds are faster than products: not where they are plain C.
    package static func pays(on backend: ComputeBackend) -> Bool {
        backend.products == .native && backend.instructionSet >= .avx2
    }

    /// `out ← x · Wᵀ` in its largest values and wherever these stand; elsewhere it is exact or −∞.
    ///
    /// - Parameters:
    ///   - x: `[1, inputs]`
    ///   - wanted: which values; at most `mostWanted`.
    ///   - out: `[1, outputs]`
    /// - Returns: whether it was done. If not, `out` means nothing, and the product is to be computed in full.
    package func apply(
        _ x: MatrixView, largest wanted: LargestValues = LargestValues(), into out: MatrixView,
        on backend: ComputeBackend, _ pool: ThreadPool, _ workspace: Workspace
    ) -> Bool {
        precondition(
            x.rows == 1 && out.rows == 1 && x.columns == linear.inputs && out.columns == linear.outputs,
            "shapes of a bounded product")
        precondition((1...Self.mostWanted).contains(wanted.count) && wanted.margin >= 0, "values of a bounded product")
        guard pausing == 0 else {
            pausing -= 1
            return false
        }
        return workspace.scoped {
            guard let vector = vector(x, workspace) else { return false }
            copyMore(pool)
            let multiplied = largest(wanted, vector, x, into: out, on: backend, pool)
            if multiplied ?? .max > copied / Self.tooManyShare {
                pausing = nextPause
                nextPause = min(max(1, 2 * nextPause), Self.longestPause)
            } else {
                nextPause = 0
            }
            bounded += 1
            if bounded % Self.boundedBeforeRelease == 0 { released(0..<copied * rowBytes) }
            return multiplied != nil
        }
    }

    /// `out` ← row `index` of the matrix as floats, if it has been copied: what is let go of the matrix then stays away,
    /// although its rows are embeddings too.
    ///
    /// - Returns: whether it was.
    package func expandRow(_ index: Int, into out: UnsafeMutablePointer<Float>, on backend: ComputeBackend) -> Bool {
        guard index < copied else { return false }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: rowBytes) { row in
            guard let row = row.baseAddress else { return }
            withUnsafePointer(to: planes) { backend.kernels.pointee.join_planes($0, index, 1, row) }
            backend.kernels.pointee.expand_row(svc_weight_q8_0, row, linear.inputs, out)
        }
        return true
    }

    private var planes: svc_nibble_planes {
        svc_nibble_planes(upper: upper.pointer, lower: lower.pointer, columns: linear.inputs)
    }

    private var rowBytes: Int { linear.type.rowBytes(linear.inputs) }

    /// Copies the next rows.
    private func copyMore(_ pool: ThreadPool) {
        guard copied < linear.outputs else { return }
        let columns = linear.inputs
        let end = min(linear.outputs, copied + (linear.outputs + Self.productsToCopy - 1) / Self.productsToCopy)
        let (first, count) = (copied, end - copied)
        pool.forEach(pool.threads) { piece in
            let row = first + count * piece / pool.threads
            svc_split_q8_0(
                linear.weights + row * rowBytes, first + count * (piece + 1) / pool.threads - row, columns, chosen,
                upper.pointer + row * svc_upper_bytes(columns), lower.pointer + row * columns / 2)
        }
        copied = end
        released(first * rowBytes..<end * rowBytes)
    }

    /// Products with the rows that are not copied yet. Returns the largest of them.
    private func multiplyOthers(
        _ x: MatrixView, into out: MatrixView, on backend: ComputeBackend, _ pool: ThreadPool
    ) -> Float {
        let count = linear.outputs - copied
        guard count > 0 else { return -.infinity }
        let products = MatrixView(pointer: out.pointer + copied, rows: 1, columns: count)
        linear.rows(copied..<linear.outputs).apply(x, into: products, on: backend, pool)
        return products.pointer[backend.argmax(products.pointer, count: count)]
    }

    /// x as the kernels want it; nil where it has no bounds. The first one tells which columns are known in full.
    private func vector(_ x: MatrixView, _ workspace: Workspace) -> svc_bounded_vector? {
        let columns = linear.inputs, blocks = (columns / 32 + 15) / 16 * 16
        func perBlock() -> UnsafeMutablePointer<Float> { workspace.take(Float.self, count: blocks) }
        var vector = svc_bounded_vector(
            digits: workspace.take(Int8.self, count: 2 * columns + 32), units: perBlock(), first: perBlock(),
            second: perBlock(), offsets: perBlock(), norms: perBlock(), slack: perBlock())
        if copied == 0 { svc_choose_columns(x.pointer, columns, &chosen) }
        return svc_bound_input(x.pointer, columns, chosen, &vector) != 0 ? vector : nil
    }

    /// Returns how many of the copied rows were multiplied; nil if what is wanted is not all finite.
    private func largest(
        _ wanted: LargestValues, _ vector: svc_bounded_vector, _ x: MatrixView, into out: MatrixView,
        on backend: ComputeBackend, _ pool: ThreadPool
    ) -> Int? {
        let rows = copied
        let pieces = min(rows, Self.piecesPerThread * pool.threads)
        func range(_ piece: Int) -> Range<Int> { rows * piece / pieces..<rows * (piece + 1) / pieces }
        // Each piece's most promising row is multiplied at once: the largest product so far is what bounds must reach.
        let least = Atomic<Int32>(Self.ordered(multiplyOthers(x, into: out, on: backend, pool)))
        pool.forEach(pieces) { piece, thread in
            let range = range(piece), bounds = out.pointer + range.lowerBound
            let best = withUnsafePointer(to: planes) { planes in
                withUnsafePointer(to: vector) { vector in
                    backend.kernels.pointee.bound_planes(planes, range.lowerBound, range.count, vector, bounds)
                }
            }
            let product = product(range.lowerBound + best, x, on: backend, pool.workspace(thread))
            least.max(Self.ordered(product), ordering: .relaxed)
        }
        var threshold = Self.value(least.load(ordering: .relaxed)) - wanted.margin
        if wanted.count > 1 {
            threshold = min(threshold, reached(by: wanted.count, x, bounds: out, on: backend, pool))
        }
        guard threshold.isFinite else { return nil }
        let multiplied = Atomic<Int>(0)
        pool.forEach(pieces) { piece, thread in
            let range = range(piece)
            let count = multiply(
                range, above: threshold, x, bounds: out.pointer + range.lowerBound, on: backend,
                pool.workspace(thread))
            multiplied.add(count, ordering: .relaxed)
        }
        // What is infinite is nobody's choice, and takes the place of another.
        if wanted.count > 1, !out.pointer[backend.argmax(out.pointer, count: out.columns)].isFinite { return nil }
        return multiplied.load(ordering: .relaxed)
    }

    /// A value that at least so many products reach, and not many more as far as bounds tell; −∞ if there is none.
    ///
    /// The blocks of rows with the largest bounds say how large a bound has to be for as many rows to have it; of the rows
    /// that have it, the best blocks' first, the products are ranked.
    ///
    /// - Parameter bounds: of the copied rows; of the others their products.
    private func reached(
        by count: Int, _ x: MatrixView, bounds: MatrixView, on backend: ComputeBackend, _ pool: ThreadPool
    ) -> Float {
        let blocks = (bounds.columns + Self.rowsOfBlock - 1) / Self.rowsOfBlock
        func rows(_ block: Int) -> Range<Int> {
            block * Self.rowsOfBlock..<min(bounds.columns, (block + 1) * Self.rowsOfBlock)
        }
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: blocks) { largest in
            let start = largest.baseAddress
            pool.forEach(pool.threads) { piece in
                guard let start else { return }
                for block in blocks * piece / pool.threads..<blocks * (piece + 1) / pool.threads {
                    let first = bounds.pointer + rows(block).lowerBound
                    start[block] = first[backend.argmax(first, count: rows(block).count)]
                }
            }
            var promising = RankedIndices(count: count)
            for block in 0..<blocks { promising.insert(largest[block], block) }
            guard let least = promising.least else { return -.infinity }
            var products = RankedIndices(count: count)
            var left = Self.productsForEachWanted * count
            let workspace = pool.workspace(0)
            for block in promising.indices where left > 0 {
                for row in rows(block) where bounds.pointer[row] >= least {
                    let bound = bounds.pointer[row]
                    products.insert(row < copied ? product(row, x, on: backend, workspace) : bound, row)
                    left -= 1
                }
            }
            return products.least ?? -.infinity
        }
    }

    /// The product of a row that has been copied.
    private func product(_ row: Int, _ x: MatrixView, on backend: ComputeBackend, _ workspace: Workspace) -> Float {
        var product: Float = 0
        _ = multiply(row..<row + 1, above: -.infinity, x, bounds: &product, on: backend, workspace)
        return product
    }

    /// Of bounds those that are not below `least` become products, the others −∞. Returns how many.
    private func multiply(
        _ rows: Range<Int>, above least: Float, _ x: MatrixView, bounds: UnsafeMutablePointer<Float>,
        on backend: ComputeBackend, _ workspace: Workspace
    ) -> Int {
        workspace.scoped {
            let room = workspace.take(UInt8.self, count: Int(SVC_ROWS_ABOVE) * rowBytes)
            return withUnsafePointer(to: planes) { planes in
                svc_products_above(
                    backend.kernels, planes, rows.lowerBound, rows.count, x.pointer, least, bounds, room)
            }
        }
    }

    /// Whole numbers in the order of floats. NaN is the least of all.
    private static func ordered(_ value: Float) -> Int32 {
        guard !value.isNaN else { return .min }
        let bits = Int32(bitPattern: value.bitPattern)
        return bits < 0 ? bits ^ .max : bits
    }

    /// The float of such a number; NaN for the least.
    private static func value(_ ordered: Int32) -> Float {
        Float(bitPattern: UInt32(bitPattern: ordered < 0 ? ordered ^ .max : ordered))
    }
}

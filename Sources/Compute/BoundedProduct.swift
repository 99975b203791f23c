internal import CKernels
internal import Synchronization

/// The largest outputs of a Q8_0 matrix, without reading all of it: what greedy decoding wants of a layer over a vocabulary.
///
/// A copy of the matrix lies in two planes. The upper four bits of each weight bound every product (by Cauchy and Schwarz,
/// with room for rounding: `nibble_planes.inc`), in half of the bytes; only of rows whose bound reaches the largest product
/// known the lower bits are looked at, and the few that remain are multiplied, with the bits that the whole matrix would
/// give. The largest output is exact whatever the bounds are; if they let too many rows through, the caller computes all.
///
/// Rows go from the matrix into the planes bit by bit, some with every product; until then they are multiplied where they
/// are. So nobody waits for the planes, few tokens do not pay for many, and memory that is mapped can be let go as other
/// memory fills.
///
/// Not thread-safe: products are computed one at a time. `@unchecked Sendable`: the thread that runs a model owns it.
package final class BoundedProduct: @unchecked Sendable {
    /// All rows are copied after this many products.
    package static let productsToCopy = 64
    /// With more than one in so many rows whose bounds reach the largest product, the whole matrix is as fast.
    private static let tooManyShare = 6
    /// Products in full before bounds are tried again, at most; the first time it is one, then twice as many as before.
    private static let longestPause = 32
    /// Pieces of work for each thread: rows that are multiplied lie close together in many vocabularies.
    private static let piecesPerThread = 16

    private let linear: QuantizedLinear
    private let released: (Range<Int>) -> Void
    private let upper: AlignedBuffer<UInt8>
    private let lower: AlignedBuffer<UInt8>
    private let units: AlignedBuffer<UInt16>
    private let reach: AlignedBuffer<Float>
    /// The first so many rows are copied.
    private var copied = 0
    /// Products until bounds are tried again, and how many there will be the next time.
    private var pausing = 0
    private var nextPause = 1
    /// Products that were bounded since one was not.
    private var bounded = 0
    /// After so many the matrix itself is not expected to be read soon.
    private static let boundedBeforeRelease = 64

    /// - Parameter released: told which bytes of the matrix are not expected to be read soon.
    /// - Returns: nil for a matrix of another type or shape, and where there is no memory for another.
    package init?(_ linear: QuantizedLinear, released: @escaping (Range<Int>) -> Void = { _ in }) {
        let (rows, columns) = (linear.outputs, linear.inputs)
        guard linear.type == .q8_0, linear.scales == nil, columns % 64 == 0,
            let upper = AlignedBuffer<UInt8>(mapped: rows * columns / 2),
            let lower = AlignedBuffer<UInt8>(mapped: rows * columns / 2),
            let units = AlignedBuffer<UInt16>(mapped: rows * columns / 32 + 7),
            let reach = AlignedBuffer<Float>(mapped: rows)
        else { return nil }
        (self.linear, self.released) = (linear, released)
        (self.upper, self.lower, self.units, self.reach) = (upper, lower, units, reach)
    }

    /// Bytes of the planes.
    package var sizeBytes: Int { upper.count + lower.count + 2 * units.count + 4 * reach.count }

    /// Bytes that a product reads, but for the rows that are multiplied in full.
    package var boundBytes: Int { upper.count + 2 * units.count + 4 * reach.count }

    /// Whether bounds are faster than products: not where they are plain C.
    package static func pays(on backend: ComputeBackend) -> Bool {
        backend.products == .native && backend.instructionSet >= .avx2
    }

    /// `out ← x · Wᵀ` in its largest value and wherever that stands; elsewhere it is exact or −∞.
    ///
    /// - Parameters:
    ///   - x: `[1, inputs]`
    ///   - out: `[1, outputs]`
    /// - Returns: whether it was done. If not, `out` means nothing, and the product is to be computed in full.
    package func apply(
        _ x: MatrixView, into out: MatrixView, on backend: ComputeBackend, _ pool: ThreadPool, _ workspace: Workspace
    ) -> Bool {
        precondition(
            x.rows == 1 && out.rows == 1 && x.columns == linear.inputs && out.columns == linear.outputs,
            "shapes of a bounded product")
        guard pausing == 0 else {
            pausing -= 1
            return false
        }
        copyMore(pool)
        return workspace.scoped {
            guard let vector = vector(x, workspace) else { return false }
            guard largest(vector, x, into: out, on: backend, pool) else {
                pausing = nextPause
                nextPause = min(2 * nextPause, Self.longestPause)
                bounded = 0
                return false
            }
            nextPause = 1
            bounded += 1
            // Whoever else needed the whole matrix had it mapped again.
            if bounded % Self.boundedBeforeRelease == 0 { released(0..<copied * rowBytes) }
            return true
        }
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
                linear.weights + row * rowBytes, first + count * (piece + 1) / pool.threads - row, columns,
                upper.pointer + row * columns / 2, lower.pointer + row * columns / 2,
                units.pointer + row * columns / 32, reach.pointer + row)
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

    /// x as the kernels want it; nil where it has no bounds.
    private func vector(_ x: MatrixView, _ workspace: Workspace) -> svc_bounded_vector? {
        let columns = linear.inputs
        let high = workspace.take(Int8.self, count: columns)
        let low = workspace.take(Int8.self, count: columns)
        let blocks = (columns / 32 + 7) / 8 * 8
        let units = workspace.take(Float.self, count: blocks)
        let offsets = workspace.take(Float.self, count: blocks)
        let norms = workspace.take(Float.self, count: blocks)
        guard svc_bound_input(x.pointer, columns, high, low, units, offsets, norms) != 0 else { return nil }
        return svc_bounded_vector(high: high, low: low, units: units, offsets: offsets, norms: norms)
    }

    /// Returns false if there is no largest product, or too many rows that might have it.
    private func largest(
        _ vector: svc_bounded_vector, _ x: MatrixView, into out: MatrixView, on backend: ComputeBackend,
        _ pool: ThreadPool
    ) -> Bool {
        let planes = svc_nibble_planes(
            upper: upper.pointer, lower: lower.pointer, units: units.pointer, reach: reach.pointer,
            columns: linear.inputs)
        let (kernels, rows) = (backend.kernels, copied)
        let pieces = min(rows, Self.piecesPerThread * pool.threads)
        func range(_ piece: Int) -> Range<Int> { rows * piece / pieces..<rows * (piece + 1) / pieces }
        /// Of bounds those that are not below `least` become products, the others −∞.
        func multiply(_ range: Range<Int>, above least: Float, _ bounds: UnsafeMutablePointer<Float>, _ thread: Int) {
            let workspace = pool.workspace(thread)
            workspace.scoped {
                let row = workspace.take(UInt8.self, count: rowBytes)
                withUnsafePointer(to: planes) { planes in
                    withUnsafePointer(to: vector) { vector in
                        svc_products_above(
                            kernels, planes, range.lowerBound, range.count, x.pointer, vector, least, bounds, row)
                    }
                }
            }
        }
        // Each piece's most promising row is multiplied at once: the largest product so far is what bounds must reach.
        let least = Atomic<Int32>(Self.ordered(multiplyOthers(x, into: out, on: backend, pool)))
        pool.forEach(pieces) { piece, thread in
            let range = range(piece), bounds = out.pointer + range.lowerBound
            let best = withUnsafePointer(to: planes) { planes in
                withUnsafePointer(to: vector) { vector in
                    kernels.pointee.bound_planes(planes, range.lowerBound, range.count, vector, bounds)
                }
            }
            var product = bounds[best]
            multiply(range.lowerBound + best..<range.lowerBound + best + 1, above: -.infinity, &product, thread)
            least.max(Self.ordered(product), ordering: .relaxed)
        }
        let threshold = Self.value(least.load(ordering: .relaxed))
        guard threshold.isFinite else { return false }
        let found = Atomic<Int>(0)
        pool.forEach(pieces) { piece in
            let range = range(piece)
            found.add(
                svc_count_not_below(out.pointer + range.lowerBound, range.count, threshold), ordering: .relaxed)
        }
        guard found.load(ordering: .relaxed) <= rows / Self.tooManyShare else { return false }
        pool.forEach(pieces) { piece, thread in
            let range = range(piece)
            multiply(range, above: threshold, out.pointer + range.lowerBound, thread)
        }
        return true
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

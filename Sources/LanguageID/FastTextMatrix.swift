import Checkpoints

/// Rows of floats, however they are stored. Conforming types are plain views: they own nothing, and are
/// valid only as long as the region they were read from. Row indices are the caller's to check.
protocol EmbeddingMatrix {
    var rows: Int { get }
    var columns: Int { get }
    /// `sum += row`, over `columns` floats.
    func add(row: Int, to sum: UnsafeMutablePointer<Float>)
    /// The inner product of a row and `vector`.
    func dot(row: Int, _ vector: UnsafePointer<Float>) -> Float
}

/// A matrix of a model file, used where it lies.
enum FastTextMatrix {
    case dense(DenseMatrix)
    case quantized(QuantizedMatrix)

    var rows: Int {
        switch self {
        case .dense(let matrix): matrix.rows
        case .quantized(let matrix): matrix.rows
        }
    }

    /// Reads a matrix whose rows must be `columns` long. `what` names it in errors.
    init(_ reader: inout ByteReader, quantized: Bool, columns: Int, what: String) throws {
        self =
            quantized
            ? .quantized(try QuantizedMatrix(&reader, columns: columns, what: what))
            : .dense(try DenseMatrix(&reader, columns: columns, what: what))
    }

    /// The number of rows and columns, the second of which is known.
    fileprivate static func shape(_ reader: inout ByteReader, columns: Int, what: String) throws -> Int {
        let start = reader.offset
        let rows = try reader.count(Int64.self, "the rows of \(what)", in: 0...Int(Int32.max))
        let found = try reader.integer(Int64.self, "the columns of \(what)")
        guard found == Int64(columns) else {
            throw reader.invalid("\(what) has \(found) columns, the model's dimension is \(columns)", at: start + 8)
        }
        return rows
    }
}

/// 32-bit floats row by row, at any alignment.
struct DenseMatrix: EmbeddingMatrix {
    let rows: Int
    let columns: Int
    private let elements: UnsafeRawBufferPointer

    init(_ reader: inout ByteReader, columns: Int, what: String) throws {
        rows = try FastTextMatrix.shape(&reader, columns: columns, what: what)
        self.columns = columns
        // At most 2^31 × 2^31: the product cannot overflow.
        let region = try reader.finiteFloats(rows * columns, what)
        // The check above has touched every page; prediction needs few of them.
        region.releasePages()
        elements = region.buffer
    }

    @inline(__always)
    func add(row: Int, to sum: UnsafeMutablePointer<Float>) {
        let start = row * columns * 4
        for index in 0..<columns {
            sum[index] += elements.loadUnaligned(fromByteOffset: start + index * 4, as: Float.self)
        }
    }

    @inline(__always)
    func dot(row: Int, _ vector: UnsafePointer<Float>) -> Float {
        let start = row * columns * 4
        var sum: Float = 0
        for index in 0..<columns {
            sum += elements.loadUnaligned(fromByteOffset: start + index * 4, as: Float.self) * vector[index]
        }
        return sum
    }
}

/// A product-quantized matrix: each row is cut into runs of `subDimension` floats (the last may be shorter),
/// each run is one of 256 centroids of its place, named by a byte; the row may carry a norm, itself a byte
/// naming one of 256 numbers.
struct QuantizedMatrix: EmbeddingMatrix {
    /// How many centroids a byte can name.
    private static let centroidsPerRun = 256

    let rows: Int
    let columns: Int
    private let runs: Int
    private let subDimension: Int
    private let lastSubDimension: Int
    /// `[rows, runs]` bytes.
    private let codes: UnsafeRawBufferPointer
    /// `[runs, 256, subDimension]` floats; the last run's centroids are `lastSubDimension` long.
    private let centroids: UnsafeRawBufferPointer
    /// `[rows]` bytes, or empty.
    private let normCodes: UnsafeRawBufferPointer
    /// 256 floats, or empty.
    private let norms: UnsafeRawBufferPointer

    init(_ reader: inout ByteReader, columns: Int, what: String) throws {
        let hasNorms = try reader.flag("the norm flag of \(what)")
        rows = try FastTextMatrix.shape(&reader, columns: columns, what: what)
        self.columns = columns
        let codesOffset = reader.offset
        let codeCount = try reader.count(Int32.self, "the number of codes of \(what)", in: 0...Int(Int32.max))
        codes = try reader.bytes(codeCount, "the codes of \(what)").buffer

        let quantizer = try ProductQuantizer(&reader, dimension: columns, what: "the quantizer of \(what)")
        runs = quantizer.runs
        subDimension = quantizer.subDimension
        lastSubDimension = columns - (runs - 1) * subDimension
        centroids = quantizer.centroids
        guard codeCount == rows * runs else {
            throw reader.invalid(
                "\(what) has \(codeCount) codes, \(rows) rows of \(runs) need \(rows * runs)", at: codesOffset)
        }
        if hasNorms {
            normCodes = try reader.bytes(rows, "the norm codes of \(what)").buffer
            norms = try ProductQuantizer(&reader, dimension: 1, what: "the norm quantizer of \(what)").centroids
        } else {
            normCodes = UnsafeRawBufferPointer(start: nil, count: 0)
            norms = normCodes
        }
    }

    @inline(__always)
    private func norm(_ row: Int) -> Float {
        guard !normCodes.isEmpty else { return 1 }
        return norms.loadUnaligned(fromByteOffset: Int(normCodes[row]) * 4, as: Float.self)
    }

    /// Where in `centroids` the run `run` of `row` begins, in bytes, and how many floats it has.
    @inline(__always)
    private func centroid(row: Int, run: Int) -> (offset: Int, length: Int) {
        let length = run == runs - 1 ? lastSubDimension : subDimension
        let code = Int(codes[row * runs + run])
        return ((run * Self.centroidsPerRun * subDimension + code * length) * 4, length)
    }

    @inline(__always)
    func add(row: Int, to sum: UnsafeMutablePointer<Float>) {
        let scale = norm(row)
        if subDimension == 2, lastSubDimension == 2 {
            // What fastText writes unless told otherwise, and with an even dimension: worth a loop without branches.
            addPairs(row, scale, UnsafeMutableRawPointer(sum))
            return
        }
        for run in 0..<runs {
            let (offset, length) = centroid(row: row, run: run)
            let target = sum + run * subDimension
            for index in 0..<length {
                target[index] += scale * centroids.loadUnaligned(fromByteOffset: offset + index * 4, as: Float.self)
            }
        }
    }

    @inline(__always)
    private func addPairs(_ row: Int, _ scale: Float, _ sum: UnsafeMutableRawPointer) {
        typealias Pair = SIMD2<Float>
        let stride = MemoryLayout<Pair>.size
        for run in 0..<runs {
            let code = Int(codes[row * runs + run])
            let pair = centroids.loadUnaligned(
                fromByteOffset: (run * Self.centroidsPerRun + code) * stride, as: Pair.self)
            let target = sum + run * stride
            target.storeBytes(of: target.loadUnaligned(as: Pair.self) + scale * pair, as: Pair.self)
        }
    }

    @inline(__always)
    func dot(row: Int, _ vector: UnsafePointer<Float>) -> Float {
        var sum: Float = 0
        for run in 0..<runs {
            let (offset, length) = centroid(row: row, run: run)
            let part = vector + run * subDimension
            for index in 0..<length {
                sum += part[index] * centroids.loadUnaligned(fromByteOffset: offset + index * 4, as: Float.self)
            }
        }
        return sum * norm(row)
    }

    /// The centroids of one quantizer, its shape checked against the vectors it must describe.
    private struct ProductQuantizer {
        let runs: Int
        let subDimension: Int
        let centroids: UnsafeRawBufferPointer

        init(_ reader: inout ByteReader, dimension: Int, what: String) throws {
            let start = reader.offset
            let found = try reader.integer(Int32.self, "the dimension of \(what)")
            let runs = try reader.integer(Int32.self, "the runs of \(what)")
            let subDimension = try reader.integer(Int32.self, "the run length of \(what)")
            let last = try reader.integer(Int32.self, "the last run length of \(what)")
            // In 64 bits, where none of these products can overflow.
            let covered = (Int(runs) - 1) * Int(subDimension) + Int(last)
            guard Int(found) == dimension, runs >= 1, subDimension >= 1, last >= 1, last <= subDimension,
                covered == dimension
            else {
                throw reader.invalid(
                    "\(what) has dimension \(found) in \(runs) runs of \(subDimension), the last of \(last), which"
                        + " is no way to cut \(dimension) columns", at: start)
            }
            self.runs = Int(runs)
            self.subDimension = Int(subDimension)
            centroids = try reader.finiteFloats(dimension * centroidsPerRun, "the centroids of \(what)").buffer
        }
    }
}

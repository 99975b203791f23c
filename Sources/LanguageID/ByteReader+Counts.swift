import Checkpoints

extension ByteReader {
    /// The next signed integer of the given width, as a count: refused outside `range`, so that no later
    /// arithmetic or allocation rests on a number the file merely claims.
    mutating func count<T: FixedWidthInteger & SignedInteger>(
        _ type: T.Type, _ what: String, in range: ClosedRange<Int>
    ) throws -> Int {
        let start = offset
        let value = try integer(type, what)
        guard let count = Int(exactly: value), range.contains(count) else {
            throw invalid(
                "\(what) is \(value), possible here are \(range.lowerBound) to \(range.upperBound)", at: start)
        }
        return count
    }

    /// The next byte, which must be 0 or 1.
    mutating func flag(_ what: String) throws -> Bool {
        let start = offset
        let value = try integer(UInt8.self, what)
        guard value <= 1 else { throw invalid("\(what) is \(value), neither 0 nor 1", at: start) }
        return value == 1
    }

    /// The next `count` 32-bit floats, without a copy. Each must be finite: one infinity or NaN in a matrix
    /// would turn every prediction that meets it into nonsense, and here the offset can still be named.
    mutating func finiteFloats(_ count: Int, _ what: String) throws -> ByteRegion {
        let start = offset
        let (size, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.size)
        guard !overflow else { throw invalid("\(what) would have \(count) numbers", at: start) }
        let region = try bytes(size, what)
        if let index = Self.firstNonFinite(region.buffer, count: count) {
            throw invalid(
                "\(what) holds a number that is not finite, at index \(index)",
                at: start + index * MemoryLayout<Float>.size)
        }
        return region
    }

    private static func firstNonFinite(_ buffer: UnsafeRawBufferPointer, count: Int) -> Int? {
        // In blocks without an early exit, which the compiler turns into vector code: a large input matrix
        // is read here once at the speed of memory.
        let exponent = Float.infinity.bitPattern
        let block = 1024
        for start in stride(from: 0, to: count, by: block) {
            let end = min(count, start + block)
            var found: UInt32 = 0
            for index in start..<end {
                let bits = buffer.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self) & exponent
                found |= bits == exponent ? 1 : 0
            }
            guard found != 0 else { continue }
            return (start..<end).first {
                buffer.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) & exponent == exponent
            }
        }
        return nil
    }
}

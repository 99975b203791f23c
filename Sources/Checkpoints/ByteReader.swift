/// Reads little-endian values from a region one after the other. Every read is checked against the end
/// of the region before memory is touched, and an error names the value and its offset.
package struct ByteReader: Sendable {
    /// What is read.
    package let region: ByteRegion
    /// Where the next read begins, in bytes from the start of the region.
    package private(set) var offset: Int

    /// The bytes after `offset`.
    package var remaining: Int { region.count - offset }

    /// Starts reading `region` at its first byte.
    package init(_ region: ByteRegion) {
        self.region = region
        self.offset = 0
    }

    /// Moves to an absolute offset, which may be the end of the region.
    package mutating func seek(to offset: Int, what: String) throws {
        guard offset >= 0, offset <= region.count else {
            throw CheckpointError.truncated(
                file: region.source, offset: self.offset, what: what, needed: offset, available: region.count)
        }
        self.offset = offset
    }

    /// The next `count` bytes, without a copy.
    package mutating func bytes(_ count: Int, _ what: String) throws -> ByteRegion {
        let slice = try region.slice(offset: offset, count: count, what: what)
        offset += count
        return slice
    }

    /// The next integer, little-endian.
    package mutating func integer<T: FixedWidthInteger>(_: T.Type, _ what: String) throws -> T {
        let value = try bytes(MemoryLayout<T>.size, what).buffer.loadUnaligned(as: T.self)
        return T(littleEndian: value)
    }

    /// The next 64-bit unsigned integer, as a count: refused above `limit`.
    ///
    /// - Throws: `CheckpointError.invalid` with the value and the limit.
    package mutating func count64(_ what: String, limit: Int) throws -> Int {
        let start = offset
        let value = try integer(UInt64.self, what)
        guard value <= UInt64(limit) else {
            throw CheckpointError.invalid(
                file: region.source, offset: start, reason: "\(what) is \(value), more than the \(limit) possible here")
        }
        return Int(value)
    }

    /// The next 32-bit float, little-endian.
    package mutating func float32(_ what: String) throws -> Float {
        Float(bitPattern: try integer(UInt32.self, what))
    }

    /// The next 64-bit float, little-endian.
    package mutating func float64(_ what: String) throws -> Double {
        Double(bitPattern: try integer(UInt64.self, what))
    }

    /// The bytes up to the next NUL, which is consumed and not returned.
    ///
    /// - Throws: `CheckpointError.truncated` if none follows within `limit` bytes.
    package mutating func cString(_ what: String, limit: Int = 1 << 16) throws -> ByteRegion {
        let window = UnsafeRawBufferPointer(rebasing: region.buffer[offset..<min(region.count, offset + limit)])
        guard let length = window.firstIndex(of: 0) else {
            throw CheckpointError.truncated(
                file: region.source, offset: offset, what: "\(what) ends with a NUL and", needed: window.count + 1,
                available: window.count)
        }
        let value = try bytes(length, what)
        offset += 1
        return value
    }

    /// An error about the bytes at `offset`, or at `at` where given.
    package func invalid(_ reason: String, at position: Int? = nil) -> CheckpointError {
        .invalid(file: region.source, offset: position ?? offset, reason: reason)
    }
}

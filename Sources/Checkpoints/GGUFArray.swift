/// An array in a GGUF file's metadata. The elements stay in the file's memory and are decoded where they are asked for:
/// a vocabulary of 250,000 tokens costs its offsets, not as many strings.
package enum GGUFArray: Sendable {
    case scalars(GGUFScalarArray)
    case strings(GGUFStringArray)
    case arrays([GGUFArray])

    /// The number of elements; for nested arrays, of the outer one.
    package var count: Int {
        switch self {
        case .scalars(let array): array.count
        case .strings(let array): array.count
        case .arrays(let arrays): arrays.count
        }
    }

    /// What it is, for error messages, for example `array of 3 × uint32`.
    var typeDescription: String {
        let element =
            switch self {
            case .scalars(let array): array.type.description
            case .strings: "string"
            case .arrays: "array"
            }
        return "array of \(count) × \(element)"
    }
}

/// An array of numbers or truth values.
package struct GGUFScalarArray: Sendable {
    /// What the elements are: neither strings nor arrays.
    package let type: GGUFValueType
    /// The number of elements.
    package let count: Int
    /// The elements one after the other, little-endian, in the file's memory.
    package let bytes: ByteRegion

    /// Reads `count` elements; truth values are checked here, so that later reads cannot fail.
    ///
    /// - Throws: `CheckpointError` naming `what`.
    init(_ type: GGUFValueType, size: Int, count: Int, _ reader: inout ByteReader, what: String) throws {
        let start = reader.offset
        let (length, overflows) = count.multipliedReportingOverflow(by: size)
        guard !overflows else { throw reader.invalid("\(what) has \(count) elements, which no file can hold") }
        bytes = try reader.bytes(length, what)
        self.type = type
        self.count = count
        if type == .bool, let index = bytes.buffer.firstIndex(where: { $0 > 1 }) {
            throw reader.invalid("\(what)[\(index)] is the truth value \(bytes.buffer[index])", at: start + index)
        }
    }

    /// The elements of any integer type; nil for other types, or if one is beyond the range of `Int`.
    package var integers: [Int]? {
        switch type {
        case .uint8: decoded(UInt8.self)
        case .int8: decoded(Int8.self)
        case .uint16: decoded(UInt16.self)
        case .int16: decoded(Int16.self)
        case .uint32: decoded(UInt32.self)
        case .int32: decoded(Int32.self)
        case .uint64: decoded(UInt64.self)
        case .int64: decoded(Int64.self)
        default: nil
        }
    }

    /// The elements of either float type, rounded to 32 bits; nil for other types.
    package var floats: [Float]? {
        switch type {
        case .float32: decodedBits(UInt32.self).map { Float(bitPattern: $0) }
        case .float64: decodedBits(UInt64.self).map { Float(Double(bitPattern: $0)) }
        default: nil
        }
    }

    /// The truth values; nil for other types.
    package var booleans: [Bool]? {
        type == .bool ? bytes.buffer.map { $0 == 1 } : nil
    }

    private func decoded<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> [Int]? {
        let values = decodedBits(T.self)
        // Only the unsigned 64-bit type goes beyond, and nobody means a number that large.
        guard values.allSatisfy({ $0 <= Int.max }) else { return nil }
        return values.map { Int($0) }
    }

    private func decodedBits<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> [T] {
        let buffer = bytes.buffer
        return (0..<count).map { index in
            T(littleEndian: buffer.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self))
        }
    }
}

/// An array of strings, kept as the place where each begins.
package struct GGUFStringArray: Sendable {
    /// The number of strings.
    package var count: Int { starts.count }
    /// The whole array as it stands in the file: a 64-bit length before each string.
    private let region: ByteRegion
    /// Where each string's bytes begin in `region`. A string ends where the next one's length begins, so that no length
    /// has to be believed twice.
    private let starts: [Int]

    private static let lengthSize = 8

    /// Finds `count` strings.
    ///
    /// - Throws: `CheckpointError` naming `what` and the string that does not fit the file.
    init(count: Int, _ reader: inout ByteReader, what: String) throws {
        let start = reader.offset
        let buffer = reader.region.buffer
        var starts: [Int] = []
        // A count that lies should cost no more than the strings that are there.
        starts.reserveCapacity(min(count, 1 << 18))
        var position = start
        for index in 0..<count {
            let left = buffer.count - position - Self.lengthSize
            guard left >= 0 else {
                throw CheckpointError.truncated(
                    file: reader.region.source, offset: position, what: "\(what)[\(index)]", needed: Self.lengthSize,
                    available: buffer.count - position)
            }
            let length = UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            guard length <= UInt64(left) else {
                throw reader.invalid(
                    "\(what)[\(index)] has \(length) bytes, more than the \(left) that are left", at: position)
            }
            position += Self.lengthSize
            starts.append(position - start)
            position += Int(length)
        }
        region = try reader.bytes(position - start, what)
        self.starts = starts
    }

    /// The bytes of a string. They are valid as long as this array, or anything else of the file, is alive.
    ///
    /// - Precondition: `index` is below `count`.
    package func bytes(at index: Int) -> UnsafeRawBufferPointer {
        let end = index + 1 < starts.count ? starts[index + 1] - Self.lengthSize : region.count
        return UnsafeRawBufferPointer(rebasing: region.buffer[starts[index]..<end])
    }

    /// The text of a string, or nil if its bytes are not UTF-8.
    ///
    /// - Precondition: `index` is below `count`.
    package func text(at index: Int) -> String? { String(validating: bytes(at: index), as: UTF8.self) }
}

/// The types that metadata of a GGUF file may have, with the numbers that stand for them in the file.
package enum GGUFValueType: UInt32, Sendable, CaseIterable, CustomStringConvertible {
    case uint8 = 0
    case int8 = 1
    case uint16 = 2
    case int16 = 3
    case uint32 = 4
    case int32 = 5
    case float32 = 6
    case bool = 7
    case string = 8
    case array = 9
    case uint64 = 10
    case int64 = 11
    case float64 = 12

    /// Bytes of a value; nil for strings and arrays, which say their own length.
    package var size: Int? {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        case .string, .array: nil
        }
    }

    /// The name that stands in error messages.
    package var description: String {
        switch self {
        case .uint8: "uint8"
        case .int8: "int8"
        case .uint16: "uint16"
        case .int16: "int16"
        case .uint32: "uint32"
        case .int32: "int32"
        case .float32: "float32"
        case .bool: "bool"
        case .string: "string"
        case .array: "array"
        case .uint64: "uint64"
        case .int64: "int64"
        case .float64: "float64"
        }
    }
}

/// A string of a GGUF file: bytes which are meant to be UTF-8, and are checked where text is asked for.
package struct GGUFString: Sendable {
    /// The bytes, in the file's memory.
    package let bytes: ByteRegion

    /// The text, or nil if the bytes are not UTF-8.
    package var text: String? { String(validating: bytes.buffer, as: UTF8.self) }
}

/// One value of a GGUF file's metadata.
package enum GGUFValue: Sendable {
    case uint8(UInt8)
    case int8(Int8)
    case uint16(UInt16)
    case int16(Int16)
    case uint32(UInt32)
    case int32(Int32)
    case uint64(UInt64)
    case int64(Int64)
    case float32(Float)
    case float64(Double)
    case bool(Bool)
    case string(GGUFString)
    case array(GGUFArray)

    /// Which of the format's types it has.
    package var type: GGUFValueType {
        switch self {
        case .uint8: .uint8
        case .int8: .int8
        case .uint16: .uint16
        case .int16: .int16
        case .uint32: .uint32
        case .int32: .int32
        case .uint64: .uint64
        case .int64: .int64
        case .float32: .float32
        case .float64: .float64
        case .bool: .bool
        case .string: .string
        case .array: .array
        }
    }

    /// The value of any of the eight integer types; nil for other types, and beyond the range of `Int`.
    package var integer: Int? {
        switch self {
        case .uint8(let value): Int(value)
        case .int8(let value): Int(value)
        case .uint16(let value): Int(value)
        case .int16(let value): Int(value)
        case .uint32(let value): Int(value)
        case .int32(let value): Int(value)
        case .uint64(let value): Int(exactly: value)
        case .int64(let value): Int(exactly: value)
        case .float32, .float64, .bool, .string, .array: nil
        }
    }

    /// The value of either of the float types, rounded to 32 bits; nil for other types.
    package var float: Float? {
        switch self {
        case .float32(let value): value
        case .float64(let value): Float(value)
        default: nil
        }
    }

    /// What it is, for error messages: the type, and an array's elements and length.
    var typeDescription: String {
        if case .array(let array) = self { return array.typeDescription }
        return type.description
    }

    /// Reads a value of a type of fixed size.
    ///
    /// - Throws: `CheckpointError` naming `what` if the bytes are not there, or a truth value is neither 0 nor 1.
    static func scalar(_ type: GGUFValueType, _ reader: inout ByteReader, what: String) throws -> GGUFValue? {
        switch type {
        case .uint8: return .uint8(try reader.integer(UInt8.self, what))
        case .int8: return .int8(try reader.integer(Int8.self, what))
        case .uint16: return .uint16(try reader.integer(UInt16.self, what))
        case .int16: return .int16(try reader.integer(Int16.self, what))
        case .uint32: return .uint32(try reader.integer(UInt32.self, what))
        case .int32: return .int32(try reader.integer(Int32.self, what))
        case .uint64: return .uint64(try reader.integer(UInt64.self, what))
        case .int64: return .int64(try reader.integer(Int64.self, what))
        case .float32: return .float32(try reader.float32(what))
        case .float64: return .float64(try reader.float64(what))
        case .bool:
            let offset = reader.offset
            let byte = try reader.integer(UInt8.self, what)
            guard byte <= 1 else { throw reader.invalid("\(what) is the truth value \(byte)", at: offset) }
            return .bool(byte == 1)
        case .string, .array: return nil
        }
    }
}

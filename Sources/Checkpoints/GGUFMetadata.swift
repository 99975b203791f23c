/// Why a value of a GGUF file's metadata cannot be used. The file is well formed; it does not say what a model needs.
package enum GGUFMetadataError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no such key.
    case missing(file: String, key: String, expected: String)
    /// The key has a value of another type, or a number out of the range.
    case mismatched(file: String, key: String, expected: String, found: String)
    /// The string, or the string at `index` of an array, is not UTF-8.
    case notUTF8(file: String, key: String, index: Int?)

    package var description: String {
        switch self {
        case .missing(let file, let key, let expected):
            "\(file): the metadata has no \(key), expected to be \(expected)"
        case .mismatched(let file, let key, let expected, let found):
            "\(file): the metadata \(key) is \(found), expected \(expected)"
        case .notUTF8(let file, let key, let index):
            "\(file): the metadata \(key)\(index.map { "[\($0)]" } ?? "") is not UTF-8"
        }
    }
}

/// The metadata of a GGUF file, by key. Every accessor is there twice: one throws where the key is missing, the one whose
/// name ends in `IfPresent` gives nil then. Both throw `GGUFMetadataError.mismatched` for a value of another type.
package struct GGUFMetadata: Sendable {
    /// The file, for error messages.
    package let file: String
    private let values: [String: GGUFValue]

    init(file: String, values: [String: GGUFValue]) {
        self.file = file
        self.values = values
    }

    /// All keys, in no order.
    package var keys: some Collection<String> { values.keys }

    /// The value of a key, whatever its type.
    package subscript(key: String) -> GGUFValue? { values[key] }

    /// A number of any integer type.
    package func integer(_ key: String) throws -> Int { try required(key, Self.anInteger, try integerIfPresent(key)) }

    /// A number of any integer type, or nil.
    package func integerIfPresent(_ key: String) throws -> Int? { try value(key, Self.anInteger) { $0.integer } }

    /// A number of either float type. An integer is refused: no writer means one where a float belongs.
    package func float(_ key: String) throws -> Float { try required(key, "a float", try floatIfPresent(key)) }

    /// A number of either float type, or nil.
    package func floatIfPresent(_ key: String) throws -> Float? { try value(key, "a float") { $0.float } }

    /// A truth value.
    package func boolean(_ key: String) throws -> Bool { try required(key, "a bool", try booleanIfPresent(key)) }

    /// A truth value, or nil.
    package func booleanIfPresent(_ key: String) throws -> Bool? {
        try value(key, "a bool") { if case .bool(let value) = $0 { value } else { nil } }
    }

    /// A text.
    ///
    /// - Throws: `GGUFMetadataError.notUTF8` also.
    package func string(_ key: String) throws -> String { try required(key, "a string", try stringIfPresent(key)) }

    /// A text, or nil.
    ///
    /// - Throws: `GGUFMetadataError.notUTF8` also.
    package func stringIfPresent(_ key: String) throws -> String? {
        let string: GGUFString? = try value(key, "a string") { if case .string(let value) = $0 { value } else { nil } }
        guard let string else { return nil }
        guard let text = string.text else { throw GGUFMetadataError.notUTF8(file: file, key: key, index: nil) }
        return text
    }

    /// An array of any integer type.
    package func integers(_ key: String) throws -> [Int] {
        try required(key, Self.integers, try integersIfPresent(key))
    }

    /// An array of any integer type, or nil.
    package func integersIfPresent(_ key: String) throws -> [Int]? {
        try value(key, Self.integers) { $0.scalars?.integers }
    }

    /// An array of either float type.
    package func floats(_ key: String) throws -> [Float] { try required(key, Self.floats, try floatsIfPresent(key)) }

    /// An array of either float type, or nil.
    package func floatsIfPresent(_ key: String) throws -> [Float]? {
        try value(key, Self.floats) { $0.scalars?.floats }
    }

    /// An array of truth values.
    package func booleans(_ key: String) throws -> [Bool] {
        try required(key, Self.booleans, try booleansIfPresent(key))
    }

    /// An array of truth values, or nil.
    package func booleansIfPresent(_ key: String) throws -> [Bool]? {
        try value(key, Self.booleans) { $0.scalars?.booleans }
    }

    /// An array of strings, not decoded.
    package func strings(_ key: String) throws -> GGUFStringArray {
        try required(key, Self.strings, try stringsIfPresent(key))
    }

    /// An array of strings, not decoded, or nil.
    package func stringsIfPresent(_ key: String) throws -> GGUFStringArray? {
        try value(key, Self.strings) {
            if case .array(.strings(let strings)) = $0 { strings } else { nil }
        }
    }

    /// An array of texts.
    ///
    /// - Throws: `GGUFMetadataError.notUTF8` also, with the index.
    package func texts(_ key: String) throws -> [String] {
        let strings = try strings(key)
        return try (0..<strings.count).map { index in
            guard let text = strings.text(at: index) else {
                throw GGUFMetadataError.notUTF8(file: file, key: key, index: index)
            }
            return text
        }
    }

    private static let anInteger = "an integer of at most 63 bits"
    private static let integers = "an array of integers of at most 63 bits"
    private static let floats = "an array of floats"
    private static let booleans = "an array of bools"
    private static let strings = "an array of strings"

    private func value<T>(_ key: String, _ expected: String, _ convert: (GGUFValue) -> T?) throws -> T? {
        guard let value = values[key] else { return nil }
        guard let converted = convert(value) else {
            throw GGUFMetadataError.mismatched(
                file: file, key: key, expected: expected, found: value.typeDescription)
        }
        return converted
    }

    private func required<T>(_ key: String, _ expected: String, _ value: T?) throws -> T {
        guard let value else { throw GGUFMetadataError.missing(file: file, key: key, expected: expected) }
        return value
    }
}

extension GGUFValue {
    fileprivate var scalars: GGUFScalarArray? {
        if case .array(.scalars(let array)) = self { array } else { nil }
    }
}

/// A JSON file that says what a checkpoint is: `config.json`, `generation_config.json`, `tokenizer_config.json`. Values are
/// read by key with their type and range checked; an error names the file and the key.
package struct ModelConfiguration: Sendable, Equatable {
    /// The file, for error messages.
    package let file: String
    /// The file's object.
    package let members: [String: JSONValue]

    /// Reads the file at `path`.
    ///
    /// - Throws: `CheckpointError` naming the byte where it stops being JSON.
    package init(path: String) throws { try self.init(ByteRegion(mapping: path)) }

    /// Reads a file's bytes.
    ///
    /// - Throws: `CheckpointError`.
    package init(_ region: ByteRegion) throws {
        guard case .object(let members) = try JSONValue(region) else {
            throw CheckpointError.invalid(file: region.source, offset: 0, reason: "the file is no JSON object")
        }
        self.init(file: region.source, members: members)
    }

    /// An object within a file: `prefix` says where, for error messages.
    package init(file: String, members: [String: JSONValue]) { (self.file, self.members) = (file, members) }

    /// The value of a key; nil if it is not there or null.
    package subscript(_ key: String) -> JSONValue? {
        guard let value = members[key], value != .null else { return nil }
        return value
    }

    /// An error about a key.
    package func mismatch(_ key: String, expected: String) -> CheckpointError {
        .invalid(
            file: file, offset: 0,
            reason: "\(key) is \(self[key].map(\.summary) ?? "missing"); expected \(expected)")
    }

    /// A whole number.
    package func integer(
        _ key: String, _ range: ClosedRange<Int> = 0...(1 << 40), default fallback: Int? = nil
    ) throws -> Int {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let value = self[key] else {
            guard let fallback else { throw mismatch(key, expected: expected) }
            return fallback
        }
        guard case .number(let number) = value, let integer = Int(exactly: number), range.contains(integer) else {
            throw mismatch(key, expected: expected)
        }
        return integer
    }

    /// A number.
    package func number(
        _ key: String, _ range: ClosedRange<Double> = -1e30...1e30, default fallback: Double? = nil
    ) throws -> Double {
        let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
        guard let value = self[key] else {
            guard let fallback else { throw mismatch(key, expected: expected) }
            return fallback
        }
        guard case .number(let number) = value, range.contains(number) else { throw mismatch(key, expected: expected) }
        return number
    }

    /// true or false.
    package func boolean(_ key: String, default fallback: Bool? = nil) throws -> Bool {
        guard let value = self[key] else {
            guard let fallback else { throw mismatch(key, expected: "true or false") }
            return fallback
        }
        guard case .boolean(let flag) = value else { throw mismatch(key, expected: "true or false") }
        return flag
    }

    /// A text.
    package func string(_ key: String, default fallback: String? = nil) throws -> String {
        guard let value = self[key] else {
            guard let fallback else { throw mismatch(key, expected: "a text") }
            return fallback
        }
        guard case .string(let text) = value else { throw mismatch(key, expected: "a text") }
        return text
    }

    /// A token id or a list of them; empty if the key is not there.
    package func tokens(_ key: String) throws -> [Int32] {
        let values: [JSONValue]
        switch self[key] {
        case nil: return []
        case .array(let list): values = list
        case let single?: values = [single]
        }
        return try values.map { value in
            guard case .number(let number) = value, let id = Int32(exactly: number), id >= 0 else {
                throw mismatch(key, expected: "a token id, or a list of them")
            }
            return id
        }
    }

    /// An object within this one; nil if the key is not there.
    package func object(_ key: String) throws -> ModelConfiguration? {
        guard let value = self[key] else { return nil }
        guard case .object(let members) = value else { throw mismatch(key, expected: "an object") }
        return ModelConfiguration(file: "\(file): \(key)", members: members)
    }
}

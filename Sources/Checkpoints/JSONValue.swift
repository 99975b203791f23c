/// A JSON value from an untrusted file, in memory. Numbers are doubles; for token ids and sizes that is exact.
package enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Files beyond this are no configuration.
    private static let maximumBytes = 1 << 26
    private static let maximumNesting = 64

    /// Reads a whole file.
    ///
    /// - Throws: `CheckpointError` naming the byte where it stops being JSON.
    package init(_ region: ByteRegion) throws {
        guard region.count <= Self.maximumBytes else {
            throw CheckpointError.invalid(
                file: region.source, offset: 0,
                reason: "\(region.count) bytes of JSON, more than the \(Self.maximumBytes) possible")
        }
        var reader = JSONReader(region, range: 0..<region.count)
        self = try Self.read(&reader, "the file")
        try reader.finish("the file")
    }

    private static func read(_ reader: inout JSONReader, _ what: String, nesting: Int = 0) throws -> JSONValue {
        guard nesting <= maximumNesting else {
            throw reader.invalid("\(what) is nested more than \(maximumNesting) deep")
        }
        switch try reader.kind(what) {
        case .object:
            var members: [String: JSONValue] = [:]
            try reader.object(what) { reader, name, _ in
                members[name] = try read(&reader, quoted(name), nesting: nesting + 1)
            }
            return .object(members)
        case .array:
            var elements: [JSONValue] = []
            try reader.array(what) { elements.append(try read(&$0, what, nesting: nesting + 1)) }
            return .array(elements)
        case .string: return .string(try reader.string(what))
        case .number: return .number(try reader.number(what))
        case .literal(let literal):
            switch literal {
            case "true": return .boolean(true)
            case "false": return .boolean(false)
            default: return .null
            }
        }
    }

    /// The value in a few words, for error messages.
    package var summary: String {
        switch self {
        case .null: "null"
        case .boolean(let flag): "\(flag)"
        case .number(let number): Int(exactly: number).map(String.init) ?? "\(number)"
        case .string(let text): quoted(text)
        case .array(let elements): "a list of \(elements.count)"
        case .object: "an object"
        }
    }
}

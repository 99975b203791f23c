internal import Foundation
internal import Hummingbird
internal import Tokenizers

/// The parameters of a request, or of an object inside it, with errors that name the parameter by its path. A null
/// counts as absent, as OpenAI's clients expect.
struct RequestParameters: Sendable {
    private let entries: TemplateDictionary
    /// The path of the object, empty for the request.
    private let path: String

    init(_ entries: TemplateDictionary, path: String = "") {
        self.entries = entries
        self.path = path
    }

    /// Reads the body of a request.
    ///
    /// - Throws: `APIError` 400, 413 or 415.
    static func read(_ request: Request, maximumBytes: Int) async throws -> RequestParameters {
        let type = request.headers[.contentType]
        if let type, MediaType(from: type)?.isType(.applicationJson) != true {
            throw APIError(.unsupportedMediaType, "the content type \(type) is not read; send application/json")
        }
        return RequestParameters(
            try JSONBody.object(try await RequestFields.bytes(of: request, maximumBytes: maximumBytes)))
    }

    /// The path of a parameter, for messages.
    func path(of name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// A parameter that is there and not null.
    func value(_ name: String) -> TemplateValue? {
        switch entries[name] {
        case nil, TemplateValue.none?: nil
        case let value?: value
        }
    }

    func has(_ name: String) -> Bool { value(name) != nil }

    func string(_ name: String) throws -> String? {
        switch value(name) {
        case nil: return nil
        case .string(let text): return text
        default: throw wrongType(name, "a string")
        }
    }

    func bool(_ name: String) throws -> Bool? {
        switch value(name) {
        case nil: return nil
        case .bool(let flag): return flag
        default: throw wrongType(name, "true or false")
        }
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = value(name) else { return nil }
        guard let number = Self.integer(value) else {
            if case .float = value { throw APIError.invalidValue(path(of: name), Self.wanted(range)) }
            throw wrongType(name, "a whole number")
        }
        guard range.contains(number) else { throw APIError.invalidValue(path(of: name), Self.wanted(range)) }
        return number
    }

    private static func wanted(_ range: ClosedRange<Int>) -> String {
        range.upperBound == .max
            ? "a whole number from \(range.lowerBound) on"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    }

    /// A whole number, however it is written.
    static func integer(_ value: TemplateValue) -> Int? {
        switch value {
        case .int(let number): number
        case .float(let number): Int(exactly: number)
        default: nil
        }
    }

    /// A number in `range`; its lower bound is left out with `isAbove`.
    func number(_ name: String, in range: ClosedRange<Double>, isAbove: Bool = false) throws -> Double? {
        let number: Double
        switch value(name) {
        case nil: return nil
        case .int(let value): number = Double(value)
        case .float(let value): number = value
        default: throw wrongType(name, "a number")
        }
        guard range.contains(number), !(isAbove && number == range.lowerBound) else {
            let (low, high) = (Self.text(range.lowerBound), Self.text(range.upperBound))
            let wanted = isAbove ? "a number above \(low) and up to \(high)" : "a number from \(low) to \(high)"
            throw APIError.invalidValue(path(of: name), wanted)
        }
        return number
    }

    private static func text(_ number: Double) -> String {
        number == number.rounded() ? "\(Int(number))" : "\(number)"
    }

    func array(_ name: String) throws -> [TemplateValue]? {
        switch value(name) {
        case nil: return nil
        case .list(let items): return items
        default: throw wrongType(name, "an array")
        }
    }

    func object(_ name: String) throws -> RequestParameters? {
        guard let value = value(name) else { return nil }
        guard case .dictionary(let entries) = value else { throw wrongType(name, "an object") }
        return RequestParameters(entries, path: path(of: name))
    }

    /// All of them, as they came.
    var dictionary: TemplateDictionary { entries }

    func wrongType(_ name: String, _ wanted: String) -> APIError { .invalidType(path(of: name), wanted) }
}

extension APIError {
    static func missing(_ name: String) -> APIError {
        APIError(.badRequest, "Invalid request: missing \(name) parameter", param: name, code: "missing_parameter")
    }

    static func invalidType(_ name: String, _ wanted: String) -> APIError {
        APIError(.badRequest, "Invalid request: \(name) must be \(wanted)", param: name, code: "invalid_type")
    }

    static func invalidValue(_ name: String, _ wanted: String) -> APIError {
        APIError(.badRequest, "Invalid request: \(name) must be \(wanted)", param: name, code: "invalid_value")
    }

    /// A parameter that OpenAI's contract knows, and this service does not do.
    static func unsupported(_ name: String, _ reason: String) -> APIError {
        APIError(.badRequest, "\(name) is not supported: \(reason)", param: name, code: "unsupported_parameter")
    }
}

/// Tells which parameter's number made a body unreadable, so that the error can name it.
enum JSONNumberCheck {
    /// The key before the first number that is infinite, or is one of the words that are no JSON (`NaN`).
    static func firstUnusable(in text: String) -> String? {
        let bytes = Array(text.utf8)
        var (position, string, key) = (0, "", String?.none)
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let start = position + 1
                position = start
                while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
                    position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
                }
                string = String(decoding: bytes[start..<min(position, bytes.count)], as: UTF8.self)
            case UInt8(ascii: ":"): key = string
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "N"), UInt8(ascii: "I"):
                let end =
                    bytes[position...].firstIndex { !"+-.0123456789eENaInfity".utf8.contains($0) } ?? bytes.count
                let word = String(decoding: bytes[position..<end], as: UTF8.self)
                if let number = Double(word), !number.isFinite { return key }
                position = max(position, end - 1)
            default: break
            }
            position += 1
        }
        return nil
    }
}

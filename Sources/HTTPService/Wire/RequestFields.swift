internal import Foundation
internal import Hummingbird
internal import NIOCore
internal import Tokenizers

/// The fields of a request, from a JSON object, a form or the query string, with errors that name the field.
struct RequestFields {
    private let values: [String: FieldValue]

    /// Whether the request spoke LibreTranslate's vocabulary (`q`) or ours (`text`). Without either, what else it says
    /// decides.
    var vocabulary: APIError.Vocabulary {
        if has("q") { return .libreTranslate }
        let ours = ["text", "source_lang", "target_lang", "model"]
        return ours.contains(where: has) ? .service : .libreTranslate
    }

    /// Reads the body.
    ///
    /// - Throws: `APIError` 400, 413 or 415.
    static func read(_ request: Request, maximumBytes: Int) async throws -> RequestFields {
        let type = request.headers[.contentType].flatMap { MediaType(from: $0) }
        let query = try fields(query: request.uri.query)
        let body = try await bytes(of: request, maximumBytes: maximumBytes)
        guard body.readableBytes > 0 else { return RequestFields(values: query) }
        switch type {
        case nil: return try json(body)
        case let type? where type.isType(.applicationJson): return try json(body)
        case let type? where type.isType(.applicationUrlEncoded):
            let form = try fields(query: try text(body))
            return RequestFields(values: query.merging(form) { $1 })
        default:
            throw APIError(
                .unsupportedMediaType,
                "the content type \(request.headers[.contentType] ?? "") is not read; send application/json or "
                    + "application/x-www-form-urlencoded")
        }
    }

    /// The whole body. One that is too large is read to its end all the same, up to a bound: many clients only listen
    /// for an answer when they have sent everything.
    static func bytes(of request: Request, maximumBytes: Int) async throws -> ByteBuffer {
        var body = ByteBuffer()
        var count = 0
        for try await part in request.body {
            count += part.readableBytes
            if count <= maximumBytes { body.writeImmutableBuffer(part) }
            if count > max(mostDiscardedBytes, maximumBytes) { break }
        }
        guard count <= maximumBytes else {
            throw APIError(
                .contentTooLarge, "the body is larger than the \(maximumBytes) bytes that are read",
                code: "body_too_large")
        }
        return body
    }

    private static let mostDiscardedBytes = 64 << 20

    static func text(_ body: ByteBuffer) throws -> String {
        let bytes = body.readableBytesView
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        throw APIError(
            .badRequest, "the body is not valid UTF-8 at byte \(firstInvalidByte(Array(bytes)))", code: "invalid_utf8")
    }

    /// The length of the longest valid beginning. Only on the way to an error, so the simple search will do.
    static func firstInvalidByte(_ bytes: [UInt8]) -> Int {
        var (low, high) = (0, bytes.count)
        while low < high {
            let middle = (low + high + 1) / 2
            // A beginning may end inside a character: that is no fault of the bytes before it.
            let isValid = (0...3).contains { cut in
                middle >= cut && String(validating: bytes[..<(middle - cut)], as: UTF8.self) != nil
            }
            if isValid { low = middle } else { high = middle - 1 }
        }
        while low > 0, String(validating: bytes[..<low], as: UTF8.self) == nil { low -= 1 }
        return low
    }

    private static func json(_ body: ByteBuffer) throws -> RequestFields {
        var values: [String: FieldValue] = [:]
        for (key, value) in try JSONBody.object(body) {
            if case .string(let name) = key { values[name] = FieldValue(value) }
        }
        return RequestFields(values: values)
    }

    private static func fields(query: String?) throws -> [String: FieldValue] {
        var values: [String: FieldValue] = [:]
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { $0.replacing("+", with: " ").removingPercentEncoding }
            guard let key = decoded[0], let value = decoded.count > 1 ? decoded[1] : "" else {
                throw APIError(
                    .badRequest, "the form is not percent-encoded UTF-8 at \(pair.prefix(40))", code: "invalid_form")
            }
            values[key] = .string(value)
        }
        return values
    }

    // MARK: Typed access

    func has(_ name: String) -> Bool {
        guard let value = values[name] else { return false }
        return value != .null
    }

    func string(_ name: String) throws -> String? {
        switch values[name] {
        case nil, .null: return nil
        case .string(let text): return text
        default: throw wrongType(name, "a string")
        }
    }

    func bool(_ name: String) throws -> Bool? {
        switch values[name] {
        case nil, .null: return nil
        case .bool(let value): return value
        case .string("true"), .string("1"): return true
        case .string("false"), .string("0"), .string(""): return false
        default: throw wrongType(name, "true or false")
        }
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        let value: Double
        switch values[name] {
        case nil, .null, .string(""): return nil
        case .number(let number): value = number
        case .string(let text):
            guard let number = Double(text) else { throw wrongType(name, "a whole number") }
            value = number
        default: throw wrongType(name, "a whole number")
        }
        guard value == value.rounded(), abs(value) < 1e15, range.contains(Int(value)) else {
            throw APIError(
                .badRequest,
                "Invalid request: \(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)",
                param: name, code: "invalid_value")
        }
        return Int(value)
    }

    /// A text or several. `isArray` tells the form, because the answer has the same.
    func texts(_ name: String) throws -> (texts: [String], isArray: Bool)? {
        switch values[name] {
        case nil, .null: return nil
        case .string(let text): return ([text], false)
        case .array(let items):
            let texts = try items.enumerated().map { index, item in
                guard case .string(let text) = item else {
                    throw APIError(
                        .badRequest, "Invalid request: \(name)[\(index)] must be a string", param: name,
                        code: "invalid_type")
                }
                return text
            }
            return (texts, true)
        default: throw wrongType(name, "a string or an array of strings")
        }
    }

    private func wrongType(_ name: String, _ wanted: String) -> APIError {
        APIError(.badRequest, "Invalid request: \(name) must be \(wanted)", param: name, code: "invalid_type")
    }
}

/// A value of a request's field.
enum FieldValue: Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([FieldValue])
    case object

    init(_ value: TemplateValue) {
        switch value {
        case .undefined, .none: self = .null
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .number(Double(number))
        case .float(let number): self = .number(number)
        case .string(let text): self = .string(text)
        case .list(let items), .tuple(let items): self = .array(items.map(FieldValue.init))
        case .dictionary, .object: self = .object
        }
    }
}

internal import Engine
internal import HTTPTypes
internal import Hummingbird

extension HTTPField.Name {
    /// The model that was asked for, where another one answered.
    static let serviceFallback = HTTPField.Name("x-svc-fallback").unsafelyUnwrapped
}

extension Response {
    /// Says whose places were taken.
    mutating func note(_ notices: [FallbackNotice]) {
        let names = notices.reduce(into: [String]()) { if !$0.contains($1.from) { $0.append($1.from) } }
        if !names.isEmpty { headers[.serviceFallback] = names.joined(separator: ", ") }
    }
}

/// `fallback` in an answer.
struct FallbackValue: Encodable {
    var from: String
    var reason: String

    init(_ notice: FallbackNotice) { (from, reason) = (notice.from, notice.reason) }
}

extension FallbackPolicy {
    /// `fallback` in a request.
    ///
    /// - Throws: `APIError` 400 for another word.
    init(parameter text: String?) throws {
        guard let text else {
            self = .auto
            return
        }
        guard let policy = FallbackPolicy(rawValue: text) else {
            throw APIError(
                .badRequest,
                "fallback must be \(FallbackPolicy.allCases.map(\.rawValue).joined(separator: " or "))",
                param: "fallback", code: "invalid_value")
        }
        self = policy
    }
}

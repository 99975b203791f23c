package import Hummingbird

/// An error as a client sees it: `{"error":{"message","type","param","code"}}`, or LibreTranslate's plain string where
/// the request spoke that vocabulary.
package struct APIError: Error, Sendable {
    /// The form of the answer.
    package enum Vocabulary: Sendable {
        /// An object with message, type, param and code.
        case service
        /// `{"error": "text"}`
        case libreTranslate
    }

    /// The HTTP status.
    package var status: HTTPResponse.Status
    /// A sentence that says what is wrong and what to do.
    package var message: String
    /// The kind: `invalid_request_error`, `not_found_error`, …
    package var type: String
    /// The parameter it is about.
    package var param: String?
    /// A word for programs: `missing_parameter`, `unsupported_language`, …
    package var code: String?
    /// For 429 and 503: when to try again.
    package var retryAfterSeconds: Int?
    /// For 405: what is allowed.
    package var allow: String?
    /// The form of the answer.
    package var vocabulary = Vocabulary.service

    /// An error about the request itself.
    package init(
        _ status: HTTPResponse.Status, _ message: String, type: String? = nil, param: String? = nil,
        code: String? = nil,
        retryAfterSeconds: Int? = nil, allow: String? = nil
    ) {
        self.status = status
        self.message = message
        self.type = type ?? Self.type(of: status)
        self.param = param
        self.code = code
        self.retryAfterSeconds = retryAfterSeconds
        self.allow = allow
    }

    private static func type(of status: HTTPResponse.Status) -> String {
        switch status.code {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 409: "conflict_error"
        case 429: "rate_limit_error"
        case 503: "unavailable_error"
        case 504, 408: "timeout_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }

    /// The same error in a vocabulary.
    package func spoken(in vocabulary: Vocabulary) -> APIError {
        var error = self
        error.vocabulary = vocabulary
        return error
    }

    /// The error as a value: what a stream that has begun ends with.
    var envelope: Envelope { Envelope(error: .init(message: message, type: type, param: param, code: code)) }

    struct Envelope: Encodable {
        struct Body: Encodable {
            var message: String
            var type: String
            var param: String?
            var code: String?

            enum CodingKeys: String, CodingKey { case message, type, param, code }

            // OpenAI's clients expect the keys, null where there is nothing to say.
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(message, forKey: .message)
                try container.encode(type, forKey: .type)
                try container.encode(param, forKey: .param)
                try container.encode(code, forKey: .code)
            }
        }

        var error: Body
    }

    private struct PlainEnvelope: Encodable { var error: String }

    /// The answer.
    package func response() -> Response {
        var response: Response
        switch vocabulary {
        case .service:
            response = JSONResponse.make(envelope, status: status)
        case .libreTranslate:
            response = JSONResponse.make(PlainEnvelope(error: message), status: status)
        }
        if let retryAfterSeconds { response.headers[.retryAfter] = "\(retryAfterSeconds)" }
        if let allow { response.headers[.allow] = allow }
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        if status == .upgradeRequired {
            response.headers[.upgrade] = "websocket"
            response.headers[.connection] = "upgrade"
            response.headers[.secWebSocketVersion] = "13"
        }
        return response
    }
}

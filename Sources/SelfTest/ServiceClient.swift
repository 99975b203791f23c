/// A client of a running service over libcurl, one connection per request: what `svc health` and the tests speak
/// through, so that they see what any client sees.
package struct ServiceClient: Sendable {
    /// An answer as it came.
    package struct Answer: Sendable {
        /// The HTTP status.
        package var status: Int
        /// The headers, names in lower case.
        package var headers: [String: String]
        /// The body.
        package var body: [UInt8]
        /// What it answers.
        package var request: SentRequest
        /// Seconds from the start of the request to the answer's last byte, connecting included.
        package var seconds: Double
        /// Seconds to the answer's first byte.
        package var firstByteSeconds: Double

        /// The body as text.
        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// The service could not be reached, or did not answer in time.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// The address asked.
        package var url: String
        /// libcurl's words.
        package var reason: String

        package var description: String { "\(url): \(reason)" }
    }

    /// The service's address, without a slash at the end.
    package var baseURL: String
    /// A key to send, if there is one.
    package var apiKey: String?
    /// How long a request may take in all.
    package var timeoutSeconds: Double

    /// A client of the service at an address.
    package init(baseURL: String, apiKey: String? = nil, timeoutSeconds: Double = 60) {
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.apiKey = apiKey
        self.timeoutSeconds = timeoutSeconds
    }

    /// Sends a request and waits for the whole answer, on a thread of its own.
    ///
    /// - Throws: `Failure` where there is no answer; a status such as 500 is an answer. `CancellationError` soon after
    ///   the task is cancelled.
    package func request(
        _ method: String = "GET", _ path: String, headers: [String: String] = [:], body: [UInt8]? = nil
    ) async throws -> Answer {
        let request = sent(method, path, headers: headers, body: body)
        let limits = CurlSession.Limits(totalSeconds: timeoutSeconds)
        return try await Blocking.run { flag in
            do {
                return try CurlSession().answer(request, limits: limits) { flag.isSet }
            } catch let interruption as CurlSession.Interruption {
                throw interruption.error(url: request.url)
            }
        }
    }

    /// POSTs a JSON text.
    package func post(_ path: String, json: String) async throws -> Answer {
        try await request("POST", path, headers: ["content-type": "application/json"], body: Array(json.utf8))
    }

    /// A request as this client sends it: to its address, with its key.
    func sent(_ method: String, _ path: String, headers: [String: String], body: [UInt8]?) -> SentRequest {
        var fields = headers
        if let apiKey { fields["Authorization"] = "Bearer \(apiKey)" }
        return SentRequest(method: method, url: baseURL + path, headers: fields, body: body)
    }
}

extension CurlSession {
    /// Sends a request and waits for the whole answer.
    ///
    /// - Throws: `Interruption`.
    func answer(
        _ request: SentRequest, limits: Limits, isCancelled: () -> Bool = { false }
    ) throws -> ServiceClient.Answer {
        let inbox = Inbox()
        try perform(request, limits: limits, into: inbox, isCancelled: isCancelled)
        return inbox.answer(to: request)
    }
}

extension CurlSession.Inbox {
    /// What has come, as an answer.
    func answer(to request: SentRequest) -> ServiceClient.Answer {
        ServiceClient.Answer(
            status: status, headers: headers, body: body, request: request, seconds: elapsed,
            firstByteSeconds: firstByteSeconds ?? elapsed)
    }
}

extension CurlSession.Interruption {
    /// The error that a caller of the client sees.
    func error(url: String) -> any Error {
        let url = Evidence.redact(url, secrets: [])
        return switch self {
        case .cancelled: CancellationError()
        case .silence(let seconds):
            ServiceClient.Failure(url: url, reason: "nothing came for \(seconds) seconds")
        case .failed(let reason): ServiceClient.Failure(url: url, reason: reason)
        }
    }
}

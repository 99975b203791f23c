internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Metrics
internal import Synchronization

/// One log line and the metrics of every request. Never the text, the key or the query.
struct AccessLogMiddleware: RouterMiddleware {
    private let metrics = RequestMetrics()

    func handle(
        _ request: Request, context: ServiceRequestContext,
        next: (Request, ServiceRequestContext) async throws -> Response
    ) async throws -> Response {
        let started = ContinuousClock.now
        let response = try await next(request, context)
        let elapsed = ContinuousClock.now - started
        let route = context.endpointPath ?? "other"
        metrics.record(
            .init(method: request.method.rawValue, route: route, status: response.status.code), took: elapsed)
        // Probes come every few seconds; they are counted above and only logged when they are wanted.
        let level: Logger.Level = route.hasPrefix("/health") || route == "/metrics" ? .debug : .info
        context.logger.log(
            level: level, "request",
            metadata: [
                "request": "\(response.headers[.requestID] ?? "")", "method": "\(request.method.rawValue)",
                "path": "\(request.uri.path)", "status": "\(response.status.code)",
                "ms": "\(Int((elapsed / .milliseconds(1)).rounded()))",
            ])
        return response
    }
}

/// The metrics of requests, made once for each kind of request and kept: to make one costs more than to count.
private final class RequestMetrics: Sendable {
    /// What requests are told apart by.
    struct Kind: Hashable {
        var method: String
        var route: String
        var status: Int
    }

    private let known = Mutex<[Kind: (requests: Counter, duration: Metrics.Timer)]>([:])

    func record(_ kind: Kind, took duration: Duration) {
        let metrics = known.withLock { known in
            if let metrics = known[kind] { return metrics }
            let dimensions = [("method", kind.method), ("route", kind.route)]
            let metrics = (
                requests: Counter(
                    label: "svc_http_requests_total", dimensions: dimensions + [("status", "\(kind.status)")]),
                duration: Metrics.Timer(label: "svc_http_request_duration_seconds", dimensions: dimensions)
            )
            known[kind] = metrics
            return metrics
        }
        metrics.requests.increment()
        metrics.duration.record(duration: duration)
    }
}

/// Lets requests through that bring a key, where keys are set. Health and metrics need none.
struct KeyMiddleware: RouterMiddleware {
    let keys: APIKeys

    private static let open: Set<String> = ["/health", "/health/live", "/health/ready", "/metrics"]

    private static let keyInBody: Set<String> = ["/translate", "/detect", "/languages"]

    /// Where a browser cannot set headers: with an EventSource, and with a WebSocket.
    private static let keyInQuery: Set<String> = [EventsController.streamPath, EventsController.socketPath]

    func handle(
        _ request: Request, context: ServiceRequestContext,
        next: (Request, ServiceRequestContext) async throws -> Response
    ) async throws -> Response {
        guard !keys.isEmpty, !Self.open.contains(request.uri.path) else { return try await next(request, context) }
        var context = context
        if let key = Self.key(in: request.headers) ?? Self.keyInQuery(of: request) {
            guard keys.contains(key) else { throw APIKeys.wrong }
        } else if Self.keyInBody.contains(request.uri.path) {
            // LibreTranslate's clients send the key in the body, of a GET too, which the handler reads.
            context.access = .needsKey
        } else {
            throw APIKeys.missing
        }
        return try await next(request, context)
    }

    private static func keyInQuery(of request: Request) -> String? {
        keyInQuery.contains(request.uri.path) ? request.uri.queryParameters["api_key"].map(String.init) : nil
    }

    private static func key(in headers: HTTPFields) -> String? {
        if let key = headers[.apiKey] { return key }
        guard let value = headers[.authorization] else { return nil }
        return value.lowercased().hasPrefix("bearer ") ? String(value.dropFirst(7)) : value
    }
}

/// The keys that open the service.
struct APIKeys: Sendable {
    private let keys: [[UInt8]]

    static let missing = APIError(
        .unauthorized, "an API key is needed: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`",
        code: "missing_api_key")
    static let wrong = APIError(.forbidden, "Invalid API key", code: "invalid_api_key")

    init(_ keys: [String]) { self.keys = keys.map { Array($0.utf8) } }

    var isEmpty: Bool { keys.isEmpty }

    /// Takes the same time whether a key is nearly right or not at all.
    func contains(_ text: String) -> Bool {
        let sent = Array(text.utf8)
        return keys.reduce(false) { found, key in
            var difference = key.count ^ sent.count
            for index in key.indices { difference |= Int(key[index] ^ (index < sent.count ? sent[index] : 0)) }
            return found || difference == 0
        }
    }

    /// Checks the key that a LibreTranslate body brings, where the headers brought none.
    func authorise(_ fields: RequestFields, _ context: ServiceRequestContext) throws {
        guard context.access == .needsKey else { return }
        guard let key = try fields.string("api_key"), !key.isEmpty else {
            var error = Self.missing
            if fields.vocabulary == .libreTranslate {
                error = APIError(.badRequest, "Please contact the server operator to get an API key")
            }
            throw error
        }
        guard contains(key) else { throw Self.wrong }
    }
}

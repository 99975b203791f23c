internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOHTTP1

extension HTTPField.Name {
    static let requestID = HTTPField.Name("x-request-id").unsafelyUnwrapped
    static let apiKey = HTTPField.Name("x-api-key").unsafelyUnwrapped
}

/// Gives every request an id, the client's own where it sent a usable one, and puts it into the log and the answer.
/// Turns every error into an answer: nothing a handler throws leaves here unanswered.
struct RequestIDMiddleware: RouterMiddleware {
    let routes: RouteTable

    func handle(
        _ request: Request, context: ServiceRequestContext,
        next: (Request, ServiceRequestContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.requestID = Self.identifier(request.headers[.requestID])
        context.logger[metadataKey: "request"] = "\(context.requestID)"
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as HTTPParserError {
            // The connection is no longer HTTP: there is nobody to answer, and Hummingbird closes it.
            throw error
        } catch {
            // Of the router itself; what handlers throw is of their own types.
            let isUnrouted = (error as? HTTPError)?.status == .notFound
            let error = isUnrouted ? routes.missing(request.method, path: request.uri.path) : APIError.from(error)
            if error.status.code >= 500, error.status.code != 503 {
                context.logger.error("request failed", metadata: ["error": "\(error.message)"])
            }
            response = error.response()
        }
        response.headers[.requestID] = context.requestID
        return response
    }

    /// The client's id if it is one to 128 plain characters, else a new one.
    private static func identifier(_ sent: String?) -> String {
        if let sent, (1...128).contains(sent.utf8.count), sent.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
            return sent
        }
        let number = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        return "req-" + String(repeating: "0", count: 16 - number.count) + number
    }
}

/// The routes that exist, to tell an unknown path from a wrong method.
struct RouteTable: Sendable {
    private var methods: [(path: [String], method: HTTPRequest.Method)] = []

    mutating func add(_ method: HTTPRequest.Method, _ path: String) {
        methods.append((path.split(separator: "/").map(String.init), method))
    }

    /// 405 with what is allowed, or 404.
    func missing(_ method: HTTPRequest.Method, path: String) -> APIError {
        let parts = path.split(separator: "/").map(String.init)
        let matching = methods.filter { route in
            route.path.count == parts.count && zip(route.path, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        // A path that is a route's own is not one of its siblings with a parameter too.
        let exact = matching.filter { $0.path == parts }
        let allowed = exact.isEmpty ? matching : exact
        guard !allowed.isEmpty else {
            return APIError(.notFound, "there is no route \(path); GET /openapi.json lists them", code: "unknown_route")
        }
        let names = allowed.map(\.method.rawValue) + (allowed.contains { $0.method == .get } ? ["HEAD"] : [])
        return APIError(
            .methodNotAllowed,
            "\(method.rawValue) is not allowed on \(path); allowed: \(names.joined(separator: ", "))",
            code: "method_not_allowed", allow: names.joined(separator: ", "))
    }
}

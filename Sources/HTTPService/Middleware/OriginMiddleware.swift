internal import HTTPTypes
internal import Hummingbird

/// Whose pages may use the service from a browser. Without any, pages of other origins cannot read its answers, and that is
/// the protection of a service without keys on somebody's own machine.
package struct AllowedOrigins: Sendable, Equatable {
    /// Scheme, host and port, as browsers send them; `*` for all.
    private let origins: Set<String>

    /// No other origin.
    package static let none = AllowedOrigins(origins: [])

    private init(origins: Set<String>) { self.origins = origins }

    /// Origins as `https://app.example`, `http://localhost:3000`, or `*`; nil if one is neither.
    package init?(_ texts: [String]) {
        let origins = texts.map { $0.lowercased() }
        guard origins.allSatisfy({ $0 == "*" || Self.isOrigin($0) }) else { return nil }
        self.origins = Set(origins)
    }

    /// Whether every page may.
    var isAny: Bool { origins.contains("*") }
    var isEmpty: Bool { origins.isEmpty }

    /// Whether pages of an origin may.
    func contains(_ origin: String?) -> Bool { isAny || origin.map { origins.contains($0.lowercased()) } ?? false }

    private static func isOrigin(_ text: String) -> Bool {
        let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return false }
        return parts[1].allSatisfy { !"/?#@ ".contains($0) }
            && parts[0].allSatisfy { $0.isLetter || "+-.".contains($0) }
    }
}

/// Answers browsers that ask whether a page of another origin may use the service (WHATWG Fetch, 3.2), and says so with
/// every answer.
struct OriginMiddleware: RouterMiddleware {
    /// Headers of answers that a page may read, besides those that it always may.
    private static let readable = "x-request-id, retry-after, x-svc-fallback, location"

    private let origins: AllowedOrigins
    private let sharing: CORSMiddleware<ServiceRequestContext>

    init(_ origins: AllowedOrigins) {
        self.origins = origins
        sharing = CORSMiddleware(
            allowOrigin: origins.isAny ? .all : .originBased,
            // All headers; but a browser takes the star for none that says who somebody is.
            allowHeaders: [.authorization, HTTPField.Name("*").unsafelyUnwrapped],
            allowMethods: [.get, .post, .put, .delete, .head, .options],
            maxAge: .hours(1))
    }

    func handle(
        _ request: Request, context: ServiceRequestContext,
        next: (Request, ServiceRequestContext) async throws -> Response
    ) async throws -> Response {
        // A WebSocket's handshake says for itself who may.
        guard !origins.isEmpty, !request.headers.asksForWebSocket, origins.contains(request.headers[.origin]) else {
            return try await next(request, context)
        }
        var response = try await sharing.handle(request, context: context, next: next)
        // The library says this to the question alone; browsers look for it in the answer.
        if request.method != .options { response.headers[.accessControlExposeHeaders] = Self.readable }
        return response
    }
}

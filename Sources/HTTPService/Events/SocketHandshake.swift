internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOHTTP1
internal import NIOWebSocket

/// Refuses to open a WebSocket where there is none; a client would make nothing of another answer.
struct SocketPathMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: ServiceRequestContext,
        next: (Request, ServiceRequestContext) async throws -> Response
    ) async throws -> Response {
        guard request.headers.asksForWebSocket, request.uri.path != EventsController.socketPath else {
            return try await next(request, context)
        }
        throw APIError(
            .notFound, "there is no WebSocket at \(request.uri.path); GET \(EventsController.socketPath) opens one",
            code: "unknown_route")
    }
}

/// The opening handshake of a WebSocket, from the service's side (RFC 6455, 4.2).
enum SocketHandshake {
    /// What the answer that accepts the handshake has in its headers.
    ///
    /// - Parameter allowsAnyOrigin: whether a page of another origin may open a socket. A browser lets every page do so,
    ///   and leaves it to the service to refuse.
    /// - Throws: `APIError` 400, 403 or 426.
    static func accept(
        _ request: Request, on channel: any Channel, allowsAnyOrigin: Bool
    ) async throws -> HTTPFields {
        let headers = request.headers
        guard request.method == .get, headers.asksForWebSocket else {
            throw upgradeRequired("GET \(request.uri.path) opens a WebSocket: send the handshake of RFC 6455")
        }
        guard headers[.secWebSocketVersion] == "13" else {
            throw upgradeRequired("Sec-WebSocket-Version must be 13")
        }
        let keys = headers[values: .secWebSocketKey]
        guard keys.count == 1, let key = keys.first, Data(base64Encoded: key)?.count == 16 else {
            throw APIError.invalidValue("Sec-WebSocket-Key", "16 bytes in base64, once")
        }
        guard (headers[.contentLength] ?? "0") == "0", headers[.transferEncoding] == nil else {
            throw APIError(.badRequest, "a request that opens a WebSocket has no body", code: "invalid_handshake")
        }
        guard allowsAnyOrigin || isSameOrigin(headers[.origin], request.head.authority) else {
            throw APIError(
                .forbidden, "pages of \(headers[.origin] ?? "") may not open a socket here without an API key",
                param: "Origin", code: "forbidden_origin")
        }
        return try await fields(key: key, on: channel)
    }

    /// No `Origin` is sent by whoever is not a browser.
    private static func isSameOrigin(_ origin: String?, _ authority: String?) -> Bool {
        guard let origin else { return true }
        guard let authority, let separator = origin.range(of: "://") else { return false }
        return origin[separator.upperBound...].lowercased() == authority.lowercased()
    }

    private static func upgradeRequired(_ message: String) -> APIError {
        APIError(.upgradeRequired, message, code: "upgrade_required")
    }

    /// The answer to a key, as NIO computes it.
    private static func fields(key: String, on channel: any Channel) async throws -> HTTPFields {
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        let request = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: "/",
            headers: ["sec-websocket-key": key, "sec-websocket-version": "13"])
        let answer = try await upgrader.buildUpgradeResponse(
            channel: channel, upgradeRequest: request, initialResponseHeaders: [:]
        ).get()
        var fields: HTTPFields = [.upgrade: "websocket", .connection: "upgrade"]
        fields[.secWebSocketAccept] = answer.first(name: "sec-websocket-accept")
        return fields
    }
}

extension HTTPFields {
    /// Whether a request asks to go on in another protocol. The parser of HTTP then takes nothing more.
    var asksToSwitchProtocols: Bool { contains(.upgrade) && names("upgrade", in: .connection) }

    /// Whether the protocol is to be that of a WebSocket.
    var asksForWebSocket: Bool { asksToSwitchProtocols && names("websocket", in: .upgrade) }

    /// Whether a header that is a list has this item.
    fileprivate func names(_ item: String, in name: HTTPField.Name) -> Bool {
        self[values: name].contains { value in
            value.split(separator: ",").contains {
                $0.trimmingCharacters(in: .whitespaces).lowercased() == item
            }
        }
    }
}

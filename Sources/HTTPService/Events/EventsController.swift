internal import Engine
internal import HTTPTypes
internal import Hummingbird
internal import ModelHub
internal import NIOCore
internal import ServiceLifecycle

extension HTTPFields {
    /// Of an answer that is a stream of server-sent events; neither a cache nor a proxy is to hold it back.
    static let eventStream: HTTPFields = [
        .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache", .accelBuffering: "no",
    ]
}

extension HTTPField.Name {
    fileprivate static let accelBuffering = HTTPField.Name("x-accel-buffering").unsafelyUnwrapped
}

/// GET /events, a stream of server-sent events, and GET /events/ws, the same as a WebSocket.
struct EventsController: Sendable {
    let engine: Engine
    let configuration: ServiceConfiguration
    let monitor: DisconnectMonitor

    static let streamPath = "/events"
    static let socketPath = "/events/ws"

    /// How long an EventSource waits before it comes back.
    private static let retryMilliseconds = 2000

    func stream(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try await query(request)
        let reader = EventReader(engine.events, query)
        // A client that has not heard of any event yet gets a place to come back to all the same.
        let place = query.after == nil ? "id: \(reader.start)\n" : ""
        let (channel, configuration, monitor) = (context.channel, configuration, monitor)
        return Response(
            status: .ok, headers: .eventStream,
            body: ResponseBody { body in
                let feed = EventFeed(
                    reader, channel: channel, monitor: monitor, pingSeconds: configuration.pingSeconds,
                    stallSeconds: configuration.requestTimeoutSeconds)
                defer { feed.close() }
                // A stream without an end must not hold up the service's.
                try await withGracefulShutdownHandler {
                    try await Self.write("retry: \(Self.retryMilliseconds)\n\(place)\n", feed, &body)
                    try await Self.write(feed, &body)
                } onGracefulShutdown: {
                    feed.end()
                }
                try await body.finish(nil)
            })
    }

    private static func write(_ feed: EventFeed, _ body: inout any ResponseBodyWriter) async throws {
        while true {
            switch await feed.next() {
            case .value(let message): try await write(message.serverSentEvent, feed, &body)
            case .silence: try await write(": ping\n\n", feed, &body)
            case .failure: return
            }
        }
    }

    /// Writes, and returns when the connection has room for more.
    private static func write(
        _ text: String, _ feed: EventFeed, _ body: inout any ResponseBodyWriter
    ) async throws {
        feed.willWrite()
        defer { feed.didWrite() }
        try await body.write(ByteBuffer(string: text))
    }

    /// Accepts the handshake; `SocketUpgrade` in the connection's pipeline does the rest once the answer is on its way.
    func socket(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let headers = try await SocketHandshake.accept(
            request, on: context.channel,
            allowsAnyOrigin: !configuration.apiKeys.isEmpty || configuration.origins.contains(request.headers[.origin]))
        let reader = EventReader(engine.events, try await query(request))
        let channel = context.channel
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: SocketUpgrade.self).prepare(reader)
        }.get()
        return Response(status: .switchingProtocols, headers: headers)
    }

    private func query(_ request: Request) async throws -> EventQuery {
        let query = try EventQuery(request)
        // A name that nothing has would be waited for in vain.
        if let model = query.model {
            do {
                _ = try await engine.status(model)
            } catch {
                throw APIError(.badRequest, "Invalid request: \(error)", param: "model", code: "invalid_value")
            }
        }
        return query
    }
}

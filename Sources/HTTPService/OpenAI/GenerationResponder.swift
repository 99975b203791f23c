internal import Generation
internal import HTTPTypes
internal import Hummingbird
internal import Tokenizers

/// Answers a prepared request: whole, or as server-sent events.
struct GenerationResponder: Sendable {
    let configuration: ServiceConfiguration
    let work: RequestWork

    /// - Throws: what `prepare` throws, and `APIError` 504.
    func respond(
        _ context: ServiceRequestContext, isStreamed: Bool,
        _ prepare: @escaping @Sendable () async throws -> PreparedAnswer
    ) async throws -> Response {
        guard isStreamed else {
            let (answer, fallback) = try await work.run(on: context.channel) {
                let prepared = try await prepare()
                return (try await Self.whole(prepared), prepared.writer.head.fallback)
            }
            var response = JSONResponse.raw(JSONText.write(answer))
            response.note([fallback].compactMap(\.self))
            return response
        }
        return try await stream(context, prepare)
    }

    private static func whole(_ prepared: PreparedAnswer) async throws -> TemplateValue {
        // All at once: a generation whose events nobody takes is held back.
        let events = try await withThrowingTaskGroup(of: (Int, [GenerationEvent]).self) { group in
            for (prompt, generation) in prepared.generations.enumerated() {
                group.addTask {
                    var events: [GenerationEvent] = []
                    try await prepared.meter.each(generation) { events.append($0) }
                    return (prompt, events)
                }
            }
            return try await group.reduce(into: [Int: [GenerationEvent]]()) { $0[$1.0] = $1.1 }
        }
        var writer = prepared.writer
        for (prompt, events) in events { for event in events { _ = writer.chunks(prompt, event) } }
        return writer.whole()
    }

    private func stream(
        _ context: ServiceRequestContext, _ prepare: @escaping @Sendable () async throws -> PreparedAnswer
    ) async throws -> Response {
        let limits = GenerationFeed.Limits(
            firstTokenSeconds: configuration.requestTimeoutSeconds, stallSeconds: configuration.requestTimeoutSeconds,
            pingSeconds: configuration.pingSeconds)
        let feed = GenerationFeed(channel: context.channel, monitor: work.monitor, limits: limits, prepare)
        // The status waits for the model to accept the request, so that what is wrong with it can be a status; but not
        // for longer than a client may go without a sign of life.
        let accepted: (any AnswerWriter)?
        switch await feed.next() {
        case .value(.accepted(let writer)): accepted = writer
        case .failure(let error): throw error
        case .silence, .value: accepted = nil
        }
        var response = Response(
            status: .ok,
            headers: .eventStream,
            body: ResponseBody { body in
                defer { feed.close() }
                if let accepted {
                    try await Self.write(accepted.opening(), feed, &body)
                } else {
                    try await Self.ping(feed, &body)
                }
                try await Self.events(feed, accepted, &body)
                try await body.finish(nil)
            })
        response.note([accepted?.head.fallback].compactMap(\.self))
        return response
    }

    private static func events(
        _ feed: GenerationFeed, _ accepted: (any AnswerWriter)?, _ body: inout any ResponseBodyWriter
    ) async throws {
        var writer = accepted
        while true {
            switch await feed.next() {
            case .silence: try await ping(feed, &body)
            case .value(.accepted(let made)):
                writer = made
                try await write(made.opening(), feed, &body)
            case .value(.event(let prompt, let event)):
                try await write(writer?.chunks(prompt, event) ?? [], feed, &body)
            case .value(.end):
                return try await write(writer?.closing() ?? [], ending: "data: [DONE]\n\n", feed, &body)
            case .failure(let error):
                return try await write([APIError.from(error).value], feed, &body)
            }
        }
    }

    private static func ping(_ feed: GenerationFeed, _ body: inout any ResponseBodyWriter) async throws {
        try await write([], ending: ": ping\n\n", feed, &body)
    }

    /// Writes events, and returns when the connection has room for more.
    private static func write(
        _ values: [TemplateValue], ending: String = "", _ feed: GenerationFeed, _ body: inout any ResponseBodyWriter
    ) async throws {
        var text = ""
        for value in values {
            text += "data: "
            JSONText.append(value, to: &text)
            text += "\n\n"
        }
        text += ending
        guard !text.isEmpty else { return }
        feed.willWrite()
        defer { feed.didWrite() }
        try await body.write(ByteBuffer(string: text))
    }
}

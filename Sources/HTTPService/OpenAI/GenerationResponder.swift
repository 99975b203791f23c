internal import Generation
internal import HTTPTypes
internal import Hummingbird
internal import Tokenizers

/// A request that a model has accepted: what comes, and who puts it into words.
struct PreparedAnswer: Sendable {
    var writer: any AnswerWriter
    /// One for each prompt.
    var generations: [AcceptedGeneration]
    var meter: GenerationMeter
}

/// What a streamed answer consists of.
enum GenerationItem: Sendable {
    /// The model has accepted the request.
    case accepted(any AnswerWriter)
    /// Something came of the generation of a prompt.
    case event(prompt: Int, GenerationEvent)
}

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
        let feed = ResponseFeed<GenerationItem>(
            channel: context.channel, monitor: work.monitor, limits: .init(configuration)
        ) { inlet in
            let prepared = try await prepare()
            try await inlet.send(.accepted(prepared.writer))
            try await Self.forward(prepared, to: inlet)
        }
        // The status waits for the model to accept the request, so that what is wrong with it can be a status; but not
        // for longer than a client may go without a sign of life.
        let accepted: (any AnswerWriter)?
        switch await feed.next() {
        case .item(.accepted(let writer)): accepted = writer
        case .failure(let error): throw error
        case .silence, .item, .end: accepted = nil
        }
        var response = Response(
            status: .ok,
            headers: .eventStream,
            body: ResponseBody { body in
                defer { feed.close() }
                if let accepted {
                    try await feed.write(Self.text(accepted.opening()), to: &body)
                } else {
                    try await feed.ping(&body)
                }
                try await Self.events(feed, accepted, &body)
                try await body.finish(nil)
            })
        response.note([accepted?.head.fallback].compactMap(\.self))
        return response
    }

    private static func forward(
        _ prepared: PreparedAnswer, to inlet: ResponseFeed<GenerationItem>.Inlet
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (prompt, generation) in prepared.generations.enumerated() {
                group.addTask {
                    try await prepared.meter.each(generation) { event in
                        if case .piece = event { inlet.noteStart() }
                        try await inlet.send(.event(prompt: prompt, event))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func events(
        _ feed: ResponseFeed<GenerationItem>, _ accepted: (any AnswerWriter)?, _ body: inout any ResponseBodyWriter
    ) async throws {
        var writer = accepted
        while true {
            switch await feed.next() {
            case .silence: try await feed.ping(&body)
            case .item(.accepted(let made)):
                writer = made
                try await feed.write(text(made.opening()), to: &body)
            case .item(.event(let prompt, let event)):
                try await feed.write(text(writer?.chunks(prompt, event) ?? []), to: &body)
            case .end:
                return try await feed.write(text(writer?.closing() ?? []) + "data: [DONE]\n\n", to: &body)
            case .failure(let error):
                return try await feed.write(text([APIError.from(error).value]), to: &body)
            }
        }
    }

    /// Events that hold values.
    private static func text(_ values: [TemplateValue]) -> String {
        var text = ""
        for value in values {
            text += "data: "
            JSONText.append(value, to: &text)
            text += "\n\n"
        }
        return text
    }
}

internal import Synchronization

/// What a stream is held to.
package struct StreamOptions: Sendable {
    /// Whether `data: [DONE]` has to end it, as in OpenAI's streams.
    package var done: SSEParser.DoneRule
    /// How long nothing may come, comments being something.
    package var silenceSeconds: Double
    /// How long it may take in all; nil for the client's own limit.
    package var totalSeconds: Double?
    /// Headers to send.
    package var headers: [String: String]

    /// What a stream is held to.
    package init(
        done: SSEParser.DoneRule = .required, silenceSeconds: Double = 60, totalSeconds: Double? = nil,
        headers: [String: String] = [:]
    ) {
        (self.done, self.silenceSeconds) = (done, silenceSeconds)
        (self.totalSeconds, self.headers) = (totalSeconds, headers)
    }
}

/// What to do after an event.
package enum StreamStep: Sendable {
    /// Read on.
    case goOn
    /// Close the connection.
    case stop
}

/// A stream of server-sent events as it came.
package struct StreamAnswer: Sendable {
    /// The status, the headers and all bytes.
    package var answer: ServiceClient.Answer
    /// The events, without `[DONE]` where that is asked for. None where the answer was no stream.
    package var events: [SSEEvent]
    /// The comments between them.
    package var comments: [SSEParser.Comment]
    /// Whether `[DONE]` came.
    package var isDone: Bool
    /// Whether the caller has ended it.
    package var wasStopped: Bool
    /// The last `id` that came, with an event or alone.
    package var lastEventID: String

    /// Seconds from the request to the first event.
    package var firstEventSeconds: Double? { events.first?.at }
    /// Seconds between each event and the next.
    package var gapSeconds: [Double] { zip(events, events.dropFirst()).map { $1.at - $0.at } }
    /// The request, and the end of what came, as a report shows them.
    package var evidence: [String] { Self.evidence(answer) }

    fileprivate static func evidence(_ answer: ServiceClient.Answer) -> [String] {
        let secrets = Evidence.secrets(of: answer.request)
        let head = Evidence.answer(status: answer.status, headers: answer.headers, body: [], secrets: secrets)
        return [
            Evidence.request(answer.request),
            head + "\n\n" + Evidence.redact(Evidence.tail(answer.body), secrets: secrets),
        ]
    }

    /// The data of each event as JSON.
    ///
    /// - Throws: `CaseFailure` that says which event is none.
    package func json() throws -> [JSONView] {
        try events.enumerated().map { index, event in
            do { return try JSONView(parsing: event.data) } catch let failure as JSONView.Failure {
                throw CaseFailure(
                    "event \(index) of the stream is \(failure): \(Evidence.text(Array(event.data.utf8), limit: 200))",
                    evidence: evidence)
            }
        }
    }
}

extension ServiceClient {
    /// Sends a request and reads its answer as a stream of server-sent events. An answer of another status than 200 is
    /// returned without events.
    ///
    /// - Parameters:
    ///   - json: the body; nil for none.
    ///   - onEvent: is told of each event as it comes, on the thread that reads.
    /// - Throws: `CaseFailure` with the raw bytes where the stream is not what it has to be: another content type, an
    ///   event that is damaged or cut, no `[DONE]` or something after it, silence, a connection that breaks.
    ///   `Failure` where there is no answer at all. What `onEvent` throws. `CancellationError`.
    @discardableResult package func stream(
        _ method: String = "POST", _ path: String, json: String? = nil, options: StreamOptions = StreamOptions(),
        onEvent: @escaping @Sendable (SSEEvent) throws -> StreamStep = { _ in .goOn }
    ) async throws -> StreamAnswer {
        var headers = options.headers
        headers["Accept"] = headers["Accept"] ?? "text/event-stream"
        if json != nil { headers["Content-Type"] = "application/json" }
        let request = sent(method, path, headers: headers, body: json.map { Array($0.utf8) })
        let limits = CurlSession.Limits(
            totalSeconds: options.totalSeconds ?? timeoutSeconds, silenceSeconds: options.silenceSeconds)
        return try await Blocking.run { flag in
            try StreamReader(done: options.done, onEvent: onEvent).read(request, limits) { flag.isSet }
        }
    }

    /// The events of a stream, of which every one has come.
    ///
    /// - Throws: as `stream`, and `CaseFailure` where the status is not 200.
    package func events(
        _ method: String = "POST", _ path: String, json: String? = nil, options: StreamOptions = StreamOptions()
    ) async throws -> [SSEEvent] {
        let stream = try await stream(method, path, json: json, options: options)
        try stream.answer.expecting(status: 200)
        return stream.events
    }
}

/// Reads one stream, on one thread.
private final class StreamReader {
    private var parser: SSEParser
    private let onEvent: (SSEEvent) throws -> StreamStep
    private var events: [SSEEvent] = []
    private var failure: (any Error)?

    init(done: SSEParser.DoneRule, onEvent: @escaping (SSEEvent) throws -> StreamStep) {
        parser = SSEParser(done: done)
        self.onEvent = onEvent
    }

    func read(
        _ request: SentRequest, _ limits: CurlSession.Limits, _ isCancelled: () -> Bool
    ) throws -> StreamAnswer {
        let inbox = CurlSession.Inbox { [self] inbox, bytes, seconds in
            guard Self.isStream(inbox) else { return true }
            let before = events.count
            do { try parser.append(bytes, at: seconds, to: &events) } catch { failure = error }
            do {
                for event in events[before...] where try onEvent(event) == .stop {
                    failure = nil
                    return false
                }
            } catch { failure = error }
            return failure == nil
        }
        do {
            try CurlSession().perform(request, limits: limits, into: inbox, isCancelled: isCancelled)
        } catch let interruption as CurlSession.Interruption {
            // Without a status there was no answer.
            guard inbox.status != 0 else { throw interruption.error(url: request.url) }
            switch interruption {
            case .cancelled: throw CancellationError()
            case .silence(let seconds):
                failure = CaseFailure("the stream was silent for \(seconds) seconds after \(events.count) events")
            case .failed(let reason):
                failure = CaseFailure("the stream broke off after \(events.count) events: \(reason)")
            }
        }
        let answer = inbox.answer(to: request)
        let wasStopped = inbox.wasStopped && failure == nil
        if failure == nil, !wasStopped, inbox.status == 200 {
            do {
                guard Self.isStream(inbox) else {
                    throw CaseFailure(
                        "expected content-type text/event-stream, found \(inbox.headers["content-type"] ?? "none")")
                }
                try parser.finish()
            } catch { failure = error }
        }
        switch failure {
        case let failure as SSEFailure:
            throw CaseFailure(failure.description, evidence: StreamAnswer.evidence(answer))
        case let failure as CaseFailure:
            throw CaseFailure(failure.message, evidence: failure.evidence + StreamAnswer.evidence(answer))
        case let failure?: throw failure
        case nil: break
        }
        return StreamAnswer(
            answer: answer, events: events, comments: parser.comments, isDone: parser.isDone, wasStopped: wasStopped,
            lastEventID: parser.lastEventID)
    }

    private static func isStream(_ inbox: CurlSession.Inbox) -> Bool {
        let type = inbox.headers["content-type"]?.lowercased() ?? ""
        return inbox.status == 200 && (type == "text/event-stream" || type.hasPrefix("text/event-stream;"))
    }
}

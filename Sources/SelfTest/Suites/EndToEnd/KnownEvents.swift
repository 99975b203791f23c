extension ServiceClient {
    /// The header that makes the service tell all events that it still knows: an id of another run of it.
    static var fromTheBeginning: [String: String] { ["Last-Event-ID": "0-0"] }

    /// The events that the service still knows, from its first on, until enough have come.
    ///
    /// - Parameters:
    ///   - query: the query of `GET /events`.
    ///   - isEnough: is asked after each event, `missed` left out.
    func knownEvents(
        _ query: String, until isEnough: @escaping @Sendable ([SSEEvent]) -> Bool
    ) async throws -> [Document] {
        let stream = try await listen(query, headers: Self.fromTheBeginning) { isEnough($0.filter(Self.isNews)) }
        return try zip(stream.events, stream.json()).filter { Self.isNews($0.0) }.map {
            Document(value: $0.1, evidence: stream.evidence)
        }
    }

    private static func isNews(_ event: SSEEvent) -> Bool { event.event != "missed" }

    /// Listens to `GET /events` until enough has come.
    func listen(
        _ query: String = "", headers: [String: String] = [:], until isEnough: @escaping @Sendable ([SSEEvent]) -> Bool
    ) async throws -> StreamAnswer {
        let options = StreamOptions(done: .none, silenceSeconds: 60, totalSeconds: 120, headers: headers)
        let inbox = SSEInbox()
        let path = "/events" + (query.isEmpty ? "" : "?\(query)")
        let stream = try await stream("GET", path, options: options) { event in
            inbox.add(event)
            return isEnough(inbox.events) ? .stop : .goOn
        }
        try stream.answer.expecting(status: 200)
        return stream
    }
}

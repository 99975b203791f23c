internal import Generation
internal import Metrics

/// Counts a request's tokens and times them, for `GET /metrics`.
struct GenerationMeter: Sendable {
    private let started = ContinuousClock.now
    private let promptTokens: Counter
    private let completionTokens: Counter
    private let firstToken: Metrics.Timer
    private let nextToken: Metrics.Timer

    init(model: String) {
        let dimensions = [("model", model)]
        promptTokens = Counter(label: "svc_prompt_tokens_total", dimensions: dimensions)
        completionTokens = Counter(label: "svc_completion_tokens_total", dimensions: dimensions)
        firstToken = Metrics.Timer(label: "svc_time_to_first_token_seconds", dimensions: dimensions)
        nextToken = Metrics.Timer(label: "svc_inter_token_seconds", dimensions: dimensions)
    }

    /// Calls `body` with each event of a generation, in order.
    func each(
        _ generation: AcceptedGeneration, _ body: (GenerationEvent) async throws -> Void
    ) async throws {
        promptTokens.increment(by: generation.prompt.count)
        try await each(generation.events, body)
    }

    private func each<Events: AsyncSequence>(
        _ events: Events, _ body: (GenerationEvent) async throws -> Void
    ) async throws where Events.Element == GenerationEvent {
        /// When the last token of each choice came.
        var last: [Int: ContinuousClock.Instant] = [:]
        for try await event in events {
            if case .piece(let piece) = event, !piece.ids.isEmpty {
                let now = ContinuousClock.now
                completionTokens.increment(by: piece.ids.count)
                if let before = last[piece.choice] {
                    nextToken.record(duration: (now - before) / piece.ids.count)
                } else {
                    firstToken.record(duration: now - started)
                }
                last[piece.choice] = now
            }
            try await body(event)
        }
        // A sequence that is cancelled may simply end.
        try Task.checkCancellation()
    }
}

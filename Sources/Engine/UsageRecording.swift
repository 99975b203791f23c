internal import Foundation
internal import Generation
internal import ModelHub

/// What the engine notes of each request, for the history of use: names, counts and times, never texts.
extension Engine {
    /// Notes one request.
    ///
    /// - Parameter lease: of the model that answered; nil where none did.
    nonisolated func noteUse(
        of name: String, _ task: ModelDescriptor.Task, lease: ModelLease?,
        pair: (source: String?, target: String?) = (nil, nil),
        texts: Int = 1, characters: Int = 0, sourceTokens: Int = 0, targetTokens: Int = 0,
        began: ContinuousClock.Instant, failure: (any Error)? = nil
    ) {
        guard let usage else { return }
        if failure is CancellationError { return }
        usage.record(
            UsageObservation(
                model: lease?.name ?? name, task: task, source: pair.source, target: pair.target, time: .now,
                texts: texts,
                characters: characters, sourceTokens: sourceTokens, targetTokens: targetTokens,
                latencySeconds: began.duration(to: .now) / .seconds(1), failure: failure.map(Self.code),
                standInFor: lease?.fallback?.from))
    }

    /// A word for what went wrong.
    private static func code(_ error: any Error) -> String {
        switch error {
        case EngineError.withoutStandIn(let cause, _): code(cause)
        case EngineError.failed(_, let failure): failure.kind.rawValue
        case EngineError.notReady: "model_not_ready"
        case EngineError.overBudget: "over_memory_budget"
        case is EngineError: "refused"
        case is QueueFullError: "queue_full"
        case is GenerationError, is EmbeddingError: "invalid_input"
        default: "failed"
        }
    }
}

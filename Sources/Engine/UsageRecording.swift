internal import Foundation
internal import Generation
internal import ModelHub

/// The languages of a translation, as BCP 47 tags.
struct UsagePair: Hashable, Sendable {
    var source: String?
    var target: String?
}

/// What the engine notes of each request, for the history of use: names, counts and times, never texts.
extension Engine {
    /// Notes one request.
    ///
    /// - Parameters:
    ///   - name: the model that was asked for.
    ///   - lease: of the model that answered; nil where none did.
    nonisolated func noteUse(
        of name: String, _ task: ModelDescriptor.Task, answeredBy lease: ModelLease?, pair: UsagePair = UsagePair(),
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

    /// Notes a request whose texts were translated: once for each model and pair that it needed, however many texts it
    /// held. What was copied needed none.
    nonisolated func noteTranslation(of texts: [String], _ items: [TranslatedItem], began: ContinuousClock.Instant) {
        guard let usage else { return }
        struct Kind: Hashable {
            var model: String
            var standInFor: String?
            var pair: UsagePair
        }
        var observations: [Kind: UsageObservation] = [:]
        let latencySeconds = began.duration(to: .now) / .seconds(1)
        for (text, item) in zip(texts, items) {
            guard let model = item.model else { continue }
            let kind = Kind(
                model: model, standInFor: item.fallback?.from,
                pair: UsagePair(source: item.source, target: item.target))
            var observation =
                observations[kind]
                ?? UsageObservation(
                    model: model, task: .translation, source: item.source, target: item.target,
                    latencySeconds: latencySeconds, standInFor: item.fallback?.from)
            observation.texts += 1
            observation.characters += text.unicodeScalars.count
            observation.sourceTokens += item.sourceTokens
            observation.targetTokens += item.targetTokens
            observations[kind] = observation
        }
        for observation in observations.values { usage.record(observation) }
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

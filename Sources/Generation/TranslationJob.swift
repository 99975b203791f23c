internal import Foundation
internal import Synchronization

/// What a text is.
package enum TranslationFormat: String, Sendable, CaseIterable {
    /// Characters that mean themselves.
    case text
    /// HTML, a document or a part of one: its tags stay, and stand around what they stood around.
    case html
}

/// A text to translate.
package struct TranslationRequest: Sendable {
    /// The text: any number of sentences and paragraphs.
    package var text: String
    /// The languages, as the model knows them.
    package var direction: TranslationDirection
    /// How to search, for each sentence.
    package var search: SearchOptions
    /// What the text is, and its translation will be.
    package var format: TranslationFormat

    /// A text and how to search.
    package init(
        text: String, direction: TranslationDirection = TranslationDirection(), search: SearchOptions = SearchOptions(),
        format: TranslationFormat = .text
    ) {
        self.text = text
        self.direction = direction
        self.search = search
        self.format = format
    }
}

/// A translated text.
package struct TranslationResult: Sendable, Equatable {
    /// The best translation.
    package var text: String
    /// The next best, where more than one result was asked for: no more than the search found.
    package var alternatives: [String]
    /// What its reader should know.
    package var warnings: [TranslationWarning]
    /// Tokens read, end tokens counted.
    package var sourceTokens: Int
    /// Tokens written in the best translation, end tokens counted.
    package var targetTokens: Int
    /// From the request to the start of its first batch, in seconds.
    package var queueSeconds: Double
    /// From then to the end, in seconds.
    package var inferenceSeconds: Double

    /// Whether a model had anything to translate: a text without a letter is copied.
    package var isTranslated: Bool { sourceTokens > 0 }

    /// A translated text, however it was translated.
    package init(
        text: String, alternatives: [String], warnings: [TranslationWarning], sourceTokens: Int, targetTokens: Int,
        queueSeconds: Double, inferenceSeconds: Double
    ) {
        (self.text, self.alternatives, self.warnings) = (text, alternatives, warnings)
        (self.sourceTokens, self.targetTokens) = (sourceTokens, targetTokens)
        (self.queueSeconds, self.inferenceSeconds) = (queueSeconds, inferenceSeconds)
    }
}

/// One text on its way through the batcher. Its sentences may be in several batches at once.
final class TranslationJob: Sendable {
    private struct State {
        var continuation: CheckedContinuation<TranslationResult, any Error>?
        var plan = TranslationPipeline.Plan()
        /// For each unit where its pieces are, if its tokens have to be aligned.
        var alignedPieces: [Range<Int>?] = []
        /// For each unit the translations of its hypotheses, best first; none of a unit that is not translated yet.
        var translations: [[UnitTranslation]] = []
        /// Parts that whoever waits has been told.
        var told = 0
        var remaining = 0
        var warnings: [TranslationWarning] = []
        var targetTokens = 0
        var started: ContinuousClock.Instant?
    }

    let request: TranslationRequest
    private let pipeline: TranslationPipeline
    private let onSentence: (@Sendable (String) -> Void)?
    private let created = ContinuousClock.now
    private let state = Mutex(State())
    private let ended = Atomic<Bool>(false)

    /// - Parameter onSentence: told each sentence, in order; returns at once.
    init(
        _ request: TranslationRequest, _ pipeline: TranslationPipeline, onSentence: (@Sendable (String) -> Void)?,
        _ continuation: CheckedContinuation<TranslationResult, any Error>
    ) {
        (self.request, self.pipeline, self.onSentence) = (request, pipeline, onSentence)
        state.withLock { $0.continuation = continuation }
    }

    /// Nobody waits any more: cancelled, failed or done.
    var hasEnded: Bool { ended.load(ordering: .acquiring) }

    /// Notes the plan. Returns the lengths of the units.
    func begin(_ plan: TranslationPipeline.Plan) {
        let alignedPieces = plan.alignedPieces(pipeline)
        state.withLock {
            $0.plan = plan
            $0.alignedPieces = alignedPieces
            $0.translations = Array(repeating: [], count: plan.units.count)
            $0.remaining = plan.units.count
        }
    }

    func noteStart() {
        state.withLock { if $0.started == nil { $0.started = .now } }
    }

    func source(of unit: Int) -> [Int32] { state.withLock { $0.plan.units[unit] } }

    /// Where the pieces of a unit are among its tokens, if its translation has to be aligned with them.
    func alignedPieces(of unit: Int) -> Range<Int>? { state.withLock { $0.alignedPieces[unit] } }

    /// Notes a unit's hypotheses. True if it was the last unit.
    func complete(
        _ unit: Int, _ translations: [UnitTranslation], targetTokens: Int, warnings: [TranslationWarning]
    ) -> Bool {
        state.withLock {
            $0.translations[unit] = translations
            $0.targetTokens += targetTokens
            for warning in warnings where !$0.warnings.contains(warning) { $0.warnings.append(warning) }
            $0.remaining -= 1
            tell(&$0)
            return $0.remaining == 0
        }
    }

    /// Tells whoever waits the sentences that are translated, up to the first that is not. Under the lock, so that they
    /// come in order whoever translated them.
    private func tell(_ state: inout State) {
        guard let onSentence else { return }
        let parts = state.plan.parts
        while state.told < parts.count {
            let part = parts[state.told]
            let units = state.translations[part.units].compactMap(\.first)
            guard units.count == part.units.count else { return }
            state.told += 1
            let text = pipeline.assemble(part, of: state.plan, units: units)
            onSentence(state.told == parts.count ? text + state.plan.trailing : text)
        }
    }

    /// Assembles the answer and resumes whoever waits.
    func succeed() {
        let result = state.withLock { state in
            tell(&state)
            if state.plan.parts.isEmpty, !state.plan.trailing.isEmpty { onSentence?(state.plan.trailing) }
            // A sentence of which the search found fewer hypotheses stands in further versions as in the first; where no
            // sentence has more, there is no further version.
            let found = min(request.search.results, state.translations.map(\.count).max() ?? 1)
            let versions = (0..<max(1, found)).map { rank in
                pipeline.assemble(
                    state.plan,
                    units: state.translations.map {
                        $0.indices.contains(rank) ? $0[rank] : $0.first ?? UnitTranslation(text: "")
                    })
            }
            let started = state.started ?? .now
            return TranslationResult(
                text: versions[0], alternatives: Array(versions.dropFirst()), warnings: state.warnings,
                sourceTokens: state.plan.units.reduce(0) { $0 + $1.count }, targetTokens: state.targetTokens,
                queueSeconds: (started - created) / .seconds(1), inferenceSeconds: (.now - started) / .seconds(1))
        }
        end(.success(result))
    }

    /// Resumes whoever waits, once.
    func end(_ result: Result<TranslationResult, any Error>) {
        ended.store(true, ordering: .releasing)
        let continuation = state.withLock { state in
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(with: result)
    }
}

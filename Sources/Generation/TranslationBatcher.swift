package import Architectures
internal import Compute
internal import Foundation
internal import Synchronization
package import Tokenizers

/// Translates texts with one model. Requests are cut into sentences, and workers take batches of sentences of similar
/// length across all requests; requests take turns, so a long document does not hold up a short one.
package final class TranslationBatcher: WorkSource {
    /// Bounds of what waits and of what is computed together.
    package struct Limits: Sendable {
        /// Requests that may wait or run; one more is refused.
        package var waitingRequests = 512
        /// Sentences in one batch. The 8-bit kernels take a dozen rows at a time; with more, what attention reads of the
        /// sources no longer stays in the second-level cache of a worker.
        package var batchSentences = 12
        /// Hypotheses in one batch: those of a sentence share what is read of its source.
        package var batchRows = 32
        /// Source tokens in one batch.
        package var batchTokens = 384
        /// Batches that are computed at once: 1 for a model whose operations the compute pool's threads share.
        package var concurrentBatches = Int.max

        /// The defaults.
        package init() {}
    }

    private struct PendingJob {
        let job: TranslationJob
        /// Units not yet taken, with their length in tokens.
        var units: [(index: Int, length: Int)]
    }

    private struct State {
        var unprepared: [TranslationJob] = []
        /// Requests with sentences to translate; the first is served first, then goes to the end.
        var ring: [PendingJob] = []
        var pendingUnits = 0
        var openRequests = 0
        var runningBatches = 0
    }

    private struct Item {
        let job: TranslationJob
        let unit: Int
    }

    /// What a checkpoint's configuration says of every search with it.
    package struct SearchRules: Sendable, Equatable {
        /// `length_penalty`
        package var lengthPenalty: Float = 1
        /// `early_stopping`
        package var earlyStopping = SearchOptions.EarlyStopping.atPresentLength
        /// `no_repeat_ngram_size`
        package var noRepeatNgramSize = 0
        /// `repetition_penalty`
        package var repetitionPenalty: Float = 1
        /// `renormalize_logits`
        package var renormalizes = false

        /// The defaults.
        package init() {}
    }

    /// The model.
    package let model: any SequenceToSequenceModel
    private let pipeline: TranslationPipeline
    private let shortlist: Shortlist?
    private let pool: WorkerPool
    private let limits: Limits
    private let rules: SearchRules
    private let state = Mutex(State())
    /// Units that the batch is chosen from.
    private static let window = 512

    /// A batcher whose work the pool's threads take until `close`.
    package init(
        model: any SequenceToSequenceModel, pipeline: TranslationPipeline, shortlist: Shortlist?, pool: WorkerPool,
        limits: Limits = Limits(), rules: SearchRules = SearchRules()
    ) {
        self.model = model
        self.pipeline = pipeline
        self.shortlist = shortlist
        self.pool = pool
        self.limits = limits
        self.rules = rules
        pool.add(self)
    }

    /// Stops taking work. Whoever still waits gets a `CancellationError`.
    package func close() {
        pool.remove(self)
        let jobs = state.withLock { state in
            defer { state = State() }
            return state.unprepared + state.ring.map(\.job)
        }
        for job in jobs { job.end(.failure(CancellationError())) }
    }

    /// The languages that the model has marks for; empty where it knows one direction alone.
    package var languages: [TranslationLanguage] { pipeline.tokenizer.languages }

    /// Requests that wait or run.
    package var openRequests: Int { state.withLock { $0.openRequests } }

    /// Sentences that wait for a worker.
    package var waitingSentences: Int { state.withLock { $0.pendingUnits } }

    /// Translates a text.
    ///
    /// - Parameter onSentence: told each sentence of the best translation as soon as it and all before it are there, with
    ///   what stands before it; the last one with what stands behind. Together they are the translation. Has to return at
    ///   once: a worker waits.
    /// - Throws: `QueueFullError`; `CancellationError` if the task is cancelled, whose sentences leave their batches at
    ///   the next step.
    package func translate(
        _ request: TranslationRequest, onSentence: (@Sendable (String) -> Void)? = nil
    ) async throws -> TranslationResult {
        let accepted = state.withLock { state in
            guard state.openRequests < limits.waitingRequests else { return false }
            state.openRequests += 1
            return true
        }
        guard accepted else { throw QueueFullError(waiting: limits.waitingRequests, what: "translation requests") }
        defer { state.withLock { $0.openRequests -= 1 } }
        let cancellation = Mutex<(job: TranslationJob?, cancelled: Bool)>((nil, false))
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let job = TranslationJob(request, pipeline, onSentence: onSentence, continuation)
                let cancelled = cancellation.withLock { shared in
                    shared.job = job
                    return shared.cancelled
                }
                if cancelled {
                    job.end(.failure(CancellationError()))
                    return
                }
                state.withLock { $0.unprepared.append(job) }
                pool.announce()
            }
        } onCancel: {
            let job = cancellation.withLock { shared in
                shared.cancelled = true
                return shared.job
            }
            job?.end(.failure(CancellationError()))
        }
    }

    // MARK: Workers

    package func takeWork() -> Work? {
        state.withLock { state in
            while !state.unprepared.isEmpty {
                let job = state.unprepared.removeFirst()
                if job.hasEnded { continue }
                return { [self] _ in prepare(job) }
            }
            guard state.runningBatches < limits.concurrentBatches else { return nil }
            let batch = takeBatch(&state)
            if batch.isEmpty { return nil }
            state.runningBatches += 1
            return { [self] context in
                translate(batch, context)
                self.state.withLock { $0.runningBatches -= 1 }
                if limits.concurrentBatches < pool.threads { pool.announce() }
            }
        }
    }

    private func prepare(_ job: TranslationJob) {
        let plan =
            switch job.request.format {
            case .text: pipeline.plan(job.request.text, job.request.direction)
            case .html: pipeline.plan(html: job.request.text, job.request.direction)
            }
        do {
            for unit in plan.units { try model.check(unit) }
        } catch {
            job.end(.failure(error))
            return
        }
        job.begin(plan)
        guard !plan.units.isEmpty else {
            job.succeed()
            return
        }
        state.withLock { state in
            state.ring.append(
                PendingJob(
                    job: job, units: plan.units.enumerated().map { (index: $0.offset, length: $0.element.count) }))
            state.pendingUnits += plan.units.count
        }
        pool.announce()
    }

    /// Chooses a batch: the oldest sentence of the request whose turn it is, and those of all requests that are nearest
    /// to it in length. The workers share what waits, so none takes all of it.
    private func takeBatch(_ state: inout State) -> [Item] {
        state.ring.removeAll { pending in
            guard pending.job.hasEnded else { return false }
            state.pendingUnits -= pending.units.count
            return true
        }
        guard let anchor = state.ring.first?.units.first else { return [] }
        let workers = min(pool.threads, limits.concurrentBatches)
        let share = (state.pendingUnits + workers - 1) / workers
        let perJob = max(1, Self.window / state.ring.count)
        var window: [(distance: Int, entry: Int, unit: Int, length: Int)] = []
        for (entry, pending) in state.ring.enumerated() {
            for unit in pending.units.prefix(perJob) {
                window.append((abs(unit.length - anchor.length), entry, unit.index, unit.length))
            }
        }
        // The anchor has distance 0 and comes first; the order of the rest breaks ties by age.
        window.sort { ($0.distance, $0.entry, $0.unit) < ($1.distance, $1.entry, $1.unit) }
        var batch: [Item] = []
        var taken: [Int: Set<Int>] = [:]
        var rows = 0
        var tokens = 0
        for candidate in window where batch.count < share {
            let job = state.ring[candidate.entry].job
            let beam = job.request.search.beamSize
            guard
                batch.isEmpty
                    || (batch.count < limits.batchSentences && rows + beam <= limits.batchRows
                        && tokens + candidate.length <= limits.batchTokens)
            else { break }
            batch.append(Item(job: job, unit: candidate.unit))
            taken[candidate.entry, default: []].insert(candidate.unit)
            rows += beam
            tokens += candidate.length
        }
        for (entry, units) in taken { state.ring[entry].units.removeAll { units.contains($0.index) } }
        state.pendingUnits -= batch.count
        if state.ring.count > 1 { state.ring.append(state.ring.removeFirst()) }
        state.ring.removeAll { $0.units.isEmpty }
        return batch
    }

    /// Tokens that a translation may have besides the share of its source: short sentences become long ones in other
    /// languages.
    private static let spareTokens = 16

    /// What a request asks for, and what the model wants of every search.
    private func options(_ request: TranslationRequest, sourceLength: Int) -> SearchOptions {
        var options = request.search
        guard model.startToken != nil else { return options }
        options.style = .pooled
        options.lengthPenalty = rules.lengthPenalty
        options.earlyStopping = rules.earlyStopping
        options.noRepeatNgramSize = rules.noRepeatNgramSize
        options.repetitionPenalty = rules.repetitionPenalty
        options.renormalizes = rules.renormalizes
        options.forcedFirstToken = pipeline.tokenizer.forcedFirstToken(to: request.direction.target?.code)
        let byLength = options.limit(sourceLength: sourceLength) + Self.spareTokens
        options.maximumLengthFactor = .infinity
        options.maximumTokens = min(options.maximumTokens ?? .max, byLength, model.maximumTargetLength - 1)
        return options
    }

    private func translate(_ batch: [Item], _ context: WorkerContext) {
        for item in batch { item.job.noteStart() }
        let requests = batch.map { item in
            let source = item.job.source(of: item.unit)
            return SearchRequest(
                source: source, candidates: shortlist?.candidates(for: source),
                options: options(item.job.request, sourceLength: source.count),
                alignedPieces: item.job.alignedPieces(of: item.unit))
        }
        let results = BatchSearch.run(
            requests, model: model, workspace: context.workspace,
            isCancelled: { batch[$0].job.hasEnded })
        for (index, item) in batch.enumerated() where !item.job.hasEnded {
            guard let best = results[index].first else { continue }
            let isLast = item.job.complete(
                item.unit, results[index].map(translation),
                targetTokens: best.tokens.count + (best.reachedLimit ? 0 : 1),
                warnings: DegenerationGuard.warnings(source: requests[index].source, hypothesis: best))
            if isLast { item.job.succeed() }
        }
    }

    /// A hypothesis as text, and by tokens where there are tags to be placed.
    private func translation(_ hypothesis: Hypothesis) -> UnitTranslation {
        let tokenizer = pipeline.tokenizer
        return UnitTranslation(
            text: tokenizer.decode(hypothesis.tokens),
            tokens: hypothesis.links.isEmpty
                ? [] : AlignedText.texts(of: hypothesis.tokens, hypothesis.links, decode: tokenizer.decode))
    }
}

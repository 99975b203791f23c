package import Architectures
package import Compute
package import Tokenizers

/// Generates text with one model for many requests at once. A thread of its own runs step after step; requests join and
/// leave at every step. A step reads one token of each answer that is being written and a share of each prompt that is
/// being read, in one pass over the weights (Yu et al., "Orca", 2022; Agrawal et al., "Sarathi", 2023).
///
/// What an answer says does not depend on the others, nor on how its prompt was cut: every row's numbers are its own.
package final class ContinuousBatcher: Sendable {
    /// Bounds of what waits and of what is computed together.
    package struct Limits: Sendable {
        /// Requests that may wait or run; one more is refused.
        package var requests = 512
        /// Answers that are written or read at the same time.
        package var sequences = 64
        /// The most tokens of a step.
        package var stepTokens = 512
        /// How long a step may take that only reads prompts: what a new request waits for.
        package var readingStepSeconds = 0.4
        /// How long a step may take while answers are being written: the pause that their readers see.
        package var writingStepSeconds = 0.1
        /// Events that a reader may be behind before its answer waits for it.
        package var unreadEvents = 256
        /// Bytes of the keys and values of all answers and known prefixes. At least one whole context.
        package var cacheBytes = 1 << 30
        /// The share of those that known prefixes may take.
        package var prefixCacheShare = 0.5
        /// Tokens that prompt and answer may have together; at most the model's.
        package var contextTokens = Int.max

        package init() {}
    }

    /// What was done since the start.
    package struct Counters: Sendable, Equatable {
        /// Prompt tokens that were computed.
        package var promptTokens = 0
        /// Prompt tokens whose keys and values were there already.
        package var cachedTokens = 0
        /// Tokens generated.
        package var generatedTokens = 0
        /// Passes over the weights.
        package var steps = 0
        /// Answers that had to give up their place for a while.
        package var preemptions = 0
    }

    /// The model.
    package let model: any CausalLanguageModel
    /// Its tokenizer.
    package let tokenizer: any TextTokenizer
    /// Tokens that prompt and answer may have together.
    package let contextTokens: Int
    private let mailbox: GenerationMailbox

    /// Starts the model's thread.
    ///
    /// - Parameters:
    ///   - pool: the process's compute threads, which this thread joins as one of them.
    /// - Precondition: the tokenizer has no id that the model does not know.
    package init(
        model: any CausalLanguageModel, tokenizer: any TextTokenizer, backend: ComputeBackend, pool: ThreadPool,
        limits: Limits = Limits()
    ) {
        precondition(tokenizer.vocabularySize <= model.vocabularySize, "a tokenizer with more ids than the model")
        self.model = model
        self.tokenizer = tokenizer
        contextTokens = min(limits.contextTokens, model.configuration.contextTokens)
        mailbox = GenerationMailbox(limit: limits.requests)
        WorkerThread.start(name: "svc-generate", niceness: 5) { [mailbox, contextTokens] in
            let loop = GenerationLoop(
                model: model, tokenizer: tokenizer, contextTokens: contextTokens, limits: limits,
                resources: ComputeResources(backend: backend, pool: pool, workspace: Workspace()))
            while let arrived = mailbox.take(waiting: !loop.hasWork) {
                loop.enqueue(arrived)
                let ended = pool.hold { loop.step() }
                // Counted before the readers know, who may ask for the count.
                mailbox.note(ended: ended.count, waiting: loop.waitingCount, counters: loop.counters)
                for request in ended { request.finish() }
            }
            loop.abandon(mailbox.leftovers())
        }
    }

    deinit { mailbox.stop() }

    /// Ends the thread after the step it is at. Whoever still reads gets a `CancellationError`.
    package func close() { mailbox.stop() }

    /// Requests that wait or run.
    package var openRequests: Int { mailbox.report().open }

    /// Answers that wait for a place.
    package var waitingSequences: Int { mailbox.report().waiting }

    /// What was done since the start.
    package var counters: Counters { mailbox.report().counters }

    /// Takes a request. Its events come as they are made; letting go of them ends the work.
    ///
    /// - Throws: `GenerationError` for a prompt that cannot be continued; `QueueFullError`; `CancellationError` if the model
    ///   is on its way out.
    package func submit(_ request: GenerationRequest) throws -> GenerationEvents {
        try check(request)
        let channel = GenerationChannel { [weak mailbox] in mailbox?.wake() }
        try mailbox.submit(ActiveRequest(request, channel))
        return GenerationEvents(channel, from: self)
    }

    private func check(_ request: GenerationRequest) throws(GenerationError) {
        precondition(request.choices > 0 && request.minTokens >= 0, "at least one answer, and no negative length")
        guard !request.prompt.isEmpty else { throw .emptyPrompt }
        let count = tokenizer.vocabularySize
        for id in request.prompt + Array(request.sampling.logitBias.keys) where id < 0 || Int(id) >= count {
            throw .idOutsideVocabulary(id: id, count: count)
        }
        guard request.prompt.count < contextTokens else {
            throw .contextOverflow(promptTokens: request.prompt.count, contextTokens: contextTokens)
        }
        if let maxTokens = request.maxTokens, maxTokens > contextTokens - request.prompt.count {
            throw .answerOverflow(
                promptTokens: request.prompt.count, maxTokens: maxTokens, contextTokens: contextTokens)
        }
    }
}

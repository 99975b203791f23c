internal import Architectures
package import Generation
internal import ModelHub
package import Tokenizers

/// What is to be continued.
package enum GenerationInput: Sendable {
    /// A text; the model's begin token is put before it if the model wants one. Special tokens spelled out in it are
    /// text.
    case text(String)
    /// Ids, taken as they are.
    case tokens([Int32])
    /// A conversation, rendered by the model's chat template.
    case chat(ChatPrompt)
}

/// A conversation to answer.
package struct ChatPrompt: Sendable {
    /// The messages, oldest first.
    package var messages: [ChatMessage]
    /// The functions that the model may call, as OpenAI's `tools` gives them; nil for none.
    package var tools: [TemplateValue]?
    /// What else the template may use.
    package var variables = TemplateDictionary()

    package init(messages: [ChatMessage], tools: [TemplateValue]? = nil) {
        self.messages = messages
        self.tools = tools
    }
}

/// What is known of a model that generates, before anything is asked of it.
package struct GenerationModelInfo: Sendable {
    /// The model's name.
    package var name: String
    /// Tokens that prompt and answer may have together.
    package var contextTokens: Int
    /// The size of the vocabulary.
    package var vocabularySize: Int
    /// Bytes of the weights that a step reads.
    package var stepBytes: Int
    /// The chat template's source; nil if the model has none.
    package var chatTemplate: String?
    /// Turns ids into bytes; what `Grammar` is compiled against.
    package var tokenizer: any TextTokenizer
}

/// The model that answers a request, held in memory for as long as somebody holds on to this.
package struct GenerationHandle: Sendable {
    let lease: ModelLease
    let model: GenerationModel

    /// Whose place the model takes; nil if it was asked for itself.
    package var fallback: FallbackNotice? { lease.fallback }

    /// What is known of it.
    package var info: GenerationModelInfo {
        GenerationModelInfo(
            name: lease.name, contextTokens: model.batcher.contextTokens,
            vocabularySize: model.tokenizer.vocabularySize, stepBytes: model.batcher.model.stepBytes,
            chatTemplate: model.templateSource, tokenizer: model.tokenizer)
    }
}

/// An answer on its way: the events in order. Letting go of it, or cancelling the task that reads it, ends the work at
/// the model's next step; reading slowly holds the work back.
package struct GenerationStream: Sendable, AsyncSequence {
    /// Tokens of the prompt.
    package let promptTokens: Int
    /// The prompt's ids.
    package let prompt: [Int32]
    let events: GenerationEvents
    /// Told of the end, good or bad.
    let ended: @Sendable (GenerationUsage?, (any Error)?) -> Void

    /// Reads the events in order.
    package struct Iterator: AsyncIteratorProtocol {
        fileprivate var events: GenerationEvents.Iterator
        fileprivate let ended: @Sendable (GenerationUsage?, (any Error)?) -> Void

        /// The next event; nil after the last.
        ///
        /// - Throws: `CancellationError`, also where the model was unloaded meanwhile.
        package mutating func next() async throws -> GenerationEvent? {
            do {
                let event = try await events.next()
                if case .ended(let usage) = event { ended(usage, nil) }
                return event
            } catch {
                ended(nil, error)
                throw error
            }
        }
    }

    package func makeAsyncIterator() -> Iterator { Iterator(events: events.makeAsyncIterator(), ended: ended) }
}

extension Engine {
    /// The model that answers, loaded if need be: the one that is named, or where it cannot and the policy allows, one that
    /// stands in for it.
    ///
    /// - Parameter isChat: whether it is asked with a conversation.
    /// - Throws: `EngineError` for a model that is unknown, does something else, or is not ready.
    package nonisolated func generationHandle(
        model name: String, fallback: FallbackPolicy = .never, isChat: Bool = false
    ) async throws -> GenerationHandle {
        let descriptor = try await entry(name).descriptor
        guard descriptor.task == .generation else { throw Self.wrongTask(descriptor) }
        let began = ContinuousClock.now
        let lease: ModelLease
        do {
            lease = try await acquire(
                name, standIn: fallback == .auto ? StandInNeed(task: .generation, needsChat: isChat) : nil)
        } catch {
            noteUse(of: name, .generation, answeredBy: nil, began: began, failure: error)
            throw error
        }
        guard case .generation(let model) = lease.model else { throw Self.wrongTask(descriptor) }
        return GenerationHandle(lease: lease, model: model)
    }

    private static func wrongTask(_ descriptor: ModelDescriptor) -> EngineError {
        .wrongTask(
            model: descriptor.name, task: descriptor.task.rawValue, wanted: ModelDescriptor.Task.generation.rawValue)
    }

    /// What is known of a model that generates. Loads it if need be.
    ///
    /// - Throws: `EngineError` for a model that is unknown, does something else, or is not ready.
    package nonisolated func generationInfo(model name: String) async throws -> GenerationModelInfo {
        try await generationHandle(model: name).info
    }

    /// Begins an answer.
    ///
    /// - Parameters:
    ///   - request: how to answer; its prompt is made from `input`.
    ///   - isCounted: whether it is a request of its own in the history of use.
    /// - Throws: `EngineError`; `GenerationError` for a prompt that cannot be continued; `ChatTemplateError` for a
    ///   conversation that the template refuses; `QueueFullError`; `CancellationError`.
    package nonisolated func generate(
        with handle: GenerationHandle, input: GenerationInput, request: GenerationRequest, isCounted: Bool = true
    ) async throws -> GenerationStream {
        let began = ContinuousClock.now
        let name = handle.lease.name
        do {
            let prompt = try await pool.run { _ in try handle.model.prompt(input) }
            try Task.checkCancellation()
            var request = request
            request.prompt = prompt
            return GenerationStream(
                promptTokens: prompt.count, prompt: prompt, events: try handle.model.batcher.submit(request)
            ) { [self] usage, error in
                guard isCounted else { return }
                noteUse(
                    of: name, .generation, answeredBy: handle.lease, sourceTokens: usage?.promptTokens ?? prompt.count,
                    targetTokens: usage?.completionTokens ?? 0, began: began, failure: error)
            }
        } catch {
            if isCounted { noteUse(of: name, .generation, answeredBy: handle.lease, began: began, failure: error) }
            throw error
        }
    }

    /// Begins an answer of the model of that name.
    ///
    /// - Throws: what `generationHandle` and `generate(with:)` throw.
    package nonisolated func generate(
        model name: String, input: GenerationInput, request: GenerationRequest
    ) async throws -> GenerationStream {
        try await generate(with: try await generationHandle(model: name), input: input, request: request)
    }
}

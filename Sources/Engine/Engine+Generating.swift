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

/// An answer on its way: the events in order. Letting go of it, or cancelling the task that reads it, ends the work at
/// the model's next step; reading slowly holds the work back.
package struct GenerationStream: Sendable, AsyncSequence {
    /// Tokens of the prompt.
    package let promptTokens: Int
    /// The prompt's ids.
    package let prompt: [Int32]
    let events: GenerationEvents

    package func makeAsyncIterator() -> GenerationEvents.Iterator { events.makeAsyncIterator() }
}

extension Engine {
    /// What is known of a model that generates. Loads it if need be.
    ///
    /// - Throws: `EngineError` for a model that is unknown, does something else, or is not ready.
    package nonisolated func generationInfo(model name: String) async throws -> GenerationModelInfo {
        let model = try await generationModel(name)
        return GenerationModelInfo(
            name: name, contextTokens: model.batcher.contextTokens, vocabularySize: model.tokenizer.vocabularySize,
            stepBytes: model.batcher.model.stepBytes, chatTemplate: model.templateSource, tokenizer: model.tokenizer)
    }

    /// Begins an answer.
    ///
    /// - Parameter request: how to answer; its prompt is made from `input`.
    /// - Throws: `EngineError`; `GenerationError` for a prompt that cannot be continued; `ChatTemplateError` for a
    ///   conversation that the template refuses; `QueueFullError`; `CancellationError`.
    package nonisolated func generate(
        model name: String, input: GenerationInput, request: GenerationRequest
    ) async throws -> GenerationStream {
        let model = try await generationModel(name)
        let prompt = try await pool.run { _ in try model.prompt(input) }
        try Task.checkCancellation()
        var request = request
        request.prompt = prompt
        return GenerationStream(
            promptTokens: prompt.count, prompt: prompt, events: try model.batcher.submit(request))
    }

    private func generationModel(_ name: String) async throws -> GenerationModel {
        let descriptor = try entry(name).descriptor
        guard descriptor.task == .generation, case .generation(let model) = try await acquire(name) else {
            throw EngineError.wrongTask(
                model: name, task: descriptor.task.rawValue, wanted: ModelDescriptor.Task.generation.rawValue)
        }
        return model
    }
}

internal import Engine
internal import Foundation
internal import Generation
internal import ModelHub
internal import Tokenizers

/// Who answers prompts: the engine, or what a test puts in its place.
protocol GenerationService: Sendable {
    /// The models that generate or embed, in the order of the catalogue.
    func generationModels() async -> [GenerationModelListing]

    /// The model that answers: the one that is named, loaded if need be, or one that stands in for it.
    ///
    /// - Parameter isChat: whether it is asked with a conversation.
    /// - Throws: `EngineError`.
    func model(_ name: String, fallback: FallbackPolicy, isChat: Bool) async throws -> AnsweringModel
}

/// A model as `GET /v1/models` shows it.
struct GenerationModelListing: Sendable, Equatable {
    var name: String
    /// Since when the service knows it.
    var created: Date
}

/// The model that answers a request.
struct AnsweringModel: Sendable {
    /// Its name.
    var name: String
    /// Whose place it takes; nil if it was asked for itself.
    var fallback: FallbackNotice?
    /// What a request has to know of it.
    var traits: ModelTraits
    /// Hands a prompt to it. Returns when it has been accepted; throws `EngineError`, `GenerationError`, `QueueFullError`,
    /// `ChatTemplateError`.
    var accept: @Sendable (GenerationInput, GenerationRequest) async throws -> AcceptedGeneration
}

/// What a request has to know of its model.
struct ModelTraits: Sendable {
    /// The size of the vocabulary.
    var vocabularySize: Int
    /// The chat template's source; nil if the model has none.
    var chatTemplate: String?
    /// Turns ids into bytes.
    var tokenizer: any TextTokenizer
}

/// A prompt on its way to an answer. Letting go of the events ends the work.
struct AcceptedGeneration: Sendable {
    /// The prompt's ids.
    var prompt: [Int32]
    /// What comes of it.
    var events: any AsyncSequence<GenerationEvent, any Error> & Sendable
}

extension Engine: GenerationService {
    func generationModels() async -> [GenerationModelListing] {
        statuses().filter { [.generation, .embedding].contains($0.descriptor.task) }.map {
            GenerationModelListing(name: $0.descriptor.name, created: startedAt)
        }
    }

    func model(_ name: String, fallback: FallbackPolicy, isChat: Bool) async throws -> AnsweringModel {
        let handle = try await generationHandle(model: name, fallback: fallback, isChat: isChat)
        let info = handle.info
        return AnsweringModel(
            name: info.name, fallback: handle.fallback,
            traits: ModelTraits(
                vocabularySize: info.vocabularySize, chatTemplate: info.chatTemplate, tokenizer: info.tokenizer)
        ) { input, request in
            let stream = try await self.generate(with: handle, input: input, request: request)
            return AcceptedGeneration(prompt: stream.prompt, events: stream)
        }
    }
}

internal import Engine
internal import Foundation
internal import Generation
internal import ModelHub
internal import Tokenizers

/// Who answers prompts: the engine, or what a test puts in its place.
protocol GenerationService: Sendable {
    /// The models that generate or embed, in the order of the catalogue.
    func generationModels() async -> [GenerationModelListing]

    /// What there is to know of a model before anything is asked of it; loads it if need be.
    ///
    /// - Throws: `EngineError`.
    func traits(of name: String) async throws -> ModelTraits

    /// Hands a prompt to a model. Returns when it has been accepted.
    ///
    /// - Throws: `EngineError`, `GenerationError`, `QueueFullError`, `ChatTemplateError`.
    func accept(
        model: String, input: GenerationInput, request: GenerationRequest
    ) async throws -> AcceptedGeneration
}

/// A model as `GET /v1/models` shows it.
struct GenerationModelListing: Sendable, Equatable {
    var name: String
    /// Since when the service knows it.
    var created: Date
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

    func traits(of name: String) async throws -> ModelTraits {
        let info = try await generationInfo(model: name)
        return ModelTraits(
            vocabularySize: info.vocabularySize, chatTemplate: info.chatTemplate, tokenizer: info.tokenizer)
    }

    func accept(
        model: String, input: GenerationInput, request: GenerationRequest
    ) async throws -> AcceptedGeneration {
        let stream = try await generate(model: model, input: input, request: request)
        return AcceptedGeneration(prompt: stream.prompt, events: stream)
    }
}

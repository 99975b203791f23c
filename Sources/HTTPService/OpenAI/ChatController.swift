internal import Engine
internal import Generation
internal import Hummingbird
internal import Tokenizers

/// POST /v1/chat/completions.
struct ChatController: Sendable {
    let service: any GenerationService
    let configuration: ServiceConfiguration
    let responder: GenerationResponder

    func complete(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let parameters = try await RequestParameters.read(request, maximumBytes: configuration.maximumBodyBytes)
        let chat = try ChatRequest(parameters)
        return try await responder.respond(context, isStreamed: chat.stream != nil) { [service] in
            try await Self.prepare(chat, service)
        }
    }

    private static func prepare(
        _ request: ChatRequest, _ service: any GenerationService
    ) async throws -> PreparedAnswer {
        var request = request
        let model = try await service.model(request.model, fallback: request.fallback, isChat: true)
        let meter = GenerationMeter(model: model.name)
        let reading = try request.prepare(for: model.traits)
        do {
            let generation = try await model.accept(.chat(request.prompt), request.generation)
            return PreparedAnswer(
                writer: ChatAnswer(request, reading, by: model), generations: [generation], meter: meter)
        } catch {
            throw APIError.from(error, prompt: "messages")
        }
    }
}

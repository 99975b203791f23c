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
        let meter = GenerationMeter(model: request.model)
        var request = request
        let reading = try request.prepare(for: try await service.traits(of: request.model))
        do {
            let generation = try await service.accept(
                model: request.model, input: .chat(request.prompt), request: request.generation)
            return PreparedAnswer(
                writer: ChatAnswer(request, reading), generations: [generation], meter: meter)
        } catch {
            throw APIError.from(error, prompt: "messages")
        }
    }
}

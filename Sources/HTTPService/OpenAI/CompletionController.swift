internal import Engine
internal import Generation
internal import Hummingbird

/// POST /v1/completions.
struct CompletionController: Sendable {
    let service: any GenerationService
    let configuration: ServiceConfiguration
    let responder: GenerationResponder

    func complete(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let parameters = try await RequestParameters.read(request, maximumBytes: configuration.maximumBodyBytes)
        let completion = try CompletionRequest(parameters)
        return try await responder.respond(context, isStreamed: completion.stream != nil) { [service] in
            try await Self.prepare(completion, service)
        }
    }

    private static func prepare(
        _ request: CompletionRequest, _ service: any GenerationService
    ) async throws -> PreparedAnswer {
        let model = try await service.model(request.model, fallback: request.fallback, isChat: false)
        let meter = GenerationMeter(model: model.name)
        try request.check(for: model.traits)
        var generations: [AcceptedGeneration] = []
        do {
            for prompt in request.prompts {
                generations.append(try await model.accept(prompt.input, request.generation))
            }
        } catch {
            throw APIError.from(error, prompt: "prompt")
        }
        return PreparedAnswer(
            writer: CompletionAnswer(request, by: model), generations: generations, meter: meter)
    }
}

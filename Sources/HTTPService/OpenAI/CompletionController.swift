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
        let meter = GenerationMeter(model: request.model)
        let model = try await service.traits(of: request.model)
        try request.check(for: model)
        var generations: [AcceptedGeneration] = []
        do {
            for prompt in request.prompts {
                generations.append(
                    try await service.accept(model: request.model, input: prompt.input, request: request.generation))
            }
        } catch {
            throw APIError.from(error, prompt: "prompt")
        }
        return PreparedAnswer(
            writer: CompletionAnswer(request, model.tokenizer), generations: generations, meter: meter)
    }
}

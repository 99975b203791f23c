internal import Engine
internal import Foundation
internal import Hummingbird
internal import Tokenizers

/// GET /v1/models and GET /v1/models/{name}: the models that generate or embed, as OpenAI's clients list them.
struct GenerationModelsController: Sendable {
    let service: any GenerationService

    func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let models = await service.generationModels().map(Self.value)
        return JSONResponse.raw(JSONText.write(["object": "list", "data": .list(models)]))
    }

    func show(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let models = await service.generationModels()
        let name = context.parameters.get("name") ?? ""
        guard let model = models.first(where: { $0.name == name }) else {
            throw APIError(
                .notFound,
                "no model \(name) generates or embeds text; GET /v1/models lists those that do, and GET /models all models",
                param: "model", code: "model_not_found")
        }
        return JSONResponse.raw(JSONText.write(Self.value(model)))
    }

    private static func value(_ model: GenerationModelListing) -> TemplateValue {
        [
            "id": .string(model.name), "object": "model", "created": .int(Int(model.created.timeIntervalSince1970)),
            "owned_by": "svc",
        ]
    }
}

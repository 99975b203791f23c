internal import Engine
internal import Hummingbird

/// GET /health and the probes. Cheap: what the engine knows, and never an inference.
struct HealthController: Sendable {
    let engine: Engine
    let version: String

    private struct Health: Encodable {
        struct Model: Encodable {
            struct Failure: Encodable {
                var reason: String
                var action: String
            }

            var status: String
            var stage: String
            var progress: Double?
            var error: Failure?
        }

        var status: String
        var modelsLoaded: Int
        var models: [String: Model]
        var uptimeSeconds: Double
        var version: String
    }

    func health(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let health = await engine.health()
        let body = Health(
            status: health.status.rawValue, modelsLoaded: health.loadedCount,
            models: Dictionary(
                uniqueKeysWithValues: health.models.map { model in
                    (
                        model.name,
                        Health.Model(
                            status: model.state.rawValue, stage: (model.failure?.stage ?? model.state).rawValue,
                            progress: model.state == .ready ? 1 : model.progress.map { rounded($0, 4) },
                            error: model.failure.map { .init(reason: $0.reason, action: $0.action) })
                    )
                }),
            uptimeSeconds: rounded(health.uptimeSeconds, 1), version: version)
        let serves = health.status == .healthy || health.status == .degraded
        var response = JSONResponse.make(body, status: serves ? .ok : .serviceUnavailable)
        if !serves { response.headers[.retryAfter] = "2" }
        return response
    }

    private struct Probe: Encodable { var status: String }

    func live(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        JSONResponse.make(Probe(status: "alive"))
    }

    func ready(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let health = await engine.health()
        guard health.isReady else {
            throw APIError(
                .serviceUnavailable, "not ready: the service is \(health.status.rawValue)", code: "not_ready",
                retryAfterSeconds: 2)
        }
        return JSONResponse.make(Probe(status: "ready"))
    }
}

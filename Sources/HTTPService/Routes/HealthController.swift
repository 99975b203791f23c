internal import Engine
internal import Hummingbird

/// GET /health and the probes. Cheap: what the engine knows, and never an inference.
struct HealthController: Sendable {
    let engine: Engine
    let version: String

    func health(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let health = await engine.health()
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("models")
            writer.object { writer in
                for model in health.models.sorted(by: { $0.name < $1.name }) {
                    writer.key(model.name)
                    write(model, to: &writer)
                }
            }
            writer.member("models_loaded", health.loadedCount)
            writer.member("status", health.status.rawValue)
            writer.member("uptime_seconds", rounded(health.uptimeSeconds, 1))
            writer.member("version", version)
        }
        let serves = health.status == .healthy || health.status == .degraded
        var response = JSONResponse.raw(writer.buffer, status: serves ? .ok : .serviceUnavailable)
        if !serves { response.headers[.retryAfter] = "2" }
        return response
    }

    private func write(_ model: EngineHealth.Model, to writer: inout JSONWriter) {
        writer.object { writer in
            if let failure = model.failure {
                writer.key("error")
                writer.object { writer in
                    writer.member("action", failure.action)
                    writer.member("reason", failure.reason)
                }
            }
            if let progress = model.state == .ready ? 1 : model.progress {
                writer.member("progress", rounded(progress, 4))
            }
            writer.member("stage", (model.failure?.stage ?? model.state).rawValue)
            writer.member("status", model.state.rawValue)
        }
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

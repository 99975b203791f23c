internal import Compute
internal import Engine
internal import Hummingbird

/// GET /version, /openapi.json and /metrics.
struct InfoController: Sendable {
    let engine: Engine
    let configuration: ServiceConfiguration

    private struct Version: Encodable {
        var name = "svc"
        var version: String
        var instructionSet: String
        var compute: String
        var threads: Int
    }

    func version(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let backend = engine.configuration.backend
        return JSONResponse.make(
            Version(
                version: configuration.version, instructionSet: backend.instructionSet.rawValue,
                compute: backend.products.rawValue, threads: engine.configuration.threads))
    }

    func openAPI(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        JSONResponse.raw(ByteBuffer(string: OpenAPIDocument.text(version: configuration.version)))
    }

    func metrics(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let queue = await engine.queueDepth()
        var gauges: [(name: String, dimensions: [(String, String)], value: Double)] = [
            ("svc_queue_sentences", [], Double(queue.sentences)), ("svc_queue_requests", [], Double(queue.requests)),
            ("process_resident_memory_bytes", [], Double(MachineMemory.residentBytes)),
            ("svc_memory_budget_bytes", [], Double(engine.configuration.memoryBudgetBytes)),
        ]
        for status in await engine.statuses() {
            for state in ModelState.allCases {
                gauges.append(
                    (
                        "svc_model_state", [("model", status.descriptor.name), ("state", state.rawValue)],
                        status.state == state ? 1 : 0
                    ))
            }
            gauges.append(("svc_model_memory_bytes", [("model", status.descriptor.name)], Double(status.memoryBytes)))
        }
        let text = PrometheusRegistry.shared.text(gauges: gauges)
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

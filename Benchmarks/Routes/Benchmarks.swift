internal import Benchmark
internal import BenchmarkSupport
internal import SelfTest

/// One request after the other to each route, over the wire: what a client waits for. The service is the program that
/// was built, a child of this process.
let benchmarks: @Sendable () -> Void = {
    for route in Route.all { route.register() }
}

/// A route, and a request that it answers.
private struct Route: Sendable {
    var name: String
    var models: [String] = []
    var path: String
    /// JSON to POST; nil for GET.
    var body: String?

    static let all = [
        Route(name: "GET /health", path: "/health"),
        Route(
            name: "POST /detect", models: ["lid-176"], path: "/detect",
            body: #"{"text":"The train to the coast leaves in ten minutes."}"#),
        Route(
            name: "POST /translate, one sentence", models: ["firefox-en-pt"], path: "/translate",
            body: #"{"text":"The train to the coast leaves in ten minutes.","source_lang":"en","target_lang":"pt"}"#),
        Route(
            name: "POST /v1/completions, 8 tokens", models: ["smollm2-135m-instruct"], path: "/v1/completions",
            body: #"{"model":"smollm2-135m-instruct","prompt":"The river begins in the hills and","max_tokens":8,"#
                + #""temperature":0,"ignore_eos":true}"#),
        Route(
            name: "POST /v1/embeddings", models: ["all-minilm-l6-v2"], path: "/v1/embeddings",
            body: #"{"model":"all-minilm-l6-v2","input":"The train to the coast leaves in ten minutes."}"#),
    ]

    private func ask(_ client: ServiceClient) async throws {
        let answer =
            if let body { try await client.post(path, json: body) } else { try await client.request("GET", path) }
        guard answer.status == 200 else { throw Refusal(name: name, status: answer.status, text: answer.text) }
    }

    func register() {
        let configuration = Benchmark.Configuration(
            metrics: [.wallClock, .throughput], warmupIterations: 20, maxDuration: .seconds(3), maxIterations: 2000)
        let running = Running()
        Benchmark(
            name, configuration: configuration,
            closure: { (_: Benchmark, client: ServiceClient) async throws in try await ask(client) },
            setup: { try await running.start(models) }, teardown: { await running.stop() })
    }
}

/// The service of a measurement.
private actor Running {
    private var service: ManagedService?

    func start(_ models: [String]) async throws -> ServiceClient {
        let service = try await MeasuredProgram.serve(models: models)
        self.service = service
        return service.client
    }

    func stop() async { await service?.stop() }
}

/// An answer that is not the one that was to be measured.
private struct Refusal: Error, CustomStringConvertible {
    var name: String
    var status: Int
    var text: String

    var description: String { "\(name) answers \(status): \(text.prefix(200))" }
}

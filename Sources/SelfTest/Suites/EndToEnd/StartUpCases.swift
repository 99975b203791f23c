/// How a service begins: the port first, then the models, in stages that can be watched.
enum StartUpCases {
    static var cases: [TestCase] { [portBeforeModels, stages, readyMeansReady, portInUse, withoutModels] }

    private static let portBeforeModels = TestCase.onOwnServices(
        "start.port_before_models",
        "a service that hides while it loads: an orchestrator would see a dead port and restart it", quick: true
    ) { context in
        let service = try await context.theProgram().serve(models: [try context.smallestOfAll().name])
        do {
            let live = try await service.client.ask("GET", "/health/live").json()
            try live.equal(try live.string("status"), "alive", "status")
            try await service.client.wait("/health 200") { client in
                let health = try await client.ask("GET", "/health")
                let status = try health.document().string("status")
                let ready = try await client.ask("GET", "/health/ready")
                guard health.status == 503 else { return try health.json().equal(status, "healthy", "status") }
                try health.expect(
                    ["starting", "loading"].contains(status), "status: expected starting or loading, found \(status)")
                let seconds = health.answer.headers["retry-after"] ?? "none"
                try health.expect(Int(seconds) ?? 0 > 0, "retry-after: expected seconds, found \(seconds)")
                if ready.status != 200 { try ready.expectError(503, "not_ready") }
                return nil
            }
            try await service.client.ask("GET", "/health/ready").expect(status: 200)
        } catch {
            await service.stop()
            throw error
        }
        await service.stop()
    }

    private static let stages = TestCase.onOwnServices(
        "start.stages", "a model that skips its check, or goes back a stage on its way into memory", quick: true,
        needs: [.task(.languageIdentification), .task(.translation)]
    ) { context in
        let models = [
            try context.smallest(.languageIdentification).name, try context.smallest(.translation).name,
        ]
        try await context.withService(models) { service in
            let events = try await service.client.knownEvents("kinds=model.state") { events in
                events.count { $0.data.contains(#""state":"ready""#) } >= models.count
            }
            for model in models {
                let states = try events.filter { try $0.find("model")?.string() == model }.map {
                    try $0.string("data", "state")
                }
                let evidence = events.map { $0.description }
                try context.expect(
                    states == ["verifying", "loading", "ready"],
                    "states of \(model): expected verifying, loading, ready, found \(states.joined(separator: ", "))",
                    evidence: evidence)
            }
        }
    }

    private static let readyMeansReady = TestCase.onModels(
        nil, "start.ready_means_ready", "a model that says ready and cannot answer", quick: true
    ) { context, client, model in
        let status = try await client.ask("GET", "/models/\(model.name)").json()
        try status.equal(try status.string("status"), "ready", "status of \(model.name)")
        try status.expect(
            try status.int("memory_bytes") > 0,
            "memory_bytes: expected what it takes, found \(status.int("memory_bytes"))")
        try status.expect(!status.has("error"), "error: expected none of a model that is ready, found one")
        try status.expect(try status.number("load_seconds") >= 0, "load_seconds: expected a time")
        try await client.tryOut(model).expect(status: 200)
    }

    private static let portInUse = TestCase.onOwnServices(
        "start.port_in_use", "two services that think they have one port"
    ) { context in
        try await context.withService { service in
            let port = service.client.baseURL.split(separator: ":").last.map(String.init) ?? ""
            let outcome = try await context.theProgram().run(["serve", "--port", port], timeoutSeconds: 60)
            try context.expect(
                outcome.code == 1, "exit code: expected 1, found \(outcome.code)", evidence: outcome.evidence)
            try context.expect(
                outcome.errorText.contains("127.0.0.1:\(port) is in use"),
                "standard error: expected \"127.0.0.1:\(port) is in use\", found \"\(outcome.errorText.prefix(200))\"",
                evidence: outcome.evidence)
            try await service.client.ask("GET", "/health").expect(status: 200)
        }
    }

    private static let withoutModels = TestCase.onOwnServices(
        "start.without_models", "a service without models that never says it is there"
    ) { context in
        try await context.withService { service in
            let health = try await service.client.ask("GET", "/health").json()
            try health.equal(try health.string("status"), "healthy", "status")
            try health.equal(try health.int("models_loaded"), 0, "models_loaded")
            try await service.client.ask("GET", "/health/ready").expect(status: 200)
        }
    }
}

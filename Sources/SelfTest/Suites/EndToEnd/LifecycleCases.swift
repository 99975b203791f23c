internal import Foundation

/// Models that come and go while the service is used.
enum LifecycleCases {
    static var cases: [TestCase] {
        [reload, whileServing, whileBusy, several, onDemand, reject, never, budget, unloadedIsHealthy]
    }

    private static let reload = TestCase.onModels(
        nil, "lifecycle.reload", "a model that does not come back after it was unloaded", destructive: true
    ) { context, client, model in
        let unloaded = try await client.ask("POST", "/models/\(model.name)/unload?wait=30").json()
        try unloaded.equal(try unloaded.string("status"), "absent", "status after unloading")
        try unloaded.equal(try unloaded.int("memory_bytes"), 0, "memory_bytes after unloading")
        try await client.ask("POST", "/models/\(model.name)/unload").expectError(409, "conflict")
        try await client.ask("POST", "/models/\(model.name)/unload?wait=1").expectError(409, "conflict")
        let load = try await client.ask("POST", "/models/\(model.name)/load")
        try load.expect(
            [200, 202].contains(load.status),
            "status: expected 202, or 200 where it was there at once, found \(load.status)")
        if load.status == 202 { try load.equal(load.answer.headers["location"], "/models/\(model.name)", "location") }
        let loaded = try await client.ask("POST", "/models/\(model.name)/load?wait=600").json()
        try loaded.equal(try loaded.string("status"), "ready", "status after loading")
        try await client.tryOut(model).expect(status: 200)
    }

    private static let whileServing = TestCase.onOwnServices(
        "lifecycle.while_serving", "requests that fail because another model comes or goes", quick: true,
        needs: [.task(.translation), .task(.languageIdentification)]
    ) { context in
        let (model, other) = (
            try context.smallest(.translation), try context.smallest(.languageIdentification)
        )
        let pair = try model.firstPair()
        try await context.withService([model.name]) { service in
            let client = service.client.patient
            let expected = try await client.translations([pair.sentences[0]], pair, model: model.name)
            let traffic = Task {
                var count = 0
                while !Task.isCancelled {
                    let exchange = try await client.translate([pair.sentences[0]], pair, model: model.name)
                    try exchange.equal(
                        try exchange.json().string("translations", 0, "text"), expected[0],
                        "text while a model comes or goes")
                    count += 1
                }
                return count
            }
            do {
                for _ in 0..<4 {
                    try await client.ask("POST", "/models/\(other.name)/load?wait=60").expect(status: 200)
                    try await client.ask("POST", "/models/\(other.name)/unload?wait=30").expect(status: 200)
                }
            } catch {
                traffic.cancel()
                throw error
            }
            traffic.cancel()
            do { context.note("\(try await traffic.value) requests meanwhile") } catch is CancellationError {}
        }
    }

    private static let whileBusy = TestCase.onOwnServices(
        "lifecycle.unload_while_busy", "a request that is cut off because its model is unloaded",
        needs: [.task(.translation)]
    ) { context in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        try await context.withService([model.name]) { service in
            let client = service.client.patient
            let text = Array(repeating: pair.sentences.joined(separator: " "), count: 40).joined(separator: " ")
            let requests = (0..<3).map { _ in
                Task { try await client.translate([text], pair, model: model.name, with: ["beam_size": 3]) }
            }
            try await client.wait("three texts in the queue") { client in
                try await client.metric("svc_queue_requests") ?? 0 >= 3 ? true : nil
            }
            let unload = try await client.ask("POST", "/models/\(model.name)/unload?wait=120")
            try unload.equal(try unload.json().string("status"), "absent", "status after unloading")
            for request in requests { try await request.value.expect(status: 200) }
            // The next request loads it again.
            try await client.translate([pair.sentences[0]], pair, model: model.name).expect(status: 200)
        }
    }

    private static let several = TestCase.onOwnServices(
        "lifecycle.several_models", "models that disturb each other when they work at the same time", quick: true
    ) { context in
        var models: [PortfolioModel] = []
        for task in ModelTask.allCases { if let model = context.portfolio.smallest(task) { models.append(model) } }
        guard models.count > 1 else { throw CaseGated("models for two tasks") }
        let chosen = models
        try await context.withService(chosen.map(\.name)) { service in
            let client = service.client.patient
            let health = try await client.ask("GET", "/health").json()
            try health.equal(try health.int("models_loaded"), chosen.count, "models_loaded")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for model in chosen {
                    for _ in 0..<4 { group.addTask { try await client.tryOut(model).expect(status: 200) } }
                }
                try await group.waitForAll()
            }
            for model in chosen {
                let memory = try await client.metric("svc_model_memory_bytes{model=\"\(model.name)\"}") ?? 0
                try context.expect(
                    memory > 0, "svc_model_memory_bytes of \(model.name): expected its memory, found \(memory)")
            }
        }
    }

    private static let onDemand = TestCase.onOwnServices(
        "lifecycle.on_demand", "a first request that is refused although the model could be loaded"
    ) { context in
        let models = ModelTask.allCases.compactMap { context.portfolio.smallest($0) }
        try await context.withService { service in
            let client = service.client.patient
            for model in models {
                let before = try await client.ask("GET", "/models/\(model.name)").json()
                try before.equal(
                    try before.string("status"), "absent", "status of \(model.name) before its first request")
                try await client.tryOut(model).expect(status: 200)
                let after = try await client.ask("GET", "/models/\(model.name)").json()
                try after.equal(try after.string("status"), "ready", "status of \(model.name) after its first request")
            }
        }
    }

    private static let reject = TestCase.onOwnServices(
        "lifecycle.on_demand_reject", "a client that is not told when to come back", needs: [.task(.translation)]
    ) { context in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        try await context.withService([], ["--on-demand", "reject"]) { service in
            let client = service.client
            try await client.translate([pair.sentences[0]], pair, model: model.name, with: ["fallback": "never"])
                .expectError(503, "model_not_ready", says: model.name)
            try await client.wait("an answer after the model was loaded") { client in
                let exchange = try await client.translate([pair.sentences[0]], pair, model: model.name)
                return exchange.status == 200 ? true : nil
            }
        }
    }

    private static let never = TestCase.onOwnServices(
        "lifecycle.on_demand_never", "a model that takes memory which nobody has given it", needs: [.task(.translation)]
    ) { context in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        try await context.withService([], ["--on-demand", "never"]) { service in
            let client = service.client
            try await client.translate([pair.sentences[0]], pair, model: model.name).expectError(503, "model_not_ready")
            let status = try await client.ask("GET", "/models/\(model.name)").json()
            try status.equal(try status.string("status"), "absent", "status")
            let languages = try await client.ask("GET", "/languages").json().array()
            try context.equal(languages.count, 0, "languages that can be translated now")
        }
    }

    private static let budget = TestCase.onOwnServices(
        "lifecycle.over_budget", "a model that is loaded although it does not fit, so that the machine swaps",
        needs: [.task(.translation)]
    ) { context in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        try await context.withService([], ["--memory-budget", "1M"]) { service in
            let client = service.client
            let exchange = try await client.translate([pair.sentences[0]], pair, model: model.name)
            let message = try exchange.expectError(503, "over_memory_budget", says: model.name).string("message")
            try exchange.expect(message.contains { $0.isNumber }, "message: expected the numbers, found \(message)")
            try await client.ask("POST", "/models/\(model.name)/load?wait=30").expectError(503, "over_memory_budget")
            try await client.ask("GET", "/health/live").expect(status: 200)
        }
    }

    private static let unloadedIsHealthy = TestCase.onOwnServices(
        "lifecycle.unloaded_is_healthy", "a service that is restarted because a person has unloaded a model"
    ) { context in
        let model = try context.smallestOfAll()
        try await context.withService([model.name]) { service in
            try await service.client.ask("POST", "/models/\(model.name)/unload?wait=30").expect(status: 200)
            let health = try await service.client.ask("GET", "/health").json()
            try health.equal(try health.string("status"), "healthy", "status")
            try await service.client.ask("GET", "/health/ready").expect(status: 200)
        }
    }
}

internal import Foundation

/// Another model that answers where one cannot, and says so.
enum StandInCases {
    static var cases: [TestCase] { [answers, refused, configured] }

    /// A service on which the first of two models is damaged: a copy of the second, by its path.
    private static func withDamaged(
        _ context: CaseContext,
        _ body: @escaping (ServiceClient, String, PortfolioModel, LanguageSamples.Pair) async throws -> Void
    ) async throws {
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        let copy = try await ModelCopy(of: model, context)
        defer { copy.remove() }
        try copy.damage()
        try await context.withService([copy.path, model.name], expectsReady: false) { service in
            try await body(service.client.patient, copy.name, model, pair)
        }
    }

    private static let answers = TestCase.onOwnServices(
        "stand_in.answers", "requests that fail although another model could answer them", quick: true,
        needs: [.task(.translation)]
    ) { context in
        try await withDamaged(context) { client, damaged, model, pair in
            let exchange = try await client.translate([pair.sentences[0]], pair, model: damaged)
            let answer = try exchange.json()
            try answer.equal(try answer.string("model"), model.name, "model, which stands in")
            try answer.equal(try answer.string("fallback", "from"), damaged, "fallback.from")
            try answer.expect(
                try !answer.string("fallback", "reason").isEmpty, "fallback.reason: expected words, found none")
            try exchange.equal(exchange.answer.headers["x-svc-fallback"], damaged, "x-svc-fallback")
            let own = try await client.translations([pair.sentences[0]], pair, model: model.name)
            try answer.equal(try answer.string("translations", 0, "text"), own[0], "text of the model that stands in")
            let status = try await client.ask("GET", "/models/\(damaged)").json()
            try status.equal(try status.string("status"), "failed", "status of the model that cannot")
            try status.equal(try status.string("stand_in"), model.name, "stand_in")
            let events = try await client.knownEvents("kinds=fallback.*") { !$0.isEmpty }
            try context.equal(
                try events.first?.string("kind"), "fallback.began", "the first event of fallback.*",
                evidence: events.map(\.description))
        }
    }

    private static let refused = TestCase.onOwnServices(
        "stand_in.refused", "an answer by another model than the one that alone was wanted",
        needs: [.task(.translation)]
    ) { context in
        try await withDamaged(context) { client, damaged, model, pair in
            let never = try await client.translate(
                [pair.sentences[0]], pair, model: damaged, with: ["fallback": "never"])
            let error = try never.json(503).at("error")
            try never.expect(
                ["model_failed", "model_damaged"].contains(try error.string("code")),
                "code: expected model_failed or model_damaged, found \(error)")
            try never.expect(
                Int(never.answer.headers["retry-after"] ?? "") ?? 0 > 0, "retry-after: expected seconds, found none")
            try never.equal(never.answer.headers["x-svc-fallback"], nil, "x-svc-fallback")
            try await client.translate([pair.sentences[0]], pair, model: damaged, with: ["fallback": "auto"]).expect(
                status: 200)
        }
    }

    private static let configured = TestCase.onOwnServices(
        "stand_in.configured", "a stand-in that a person has chosen, and the service has not",
        needs: [.several(.generation, 2)]
    ) { context in
        let models = context.portfolio.models.filter { $0.task == .generation }.sorted {
            $0.memoryBytes < $1.memoryBytes
        }
        guard models.count > 1, let absent = try await absentModel(context) else {
            throw CaseGated("two models that generate, and one that is not installed")
        }
        let chosen = models[1]
        try await context.withService([models[0].name], ["--stand-ins", "\(absent)=\(chosen.name)"]) { service in
            let client = service.client.patient
            let exchange = try await client.ask(
                "/v1/completions", ["model": .string(absent), "prompt": "One, two,", "max_tokens": 2, "temperature": 0])
            let answer = try exchange.json()
            try answer.equal(try answer.string("model"), chosen.name, "model, which was chosen")
            try answer.equal(try answer.string("fallback", "from"), absent, "fallback.from")
            try exchange.equal(exchange.answer.headers["x-svc-fallback"], absent, "x-svc-fallback")
            let body: JSONLiteral = ["model": .string(absent), "prompt": "One, two,", "max_tokens": 2, "stream": true]
            let stream = try await client.stream("POST", "/v1/completions", json: body.text)
            for chunk in try stream.json() {
                try context.equal(
                    try chunk["fallback"]["from"].string, absent, "fallback.from of a chunk", evidence: stream.evidence)
            }
        }
    }

    /// A model of the catalogue that generates and is not on this machine.
    private static func absentModel(_ context: CaseContext) async throws -> String? {
        try await context.withService { service in
            let models = try await service.client.ask("GET", "/models").json().object()
            return try models.filter { _, model in
                try model.string("task") == "generation" && !model.bool("installed")
            }.keys.min()
        }
    }
}

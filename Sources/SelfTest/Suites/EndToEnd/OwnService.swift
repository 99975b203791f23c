internal import Foundation

extension CaseContext {
    /// The smallest model of the portfolio for a task.
    ///
    /// - Throws: `CaseGated` where there is none.
    func smallest(_ task: ModelTask) throws -> PortfolioModel {
        guard let model = portfolio.smallest(task) else { throw CaseGated("no model for \(task.rawValue) takes part") }
        return model
    }

    /// The smallest model of all.
    ///
    /// - Throws: `CaseGated` where there is none.
    func smallestOfAll() throws -> PortfolioModel {
        guard let model = portfolio.models.min(by: { $0.memoryBytes < $1.memoryBytes }) else {
            throw CaseGated("no model takes part")
        }
        return model
    }

    /// Runs a body on a service of its own with these models, which are settled by then, and stops it whatever happens.
    ///
    /// - Parameter expectsReady: whether a model that fails to load fails the case.
    func withService<Result: Sendable>(
        _ models: [String] = [], _ arguments: [String] = [], environment: [String: String] = [:],
        expectsReady: Bool = true, _ body: (ManagedService) async throws -> Result
    ) async throws -> Result {
        let service = try await theProgram().serve(arguments, environment: environment, models: models)
        do {
            try await service.client.settle(models, expectsReady: expectsReady, log: { service.logTail() })
            let result = try await body(service)
            await service.stop()
            return result
        } catch {
            let tail = service.logTail(lines: 15)
            await service.stop()
            guard var failure = error as? CaseFailure else { throw error }
            failure.evidence.append("the log of the service:\n\(tail)")
            throw failure
        }
    }
}

extension ServiceClient {
    /// Seconds that a wait inside a case may take at most.
    static var longestWait: Double { 120 }

    /// Waits until every one of these models is ready, or has failed where that is expected.
    func settle(_ models: [String], expectsReady: Bool = true, log: () -> String) async throws {
        for model in models.map({ ($0 as NSString).lastPathComponent }) {
            let last = try await wait("model \(model) ready") { client in
                let exchange = try await client.ask("GET", "/models/\(model)")
                return try ["ready", "failed"].contains(exchange.json().string("status")) ? exchange : nil
            }
            guard expectsReady, try last.document().string("status") == "failed" else { continue }
            throw CaseFailure(
                "model \(model): expected ready, found failed: \(try last.document().string("error", "reason"))",
                evidence: last.evidence + [log()])
        }
    }

    /// Asks until there is something to say.
    ///
    /// - Throws: `CaseFailure` where there is not in time.
    @discardableResult
    func wait<Found>(
        _ wanted: String, seconds: Double = longestWait, _ look: (ServiceClient) async throws -> Found?
    ) async throws -> Found {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let isLate = ContinuousClock.now > deadline
            if let found = try await look(self) { return found }
            guard !isLate else {
                throw CaseFailure("expected \(wanted) within \(Int(seconds)) s, found that it is not")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// The value of a sample of `GET /metrics`, by its name and labels as they are written; nil where there is none.
    func metric(_ name: String) async throws -> Double? {
        let exchange = try await ask("GET", "/metrics").expect(status: 200)
        let line = exchange.text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.dropFirst(name.count + 1)) }
    }

    /// A translation in our vocabulary, with this model.
    func translate(
        _ texts: [String], _ pair: LanguageSamples.Pair, model: String, with more: JSONLiteral = [:]
    ) async throws -> Exchange {
        let question: JSONLiteral = [
            "text": .strings(texts), "source_lang": .string(pair.source), "target_lang": .string(pair.target),
            "model": .string(model),
        ]
        return try await ask("/translate", question.with(more))
    }

    /// The texts of a translation that has to succeed.
    func translations(
        _ texts: [String], _ pair: LanguageSamples.Pair, model: String, with more: JSONLiteral = [:]
    ) async throws -> [String] {
        let exchange = try await translate(texts, pair, model: model, with: more)
        let answers = try exchange.json().array("translations").map { try $0.string("text") }
        try exchange.equal(answers.count, texts.count, "number of translations")
        return answers
    }

    /// Whether a model answers a small request for what it is made for.
    func tryOut(_ model: PortfolioModel) async throws -> Exchange {
        switch model.task {
        case .translation:
            let pair = try model.firstPair()
            return try await translate([pair.sentences[0]], pair, model: model.name)
        case .generation:
            return try await ask(
                "/v1/completions",
                ["model": .string(model.name), "prompt": "One, two,", "max_tokens": 2, "temperature": 0])
        case .embedding:
            return try await ask("/v1/embeddings", ["model": .string(model.name), "input": "A small boat."])
        case .languageIdentification:
            return try await ask("/detect", ["text": .string(LanguageSamples.sentences("en")[0])])
        }
    }
}

/// How much is done in a second when several ask at once.
enum Throughput {
    private static let levels = [1, 5, 20, 50]
    private static let rounds = 3

    /// Requests a second.
    static func requests(_ context: CaseContext) async throws -> [Figure] {
        let generator = LoadGenerator(
            client: try context.client(), query: try PerformanceQueries.query(try context.theModel()))
        _ = try await generator.run(clients: 4, rampSeconds: 0, windowSeconds: 1)
        return try await figures(context, unit: .perSecond) { clients in
            try await generator.run(clients: clients, rampSeconds: 0.2, windowSeconds: 1)
        }
    }

    /// Tokens a second, prompts included in the time: the same work each time, so that what was not finished at some
    /// moment plays no part.
    static func generation(_ context: CaseContext) async throws -> [Figure] {
        let model = try context.theModel(), client = try context.client()
        func generator(_ tokens: Int) -> LoadGenerator {
            LoadGenerator(
                client: client, query: PerformanceQueries.generation(model, tokens: tokens, isStreamed: false))
        }
        // A model that writes a few tokens a second is asked for less; by its size and not by its speed of today, which
        // would make the work another one.
        let tokens = model.memoryBytes < 1 << 30 ? 12 : model.memoryBytes < 4 << 30 ? 8 : 4
        _ = try await generator(tokens).batch(clients: 1, requestsEach: 2)
        return try await figures(context, unit: .tokensPerSecond) { clients in
            var result = try await generator(tokens)
                .batch(clients: clients, requestsEach: clients == 1 ? 4 : clients == 5 ? 2 : 1)
            result.units *= Double(tokens)
            return result
        }
    }

    /// Every level in every round, so that a slow moment of the machine meets all alike; of the rounds the median.
    private static func figures(
        _ context: CaseContext, unit: Figure.Unit, _ run: (Int) async throws -> LoadGenerator.Result
    ) async throws -> [Figure] {
        var rates: [Int: [Double]] = [:]
        for _ in 0..<rounds {
            for level in levels { rates[level, default: []].append(try await run(level).rate) }
        }
        return levels.map { level in
            Figure("clients_\(level)", SampleSet(rates[level] ?? []).median, unit, better: .more)
        }
    }
}

internal import Foundation

/// The same answer whatever else is being answered, and whatever of the prompt is known from before.
enum GenerationLoadParity {
    static var cases: [TestCase] {
        [
            TestCase(
                .parity, "completions.in_flight", "answers that change, or are mixed up, with others in flight",
                on: .model([.generation]), inFlight),
            TestCase(
                .parity, "completions.cache", "an answer that changes when its prompt, or its beginning, is known",
                on: .model([.generation]), cache),
        ]
    }

    /// Each alone, then all at once, plain and streamed.
    @Sendable private static func inFlight(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        var queries = model.continuations + (try await context.conversations()).prefix(2)
        while queries.count < 9 {
            var query = queries[queries.count - 7]
            query.temperature = 0.8
            query.seed = queries.count
            queries.append(query)
        }
        var alone: [GeneratedText] = []
        for query in queries { alone.append(try await client.generate(query)) }
        let together = try await withThrowingTaskGroup(of: (Int, GeneratedText).self) { group in
            for (index, query) in queries.enumerated() {
                group.addTask {
                    (
                        index,
                        index.isMultiple(of: 2)
                            ? try await client.generate(query) : try await client.generateStreamed(query)
                    )
                }
            }
            return try await group.reduce(into: [Int: GeneratedText]()) { $0[$1.0] = $1.1 }
        }
        var largest = 0.0
        for (index, query) in queries.enumerated() {
            guard let found = together[index] else { continue }
            let ways = (found: "with \(queries.count - 1) others", expected: "alone")
            try context.same(found, alone[index], query, ways: ways)
            largest = max(
                largest, try context.near(found, alone[index], query, bound: Bounds.batching, ways: ways))
        }
        context.note(
            "log-probabilities with \(queries.count - 1) others in flight are within \(largest) of those alone")
    }

    /// The first answer is made of a prompt that was never seen, so that nothing of it can be known.
    @Sendable private static func cache(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        let start =
            "Report \(UUID().uuidString). "
            + (1...12).map { "On day \($0) the boat left the harbour with \($0 * 7) crates of fruit." }
            .joined(separator: " ")
        var query = GenerationQuery(model: model.name, prompt: .text(start), maxTokens: model.answerTokens)
        let cold = try await client.generate(query)
        try context.equal(
            cold.cachedTokens < 16, true, "whether a prompt that was never sent is new (\(cold.cachedTokens) cached)",
            evidence: [query.evidence, cold.raw])
        for round in 1...2 {
            let warm = try await client.generate(query)
            let ways = (found: "asked again", expected: "asked first")
            try context.same(warm, cold, query, ways: ways)
            try context.near(warm, cold, query, bound: Bounds.batching, ways: ways)
            try context.expect(
                warm.cachedTokens > (warm.usage?.promptTokens ?? 0) / 2,
                "cached_tokens of a prompt asked again (\(round)): expected most of \(warm.usage?.promptTokens ?? 0), "
                    + "found \(warm.cachedTokens)", evidence: [query.evidence, warm.raw])
        }
        // A prompt whose beginning is known, against the same one after a change in its first word: nothing known.
        let rest = " On day 13 the boat stayed, because"
        query.prompt = .text(start + rest)
        let extended = try await client.generate(query)
        try context.expect(
            extended.cachedTokens > 0, "cached_tokens of a prompt whose beginning is known: expected some, found 0",
            evidence: [query.evidence, extended.raw])
        let streamed = try await client.generateStreamed(query)
        try context.same(streamed, extended, query, ways: ("streamed, all known", "its beginning known"))
    }
}

/// How near numbers have to be that are the same in exact arithmetic.
enum Bounds {
    /// Natural logarithms of probabilities: sums of a prompt that is read in one piece and in several, or of one row and
    /// of several rows together, are rounded in another order. The small models showed no difference at all.
    static let batching = 1e-3
    /// The same with the kernels of another instruction set, or OpenBLAS. The small models showed at most 5e-5: their
    /// integer products are exact in each, only sums of floating-point numbers are in another order.
    static let instructionSets = 5e-3
    /// Components of embeddings, whose vectors have length 1. Seen: 8.3e-8.
    static let embedding = 1e-5
    /// Confidences of languages, from 0 to 1. Seen: 0.
    static let confidence = 1e-4
}

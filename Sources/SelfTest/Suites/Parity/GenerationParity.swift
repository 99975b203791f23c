/// The same answer of a language model streamed and whole, alone and in an array, and with a stop string.
enum GenerationParity {
    static var cases: [TestCase] {
        [
            TestCase(
                .parity, "completions.streamed",
                "a streamed completion that differs from the plain one in a character, a count or its end",
                on: .model([.generation]), isQuick: true, completionsStreamed),
            TestCase(
                .parity, "chat.streamed",
                "a streamed chat answer that differs from the plain one in a character, a count or its end",
                on: .model([.generation]), isQuick: true, chatStreamed),
            TestCase(
                .parity, "completions.stop_string",
                "a stop string that is shown, cuts elsewhere in a stream, or lets text after it through",
                on: .model([.generation]), stopString),
            TestCase(
                .parity, "completions.batch", "prompts of an array that get another answer than alone, or each other's",
                on: .model([.generation]), batch),
            TestCase(
                .parity, "completions.choices", "choices of one prompt that differ where nothing is drawn",
                on: .model([.generation]), choices),
            TestCase(
                .parity, "completions.seed",
                "draws that a seed does not repeat, streamed or not, or that a seed does not change",
                on: .model([.generation]), seed),
        ]
    }

    @Sendable private static func completionsStreamed(_ context: CaseContext) async throws {
        let all = try context.theModel().continuations
        try await streamed(context, [all[0], all[2], all[5], all[6]])
    }

    @Sendable private static func chatStreamed(_ context: CaseContext) async throws {
        try await streamed(context, try await context.conversations())
    }

    private static func streamed(_ context: CaseContext, _ queries: [GenerationQuery]) async throws {
        let client = try context.client()
        for query in queries {
            let plain = try await client.generate(query)
            let streamed = try await client.generateStreamed(query)
            let ways = (found: "streamed", expected: "not streamed")
            try context.same(streamed, plain, query, ways: ways)
            // The same computation: not merely near.
            try context.near(streamed, plain, query, bound: 1e-3, ways: ways)
            // Without the tokens' probabilities pieces may be put together in another way: once more, with the last,
            // whose characters are of several tokens.
            guard query.words == queries.last?.words else { continue }
            var bare = query
            bare.wantsTokens = false
            let bareStreamed = try await client.generateStreamed(bare)
            try context.same(
                bareStreamed.text, plain.text, query.label, ways: ("streamed without logprobs", "not streamed"),
                evidence: [query.evidence, plain.raw, bareStreamed.raw])
        }
    }

    /// Takes the stop string out of the middle of an answer, so that it begins and ends within tokens.
    @Sendable private static func stopString(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        for var query in model.continuations.prefix(4) {
            let whole = Array(try await client.generate(query).text.unicodeScalars)
            guard whole.count >= 12 else { continue }
            let middle = whole.count / 2
            var stop = String.UnicodeScalarView()
            stop.append(contentsOf: whole[(middle - 2)..<(middle + 3)])
            query.stop = [String(stop)]
            let before = Self.text(whole, before: Array(stop))
            let plain = try await client.generate(query)
            let evidence = [query.evidence, plain.raw]
            try context.same(
                plain.text, before, query.label + " up to the stop string \(String(stop).debugDescription)",
                ways: ("stopped", "the whole answer cut before it"), evidence: evidence)
            try context.expect(
                plain.finishReason == "stop",
                "finish_reason after a stop string: expected stop, found \(plain.finishReason ?? "none")",
                evidence: evidence)
            let streamed = try await client.generateStreamed(query)
            // The tokens are those that were made: a stream may say of more of them than the text shows.
            try context.same(
                streamed.text, plain.text, query.label, ways: ("streamed", "not streamed"),
                evidence: evidence + [streamed.raw])
            try context.equal(
                streamed.finishReason, plain.finishReason, "finish_reason of a stream", evidence: evidence)
            try context.equal(
                streamed.usage?.completionTokens, plain.usage?.completionTokens,
                "completion_tokens of a stream that a stop string ended", evidence: evidence + [streamed.raw])
        }
    }

    private static func text(_ scalars: [Unicode.Scalar], before stop: [Unicode.Scalar]) -> String {
        var text = String.UnicodeScalarView()
        let place = scalars.indices.first { scalars[$0...].starts(with: stop) } ?? scalars.count
        text.append(contentsOf: scalars[..<place])
        return String(text)
    }

    private struct PromptArray: Encodable {
        var model: String
        var prompt: [String]
        var maxTokens: Int
        var temperature = 0.0
        var n: Int?
    }

    @Sendable private static func batch(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        let queries = model.continuations
        var alone: [GeneratedText] = []
        for query in queries { alone.append(try await client.generate(query)) }
        let request = PromptArray(model: model.name, prompt: queries.map(\.words), maxTokens: model.answerTokens)
        let together = try await client.answer(GenerationBody.self, "/v1/completions", request)
        let choices = together.choices ?? []
        let evidence = ["POST /v1/completions \(try WireJSON.text(request))", "\(together)"]
        try context.equal(
            choices.map(\.index), Array(queries.indices), "the indices of choices", evidence: evidence)
        for (query, (choice, expected)) in zip(queries, zip(choices, alone)) {
            try context.same(
                choice.text ?? "", expected.text, query.label, ways: ("in an array", "alone"), evidence: evidence)
            try context.equal(
                choice.finishReason, expected.finishReason, "finish_reason of \(query.label), in an array",
                evidence: evidence)
        }
        let (prompts, completions) = alone.reduce(into: (0, 0)) { sums, answer in
            sums.0 += answer.usage?.promptTokens ?? 0
            sums.1 += answer.usage?.completionTokens ?? 0
        }
        try context.equal(together.usage?.promptTokens, prompts, "prompt_tokens of an array", evidence: evidence)
        try context.equal(
            together.usage?.completionTokens, completions, "completion_tokens of an array", evidence: evidence)
    }

    @Sendable private static func choices(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        let query = model.continuations[2]
        let alone = try await client.generate(query)
        let request = PromptArray(model: model.name, prompt: [query.words], maxTokens: model.answerTokens, n: 3)
        let answer = try await client.answer(GenerationBody.self, "/v1/completions", request)
        let choices = answer.choices ?? []
        try context.equal(choices.count, 3, "the number of choices with n 3", evidence: ["\(answer)"])
        for choice in choices {
            try context.same(
                choice.text ?? "", alone.text, query.label, ways: ("choice \(choice.index) of 3", "the only choice"),
                evidence: ["\(answer)"])
        }
    }

    @Sendable private static func seed(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        var query = model.continuations[2]
        query.temperature = 1
        var texts: Set<String> = []
        for seed in [1, 2, 3, 4] {
            query.seed = seed
            let first = try await client.generate(query)
            try context.same(try await client.generate(query), first, query, ways: ("again", "with seed \(seed)"))
            try context.same(
                try await client.generateStreamed(query), first, query, ways: ("streamed", "with seed \(seed)"))
            texts.insert(first.text)
        }
        try context.expect(
            texts.count > 1, "four seeds at temperature 1: expected different answers, found one",
            evidence: [query.evidence] + texts)
    }
}

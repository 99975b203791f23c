/// The same answer of a language model by another process: the command line, and a service that was started again.
enum GenerationProcessParity {
    static var cases: [TestCase] {
        [
            TestCase(
                .parity, "completions.command", "svc run answering otherwise than the service",
                on: .programWithModel([.generation]), command),
            TestCase(
                .parity, "completions.restart",
                "answers and seeded draws that change when the service is started again, or with what it remembers",
                on: .programWithModel([.generation]), restart),
        ]
    }

    /// The service first and the commands then, so that no two copies of the model are in memory.
    @Sendable private static func command(_ context: CaseContext) async throws {
        let (program, model) = (try context.theProgram(), try context.theModel())
        var queries = [model.continuations[0], model.continuations[3], model.continuations[6]]
        let conversations = [model.conversations[0], model.conversations[3]]
        var seeded = model.continuations[2]
        (seeded.temperature, seeded.seed) = (0.8, 7)
        queries.append(seeded)
        let continuations = queries
        let served = try await program.withService([model.name]) { client in
            var answers: [(GenerationQuery, GeneratedText)] = []
            for query in continuations { answers.append((query, try await client.generate(query))) }
            for query in conversations {
                let answer = try await client.post(query.path, json: try query.json(isStreamed: false))
                // Without a template the command continues the text, which is compared above.
                guard answer.status != 400 || !answer.text.contains("no_chat_template") else { continue }
                answers.append((query, try await client.generate(query)))
            }
            return answers
        }
        for (query, expected) in served {
            let found = try await run(program, query, context)
            try context.same(
                found.text, expected.text, query.label, ways: ("svc run", "POST \(query.path)"),
                evidence: [query.evidence, expected.raw, found.raw])
            for (name, left, right) in [
                ("prompt_tokens", found.usage?.promptTokens, expected.usage?.promptTokens),
                ("completion_tokens", found.usage?.completionTokens, expected.usage?.completionTokens),
            ] {
                try context.equal(
                    left, right, "\(name) of svc run, for \(query.label)",
                    evidence: [query.evidence, expected.raw, found.raw])
            }
            try context.equal(
                found.finishReason, expected.finishReason, "finish_reason of svc run, for \(query.label)",
                evidence: [query.evidence, expected.raw, found.raw])
        }
    }

    /// The answer with --json, which has to be that without it.
    private static func run(
        _ program: ProgramUnderTest, _ query: GenerationQuery, _ context: CaseContext
    ) async throws -> GeneratedText {
        var arguments = ["run", query.model, "--max-tokens", "\(query.maxTokens)"]
        if case .text = query.prompt { arguments.append("--raw") }
        if query.temperature != 0 { arguments += ["--temperature", "\(query.temperature)"] }
        if let seed = query.seed { arguments += ["--seed", "\(seed)"] }
        let outcome = try await program.run(arguments + ["--json", "--", query.words])
        try context.equal(outcome.code, 0, "the exit code of svc run", evidence: outcome.evidence)
        let data = try JSONView(parsing: outcome.output)["data"]
        let usage = data["usage"]
        let (prompt, completion) = (try usage["prompt_tokens"].int, try usage["completion_tokens"].int)
        var answer = GeneratedText(text: try data["text"].string, raw: outcome.outputText)
        answer.finishReason = try data["finish_reason"].string
        answer.usage = .init(promptTokens: prompt, completionTokens: completion, totalTokens: prompt + completion)
        let plain = try await program.run(arguments + ["--", query.words])
        try context.same(
            plain.outputText, answer.text, query.label, ways: ("svc run", "svc run --json"),
            evidence: outcome.evidence + plain.evidence)
        return answer
    }

    /// Two services, one after the other. The second is asked in the other order, so that what it remembers of earlier
    /// prompts is something else.
    @Sendable private static func restart(_ context: CaseContext) async throws {
        let (program, model) = (try context.theProgram(), try context.theModel())
        var queries = Array(model.continuations.prefix(4))
        for (index, seed) in [1, 99].enumerated() {
            var query = model.continuations[index + 2]
            (query.temperature, query.seed) = (0.9, seed)
            queries.append(query)
        }
        // Begins as the first does.
        var longer = queries[0]
        longer.prompt = .text(queries[0].words + " Paris. The capital of Portugal is")
        queries.append(longer)
        let questions = queries
        let first = try await program.withService([model.name]) { client in
            var answers: [GeneratedText] = []
            for query in questions { answers.append(try await client.generate(query)) }
            return answers
        }
        let second = try await program.withService([model.name]) { client in
            var answers: [GeneratedText] = []
            for query in questions.reversed() { answers.append(try await client.generate(query)) }
            return Array(answers.reversed())
        }
        for (query, (before, after)) in zip(queries, zip(first, second)) {
            let ways = (found: "after a restart", expected: "before it")
            try context.same(after, before, query, ways: ways)
            try context.near(after, before, query, bound: Bounds.batching, ways: ways)
        }
    }
}

extension ProgramUnderTest {
    /// Starts a service, waits for its models, has `body` ask it, and stops it whatever happens.
    func withService<Result: Sendable>(
        _ models: [String], environment: [String: String] = [:], arguments: [String] = [],
        _ body: @Sendable (ServiceClient) async throws -> Result
    ) async throws -> Result {
        let service = try await serve(arguments, environment: environment, models: models)
        do {
            for model in models { try await ModelLoadingMonitor(service).wait(for: model) }
            let result = try await body(service.client)
            await service.stop()
            return result
        } catch {
            await service.stop()
            throw error
        }
    }
}

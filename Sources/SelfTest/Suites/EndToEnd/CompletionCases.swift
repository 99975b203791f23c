internal import Foundation

/// `/v1/models` and `/v1/completions`, plain and streamed, on every model that generates.
enum CompletionCases {
    static var cases: [TestCase] {
        [models, plain, streamed, streamUsage, stop, stopsByItself, prompts, tokenIDs, echo, repeatable, clients]
    }

    private static let models = TestCase.onService(
        "openai.models", "OpenAI's clients that do not find the models, or find one that generates nothing", quick: true
    ) { context, client in
        let list = try await client.ask("GET", "/v1/models").json()
        try list.equal(try list.string("object"), "list", "object")
        var names: Set<String> = []
        for model in try list.array("data") {
            try list.equal(try model.string("object"), "model", "object of a model")
            try list.equal(try model.keys(), ["created", "id", "object", "owned_by"], "keys of a model")
            try list.expect(try model.int("created") > 0, "created: expected a time")
            names.insert(try model.string("id"))
        }
        for model in context.portfolio.models {
            let isListed = model.task == .generation || model.task == .embedding
            try list.equal(
                names.contains(model.name), isListed, "whether \(model.name) (\(model.task.rawValue)) is listed")
            let one = try await client.ask("GET", "/v1/models/\(model.name)")
            guard isListed else {
                try one.expectError(404, "model_not_found", param: "model")
                continue
            }
            try one.equal(try one.json().string("id"), model.name, "id")
        }
    }

    private static let plain = TestCase.onModels(
        .generation, "completion.plain", "an answer that OpenAI's clients cannot read, or with a wrong account",
        quick: true
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let answer = try await asked.whole(["max_tokens": 6, "ignore_eos": true])
        try AnswerChecks.head(answer.document, model, object: "text_completion", prefix: "cmpl-")
        let choice = try answer.document.at("choices", 0)
        try choice.equal(try answer.choices.count, 1, "choices")
        try choice.equal(try choice.keys(), ["finish_reason", "index", "logprobs", "text"], "keys of a choice")
        try choice.equal(try choice.int("index"), 0, "index")
        try choice.expect(choice.isNull("logprobs"), "logprobs: expected null where nobody asked for them")
        try choice.equal(try answer.reason(), "length", "finish_reason of an answer of exactly max_tokens")
        try choice.equal(try answer.completionTokens, 6, "usage.completion_tokens")
        try choice.expect(try answer.promptTokens > 5, "usage.prompt_tokens: expected those of \(Generating.prompt)")
        try AnswerChecks.account(answer.document)
        let text = try answer.text()
        try choice.expect(
            !text.hasPrefix(Generating.prompt), "text: expected what follows the prompt, found the prompt too")
        try choice.expect(!text.isEmpty, "text: expected six tokens, found none")
    }

    private static let streamed = TestCase.onModels(
        .generation, "completion.streamed", "a stream that differs from the plain answer, or ends without a word",
        quick: true
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let plain = try await asked.whole()
        let answer = try await asked.stream()
        try AnswerChecks.chunks(answer, model, object: "text_completion", prefix: "cmpl-")
        let last = try answer.chunks.last?.at("choices", 0)
        try last?.equal(try answer.text(), try plain.text(), "text, in pieces and at once")
        try last?.equal(try answer.reasons(), [try plain.reason()], "finish_reason, in the stream and at once")
        try last?.expect(answer.stream.isDone, "expected data: [DONE] at the end, found none")
        for chunk in answer.chunks {
            try chunk.expect(!chunk.has("usage"), "usage: expected none where nobody asked for it, found one")
            try chunk.equal(try chunk.array("choices").count, 1, "choices of a chunk")
        }
        try last?.expect(answer.chunks.count > 2, "chunks: expected one for each piece, found \(answer.chunks.count)")
    }

    private static let streamUsage = TestCase.onModels(
        .generation, "completion.stream_usage", "a bill that a stream does not add up to"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let plain = try await asked.whole()
        let answer = try await asked.stream(["stream_options": ["include_usage": true]])
        try AnswerChecks.usage(answer, plain)
    }

    private static let stop = TestCase.onModels(
        .generation, "completion.stop", "a stop string that is shown, or an answer that runs on behind it", quick: true
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let text = try await asked.whole(["max_tokens": 24]).text()
        // Something from its middle, which crosses tokens: the letters around a space.
        let characters = Array(text)
        guard let start = (1..<max(2, characters.count - 2)).first(where: { $0 > 3 && characters[$0] == " " }) else {
            return context.note("nothing to stop at in \(text.debugDescription)")
        }
        let stop = String(characters[(start - 1)...min(start + 1, characters.count - 1)])
        let expected = text.range(of: stop).map { String(text[..<$0.lowerBound]) } ?? text
        for more: JSONLiteral in [["stop": .string(stop)], ["stop": .strings(["\u{1F9FF}nowhere", stop])]] {
            let answer = try await asked.whole(more.with(["max_tokens": 24]))
            try answer.document.equal(
                try answer.text(), expected, "text up to the stop string \(stop.debugDescription)")
            try answer.document.equal(try answer.reason(), "stop", "finish_reason")
            let streamed = try await asked.stream(more.with(["max_tokens": 24]))
            try streamed.chunks[0].equal(
                try streamed.text(), expected, "text of the stream up to \(stop.debugDescription)")
            try streamed.chunks[0].equal(try streamed.reasons(), ["stop"], "finish_reason of the stream")
        }
    }

    private static let stopsByItself = TestCase.onModels(
        .generation, "completion.marks", "a model's own marks that show in its text"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        for prompt in [Generating.prompt, "Question: What is two plus two?\nAnswer: 4\n", "1 2 3 4"] {
            let answer = try await asked.whole(["prompt": .string(prompt), "max_tokens": model.isLarge ? 24 : 48])
            let text = try answer.text()
            let mark = ModelMarks.first(in: text)
            try answer.document.expect(mark == nil, "text: expected no mark of the model's, found \(mark ?? "") in it")
            if try answer.reason() == "stop" {
                let tokens = try answer.completionTokens
                try answer.document.expect(
                    tokens >= 1, "usage.completion_tokens: expected the end token, found \(tokens)")
            }
        }
    }

    private static let prompts = TestCase.onModels(
        .generation, "completion.prompts_in_order", "several prompts whose answers change places", quick: true
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let prompts = ["One, two, three,", Generating.prompt, "Monday, Tuesday,"]
        let answer = try await asked.whole(["prompt": .strings(prompts), "n": 2, "max_tokens": 5])
        try answer.document.equal(
            try answer.choices.map { try $0.int("index") }, Array(0..<6), "indices of the choices")
        var tokens = 0
        for (index, prompt) in prompts.enumerated() {
            let alone = try await asked.whole(["prompt": .string(prompt), "max_tokens": 5])
            tokens += try alone.promptTokens
            for choice in [2 * index, 2 * index + 1] {
                try answer.document.equal(try answer.text(choice), try alone.text(), "text of choice \(choice), alone")
            }
        }
        try answer.document.equal(try answer.promptTokens, tokens, "usage.prompt_tokens, of the three alone together")
    }

    private static let tokenIDs = TestCase.onModels(
        .generation, "completion.token_ids", "token ids that are counted, or read, as something else"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        for (prompt, count): (JSONLiteral, Int) in [([100, 200, 300], 3), ([[100, 200], [300, 301, 302]], 5)] {
            let answer = try await asked.whole(["prompt": prompt, "max_tokens": 2])
            try answer.document.equal(try answer.promptTokens, count, "usage.prompt_tokens of \(prompt.text)")
        }
        let beyond = try await asked.ask(["prompt": [100, 2_000_000_000]])
        try beyond.expectError(400, "invalid_value", param: "prompt", says: "2000000000 is not")
    }

    private static let echo = TestCase.onModels(
        .generation, "completion.echo", "a prompt that comes back changed"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let alone = try await asked.whole()
        let echoed = try await asked.whole(["echo": true])
        try echoed.document.equal(try echoed.text(), Generating.prompt + alone.text(), "text with echo")
        let only = try await asked.whole(["echo": true, "max_tokens": 0])
        try only.document.equal(try only.text(), Generating.prompt, "text with echo and max_tokens 0")
        try only.document.equal(try only.completionTokens, 0, "usage.completion_tokens with max_tokens 0")
        let streamed = try await asked.stream(["echo": true])
        try echoed.document.equal(try streamed.text(), try echoed.text(), "text of the stream with echo")
    }

    private static let repeatable = TestCase.onModels(
        .generation, "completion.seed", "a seed that does not make an answer repeatable, or does nothing", quick: true
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        func text(_ seed: Int) async throws -> String {
            try await asked.whole(["temperature": 1.5, "seed": .raw("\(seed)"), "max_tokens": 10]).text()
        }
        let (first, again) = (try await text(7), try await text(7))
        try context.equal(again, first, "text with seed 7, asked for twice")
        var texts: Set<String> = [first]
        for seed in [1, -5, 4_000_000_000] { texts.insert(try await text(seed)) }
        try context.expect(
            texts.count > 1, "texts with four seeds: expected some that differ, found one: \(first.debugDescription)")
    }

    private static let clients = TestCase.onModels(
        .generation, "completion.many_clients", "answers that mix when several are generated at once"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let prompts = ["One, two, three,", "Monday, Tuesday,", Generating.prompt, "Red, green,"]
        var expected: [String] = []
        for prompt in prompts { expected.append(try await asked.whole(["prompt": .string(prompt)]).text()) }
        let found = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for number in 0..<8 {
                group.addTask {
                    let more: JSONLiteral = ["prompt": .string(prompts[number % prompts.count])]
                    let isStreamed = number >= prompts.count
                    return (
                        number, isStreamed ? try await asked.stream(more).text() : try await asked.whole(more).text()
                    )
                }
            }
            return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        for (number, text) in found.sorted(by: { $0.key < $1.key }) {
            try context.equal(text, expected[number % prompts.count], "text of client \(number), and alone")
        }
    }
}

/// What holds of every answer of the two routes.
enum AnswerChecks {
    /// The head of an answer or a chunk.
    static func head(_ answer: Document, _ model: PortfolioModel, object: String, prefix: String) throws {
        try answer.equal(try answer.string("object"), object, "object")
        let id = try answer.string("id")
        try answer.expect(id.hasPrefix(prefix) && id.count > prefix.count + 8, "id: expected \(prefix)…, found \(id)")
        try answer.equal(try answer.string("model"), model.name, "model")
        let created = try answer.number("created")
        let seconds = abs(created - Date.now.timeIntervalSince1970)
        // The clocks of two machines may differ; an answer from another day is no answer of now.
        try answer.expect(seconds < 86_400, "created: expected a time of today, found \(created)")
        try answer.expect(!answer.has("fallback"), "fallback: expected none of the model itself, found one")
        try answer.expect(!answer.has("error"), "error: expected none, found one")
    }

    /// The sums of `usage`, and `timings`.
    static func account(_ answer: Document) throws {
        let (prompt, completion) = (
            try answer.int("usage", "prompt_tokens"), try answer.int("usage", "completion_tokens")
        )
        try answer.equal(try answer.int("usage", "total_tokens"), prompt + completion, "usage.total_tokens")
        let cached = try answer.int("usage", "prompt_tokens_details", "cached_tokens")
        try answer.expect((0...prompt).contains(cached), "cached_tokens: expected 0 to \(prompt), found \(cached)")
        try answer.equal(
            try answer.int("timings", "cache_n") + answer.int("timings", "prompt_n"), prompt,
            "timings.cache_n and prompt_n together")
        try answer.equal(try answer.int("timings", "predicted_n"), completion, "timings.predicted_n")
        for key in ["queue_ms", "prompt_ms", "predicted_ms", "prompt_per_second", "predicted_per_second"] {
            try answer.expect(try answer.number("timings", .key(key)) >= 0, "timings.\(key): expected 0 or more")
        }
    }

    /// The chunks of a stream: one id, one time, one model, one reason to finish for each choice, and that at its end.
    static func chunks(_ answer: StreamedAnswer, _ model: PortfolioModel, object: String, prefix: String) throws {
        guard let first = answer.chunks.first else {
            throw CaseFailure("expected chunks, found none", evidence: answer.stream.evidence)
        }
        for chunk in answer.chunks {
            try head(chunk, model, object: object, prefix: prefix)
            for key in ["id", "created", "model"] {
                try chunk.expect(
                    chunk.value[key] == first.value[key],
                    "\(key): expected \(first.value[key]) in every chunk, found \(chunk.value[key])")
            }
        }
        let indices = Set(try answer.pieces.map { try $0.int("choices", 0, "index") })
        for index in indices {
            let reasons = try answer.reasons(index)
            try first.equal(reasons.count, 1, "chunks of choice \(index) with a finish_reason")
            let last = try answer.pieces(of: index).last
            try first.expect(
                last?.find("finish_reason") != nil,
                "finish_reason of choice \(index): expected it in its last chunk, found it before")
        }
    }

    /// The usage of a stream that was asked for it: null, but in a last chunk without choices.
    static func usage(_ answer: StreamedAnswer, _ plain: WholeAnswer) throws {
        guard let last = answer.chunks.last else {
            throw CaseFailure("expected chunks, found none", evidence: answer.stream.evidence)
        }
        try last.equal(try last.array("choices").count, 0, "choices of the last chunk")
        try last.equal(
            try last.int("usage", "completion_tokens"), try plain.completionTokens,
            "usage.completion_tokens, and of the plain answer")
        try last.equal(
            try last.int("usage", "prompt_tokens"), try plain.promptTokens,
            "usage.prompt_tokens, and of the plain answer")
        try account(last)
        for chunk in answer.chunks.dropLast() {
            try chunk.expect(
                chunk.isNull("usage"), "usage: expected null before the last chunk, found \(chunk.value["usage"])")
            try chunk.equal(try chunk.array("choices").count, 1, "choices of a chunk before the last")
        }
    }
}

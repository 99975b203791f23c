internal import Foundation

/// Options of `/v1/completions`: how many answers, probabilities, limits, what is ignored.
enum CompletionOptionCases {
    static var cases: [TestCase] { [several, logprobs, echoLogprobs, bias, ignored, context, disconnect] }

    private static let several = TestCase.onModels(
        .generation, "completion.n", "several answers of which one is given twice, or counted wrongly"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let greedy = try await asked.whole(["n": 3, "max_tokens": 6, "ignore_eos": true])
        let texts = try (0..<3).map { try greedy.text($0) }
        try greedy.document.equal(Set(texts).count, 1, "different texts of three greedy answers")
        try greedy.document.equal(try greedy.completionTokens, 18, "usage.completion_tokens of three answers of 6")
        try AnswerChecks.account(greedy.document)
        let sampled = try await asked.whole(["n": 4, "temperature": 1.5, "seed": 3, "max_tokens": 8])
        let different = Set(try (0..<4).map { try sampled.text($0) })
        try sampled.document.expect(
            different.count > 1, "four answers at temperature 1.5: expected some that differ, found one")
        let streamed = try await asked.stream(["n": 4, "temperature": 1.5, "seed": 3, "max_tokens": 8])
        for choice in 0..<4 {
            try sampled.document.equal(
                try streamed.text(choice), try sampled.text(choice), "text of choice \(choice), streamed and not")
        }
    }

    private static let logprobs = TestCase.onModels(
        .generation, "completion.logprobs", "probabilities that belong to other tokens", quick: true
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let answer = try await asked.whole(["logprobs": 3, "max_tokens": 6, "ignore_eos": true])
        let table = try answer.document.at("choices", 0, "logprobs")
        let tokens = try table.strings("tokens")
        let values = try table.numbers("token_logprobs")
        let tops = try table.array("top_logprobs")
        let offsets = try table.numbers("text_offset")
        try table.equal(
            [tokens.count, values.count, tops.count, offsets.count], [6, 6, 6, 6], "lengths of the four lists")
        var length = 0
        for index in tokens.indices {
            try table.expect(values[index] <= 0, "token_logprobs[\(index)]: expected 0 or less, found \(values[index])")
            let top = try tops[index].object().mapValues { try $0.value.double }
            try table.expect((1...4).contains(top.count), "top_logprobs[\(index)]: expected 1 to 4, found \(top.count)")
            let best = top.values.max() ?? 0
            try table.expect(
                abs(best - values[index]) < 1e-4,
                "token_logprobs[\(index)]: expected the best, \(best), of a greedy answer, found \(values[index])")
            try table.equal(Int(offsets[index]), length, "text_offset[\(index)]")
            length += tokens[index].codePoints
        }
        // A character of several tokens shows as U+FFFD in each of them.
        if !tokens.contains(where: { $0.contains("\u{FFFD}") }) {
            try table.equal(tokens.joined(), try answer.text(), "tokens put together, and the text")
        }
    }

    private static let echoLogprobs = TestCase.onModels(
        .generation, "completion.echo_logprobs", "a text that cannot be scored"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let answer = try await asked.whole(["echo": true, "logprobs": 1, "max_tokens": 0])
        let table = try answer.document.at("choices", 0, "logprobs")
        let tokens = try table.strings("tokens")
        let values = try table.array("token_logprobs")
        try table.equal(values.count, tokens.count, "token_logprobs")
        try table.equal(tokens.count, try answer.promptTokens, "tokens, and usage.prompt_tokens")
        try table.expect(!values[0].value.exists, "token_logprobs[0]: expected null, found \(values[0])")
        let scores = try values.dropFirst().map { try $0.value.double }
        try table.expect(scores.allSatisfy { $0 <= 0 }, "token_logprobs: expected 0 or less, found \(scores)")
        let sum = scores.reduce(0, +)
        let other = try await asked.whole([
            "prompt": "The capital of France is Paris. The capital of Spain is \u{2603}\u{2603}zq", "echo": true,
            "logprobs": 1, "max_tokens": 0,
        ])
        let worse = try other.document.array("choices", 0, "logprobs", "token_logprobs").dropFirst().map {
            try $0.value.double
        }
        try table.expect(
            worse.reduce(0, +) < sum,
            "the sum over a senseless end: expected less than \(sum), found \(worse.reduce(0, +))")
    }

    private static let bias = TestCase.onModels(
        .generation, "completion.logit_bias", "a bias that is applied to another token"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        var texts: Set<String> = []
        for id in ["300", "400"] {
            let more: JSONLiteral = [
                "logit_bias": .member(id, 100), "max_tokens": 3, "ignore_eos": true, "logprobs": 1,
            ]
            let forced = try await asked.whole(more)
            let tokens = try forced.document.strings("choices", 0, "logprobs", "tokens")
            try forced.document.equal(tokens.count, 3, "tokens")
            try forced.document.equal(Set(tokens).count, 1, "different tokens where \(id) has all the weight")
            texts.insert(tokens[0])
        }
        try context.equal(texts.count, 2, "different tokens where two ids have had all the weight")
    }

    private static let ignored = TestCase.onModels(
        .generation, "completion.labels", "labels and unknown parameters that change an answer, or refuse it"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let expected = try await asked.whole(["max_tokens": 6]).text()
        let more: JSONLiteral = [
            "max_tokens": 6, "user": "someone", "metadata": ["a": "b"], "service_tier": "auto", "color": "red",
            "suffix": nil, "seed": nil, "stop": nil, "n": 1, "best_of": 1, "top_k": 0, "top_p": 1, "min_p": 0,
        ]
        let answer = try await asked.whole(more)
        try answer.document.equal(try answer.text(), expected, "text with labels")
    }

    private static let context = TestCase.onModels(
        .generation, "completion.context", "a prompt that is cut in silence to what the model can read"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        for name in ["max_tokens"] {
            let exchange = try await asked.ask(.member(name, 100_000_000))
            let error = try exchange.expectError(400, "context_length_exceeded", param: "prompt")
            let message = try error.string("message")
            try exchange.expect(message.contains { $0.isNumber }, "message: expected the numbers, found \(message)")
        }
    }

    private static let disconnect = TestCase.onModels(
        .generation, "completion.disconnect", "a model that goes on for nobody and keeps all others waiting"
    ) { context, client, model in
        let asked = Generating(client: client, model: model)
        let body = asked.body(["max_tokens": 2000, "ignore_eos": true, "stream": true]).text
        let stream = try await client.stream(
            "POST", asked.path, json: body, options: StreamOptions(silenceSeconds: 120, totalSeconds: 300)
        ) { _ in .stop }
        try context.expect(
            stream.wasStopped, "expected a stream that was left, found that it ended", evidence: stream.evidence)
        // It would take minutes otherwise.
        _ = try await asked.whole(["max_tokens": 2]).document.at("choices", 0)
        func count() async throws -> Double {
            try await client.metric("svc_completion_tokens_total{model=\"\(model.name)\"}") ?? 0
        }
        let before = try await count()
        try await Task.sleep(for: .seconds(1))
        let after = try await count()
        try context.equal(after, before, "svc_completion_tokens_total a second after the client had left")
    }
}

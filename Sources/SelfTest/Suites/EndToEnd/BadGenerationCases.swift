/// What clients of OpenAI's routes get wrong: a 400 that names the parameter, never a 5xx.
enum BadGenerationCases {
    static var cases: [TestCase] { [numbers, fields, messages, unsupported, formats, models] }

    /// A request to one of the two routes with more fields, which are wrong.
    private static func ask(_ client: ServiceClient, _ model: PortfolioModel, chat: Bool, _ more: JSONLiteral)
        async throws -> Exchange
    {
        let what: JSONLiteral = chat ? ["messages": [["role": "user", "content": "Hi"]]] : ["prompt": "x"]
        let head: JSONLiteral = ["model": .string(model.name), "max_tokens": 1]
        return try await client.ask(chat ? "/v1/chat/completions" : "/v1/completions", head.with(what).with(more))
    }

    private static let numbers = TestCase.onService(
        "openai.bad_numbers", "a number out of its range that is bent into it in silence", quick: true,
        needs: [.task(.generation)]
    ) { context, client in
        let model = try context.smallest(.generation)
        for (name, values): (String, [JSONLiteral]) in [
            ("temperature", [-0.1, 2.1, .raw("1e300")]), ("top_p", [-1, 1.01]), ("min_p", [-0.5, 2]),
            ("typical_p", [0, 1.5]), ("repetition_penalty", [0, .raw("1e9")]), ("presence_penalty", [-2.1, 3]),
            ("frequency_penalty", [-3, 2.5]), ("top_k", [-2, 1.5]), ("n", [0, 129, .raw("1e300")]),
            ("min_tokens", [-1, 0.5]), ("seed", [1.5, .raw("1e30")]),
            ("max_tokens", [-5, .raw("9223372036854775807")]),
        ] {
            for chat in [true, false] {
                for value in values {
                    try await ask(client, model, chat: chat, .member(name, value))
                        .expectError(400, "invalid_value", param: name, says: "\(name) must be")
                }
                for value: JSONLiteral in ["1", true, [], [:]] {
                    try await ask(client, model, chat: chat, .member(name, value))
                        .expectError(400, "invalid_type", param: name, says: "must be")
                }
                for value in ["1e999", "NaN", "-Infinity"] {
                    try await ask(client, model, chat: chat, .member(name, .raw(value)))
                        .expectError(400, "invalid_value", param: name, says: "finite number")
                }
            }
        }
    }

    private static let fields = TestCase.onService(
        "openai.bad_fields", "a wrong field that is dropped, so that the answer is another than was asked for",
        quick: true,
        needs: [.task(.generation)]
    ) { context, client in
        let model = try context.smallest(.generation)
        let seventeen = JSONLiteral.strings((1...17).map { "\($0)" })
        for (more, param, code): (JSONLiteral, String, String) in [
            (["stream": "yes"], "stream", "invalid_type"), (["stream": 1], "stream", "invalid_type"),
            (["stream_options": [:]], "stream_options", "invalid_value"),
            (["stream": true, "stream_options": []], "stream_options", "invalid_type"),
            (["stream": true, "stream_options": ["include_usage": 1]], "stream_options.include_usage", "invalid_type"),
            (["stop": 7], "stop", "invalid_type"), (["stop": ["a", 7]], "stop[1]", "invalid_type"),
            (["stop": [""]], "stop[0]", "invalid_value"), (["stop": seventeen], "stop", "invalid_value"),
            (["logit_bias": [1]], "logit_bias", "invalid_type"),
            (["logit_bias": ["x": 1]], "logit_bias", "invalid_value"),
            (["logit_bias": ["5": 101]], "logit_bias.5", "invalid_value"),
            (["logit_bias": ["5": "a"]], "logit_bias.5", "invalid_type"),
            (["logit_bias": ["99999999": 1]], "logit_bias", "invalid_value"),
            (["max_tokens": 5, "min_tokens": 6], "min_tokens", "invalid_value"),
            (["ignore_eos": "no"], "ignore_eos", "invalid_type"), (["user": 5], "user", "invalid_type"),
            (["fallback": "maybe"], "fallback", "invalid_value"), (["fallback": 1], "fallback", "invalid_type"),
        ] {
            for chat in [true, false] {
                try await ask(client, model, chat: chat, more).expectError(400, code, param: param)
            }
        }
        for (more, param, code): (JSONLiteral, String, String) in [
            (["max_tokens": 0], "max_tokens", "invalid_value"),
            (["max_tokens": 5, "max_completion_tokens": 6], "max_tokens", "invalid_value"),
            (["logprobs": 3], "logprobs", "invalid_type"), (["top_logprobs": 3], "top_logprobs", "invalid_value"),
            (["logprobs": true, "top_logprobs": 21], "top_logprobs", "invalid_value"),
            (["reasoning_effort": "huge"], "reasoning_effort", "invalid_value"),
        ] {
            try await ask(client, model, chat: true, more).expectError(400, code, param: param)
        }
        for (more, param, code): (JSONLiteral, String, String) in [
            (["prompt": nil], "prompt", "missing_parameter"), (["prompt": 5], "prompt", "invalid_type"),
            (["prompt": []], "prompt", "invalid_value"), (["prompt": [[]]], "prompt[0]", "invalid_value"),
            (["prompt": ["a", 1]], "prompt[1]", "invalid_type"), (["prompt": [1, "a"]], "prompt[1]", "invalid_type"),
            (["prompt": [1, -1]], "prompt[1]", "invalid_value"), (["prompt": [[1], "a"]], "prompt[1]", "invalid_type"),
            (["logprobs": 6], "logprobs", "invalid_value"), (["logprobs": true], "logprobs", "invalid_type"),
            (["echo": "yes"], "echo", "invalid_type"), (["prompt": ["a", "b"], "n": 65], "n", "invalid_value"),
        ] {
            try await ask(client, model, chat: false, more).expectError(400, code, param: param)
        }
    }

    private static let messages = TestCase.onService(
        "openai.bad_messages", "a message that is left out because it was not understood", quick: true,
        needs: [.task(.generation)]
    ) { context, client in
        let model = try context.smallest(.generation)
        for (messages, param): (JSONLiteral, String) in [
            (nil, "messages"), ([], "messages"), ("Hi", "messages"), ([1], "messages[0]"), ([[:]], "messages[0].role"),
            ([["role": "king", "content": "x"]], "messages[0].role"),
            ([["role": 1, "content": "x"]], "messages[0].role"),
            ([["role": "user"]], "messages[0].content"), ([["role": "user", "content": nil]], "messages[0].content"),
            ([["role": "user", "content": 5]], "messages[0].content"),
            ([["role": "user", "content": []]], "messages[0].content"),
            ([["role": "user", "content": ["x"]]], "messages[0].content[0]"),
            (
                [["role": "user", "content": [["type": "image_url", "image_url": ["url": "x"]]]]],
                "messages[0].content[0].type"
            ),
            ([["role": "tool", "content": "a"]], "messages[0].tool_call_id"),
            ([["role": "assistant", "tool_calls": [5]]], "messages[0].tool_calls[0]"),
            ([["role": "user", "content": "a"], ["role": "assistant"]], "messages[1].content"),
        ] {
            let exchange = try await ask(client, model, chat: true, ["messages": messages])
            let error = try exchange.json(400).at("error")
            try exchange.equal(try error.string("param"), param, "param of the error")
        }
    }

    private static let unsupported = TestCase.onService(
        "openai.unsupported", "a parameter that is known, not done, and dropped in silence", quick: true,
        needs: [.task(.generation)]
    ) { context, client in
        let model = try context.smallest(.generation)
        for (more, param): (JSONLiteral, String) in [
            (["audio": ["voice": "a"]], "audio"), (["modalities": ["text", "audio"]], "modalities"),
            (["prediction": [:]], "prediction"), (["web_search_options": [:]], "web_search_options"),
            (["functions": []], "functions"), (["function_call": "auto"], "function_call"), (["store": true], "store"),
            (["verbosity": "low"], "verbosity"), (["grammar": "root ::= x"], "grammar"),
            (["guided_json": [:]], "guided_json"), (["chat_template": "x"], "chat_template"),
            (["stream": true, "stream_options": ["include_obfuscation": true]], "stream_options.include_obfuscation"),
        ] {
            try await ask(client, model, chat: true, more).expectError(
                400, "unsupported_parameter", param: param, says: "is not supported")
        }
        for (more, param): (JSONLiteral, String) in [
            (["suffix": "y"], "suffix"), (["best_of": 2], "best_of"), (["messages": []], "messages"),
            (["max_completion_tokens": 3], "max_completion_tokens"), (["guided_regex": "a"], "guided_regex"),
        ] {
            try await ask(client, model, chat: false, more).expectError(400, "unsupported_parameter", param: param)
        }
    }

    private static let formats = TestCase.onService(
        "openai.bad_formats", "a schema or a tool that is not understood, and not enforced", quick: true,
        needs: [.task(.generation)]
    ) { context, client in
        let model = try context.smallest(.generation)
        let tool: JSONLiteral = ["type": "function", "function": ["name": "a"]]
        func schema(_ schema: JSONLiteral) -> JSONLiteral {
            ["response_format": ["type": "json_schema", "json_schema": ["name": "a", "schema": schema]]]
        }
        for (more, param, code): (JSONLiteral, String, String) in [
            (["response_format": "json"], "response_format", "invalid_type"),
            (["response_format": [:]], "response_format.type", "missing_parameter"),
            (["response_format": ["type": "xml"]], "response_format.type", "invalid_value"),
            (["response_format": ["type": "json_schema"]], "response_format.json_schema", "missing_parameter"),
            (
                ["response_format": ["type": "json_schema", "json_schema": ["name": "a"]]],
                "response_format.json_schema.schema", "missing_parameter"
            ),
            (["tools": [:]], "tools", "invalid_type"), (["tools": [1]], "tools[0]", "invalid_type"),
            (["tools": [[:]]], "tools[0].type", "missing_parameter"),
            (["tools": [["type": "custom", "custom": [:]]]], "tools[0].type", "unsupported_parameter"),
            (["tools": [["type": "function"]]], "tools[0].function", "missing_parameter"),
            (["tools": [tool, tool]], "tools[1].function.name", "invalid_value"),
            (["tool_choice": "required"], "tool_choice", "invalid_value"),
            (["tools": [tool], "tool_choice": "perhaps"], "tool_choice", "invalid_value"),
            (["parallel_tool_calls": "no"], "parallel_tool_calls", "invalid_type"),
        ] {
            try await ask(client, model, chat: true, more).expectError(400, code, param: param)
        }
        let recursive = schema(["type": "object", "properties": ["a": ["not": ["type": "string"]]]])
        let exchange = try await ask(client, model, chat: true, recursive)
        try exchange.equal(try exchange.json(400).string("error", "code"), "unsupported_schema", "code")
    }

    private static let models = TestCase.onService(
        "openai.bad_models", "a model that is missing, or made for something else, with an error that does not say so",
        quick: true, needs: [.task(.generation)]
    ) { context, client in
        for chat in [true, false] {
            let what: JSONLiteral = chat ? ["messages": [["role": "user", "content": "Hi"]]] : ["prompt": "x"]
            let path = chat ? "/v1/chat/completions" : "/v1/completions"
            for name: JSONLiteral in [nil, ""] {
                let exchange = try await client.ask(path, what.with(["model": name]))
                try exchange.equal(try exchange.json(400).string("error", "param"), "model", "param")
            }
            try await client.ask(path, what.with(["model": 5])).expectError(400, "invalid_type", param: "model")
            try await client.ask(path, what.with(["model": "no-such-model"]))
                .expectError(404, "model_not_found", param: "model", says: "no-such-model")
            for model in context.portfolio.models where model.task != .generation {
                try await client.ask(path, what.with(["model": .string(model.name)]))
                    .expectError(400, "wrong_task", param: "model", says: model.name)
            }
        }
    }
}

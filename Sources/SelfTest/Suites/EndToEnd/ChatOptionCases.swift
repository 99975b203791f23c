internal import Foundation

/// Options of `/v1/chat/completions`: probabilities, JSON, tools.
enum ChatOptionCases {
    static var cases: [TestCase] { [logprobs, jsonSchema, jsonObject, tools] }

    private static let logprobs = ChatCases.chatCase(
        "chat.logprobs", "probabilities that belong to other tokens than those of the answer", quick: true
    ) { context, asked in
        let more: JSONLiteral = ["logprobs": true, "top_logprobs": 3, "max_tokens": 6]
        let answer = try await asked.whole(more)
        let tokens = try answer.document.array("choices", 0, "logprobs", "content")
        var bytes: [UInt8] = []
        for token in tokens {
            bytes += try token.numbers("bytes").map { UInt8($0) }
            let own = try token.number("logprob")
            try token.expect(own <= 0, "logprob: expected 0 or less, found \(own)")
            let tops = try token.array("top_logprobs")
            try token.equal(tops.count, 3, "top_logprobs")
            let scores = try tops.map { try $0.number("logprob") }
            try token.equal(scores, scores.sorted(by: >), "top_logprobs, the best first")
            try token.expect(
                abs(scores[0] - own) < 1e-4,
                "logprob: expected the best, \(scores[0]), of a greedy answer, found \(own)")
            try token.equal(
                try token.string("token"),
                String(decoding: try token.numbers("bytes").map { UInt8($0) }, as: UTF8.self), "token, and its bytes")
        }
        let content = try answer.text()
        let whole = String(decoding: bytes, as: UTF8.self)
        try answer.document.expect(
            whole.hasPrefix(content) || whole == content,
            "bytes of the tokens: expected \(content.debugDescription), found \(whole.debugDescription)")
        let streamed = try await asked.stream(more)
        let pieces = try streamed.pieces(of: 0).flatMap { try $0.find("logprobs", "content")?.array() ?? [] }
        try answer.document.equal(
            try pieces.map { try $0.string("token") }, try tokens.map { try $0.string("token") },
            "tokens of the stream, and at once")
    }

    private static let jsonSchema = ChatCases.chatCase(
        "chat.json_schema", "JSON that breaks the schema that it was asked to keep", quick: true
    ) { context, asked in
        let schema: JSONLiteral = [
            "type": "object",
            "properties": [
                "color": ["type": "string", "enum": ["red", "green", "blue"]],
                "count": ["type": "integer", "enum": [1, 2, 3]],
                "certain": ["type": "boolean"],
            ], "required": ["color", "count", "certain"], "additionalProperties": false,
        ]
        let more: JSONLiteral = [
            "response_format": [
                "type": "json_schema", "json_schema": ["name": "answer", "strict": true, "schema": schema],
            ],
            "max_tokens": 60,
        ]
        for seed in [1, 2] {
            let answer = try await asked.whole(more.with(["temperature": 1, "seed": .int(seed)]))
            try answer.document.equal(try answer.reason(), "stop", "finish_reason of JSON that is complete")
            let value = Document(value: try JSONView(parsing: try answer.text()), evidence: answer.document.evidence)
            try value.equal(try value.keys(), ["certain", "color", "count"], "keys")
            try value.expect(
                ["red", "green", "blue"].contains(try value.string("color")),
                "color: expected one of the enum, found \(value)")
            try value.expect(
                [1, 2, 3].contains(try value.int("count")), "count: expected one of the enum, found \(value)")
            _ = try value.bool("certain")
        }
        let greedy = try await asked.whole(more)
        try greedy.document.equal(
            try await asked.stream(more).text(), try greedy.text(), "content of the stream, and at once")
    }

    private static let jsonObject = ChatCases.chatCase(
        "chat.json_object", "text around JSON that was to stand alone"
    ) { context, asked in
        let answer = try await asked.whole([
            "messages": [["role": "user", "content": "Answer in JSON: {\"color\": \"red\"}"]],
            "response_format": ["type": "json_object"], "max_tokens": 80,
        ])
        let text = try answer.text()
        let isObject = text.trimmed.hasPrefix("{")
        try answer.document.expect(isObject, "content: expected an object, found \(text.prefix(60).debugDescription)")
        if try answer.reason() == "stop" {
            _ = try Document(value: try JSONView(parsing: text), evidence: answer.document.evidence).keys()
        }
    }

    private static let tools = ChatCases.chatCase(
        "chat.tools", "a call whose arguments no program can read"
    ) { context, asked in
        let tool: JSONLiteral = [
            "type": "function",
            "function": [
                "name": "get_weather",
                "parameters": [
                    "type": "object", "properties": ["city": ["type": "string", "enum": ["Lisbon", "Porto"]]],
                    "required": ["city"], "additionalProperties": false,
                ],
            ],
        ]
        let more: JSONLiteral = [
            "messages": [["role": "user", "content": "What is the weather in Lisbon?"]], "tools": [tool],
            "tool_choice": "required", "parallel_tool_calls": false, "max_tokens": 60,
        ]
        let exchange = try await asked.ask(more)
        guard exchange.status == 200 else {
            try exchange.expectError(400, "unsupported_parameter", param: "tools")
            return context.note("\(asked.model.name) calls no tools, and says so")
        }
        let answer = try exchange.json()
        try answer.equal(try answer.string("choices", 0, "finish_reason"), "tool_calls", "finish_reason")
        let call = try answer.at("choices", 0, "message", "tool_calls", 0)
        try call.equal(try call.string("type"), "function", "type")
        try call.expect(try !call.string("id").isEmpty, "id: expected one, found none")
        try call.equal(try call.string("function", "name"), "get_weather", "function.name")
        let arguments = Document(
            value: try JSONView(parsing: try call.string("function", "arguments")), evidence: call.evidence)
        try call.expect(
            ["Lisbon", "Porto"].contains(try arguments.string("city")),
            "city: expected one of the enum, found \(arguments)")
    }
}

/// Streams of `/v1/chat/completions`: what clients put together from the pieces.
enum ChatStreamCases {
    static var cases: [TestCase] { [streamed, roleChunk, usage, headers, errors] }

    private static let streamed = ChatCases.chatCase(
        "chat.streamed", "a stream that differs from the plain answer in one character", quick: true
    ) { context, asked in
        let plain = try await asked.whole(["max_tokens": 20])
        let answer = try await asked.stream(["max_tokens": 20])
        try AnswerChecks.chunks(answer, asked.model, object: "chat.completion.chunk", prefix: "chatcmpl-")
        let first = answer.chunks[0]
        try first.equal(try answer.text(), try plain.text(), "content, in pieces and at once")
        try first.equal(try answer.reasons(), [try plain.reason()], "finish_reason, in the stream and at once")
        try first.expect(answer.stream.isDone, "expected data: [DONE] at the end, found none")
        for chunk in answer.chunks {
            try chunk.expect(!chunk.has("usage"), "usage: expected none where nobody asked for it, found one")
            try chunk.equal(try chunk.array("choices").count, 1, "choices of a chunk")
            let keys = try chunk.keys("choices", 0)
            try chunk.equal(keys, ["delta", "finish_reason", "index", "logprobs"], "keys of a choice")
        }
    }

    private static let roleChunk = ChatCases.chatCase(
        "chat.role_chunk", "a first chunk without a role: clients do not know who speaks", quick: true
    ) { context, asked in
        let answer = try await asked.stream()
        let pieces = try answer.pieces(of: 0)
        guard let first = pieces.first, let last = pieces.last else {
            throw CaseFailure("expected chunks, found none", evidence: answer.stream.evidence)
        }
        try first.equal(try first.find("delta", "role")?.string(), "assistant", "delta.role of the first chunk")
        try first.equal(try first.find("delta", "content")?.string() ?? "", "", "delta.content of the first chunk")
        for piece in pieces.dropFirst() {
            try piece.expect(
                piece.find("delta", "role") == nil, "delta.role: expected in the first chunk alone, found in another")
        }
        try last.equal(try last.keys("delta"), [], "keys of the last delta")
        try last.expect(
            ["stop", "length"].contains(try last.string("finish_reason")),
            "finish_reason: expected stop or length, found \(last)")
    }

    private static let usage = ChatCases.chatCase(
        "chat.stream_usage", "a bill that a stream does not add up to", quick: true
    ) { context, asked in
        let plain = try await asked.whole()
        let answer = try await asked.stream(["stream_options": ["include_usage": true]])
        try AnswerChecks.usage(answer, plain)
    }

    private static let headers = ChatCases.chatCase(
        "chat.stream_headers", "a proxy that keeps a stream back until it has ended"
    ) { context, asked in
        let answer = try await asked.stream(["max_tokens": 2])
        let headers = answer.stream.answer.headers
        for (name, wanted) in [
            ("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"),
            ("x-accel-buffering", "no"),
        ] {
            try context.equal(headers[name], wanted, name, evidence: answer.stream.evidence)
        }
        try context.expect(
            headers["x-request-id"]?.isEmpty == false, "x-request-id: expected one, found none",
            evidence: answer.stream.evidence)
        for event in answer.stream.events {
            try context.expect(
                event.id.isEmpty && event.event == "message", "an event: expected data alone, found id or event",
                evidence: answer.stream.evidence)
        }
    }

    private static let errors = TestCase.onModels(
        .generation, "chat.stream_errors", "an error that comes as a stream, with status 200", quick: true
    ) { context, client, model in
        let messages: JSONLiteral = ["messages": [["role": "user", "content": "Hi"]], "stream": true]
        let own = messages.with(["model": .string(model.name)])
        let path = "/v1/chat/completions"
        try await client.ask(path, messages.with(["model": "no-such-model"])).expectError(
            404, "model_not_found", param: "model")
        try await client.ask(path, own.with(["temperature": 3])).expectError(400, "invalid_value", param: "temperature")
        try await client.ask(path, own.with(["messages": []])).expectError(400, "invalid_value", param: "messages")
        let prompt: JSONLiteral = ["model": .string(model.name), "prompt": "x", "stream": true]
        try await client.ask("/v1/completions", prompt.with(["max_tokens": 100_000_000]))
            .expectError(400, "context_length_exceeded", param: "prompt")
    }
}

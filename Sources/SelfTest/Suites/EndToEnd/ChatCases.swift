internal import Foundation

/// `/v1/chat/completions` on every model that generates. A model without a chat template has to say so, and nothing else.
enum ChatCases {
    static var cases: [TestCase] { [plain, conversation, parts, marks, several, stop, cached] }

    /// A case for models with a template; of others it is checked that they say that they have none.
    static func chatCase(
        _ name: String, _ purpose: String, quick: Bool = false,
        _ body: @escaping @Sendable (CaseContext, Generating) async throws -> Void
    ) -> TestCase {
        .onModels(.generation, name, purpose, quick: quick) { context, client, model in
            let asked = Generating(client: client, model: model, isChat: true)
            guard try await asked.takesMessages() else {
                return context.note("\(model.name) has no chat template, and says so")
            }
            try await body(context, asked)
        }
    }

    private static let plain = chatCase(
        "chat.plain", "an answer that OpenAI's clients cannot read, or with a wrong account", quick: true
    ) { context, asked in
        let answer = try await asked.whole()
        try AnswerChecks.head(answer.document, asked.model, object: "chat.completion", prefix: "chatcmpl-")
        try AnswerChecks.account(answer.document)
        let choice = try answer.document.at("choices", 0)
        try choice.equal(try choice.keys(), ["finish_reason", "index", "logprobs", "message"], "keys of a choice")
        try choice.equal(try choice.string("message", "role"), "assistant", "role")
        let message = try choice.at("message")
        try choice.expect(message.isNull("refusal"), "refusal: expected null, found \(message.value["refusal"])")
        try choice.expect(!message.has("tool_calls"), "tool_calls: expected none, found some")
        try choice.expect(try !answer.text().isEmpty, "content: expected an answer, found none")
        let (tokens, reason) = (try answer.completionTokens, try answer.reason())
        try choice.equal(
            reason, tokens == 12 && reason != "stop" ? "length" : "stop",
            "finish_reason of \(tokens) tokens of at most 12")
        let cut = try await asked.whole(["max_tokens": nil, "max_completion_tokens": 3, "ignore_eos": true])
        try cut.document.equal(try cut.completionTokens, 3, "usage.completion_tokens with max_completion_tokens 3")
        try cut.document.equal(try cut.reason(), "length", "finish_reason")
    }

    private static let conversation = chatCase(
        "chat.conversation", "a conversation of which the model is told only the end", quick: true
    ) { context, asked in
        let short: JSONLiteral = ["messages": [["role": "user", "content": "Hello"]]]
        let long: JSONLiteral = [
            "messages": [
                ["role": "user", "content": "My name is Maria."], ["role": "assistant", "content": "Hello Maria."],
                ["role": "user", "content": "Hello"],
            ]
        ]
        let (first, second) = (try await asked.whole(short), try await asked.whole(long))
        let (few, many) = (try first.promptTokens, try second.promptTokens)
        try second.document.expect(
            many > few + 6, "usage.prompt_tokens of three messages: expected more than \(few + 6), found \(many)")
        // Not every template has a place for a system message.
        let system: JSONLiteral = [
            "messages": [["role": "system", "content": "You are brief."], ["role": "user", "content": "Hello"]]
        ]
        let exchange = try await asked.ask(system)
        guard exchange.status != 200 else {
            let developer: JSONLiteral = [
                "messages": [
                    ["role": "developer", "content": "You are brief."], ["role": "user", "content": "Hello"],
                ]
            ]
            let same = try await asked.whole(developer)
            let answer = WholeAnswer(document: try exchange.json(), isChat: true)
            return try same.document.equal(
                try same.text(), try answer.text(), "content with role developer, and with system")
        }
        try exchange.expectError(400, "template_refused", param: "messages")
    }

    private static let parts = chatCase(
        "chat.content_parts", "parts of a message that are dropped"
    ) { context, asked in
        let string = try await asked.whole(["messages": [["role": "user", "content": "Say one.\nSay two."]]])
        let parts = try await asked.whole([
            "messages": [
                [
                    "role": "user",
                    "content": [["type": "text", "text": "Say one."], ["type": "text", "text": "Say two."]],
                ]
            ]
        ])
        try parts.document.equal(
            try parts.promptTokens, try string.promptTokens, "usage.prompt_tokens of two parts, and of their lines")
        try parts.document.equal(try parts.text(), try string.text(), "content for two parts, and for their lines")
    }

    private static let marks = chatCase(
        "chat.marks", "a model's own marks that show at the end of its answer", quick: true
    ) { context, asked in
        let questions = ["What is two plus two?", "Say hello.", "Answer with one word: what color is the sky?"]
        for question in questions {
            let more: JSONLiteral = [
                "messages": [["role": "user", "content": .string(question)]],
                "max_tokens": .int(asked.model.isLarge ? 24 : 40),
            ]
            let answer = try await asked.whole(more)
            let text = try answer.text()
            let mark = ModelMarks.first(in: text)
            try answer.document.expect(
                mark == nil, "content: expected no mark of the model's, found \(mark ?? "") in it")
            let streamed = try await asked.stream(more)
            try answer.document.equal(try streamed.text(), text, "content of the stream, and at once")
        }
        // Marks that a client sends are text, and end nothing.
        let sent = try await asked.whole([
            "messages": [["role": "user", "content": "<|im_end|><end_of_turn></s> Hello"]], "max_tokens": 4,
        ])
        let plain = try await asked.whole(["messages": [["role": "user", "content": " Hello"]], "max_tokens": 4])
        let (tokens, without) = (try sent.promptTokens, try plain.promptTokens)
        try sent.document.expect(
            tokens > without + 3,
            "usage.prompt_tokens of marks as text: expected more than \(without + 3), found \(tokens)")
    }

    private static let several = chatCase(
        "chat.n", "several answers whose pieces mix in a stream"
    ) { context, asked in
        let more: JSONLiteral = ["n": 3, "temperature": 1.3, "seed": 11, "max_tokens": 8]
        let whole = try await asked.whole(more)
        let streamed = try await asked.stream(more)
        try whole.document.equal(try whole.choices.map { try $0.int("index") }, [0, 1, 2], "indices")
        for choice in 0..<3 {
            let roles = try streamed.pieces(of: choice).compactMap { try $0.find("delta", "role")?.string() }
            try streamed.chunks[0].equal(roles, ["assistant"], "roles of choice \(choice)")
            try streamed.chunks[0].equal(
                try streamed.text(choice), try whole.text(choice), "content of choice \(choice), streamed and at once")
            try streamed.chunks[0].equal(
                try streamed.reasons(choice), [try whole.reason(choice)], "finish_reason of choice \(choice)")
        }
    }

    private static let stop = chatCase(
        "chat.stop", "a stop string that is shown, whole or in part", quick: true
    ) { context, asked in
        let text = try await asked.whole(["max_tokens": 20]).text()
        let characters = Array(text)
        guard
            let space = characters.indices.first(where: { $0 > 2 && $0 < characters.count - 2 && characters[$0] == " " }
            )
        else {
            return context.note("nothing to stop at in \(text.debugDescription)")
        }
        let stop = String(characters[(space - 1)...(space + 1)])
        let expected = text.range(of: stop).map { String(text[..<$0.lowerBound]) } ?? text
        let more: JSONLiteral = ["max_tokens": 20, "stop": .strings([stop])]
        let (whole, streamed) = (try await asked.whole(more), try await asked.stream(more))
        try whole.document.equal(try whole.text(), expected, "content up to \(stop.debugDescription)")
        try whole.document.equal(try whole.reason(), "stop", "finish_reason")
        try whole.document.equal(try streamed.text(), expected, "content of the stream up to \(stop.debugDescription)")
        // None of what is held back may be shown before.
        for piece in try streamed.pieces(of: 0) {
            let content = try piece.find("delta", "content")?.string() ?? ""
            try piece.expect(
                !content.contains(stop),
                "a piece: expected nothing of the stop string, found \(content.debugDescription)")
        }
    }

    private static let cached = chatCase(
        "chat.cached_tokens", "an answer that differs because the beginning of its prompt was known"
    ) { context, asked in
        let story = Array(repeating: "The old clock on the wall had stopped long ago.", count: 12).joined(
            separator: " ")
        let more: JSONLiteral = [
            "messages": [["role": "user", "content": .string(story + " What had stopped?")]], "max_tokens": 8,
        ]
        let first = try await asked.whole(more)
        let second = try await asked.whole(more)
        try second.document.equal(try second.text(), try first.text(), "content, asked for again")
        let cached = try second.document.int("usage", "prompt_tokens_details", "cached_tokens")
        let prompt = try second.promptTokens
        try second.document.expect(
            cached > 0 && cached <= prompt,
            "cached_tokens: expected 1 to \(prompt) of a prompt that came before, found \(cached)")
    }
}

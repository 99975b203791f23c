internal import Foundation

extension ServiceClient {
    /// Asks, and waits for the whole answer.
    func generate(_ query: GenerationQuery) async throws -> GeneratedText {
        let answer = try await patient.post(query.path, json: try query.json(isStreamed: false))
            .expecting(status: 200)
        let body = try WireJSON.value(GenerationBody.self, answer.body, query.label, evidence: answer.evidence)
        guard let choices = body.choices, choices.count == 1, let choice = choices.first, body.usage != nil else {
            throw CaseFailure("\(query.label): expected one choice and usage", evidence: answer.evidence)
        }
        var text = GeneratedText(usage: body.usage, raw: answer.text)
        text.add(choice)
        return text
    }

    /// Asks for a stream, and reads it to its end.
    ///
    /// - Throws: `CaseFailure` unless the stream has the documented form: its role first, one finish reason in the last
    ///   chunk of the choice, usage in a chunk without choices, `[DONE]` at the end.
    func generateStreamed(_ query: GenerationQuery) async throws -> GeneratedText {
        let stream = try await patient.stream("POST", query.path, json: try query.json(isStreamed: true))
        try stream.answer.expecting(status: 200)
        var text = GeneratedText(raw: stream.answer.text)
        var order = ChunkOrder(isChat: query.path.contains("chat"))
        func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
            if !condition { throw CaseFailure("\(query.label), streamed: \(message())", evidence: stream.evidence) }
        }
        for event in stream.events {
            let chunk = try WireJSON.value(
                GenerationBody.self, event.data.utf8, "\(query.label), a chunk", evidence: stream.evidence)
            if let problem = order.problem(chunk) { try expect(false, problem + ": \(event.data)") }
            if let choice = chunk.choices?.first { text.add(choice) }
            text.usage = chunk.usage ?? text.usage
        }
        try expect(text.finishReason != nil, "expected a finish_reason, found none")
        try expect(text.usage != nil, "expected a chunk with usage, found none")
        return text
    }
}

/// In what order the chunks of a stream have come.
private struct ChunkOrder {
    let isChat: Bool
    private var chunks = 0
    private var isFinished = false
    private var hasUsage = false

    init(isChat: Bool) { self.isChat = isChat }

    /// What is wrong with the next chunk.
    mutating func problem(_ chunk: GenerationBody) -> String? {
        defer { chunks += 1 }
        if let error = chunk.error { return "expected no error, found \(error.message)" }
        guard let choices = chunk.choices else { return "expected choices in every chunk, found none" }
        if hasUsage { return "expected usage to be the last, found a chunk after it" }
        guard let choice = choices.first else {
            hasUsage = chunk.usage != nil
            return hasUsage ? nil : "expected usage in the chunk without choices, found none"
        }
        if chunk.usage != nil { return "expected usage in the chunk without choices alone, found it before" }
        if isFinished { return "expected nothing of the choice after its finish_reason, found a chunk" }
        if isChat, chunks == 0, choice.delta?.role != "assistant" {
            return "expected the role assistant in the first chunk, found \(choice.delta?.role ?? "none")"
        }
        isFinished = choice.finishReason != nil
        return nil
    }
}

extension PortfolioModel {
    /// How long answers of the model may be so that a case takes no longer than it has to.
    var answerTokens: Int { parameters >= 2_000_000_000 ? 12 : 24 }

    /// Texts to be continued: several languages and scripts, code, and characters of several tokens.
    var continuations: [GenerationQuery] {
        [
            "The capital of France is", "1, 2, 3, 4, 5,", "Era uma vez uma menina que", "Der Himmel ist heute",
            "def fibonacci(n):\n", "今日はとても", "Emoji: 🙂 🙃 😀 👩‍🚀 🙂 🙃 😀 👩‍🚀 🙂",
        ].map { GenerationQuery(model: name, prompt: .text($0), maxTokens: answerTokens) }
    }

    /// What a user may say.
    var conversations: [GenerationQuery] {
        ["What is the capital of France?", "Say hello.", "Conte até cinco.", "Nenne drei Farben. 🙂"]
            .map { GenerationQuery(model: name, prompt: .chat($0), maxTokens: answerTokens) }
    }
}

extension CaseContext {
    /// The conversations that the model takes: none for a model without a chat template, which has to refuse them by
    /// both ways.
    func conversations() async throws -> [GenerationQuery] {
        let (client, model) = (try client(), try theModel())
        var query = model.conversations[0]
        query.maxTokens = 1
        let plain = try await client.post(query.path, json: try query.json(isStreamed: false))
        guard plain.status == 400, plain.text.contains("\"no_chat_template\"") else { return model.conversations }
        let streamed = try await client.post(query.path, json: try query.json(isStreamed: true))
        try equal(streamed.status, plain.status, "the status of a refused conversation, streamed")
        try same(
            streamed.text, plain.text, "the refusal of a conversation", ways: ("streamed", "not streamed"),
            evidence: [query.evidence, plain.text, streamed.text])
        note("\(model.name) has no chat template: conversations are refused alike, streamed or not")
        return []
    }
}

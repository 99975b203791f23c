internal import Foundation

/// A request to one of OpenAI's routes that generates, small and greedy unless it says otherwise.
struct Generating: Sendable {
    let client: ServiceClient
    let model: PortfolioModel
    /// Whether it is `/v1/chat/completions`.
    var isChat = false

    var path: String { isChat ? "/v1/chat/completions" : "/v1/completions" }

    /// What is asked, for people and for models that only continue.
    static let prompt = "The capital of France is Paris. The capital of Spain is"
    static let message = "Name three colors, please."

    /// The body of a request.
    func body(_ more: JSONLiteral = [:]) -> JSONLiteral {
        let what: JSONLiteral =
            isChat
            ? ["messages": [["role": "user", "content": .string(Self.message)]]] : ["prompt": .string(Self.prompt)]
        let head: JSONLiteral = ["model": .string(model.name), "max_tokens": 12, "temperature": 0]
        return head.with(what).with(more)
    }

    /// The answer to a request that is not streamed.
    func ask(_ more: JSONLiteral = [:]) async throws -> Exchange { try await client.ask(path, body(more)) }

    /// The whole answer, which has to have status 200.
    func whole(_ more: JSONLiteral = [:]) async throws -> WholeAnswer {
        WholeAnswer(document: try await ask(more).json(), isChat: isChat)
    }

    /// The answer as a stream.
    func stream(_ more: JSONLiteral = [:]) async throws -> StreamedAnswer {
        let stream = try await client.stream(
            "POST", path, json: body(more.with(["stream": true])).text,
            options: StreamOptions(silenceSeconds: 120, totalSeconds: 600))
        try stream.answer.expecting(status: 200)
        let chunks = try stream.json().map { Document(value: $0, evidence: stream.evidence) }
        return StreamedAnswer(chunks: chunks, stream: stream, isChat: isChat)
    }

    /// Whether the model takes messages: a base model has no template, and says so.
    func takesMessages() async throws -> Bool {
        let exchange = try await client.ask(
            "/v1/chat/completions",
            [
                "model": .string(model.name), "messages": [["role": "user", "content": "Hi"]], "max_tokens": 1,
                "temperature": 0,
            ])
        if exchange.status == 200 { return true }
        try exchange.expectError(400, "no_chat_template", param: "messages", says: model.name)
        return false
    }
}

/// An answer that came at once.
struct WholeAnswer {
    let document: Document
    let isChat: Bool

    var choices: [Document] { get throws { try document.array("choices") } }

    /// The text of a choice.
    func text(_ choice: Int = 0) throws -> String {
        isChat
            ? try document.string("choices", .index(choice), "message", "content")
            : try document.string("choices", .index(choice), "text")
    }

    func reason(_ choice: Int = 0) throws -> String { try document.string("choices", .index(choice), "finish_reason") }

    var promptTokens: Int { get throws { try document.int("usage", "prompt_tokens") } }
    var completionTokens: Int { get throws { try document.int("usage", "completion_tokens") } }
}

/// An answer that came as a stream of chunks.
struct StreamedAnswer {
    let chunks: [Document]
    let stream: StreamAnswer
    let isChat: Bool

    /// The chunks with choices; the one with the usage alone has none.
    var pieces: [Document] { chunks.filter { ((try? $0.array("choices").count) ?? 0) > 0 } }

    /// The chunks of one choice.
    func pieces(of choice: Int) throws -> [Document] {
        try pieces.filter { try $0.int("choices", 0, "index") == choice }.map { try $0.at("choices", 0) }
    }

    /// The text of a choice, put together.
    func text(_ choice: Int = 0) throws -> String {
        try pieces(of: choice).map { piece in
            isChat ? try piece.find("delta", "content")?.string() ?? "" : try piece.string("text")
        }.joined()
    }

    /// The reasons to finish that a choice gave: it has to be one.
    func reasons(_ choice: Int = 0) throws -> [String] {
        try pieces(of: choice).compactMap { try $0.find("finish_reason")?.string() }
    }
}

/// Marks of models that belong to no text; a client that sees one sees the inside of the model.
enum ModelMarks {
    private static let marks = [
        "<|im_end|>", "<|im_start|>", "<|endoftext|>", "<end_of_turn>", "<start_of_turn>", "<eos>", "<bos>", "</s>",
        "<|eot_id|>", "<|end_of_text|>", "<|end|>", "<|assistant|>", "<|user|>", "[INST]", "[/INST]", "<pad>",
        "<|END_OF_TURN_TOKEN|>", "<|eom_id|>",
    ]

    /// The first mark in a text.
    static func first(in text: String) -> String? { marks.first { text.contains($0) } }
}

internal import Generation
internal import Tokenizers

/// What a piece of a chat answer adds to its message.
enum ChatDelta: Sendable, Equatable {
    case content(String, [TokenLogprob])
    case call(index: Int, id: String, name: String)
    case arguments(index: Int, String)
    case finish(String)
}

/// One choice of a chat answer: the model's text, and the calls in it.
struct ChatChoice: Sendable {
    private struct Call {
        var id: String
        var name: String
        var arguments = ""
    }

    private let reading: ToolCallReading?
    private var parser: ToolCallParser?
    private var content = ""
    private var calls: [Call] = []
    private var logprobs: [TokenLogprob] = []
    private var reason: String?

    init(_ reading: ToolCallReading?) {
        self.reading = reading
        parser = reading?.parser()
    }

    /// Takes a piece, and says what it adds.
    mutating func take(_ piece: GenerationPiece) -> [ChatDelta] {
        guard reason == nil else { return [] }
        var deltas = deltas(piece)
        if let finish = piece.finish {
            for event in parser?.finish() ?? [] { deltas.append(delta(event)) }
            let reason = finish == .length ? "length" : calls.isEmpty ? "stop" : "tool_calls"
            deltas.append(.finish(reason))
        }
        deltas.forEach { collect($0) }
        return deltas
    }

    private mutating func deltas(_ piece: GenerationPiece) -> [ChatDelta] {
        let logprobs = piece.writtenLogprobs
        guard parser != nil, let reading else {
            return piece.text.isEmpty && logprobs.isEmpty ? [] : [.content(piece.text, logprobs)]
        }
        let events = parser?.add(Self.text(of: piece, withMarks: reading.hiddenMarks)) ?? []
        var deltas = events.map { delta($0) }
        if !logprobs.isEmpty { deltas.insert(.content("", logprobs), at: 0) }
        return deltas
    }

    /// The text with the marks in it that are control tokens, where they stood.
    private static func text(of piece: GenerationPiece, withMarks marks: [Int32: String]) -> String {
        // What is held back of the text makes the place uncertain only where a mark follows text in one piece, which
        // has then been released up to the mark.
        let found = piece.ids.compactMap { marks[$0] }.joined()
        guard !found.isEmpty else { return piece.text }
        return piece.ids.first.flatMap { marks[$0] } != nil ? found + piece.text : piece.text + found
    }

    private mutating func delta(_ event: ToolCallEvent) -> ChatDelta {
        switch event {
        case .content(let text): return .content(text, [])
        case .call(let index, let name):
            let id = reading?.format.makeCallID() ?? ""
            calls.append(Call(id: id, name: name))
            return .call(index: index, id: id, name: name)
        case .arguments(let index, let text): return .arguments(index: index, text)
        }
    }

    private mutating func collect(_ delta: ChatDelta) {
        switch delta {
        case .content(let text, let tokens):
            content += text
            logprobs += tokens
        case .call: break
        case .arguments(let index, let text): calls[index].arguments += text
        case .finish(let reason): self.reason = reason
        }
    }

    /// The choice as a whole.
    func value(index: Int, wantsLogprobs: Bool) -> TemplateValue {
        var message = TemplateDictionary()
        message["role"] = "assistant"
        message["content"] = content.isEmpty && !calls.isEmpty ? TemplateValue.none : .string(content)
        message["refusal"] = TemplateValue.none
        if !calls.isEmpty {
            message["tool_calls"] = .list(
                calls.map { call in
                    [
                        "id": .string(call.id), "type": "function",
                        "function": ["name": .string(call.name), "arguments": .string(call.arguments)],
                    ]
                })
        }
        return [
            "index": .int(index), "message": .dictionary(message),
            "logprobs": wantsLogprobs ? ChatAnswer.logprobs(logprobs) : .none,
            "finish_reason": .text(reason),
        ]
    }
}

/// A chat answer, as `chat.completion` or as its chunks.
struct ChatAnswer: AnswerWriter {
    let head: AnswerHead
    private let wantsLogprobs: Bool
    private let includesUsage: Bool
    private var choices: [ChatChoice]
    private var usage = GenerationUsage()

    init(_ request: ChatRequest, _ reading: ToolCallReading?, by model: AnsweringModel) {
        head = AnswerHead(prefix: "chatcmpl-", model)
        wantsLogprobs = request.generation.topLogprobs != nil
        includesUsage = request.stream?.includesUsage ?? false
        choices = Array(repeating: ChatChoice(reading), count: request.generation.choices)
    }

    static func logprobs(_ tokens: [TokenLogprob]) -> TemplateValue {
        ["content": .list(tokens.map(LogprobValue.chat)), "refusal": .none]
    }

    func opening() -> [TemplateValue] {
        choices.indices.map { chunk($0, delta: ["role": "assistant", "content": ""]) }
    }

    mutating func chunks(_ prompt: Int, _ event: GenerationEvent) -> [TemplateValue] {
        switch event {
        case .prompt: return []
        case .piece(let piece):
            guard choices.indices.contains(piece.choice) else { return [] }
            return choices[piece.choice].take(piece).map { chunk(piece.choice, $0) }
        case .ended(let usage):
            self.usage = usage
            return []
        }
    }

    func closing() -> [TemplateValue] {
        guard includesUsage else { return [] }
        return [head.object("chat.completion.chunk", choices: [], usage: usage.value).withTimings(usage)]
    }

    func whole() -> TemplateValue {
        let values = choices.enumerated().map { $1.value(index: $0, wantsLogprobs: wantsLogprobs) }
        return head.object("chat.completion", choices: values, usage: usage.value).withTimings(usage)
    }

    private func chunk(_ index: Int, _ delta: ChatDelta) -> TemplateValue {
        switch delta {
        case .content(let text, let tokens):
            return chunk(index, delta: ["content": .string(text)], logprobs: tokens.isEmpty ? nil : tokens)
        case .call(let call, let id, let name):
            let function: TemplateValue = ["name": .string(name), "arguments": ""]
            return chunk(
                index,
                delta: [
                    "tool_calls": [
                        ["index": .int(call), "id": .string(id), "type": "function", "function": function]
                    ]
                ])
        case .arguments(let call, let text):
            return chunk(
                index, delta: ["tool_calls": [["index": .int(call), "function": ["arguments": .string(text)]]]])
        case .finish(let reason): return chunk(index, delta: [:], reason: reason)
        }
    }

    private func chunk(
        _ index: Int, delta: TemplateValue, logprobs: [TokenLogprob]? = nil, reason: String? = nil
    ) -> TemplateValue {
        let choice: TemplateValue = [
            "index": .int(index), "delta": delta, "logprobs": logprobs.map(Self.logprobs) ?? .none,
            "finish_reason": .text(reason),
        ]
        return head.object("chat.completion.chunk", choices: [choice], usage: includesUsage ? TemplateValue.none : nil)
    }
}

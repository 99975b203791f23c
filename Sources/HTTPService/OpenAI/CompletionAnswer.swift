internal import Generation
internal import Tokenizers

/// Tokens with their probabilities as the older route has them: four lists of one length.
struct TokenTable: Sendable {
    private var tokens: [TemplateValue] = []
    private var logprobs: [TemplateValue] = []
    private var tops: [TemplateValue] = []
    private var offsets: [TemplateValue] = []

    var isEmpty: Bool { tokens.isEmpty }

    /// Appends a token that begins `offset` characters into the text; the first of a prompt has no probability.
    mutating func append(_ token: TokenLogprob, offset: Int, isFirst: Bool) {
        tokens.append(.string(LogprobValue.text(token.bytes)))
        logprobs.append(isFirst ? .none : LogprobValue.number(token.logprob))
        offsets.append(.int(offset))
        guard !isFirst else { return tops.append(.none) }
        var top = TemplateDictionary()
        // Two tokens can have one text: the more probable one stands for it.
        for other in token.top where top[LogprobValue.text(other.bytes)] == nil {
            top[LogprobValue.text(other.bytes)] = LogprobValue.number(other.logprob)
        }
        let text = LogprobValue.text(token.bytes)
        if top[text] == nil { top[text] = LogprobValue.number(token.logprob) }
        tops.append(.dictionary(top))
    }

    mutating func append(_ other: TokenTable) {
        tokens += other.tokens
        logprobs += other.logprobs
        tops += other.tops
        offsets += other.offsets
    }

    var value: TemplateValue {
        [
            "tokens": .list(tokens), "token_logprobs": .list(logprobs), "top_logprobs": .list(tops),
            "text_offset": .list(offsets),
        ]
    }
}

/// One choice of an older answer: text.
struct CompletionChoice: Sendable {
    /// The prompt, if the answer begins with it.
    private let echo: String?
    private let wantsLogprobs: Bool
    private let discardsAnswer: Bool
    private var text = ""
    private var table = TokenTable()
    /// Characters (Unicode scalars, as Python counts them) before the next token.
    private var offset: Int
    private(set) var reason: String?

    init(echo: String?, wantsLogprobs: Bool, discardsAnswer: Bool, hidesFirstSpace: Bool) {
        self.echo = echo
        self.wantsLogprobs = wantsLogprobs
        self.discardsAnswer = discardsAnswer
        // The space that encoding put before a prompt is in its first token, and not in its text.
        offset = echo != nil && hidesFirstSpace ? -1 : 0
    }

    /// Takes the prompt, and says what it adds.
    mutating func take(prompt: [TokenLogprob]) -> (text: String, table: TokenTable)? {
        guard let echo else { return nil }
        text += echo
        return (echo, add(prompt, isPrompt: true))
    }

    /// Takes a piece, and says what it adds.
    mutating func take(_ piece: GenerationPiece) -> (text: String, table: TokenTable)? {
        guard reason == nil else { return nil }
        if let finish = piece.finish { reason = discardsAnswer || finish == .length ? "length" : "stop" }
        guard !discardsAnswer else { return nil }
        text += piece.text
        let added = add(piece.writtenLogprobs, isPrompt: false)
        return piece.text.isEmpty && added.isEmpty ? nil : (piece.text, added)
    }

    private mutating func add(_ tokens: [TokenLogprob], isPrompt: Bool) -> TokenTable {
        var added = TokenTable()
        guard wantsLogprobs else { return added }
        for (index, token) in tokens.enumerated() {
            added.append(token, offset: max(0, offset), isFirst: isPrompt && index == 0)
            offset += token.bytes.count { $0 & 0xC0 != 0x80 }
        }
        table.append(added)
        return added
    }

    /// The choice as a whole.
    func value(index: Int) -> TemplateValue {
        Self.value(index: index, text: text, logprobs: wantsLogprobs ? table : nil, reason: reason)
    }

    static func value(index: Int, text: String, logprobs: TokenTable?, reason: String?) -> TemplateValue {
        [
            "text": .string(text), "index": .int(index), "logprobs": logprobs?.value ?? .none,
            "finish_reason": .text(reason),
        ]
    }
}

/// An answer of the older route, as `text_completion`, whole or in chunks, which are of the same kind.
struct CompletionAnswer: AnswerWriter {
    let head: AnswerHead
    private let choicesPerPrompt: Int
    private let includesUsage: Bool
    private let discardsAnswer: Bool
    private var choices: [CompletionChoice]
    private var usage = GenerationUsage()

    init(_ request: CompletionRequest, by model: AnsweringModel) {
        let tokenizer = model.traits.tokenizer
        head = AnswerHead(prefix: "cmpl-", model)
        choicesPerPrompt = request.generation.choices
        includesUsage = request.stream?.includesUsage ?? false
        discardsAnswer = request.discardsAnswer
        choices = request.prompts.flatMap { prompt in
            let choice = CompletionChoice(
                echo: request.echoesPrompt ? prompt.text(tokenizer) : nil,
                wantsLogprobs: request.generation.topLogprobs != nil, discardsAnswer: request.discardsAnswer,
                hidesFirstSpace: tokenizer.addsSpacePrefix)
            return Array(repeating: choice, count: request.generation.choices)
        }
    }

    func opening() -> [TemplateValue] { [] }

    mutating func chunks(_ prompt: Int, _ event: GenerationEvent) -> [TemplateValue] {
        let first = prompt * choicesPerPrompt
        switch event {
        case .prompt(let tokens):
            return (first..<(first + choicesPerPrompt)).compactMap { index in
                choices[index].take(prompt: tokens).map { chunk(index, text: $0.text, $0.table) }
            }
        case .piece(let piece):
            guard (0..<choicesPerPrompt).contains(piece.choice) else { return [] }
            let index = first + piece.choice
            var chunks: [TemplateValue] = []
            if let (text, table) = choices[index].take(piece) { chunks.append(chunk(index, text: text, table)) }
            if piece.finish != nil {
                chunks.append(chunk(index, text: "", TokenTable(), reason: choices[index].reason))
            }
            return chunks
        case .ended(var usage):
            if discardsAnswer { usage.completionTokens = 0 }
            self.usage = self.usage.adding(usage)
            return []
        }
    }

    func closing() -> [TemplateValue] {
        guard includesUsage else { return [] }
        return [head.object("text_completion", choices: [], usage: usage.value).withTimings(usage)]
    }

    func whole() -> TemplateValue {
        let values = choices.enumerated().map { $1.value(index: $0) }
        return head.object("text_completion", choices: values, usage: usage.value).withTimings(usage)
    }

    private func chunk(_ index: Int, text: String, _ table: TokenTable, reason: String? = nil) -> TemplateValue {
        head.object(
            "text_completion",
            choices: [
                CompletionChoice.value(index: index, text: text, logprobs: table.isEmpty ? nil : table, reason: reason)
            ], usage: includesUsage ? TemplateValue.none : nil)
    }
}

internal import Engine
internal import Generation
internal import Hummingbird
internal import Tokenizers

/// A request to /v1/completions, checked as far as it can be without the model.
struct CompletionRequest: Sendable {
    /// What is to be continued.
    enum Prompt: Sendable, Equatable {
        case text(String)
        case tokens([Int32])
    }

    var model: String
    var prompts: [Prompt]
    var generation: GenerationRequest
    /// Whether the answer begins with its prompt.
    var echoesPrompt: Bool
    /// With `max_tokens` 0 nothing is to be added to the prompt; the model makes one token all the same, which is the
    /// least that a request is for.
    var discardsAnswer: Bool
    var stream: StreamOptions?
    /// Whether another model may answer.
    var fallback: FallbackPolicy

    /// As OpenAI's.
    private static let defaultMaxTokens = 16

    /// - Throws: `APIError` 400 that names the parameter.
    init(_ parameters: RequestParameters) throws {
        model = try SamplingParameters.model(parameters)
        fallback = try FallbackPolicy(parameter: parameters.string("fallback"))
        try UnsupportedParameters.checkCompletions(parameters)
        prompts = try Self.prompts(parameters)
        stream = try SamplingParameters.stream(parameters)
        generation = try SamplingParameters.read(parameters)
        let maxTokens =
            try parameters.integer("max_tokens", in: 0...SamplingParameters.mostTokens) ?? Self.defaultMaxTokens
        discardsAnswer = maxTokens == 0
        generation.maxTokens = max(1, maxTokens)
        try SamplingParameters.checkLimits(generation)
        if try parameters.integer("best_of", in: 1...Int.max) ?? 1 > generation.choices {
            throw APIError.unsupported("best_of", "answers are not ranked; send n, and best_of no larger than it")
        }
        guard prompts.count * generation.choices <= SamplingParameters.mostChoices else {
            throw APIError.invalidValue(
                "n", "such that all prompts together have at most \(SamplingParameters.mostChoices) answers")
        }
        echoesPrompt = try parameters.bool("echo") ?? false
        if case .bool? = parameters.value("logprobs") {
            throw APIError.invalidType("logprobs", "a whole number on this route")
        }
        generation.topLogprobs = try parameters.integer("logprobs", in: 0...5)
        generation.wantsPromptLogprobs = echoesPrompt && generation.topLogprobs != nil
    }

    /// A string, several, the ids of one prompt, or those of several.
    private static func prompts(_ parameters: RequestParameters) throws -> [Prompt] {
        let wanted = "a string, an array of strings, an array of token ids, or an array of such arrays"
        switch parameters.value("prompt") {
        case nil: throw APIError.missing("prompt")
        case .string(let text): return [.text(text)]
        case .list(let items):
            switch items.first {
            case nil: throw APIError.invalidValue("prompt", "at least one prompt, and no empty array")
            case .string:
                return try items.enumerated().map { index, item in
                    guard case .string(let text) = item else {
                        throw APIError.invalidType("prompt[\(index)]", "a string")
                    }
                    return .text(text)
                }
            case .list:
                return try items.enumerated().map { index, item in
                    guard case .list(let ids) = item else {
                        throw APIError.invalidType("prompt[\(index)]", "an array of token ids")
                    }
                    return .tokens(try tokens(ids, "prompt[\(index)]"))
                }
            default: return [.tokens(try tokens(items, "prompt"))]
            }
        default: throw APIError.invalidType("prompt", wanted)
        }
    }

    private static func tokens(_ items: [TemplateValue], _ path: String) throws -> [Int32] {
        guard !items.isEmpty else { throw APIError.invalidValue(path, "at least one token id") }
        return try items.enumerated().map { index, item in
            switch item {
            case .int, .float:
                guard let id = RequestParameters.integer(item).flatMap(Int32.init(exactly:)), id >= 0 else {
                    throw APIError.invalidValue("\(path)[\(index)]", "a token id, a whole number from 0 on")
                }
                return id
            default: throw APIError.invalidType("\(path)[\(index)]", "a token id")
            }
        }
    }

    /// What depends on the model: that it knows the tokens.
    ///
    /// - Throws: `APIError` 400.
    func check(for model: ModelTraits) throws {
        try SamplingParameters.checkBias(generation, model)
        for case .tokens(let ids) in prompts {
            guard let id = ids.first(where: { Int($0) >= model.vocabularySize }) else { continue }
            throw APIError.invalidValue(
                "prompt", "made of token ids below the vocabulary's size of \(model.vocabularySize); \(id) is not")
        }
    }
}

extension CompletionRequest.Prompt {
    var input: GenerationInput {
        switch self {
        case .text(let text): .text(text)
        case .tokens(let ids): .tokens(ids)
        }
    }

    /// What an answer with the prompt begins with.
    func text(_ tokenizer: any TextTokenizer) -> String {
        switch self {
        case .text(let text): text
        case .tokens(let ids): tokenizer.decode(ids)
        }
    }
}

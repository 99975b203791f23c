internal import Generation
internal import Hummingbird
internal import Tokenizers

/// What both routes can be told about how an answer is made.
enum SamplingParameters {
    /// The most answers to all prompts of a request.
    static let mostChoices = 128
    /// More tokens than any context has, and few enough to be added up.
    static let mostTokens = 1_000_000_000
    private static let mostStops = 16
    private static let mostStopBytes = 4_096

    /// A request without its prompt.
    ///
    /// - Throws: `APIError` 400 that names the parameter.
    static func read(_ parameters: RequestParameters) throws -> GenerationRequest {
        var request = GenerationRequest(prompt: [])
        request.sampling = try sampling(parameters)
        request.stop = try stops(parameters)
        request.choices = try parameters.integer("n", in: 1...mostChoices) ?? 1
        request.minTokens = try parameters.integer("min_tokens", in: 0...mostTokens) ?? 0
        request.ignoresEndOfGeneration = try parameters.bool("ignore_eos") ?? false
        return request
    }

    private static func sampling(_ parameters: RequestParameters) throws -> SamplingOptions {
        var options = SamplingOptions()
        options.temperature = try parameters.number("temperature", in: 0...2) ?? 1
        // −1 is how others say that there is no limit.
        options.topK = max(0, try parameters.integer("top_k", in: -1...Int(Int32.max)) ?? 0)
        options.topP = try parameters.number("top_p", in: 0...1) ?? 1
        if options.topP == 0 {
            // The smallest set is the most probable token.
            (options.topP, options.topK) = (1, 1)
        }
        options.minP = try parameters.number("min_p", in: 0...1) ?? 0
        options.typicalP = try parameters.number("typical_p", in: 0...1, isAbove: true) ?? 1
        options.repetitionPenalty = try parameters.number("repetition_penalty", in: 0...10, isAbove: true) ?? 1
        options.presencePenalty = try parameters.number("presence_penalty", in: -2...2) ?? 0
        options.frequencyPenalty = try parameters.number("frequency_penalty", in: -2...2) ?? 0
        options.seed = try parameters.integer("seed", in: Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) }
        options.logitBias = try logitBias(parameters)
        return options
    }

    private static func logitBias(_ parameters: RequestParameters) throws -> [Int32: Float] {
        guard let entries = try parameters.object("logit_bias") else { return [:] }
        var biases: [Int32: Float] = [:]
        for (key, _) in entries.dictionary {
            guard case .string(let name) = key, let id = Int32(name), id >= 0 else {
                throw APIError.invalidValue("logit_bias", "an object whose keys are token ids")
            }
            guard let bias = try entries.number(name, in: -100...100) else {
                throw APIError.invalidType("logit_bias.\(name)", "a number")
            }
            biases[id] = Float(bias)
        }
        return biases
    }

    private static func stops(_ parameters: RequestParameters) throws -> [String] {
        let items: [TemplateValue]
        switch parameters.value("stop") {
        case nil: return []
        case .string(let text): items = [.string(text)]
        case .list(let list): items = list
        default: throw APIError.invalidType("stop", "a string or an array of strings")
        }
        guard items.count <= mostStops else {
            throw APIError.invalidValue("stop", "at most \(mostStops) strings, not \(items.count)")
        }
        return try items.enumerated().map { index, item in
            guard case .string(let text) = item else { throw APIError.invalidType("stop[\(index)]", "a string") }
            guard !text.isEmpty, text.utf8.count <= mostStopBytes else {
                throw APIError.invalidValue("stop[\(index)]", "a string of 1 to \(mostStopBytes) bytes")
            }
            return text
        }
    }

    /// Whether the answer is streamed, and whether the last chunk counts the tokens.
    static func stream(_ parameters: RequestParameters) throws -> StreamOptions? {
        let isStreamed = try parameters.bool("stream") ?? false
        guard let options = try parameters.object("stream_options") else {
            return isStreamed ? StreamOptions(includesUsage: false) : nil
        }
        guard isStreamed else { throw APIError.invalidValue("stream_options", "left out unless stream is true") }
        if try options.bool("include_obfuscation") == true {
            throw APIError.unsupported("stream_options.include_obfuscation", "chunks are not padded")
        }
        return StreamOptions(includesUsage: try options.bool("include_usage") ?? false)
    }

    /// The name of the model.
    static func model(_ parameters: RequestParameters) throws -> String {
        guard let model = try parameters.string("model"), !model.isEmpty else { throw APIError.missing("model") }
        return model
    }

    /// Says so if a limit of tokens contradicts another.
    static func checkLimits(_ request: GenerationRequest) throws {
        if let most = request.maxTokens, request.minTokens > most {
            throw APIError.invalidValue("min_tokens", "at most as large as the \(most) tokens that are allowed")
        }
    }

    /// Says so if a token id is none of the model's.
    static func checkBias(_ request: GenerationRequest, _ model: ModelTraits) throws {
        if let id = request.sampling.logitBias.keys.filter({ Int($0) >= model.vocabularySize }).min() {
            throw APIError.invalidValue(
                "logit_bias", "about tokens of the model, whose ids are below \(model.vocabularySize); \(id) is not")
        }
    }
}

/// How an answer is streamed.
struct StreamOptions: Sendable, Equatable {
    /// Whether a last chunk counts the tokens.
    var includesUsage: Bool
}

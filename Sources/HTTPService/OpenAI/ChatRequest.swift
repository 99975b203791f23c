internal import Engine
internal import Generation
internal import Hummingbird
internal import Tokenizers

/// A request to /v1/chat/completions, checked as far as it can be without the model.
struct ChatRequest: Sendable {
    var model: String
    var prompt: ChatPrompt
    var generation: GenerationRequest
    var tools: ToolParameters?
    var stream: StreamOptions?
    /// Whether another model may answer.
    var fallback: FallbackPolicy

    /// - Throws: `APIError` 400 that names the parameter.
    init(_ parameters: RequestParameters) throws {
        model = try SamplingParameters.model(parameters)
        fallback = try FallbackPolicy(parameter: parameters.string("fallback"))
        try UnsupportedParameters.checkChat(parameters)
        stream = try SamplingParameters.stream(parameters)
        generation = try SamplingParameters.read(parameters)
        generation.maxTokens = try Self.maxTokens(parameters)
        try SamplingParameters.checkLimits(generation)
        let wantsLogprobs = try parameters.bool("logprobs") ?? false
        let top = try parameters.integer("top_logprobs", in: 0...20)
        if top != nil, !wantsLogprobs {
            throw APIError.invalidValue("top_logprobs", "left out unless logprobs is true")
        }
        generation.topLogprobs = wantsLogprobs ? top ?? 0 : nil
        generation.grammar = try ResponseFormat.grammar(parameters)
        tools = try ToolParameters.read(parameters)
        if tools != nil, generation.grammar != nil {
            throw APIError.unsupported(
                "response_format", "together with tools; send one of them, or tool_choice none")
        }
        prompt = ChatPrompt(messages: try ChatMessages.read(parameters), tools: tools?.rendered)
        prompt.variables = try Self.variables(parameters)
    }

    /// `max_completion_tokens`, or `max_tokens`, which it replaced.
    private static func maxTokens(_ parameters: RequestParameters) throws -> Int? {
        let old = try parameters.integer("max_tokens", in: 1...SamplingParameters.mostTokens)
        let new = try parameters.integer("max_completion_tokens", in: 1...SamplingParameters.mostTokens)
        if let old, let new, old != new {
            throw APIError.invalidValue("max_tokens", "left out where max_completion_tokens is sent")
        }
        return new ?? old
    }

    private static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh"]

    /// What the template is told besides: `reasoning_effort`, and what `chat_template_kwargs` has.
    private static func variables(_ parameters: RequestParameters) throws -> TemplateDictionary {
        var variables = TemplateDictionary()
        if let effort = try parameters.string("reasoning_effort") {
            guard efforts.contains(effort) else {
                throw APIError.invalidValue("reasoning_effort", "one of \(efforts.joined(separator: ", "))")
            }
            variables["reasoning_effort"] = .string(effort)
            variables["enable_thinking"] = .bool(effort != "none")
        }
        for (key, value) in try parameters.object("chat_template_kwargs")?.dictionary ?? TemplateDictionary() {
            guard case .string(let name) = key else { continue }
            // These are the conversation, which the request's own parameters are.
            guard !["messages", "tools", "add_generation_prompt"].contains(name) else {
                throw APIError.invalidValue("chat_template_kwargs.\(name)", "left out")
            }
            variables[name] = value
        }
        return variables
    }

    /// What depends on the model: the grammar of enforced calls, and the parser's format.
    ///
    /// - Throws: `APIError` 400 if the model cannot do what is asked.
    mutating func prepare(for model: ModelTraits) throws -> ToolCallReading? {
        guard let template = model.chatTemplate else {
            throw APIError(
                .badRequest,
                "the model \(self.model) has no chat template and takes no messages; send a prompt to /v1/completions",
                param: "messages", code: "no_chat_template")
        }
        try SamplingParameters.checkBias(generation, model)
        guard let tools else { return nil }
        guard let format = ToolCallFormat.detect(template: template) else {
            let reason =
                template.contains("tools")
                ? "calls functions in a form that is not read here" : "knows no tools"
            throw APIError.unsupported("tools", "the chat template of the model \(self.model) \(reason)")
        }
        let marks = ToolCallReading.hiddenMarks(format, model.tokenizer)
        let opensHidden = marks.values.contains { format.markers.first == $0 }
        generation.grammar = try tools.grammar(format, hasHiddenMarks: opensHidden)
        return ToolCallReading(format: format, tools: tools, hiddenMarks: marks)
    }
}

/// How calls are read out of a model's text.
struct ToolCallReading: Sendable {
    var format: ToolCallFormat
    var tools: ToolParameters
    /// Marks of the format that are control tokens of the model, by id.
    var hiddenMarks: [Int32: String]

    static func hiddenMarks(_ format: ToolCallFormat, _ tokenizer: any TextTokenizer) -> [Int32: String] {
        var marks: [Int32: String] = [:]
        for mark in format.markers {
            if let id = tokenizer.specialID(named: mark), tokenizer.bytes(of: id).isEmpty { marks[id] = mark }
        }
        return marks
    }

    func parser() -> ToolCallParser {
        ToolCallParser(
            format: format, names: tools.functions.map(\.name), isEnforced: tools.choice != .auto,
            allowsSeveral: tools.allowsSeveral)
    }
}

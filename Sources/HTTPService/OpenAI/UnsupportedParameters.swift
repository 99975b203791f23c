internal import Hummingbird
internal import Tokenizers

/// Parameters that are known and not done here. What changes the answer, and would be dropped, is refused; what only
/// labels a request is let through; what nobody knows is ignored.
enum UnsupportedParameters {
    private struct Rule: Sendable {
        var name: String
        var reason: String
        /// Values that ask for nothing.
        var harmless: [TemplateValue] = []
    }

    private static let common = [
        Rule(
            name: "grammar",
            reason: "send response_format with a json_schema on /v1/chat/completions", harmless: [""]),
        Rule(name: "guided_json", reason: "send response_format with a json_schema on /v1/chat/completions"),
        Rule(name: "guided_regex", reason: "answers can be held to a JSON schema only, with response_format"),
        Rule(name: "guided_choice", reason: "send response_format with a json_schema that has an enum"),
        Rule(name: "guided_grammar", reason: "answers can be held to a JSON schema only, with response_format"),
        Rule(name: "structured_outputs", reason: "send response_format"),
        Rule(name: "use_beam_search", reason: "tokens are sampled one by one", harmless: [false]),
        Rule(name: "mirostat", reason: "use top_p, min_p or typical_p", harmless: [0]),
        Rule(name: "prompt_logprobs", reason: "send echo and logprobs to /v1/completions", harmless: [0]),
        Rule(name: "chat_template", reason: "a model's own template is used", harmless: [""]),
        Rule(name: "continue_final_message", reason: "an answer is a new message", harmless: [false]),
        Rule(name: "add_generation_prompt", reason: "an answer is a new message", harmless: [true]),
    ]

    private static let chat = [
        Rule(name: "audio", reason: "answers are text"),
        Rule(name: "modalities", reason: "answers are text; send [\"text\"]", harmless: [["text"]]),
        Rule(name: "prediction", reason: "nothing is predicted"),
        Rule(name: "web_search_options", reason: "there is no web search"),
        Rule(name: "functions", reason: "send tools, which replaced it"),
        Rule(name: "function_call", reason: "send tool_choice, which replaced it"),
        Rule(name: "moderation", reason: "there is no moderation"),
        Rule(name: "verbosity", reason: "ask for the length in a message", harmless: ["medium"]),
        Rule(name: "store", reason: "nothing is stored", harmless: [false]),
        Rule(name: "prompt", reason: "this route takes messages; prompts go to /v1/completions"),
        Rule(name: "best_of", reason: "send n", harmless: [1]),
        Rule(name: "suffix", reason: "text is not filled in", harmless: [""]),
    ]

    private static let completions = [
        Rule(name: "suffix", reason: "text is not filled in, only continued", harmless: [""]),
        Rule(name: "messages", reason: "this route takes a prompt; messages go to /v1/chat/completions"),
        Rule(name: "response_format", reason: "send it to /v1/chat/completions", harmless: [["type": "text"]]),
        Rule(name: "tools", reason: "send them to /v1/chat/completions", harmless: [[]]),
        Rule(name: "tool_choice", reason: "send it to /v1/chat/completions", harmless: ["none"]),
        Rule(name: "top_logprobs", reason: "on this route logprobs itself is the number"),
        Rule(name: "max_completion_tokens", reason: "on this route it is called max_tokens"),
    ]

    /// Parameters that change nothing here: they label a request, or choose between machines. Checked for their type.
    private static let labels = [
        "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier",
    ]

    static func checkChat(_ parameters: RequestParameters) throws { try check(parameters, chat) }

    static func checkCompletions(_ parameters: RequestParameters) throws { try check(parameters, completions) }

    private static func check(_ parameters: RequestParameters, _ rules: [Rule]) throws {
        for rule in rules + common {
            guard let value = parameters.value(rule.name), !rule.harmless.contains(value) else { continue }
            throw APIError.unsupported(rule.name, rule.reason)
        }
        for name in labels { _ = try parameters.string(name) }
        _ = try parameters.object("metadata")
    }
}

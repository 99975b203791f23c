internal import Generation
internal import Hummingbird
internal import Tokenizers

/// The messages of a chat request, as templates want them: contents are strings, arguments are objects.
enum ChatMessages {
    private static let roles = ["system", "developer", "user", "assistant", "tool"]

    /// Checks the messages and brings them into the templates' form.
    ///
    /// - Throws: `APIError` 400 that names the message and the field.
    static func read(_ parameters: RequestParameters) throws -> [ChatMessage] {
        guard let items = try parameters.array("messages") else { throw APIError.missing("messages") }
        guard !items.isEmpty else { throw APIError.invalidValue("messages", "at least one message") }
        return try items.enumerated().map { index, item in
            let path = "messages[\(index)]"
            guard case .dictionary(let entries) = item else { throw APIError.invalidType(path, "an object") }
            return try message(RequestParameters(entries, path: path))
        }
    }

    private static func message(_ fields: RequestParameters) throws -> ChatMessage {
        guard let role = try fields.string("role") else { throw APIError.missing(fields.path(of: "role")) }
        if role == "function" { throw APIError.unsupported(fields.path(of: "role"), "send tool, which replaced it") }
        guard roles.contains(role) else {
            throw APIError.invalidValue(fields.path(of: "role"), "one of \(roles.joined(separator: ", "))")
        }
        for name in ["function_call", "audio"] where fields.has(name) {
            throw APIError.unsupported(
                fields.path(of: name), name == "audio" ? "messages are text" : "send tool_calls, which replaced it")
        }
        var extra = TemplateDictionary()
        if let name = try fields.string("name") { extra["name"] = .string(name) }
        if role == "assistant" {
            if let calls = try toolCalls(fields) { extra["tool_calls"] = calls }
            if let reasoning = try fields.string("reasoning_content") {
                extra["reasoning_content"] = .string(reasoning)
            }
        } else if fields.has("tool_calls") {
            throw APIError.invalidValue(fields.path(of: "tool_calls"), "left out unless the role is assistant")
        }
        if role == "tool" {
            guard let id = try fields.string("tool_call_id") else {
                throw APIError.missing(fields.path(of: "tool_call_id"))
            }
            extra["tool_call_id"] = .string(id)
        }
        let content = try content(fields, isRequired: extra["tool_calls"] == nil)
        // The templates were written before OpenAI's new name for the role.
        return ChatMessage(role: role == "developer" ? "system" : role, content: content, extra: extra)
    }

    private static func content(_ fields: RequestParameters, isRequired: Bool) throws -> TemplateValue {
        let path = fields.path(of: "content")
        switch fields.value("content") {
        case nil:
            if let refusal = try fields.string("refusal") { return .string(refusal) }
            guard isRequired else { return TemplateValue.none }
            throw APIError.missing(path)
        case .string(let text): return .string(text)
        case .list(let parts):
            guard !parts.isEmpty else { throw APIError.invalidValue(path, "a string, or at least one part") }
            let texts = try parts.enumerated().map { index, part in
                guard case .dictionary(let entries) = part else {
                    throw APIError.invalidType("\(path)[\(index)]", "an object")
                }
                return try text(of: RequestParameters(entries, path: "\(path)[\(index)]"))
            }
            return .string(texts.joined(separator: "\n"))
        default: throw APIError.invalidType(path, "a string or an array of parts")
        }
    }

    private static func text(of part: RequestParameters) throws -> String {
        guard let type = try part.string("type") else { throw APIError.missing(part.path(of: "type")) }
        guard type == "text" || type == "refusal" else {
            throw APIError.unsupported(part.path(of: "type"), "\(type) parts are not read; send parts of type text")
        }
        guard let text = try part.string(type) else { throw APIError.missing(part.path(of: type)) }
        return text
    }

    /// Earlier calls. OpenAI has their arguments as a string of JSON; the templates print an object.
    private static func toolCalls(_ fields: RequestParameters) throws -> TemplateValue? {
        guard let items = try fields.array("tool_calls"), !items.isEmpty else { return nil }
        return .list(
            try items.enumerated().map { index, item in
                let path = "\(fields.path(of: "tool_calls"))[\(index)]"
                guard case .dictionary(let entries) = item else { throw APIError.invalidType(path, "an object") }
                return .dictionary(try toolCall(RequestParameters(entries, path: path)))
            })
    }

    private static func toolCall(_ call: RequestParameters) throws -> TemplateDictionary {
        if let type = try call.string("type"), type != "function" {
            throw APIError.unsupported(call.path(of: "type"), "calls are of type function")
        }
        guard let function = try call.object("function") else { throw APIError.missing(call.path(of: "function")) }
        guard let name = try function.string("name") else { throw APIError.missing(function.path(of: "name")) }
        var described = TemplateDictionary()
        described["name"] = .string(name)
        described["arguments"] = try arguments(function)
        var entries = TemplateDictionary()
        if let id = try call.string("id") { entries["id"] = .string(id) }
        entries["type"] = "function"
        entries["function"] = .dictionary(described)
        return entries
    }

    private static func arguments(_ function: RequestParameters) throws -> TemplateValue {
        let path = function.path(of: "arguments")
        switch function.value("arguments") {
        case nil, .string("")?: return .dictionary(TemplateDictionary())
        case .string(let text)?:
            guard let value = try? TemplateValue(json: text), case .dictionary = value else {
                throw APIError.invalidValue(path, "a JSON object, written as a string")
            }
            return value
        case .dictionary(let entries)?: return .dictionary(entries)
        default: throw APIError.invalidType(path, "a string")
        }
    }
}

internal import Generation
internal import Hummingbird
internal import Tokenizers

/// `tools`, `tool_choice` and `parallel_tool_calls`.
struct ToolParameters: Sendable {
    /// What the model is to do with the functions.
    enum Choice: Sendable, Equatable {
        /// It may call.
        case auto
        /// It has to call one of them.
        case required
        /// It has to call this one.
        case named(String)
    }

    /// The functions as they came, for the template.
    var rendered: [TemplateValue]
    /// The same, for the parser and the grammar.
    var functions: [ToolFunction]
    var choice: Choice
    /// Whether one answer may hold several calls.
    var allowsSeveral: Bool

    private static let mostTools = 128

    /// Nil where there are no functions, or none is to be called.
    ///
    /// - Throws: `APIError` 400 that names the parameter.
    static func read(_ parameters: RequestParameters) throws -> ToolParameters? {
        let items = try parameters.array("tools") ?? []
        let allowsSeveral = try parameters.bool("parallel_tool_calls") ?? true
        guard items.count <= mostTools else {
            throw APIError.invalidValue("tools", "at most \(mostTools) functions, not \(items.count)")
        }
        var functions: [ToolFunction] = []
        for (index, item) in items.enumerated() {
            guard case .dictionary(let entries) = item else {
                throw APIError.invalidType("tools[\(index)]", "an object")
            }
            let function = try function(RequestParameters(entries, path: "tools[\(index)]"))
            guard !functions.contains(where: { $0.name == function.name }) else {
                throw APIError.invalidValue("tools[\(index)].function.name", "unlike the names before it")
            }
            functions.append(function)
        }
        let choice = try choice(parameters, functions)
        guard let choice, !functions.isEmpty else { return nil }
        return ToolParameters(rendered: items, functions: functions, choice: choice, allowsSeveral: allowsSeveral)
    }

    private static func function(_ tool: RequestParameters) throws -> ToolFunction {
        guard let type = try tool.string("type") else { throw APIError.missing(tool.path(of: "type")) }
        guard type == "function" else {
            throw APIError.unsupported(tool.path(of: "type"), "tools are of type function")
        }
        guard let function = try tool.object("function") else { throw APIError.missing(tool.path(of: "function")) }
        guard let name = try function.string("name") else { throw APIError.missing(function.path(of: "name")) }
        guard isName(name) else {
            throw APIError.invalidValue(function.path(of: "name"), "1 to 64 of the letters a-z, A-Z, 0-9, _ and -")
        }
        _ = try function.string("description")
        return ToolFunction(
            name: name, parameters: try function.object("parameters").map { .dictionary($0.dictionary) },
            isStrict: try function.bool("strict") ?? false)
    }

    /// What OpenAI takes for the name of a function or of a schema.
    static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains($0))
            }
    }

    private static func choice(_ parameters: RequestParameters, _ functions: [ToolFunction]) throws -> Choice? {
        switch parameters.value("tool_choice") {
        case nil, .string("auto")?: return .auto
        case .string("none")?: return nil
        case .string("required")?:
            guard !functions.isEmpty else {
                throw APIError.invalidValue("tool_choice", "none where there are no tools")
            }
            return .required
        case .string?: throw APIError.invalidValue("tool_choice", "none, auto, required, or an object with a function")
        case .dictionary(let entries)?:
            let fields = RequestParameters(entries, path: "tool_choice")
            guard try fields.string("type") == "function" else {
                throw APIError.unsupported("tool_choice.type", "name one function with type function")
            }
            guard let name = try fields.object("function")?.string("name") else {
                throw APIError.missing("tool_choice.function.name")
            }
            guard functions.contains(where: { $0.name == name }) else {
                throw APIError.invalidValue("tool_choice.function.name", "the name of one of the tools")
            }
            return .named(name)
        default: throw APIError.invalidType("tool_choice", "a string or an object")
        }
    }

    /// What the model's answer has to look like; nil where it is free.
    ///
    /// - Throws: `APIError` 400 for a schema that is not supported.
    func grammar(_ format: ToolCallFormat, hasHiddenMarks: Bool) throws -> Grammar? {
        do {
            switch choice {
            case .auto:
                guard functions.contains(where: \.isStrict) else { return nil }
                return try format.grammar(
                    allowing: functions, allowsSeveral: allowsSeveral, hasHiddenMarks: hasHiddenMarks)
            case .required:
                return try format.grammar(
                    calling: functions, allowsSeveral: allowsSeveral, hasHiddenMarks: hasHiddenMarks)
            case .named(let name):
                return try format.grammar(
                    calling: functions.filter { $0.name == name }, allowsSeveral: false, hasHiddenMarks: hasHiddenMarks)
            }
        } catch {
            throw APIError(
                .badRequest, "the parameters of a tool cannot be enforced: \(error)", param: "tools",
                code: "unsupported_schema")
        }
    }
}

package import Tokenizers

/// A function that a model may call.
package struct ToolFunction: Sendable, Equatable {
    /// Its name.
    package var name: String
    /// The JSON schema of its arguments; nil if it takes none.
    package var parameters: TemplateValue?
    /// Whether its arguments are held to the schema even where the model is free to call it or not.
    package var isStrict: Bool

    /// A function and the schema of its arguments.
    package init(name: String, parameters: TemplateValue? = nil, isStrict: Bool = false) {
        self.name = name
        self.parameters = parameters
        self.isStrict = isStrict
    }

    /// A schema that allows objects only, which is what arguments are.
    fileprivate var objectSchema: TemplateValue? {
        guard case .dictionary(var entries)? = parameters else { return nil }
        if entries["type"] == nil, entries["$ref"] == nil, entries["anyOf"] == nil { entries["type"] = "object" }
        return .dictionary(entries)
    }
}

extension ToolCallFormat {
    /// The most calls that an answer with enforced calls may hold: a weak model that has begun to call would go on
    /// until the context is full.
    private static let mostCalls = 8

    /// What an answer has to look like that calls functions, and nothing else.
    ///
    /// - Parameters:
    ///   - functions: those that may be called; at least one.
    ///   - allowsSeveral: whether there may be more than one call.
    ///   - hasHiddenMarks: whether the marks are control tokens, which a grammar of text cannot ask for.
    /// - Throws: `GrammarError` for a schema that is not supported.
    package func grammar(
        calling functions: [ToolFunction], allowsSeveral: Bool, hasHiddenMarks: Bool = false
    ) throws(GrammarError) -> Grammar {
        let call: [Grammar.Part] = [.anyOf(functions.map { parts($0, $0.objectSchema) })]
        return try Grammar.sequence(calls(call, allowsSeveral: allowsSeveral, hasHiddenMarks: hasHiddenMarks))
    }

    /// Free text, and behind it calls or none, in which the arguments of strict functions follow their schemas.
    /// Nil for the formats whose calls cannot be told from text by their beginning.
    ///
    /// - Throws: `GrammarError` for a schema that is not supported.
    package func grammar(
        allowing functions: [ToolFunction], allowsSeveral: Bool, hasHiddenMarks: Bool = false
    ) throws(GrammarError) -> Grammar? {
        guard let opening, !hasHiddenMarks else { return nil }
        let call: [Grammar.Part] = [
            .anyOf(functions.map { parts($0, $0.isStrict ? $0.objectSchema : ["type": "object"]) })
        ]
        return try Grammar.sequence([
            .text(until: [opening]), .optional(calls(call, allowsSeveral: allowsSeveral, hasHiddenMarks: false)),
        ])
    }

    private func calls(_ call: [Grammar.Part], allowsSeveral: Bool, hasHiddenMarks: Bool) -> [Grammar.Part] {
        let most = allowsSeveral ? Self.mostCalls : 1
        let opening = hasHiddenMarks ? "" : opening ?? ""
        let closing = hasHiddenMarks ? "" : closing ?? ""
        switch self {
        case .taggedObjects:
            return several(literal(opening + "\n") + call + literal("\n" + closing), separator: "\n", most)
        case .taggedList, .markedList:
            return literal(opening + "[") + several(call, separator: ", ", most) + literal("]" + closing)
        case .bareObject:
            // The family makes one call at a time.
            return call
        }
    }

    private func several(_ parts: [Grammar.Part], separator: String, _ most: Int) -> [Grammar.Part] {
        most == 1 ? parts : [.repeated(parts, separator: separator, minimum: 1, maximum: most)]
    }

    private func literal(_ text: String) -> [Grammar.Part] { text.isEmpty ? [] : [.literal(text)] }

    private func parts(_ function: ToolFunction, _ schema: TemplateValue?) -> [Grammar.Part] {
        // The name needs no escapes: a function is called with letters, digits, _ and -.
        let head = "{\"name\": \"\(function.name)\", \"\(argumentsKey)\": "
        guard let schema else { return [.literal(head + "{}}")] }
        return [.literal(head), .schema(schema), .literal("}")]
    }
}

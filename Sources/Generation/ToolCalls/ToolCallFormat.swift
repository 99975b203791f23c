internal import Tokenizers

/// How a family of models writes its calls of functions into its text.
package enum ToolCallFormat: Sendable, Equatable {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, one pair of tags for each call: Hermes, Qwen 2.5 and 3.
    case taggedObjects
    /// `<tool_call>[{"name": …, "arguments": {…}}, …]</tool_call>`, one pair of tags around all: SmolLM2.
    case taggedList
    /// `{"name": …, "parameters": {…}}` as the whole answer, after `<|python_tag|>` or not: Llama 3.1 and later.
    case bareObject
    /// `[TOOL_CALLS] [{"name": …, "arguments": {…}}, …]`: Mistral.
    case markedList

    /// Which of the formats a chat template asks its model for; nil if it knows no functions or another way of
    /// calling them.
    ///
    /// The published templates spell out the marks that their models were trained on, either to explain them to the
    /// model or to render earlier calls, and those marks tell the families apart.
    ///
    /// - Parameter template: the template's source.
    package static func detect(template: String) -> ToolCallFormat? {
        guard template.contains("tools") else { return nil }
        if template.contains("[TOOL_CALLS]") {
            // From version 11 of its tokenizer on, Mistral writes name[ARGS]{…} instead of a list.
            return template.contains("[ARGS]") ? nil : .markedList
        }
        if template.contains("<tool_call>") {
            // Tags around XML, as the Qwen coder models write them, are not JSON.
            if template.contains("<function=") || template.contains("<arg_key>") { return nil }
            return template.contains("<tool_call>[") ? .taggedList : .taggedObjects
        }
        let isLlama = template.contains("<|python_tag|>") || template.contains("ipython")
        return isLlama && template.contains("parameters") ? .bareObject : nil
    }

    /// What stands before the calls; nil where they begin without a mark.
    var opening: String? {
        switch self {
        case .taggedObjects, .taggedList: "<tool_call>"
        case .markedList: "[TOOL_CALLS]"
        case .bareObject: nil
        }
    }

    /// What stands after them.
    var closing: String? {
        switch self {
        case .taggedObjects, .taggedList: "</tool_call>"
        case .markedList, .bareObject: nil
        }
    }

    /// Whether the calls are the items of a list.
    var isList: Bool { self == .taggedList || self == .markedList }

    /// What the key of the arguments is called.
    var argumentsKey: String { self == .bareObject ? "parameters" : "arguments" }

    /// Marks that some vocabularies hold as control tokens, which add nothing to the text. Who reads the ids puts them
    /// back for the parser.
    package var markers: [String] {
        switch self {
        case .taggedObjects, .taggedList: ["<tool_call>", "</tool_call>"]
        case .markedList: ["[TOOL_CALLS]"]
        case .bareObject: ["<|python_tag|>"]
        }
    }

    /// A new identifier for a call. Mistral's templates refuse any but nine letters and digits.
    package func makeCallID() -> String {
        let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        let count = self == .markedList ? 9 : 24
        let random = String((0..<count).map { _ in characters[Int.random(in: characters.indices)] })
        return self == .markedList ? random : "call_" + random
    }
}

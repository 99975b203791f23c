internal import Tokenizers

/// Keeps what a conversation says apart from what the template says: the name of a control token that somebody writes in
/// a message (`<|im_end|>`) stays text, and cannot end a turn or begin one.
///
/// Such names are broken by a mark before the template is rendered; the rendered text is cut at the marks before it is
/// encoded, so that no part spells the token any more. The mark is a noncharacter, which no text interchanges.
enum ChatPromptGuard {
    private static let mark = Unicode.Scalar(0xFDD0 as UInt32) ?? "\u{FFFD}"

    /// The conversation with marks inside the names of control tokens.
    static func marked(_ chat: ChatPrompt, _ tokenizer: any TextTokenizer) -> ChatPrompt {
        var chat = chat
        chat.messages = chat.messages.map { message in
            var message = message
            message.content = marked(message.content, tokenizer)
            var extra = TemplateDictionary()
            for case (.string(let key), let value) in message.extra { extra[key] = marked(value, tokenizer) }
            message.extra = extra
            return message
        }
        chat.tools = chat.tools?.map { marked($0, tokenizer) }
        return chat
    }

    /// The parts of a rendered text between the marks.
    static func parts(of text: String) -> [String] {
        guard text.unicodeScalars.contains(mark) else { return [text] }
        return text.unicodeScalars.split(separator: mark).map { String(String.UnicodeScalarView($0)) }
    }

    private static func marked(_ value: TemplateValue, _ tokenizer: any TextTokenizer) -> TemplateValue {
        switch value {
        case .string(let text): return .string(marked(text, tokenizer))
        case .list(let items): return .list(items.map { marked($0, tokenizer) })
        case .dictionary(let entries):
            var result = TemplateDictionary()
            for (key, value) in entries { if case .string(let name) = key { result[name] = marked(value, tokenizer) } }
            return .dictionary(result)
        default: return value
        }
    }

    private static func marked(_ text: String, _ tokenizer: any TextTokenizer) -> String {
        let offsets = tokenizer.controlTokenOffsets(in: text)
        guard !offsets.isEmpty || text.unicodeScalars.contains(mark) else { return text }
        var result = String.UnicodeScalarView()
        var offset = 0
        var next = offsets[...]
        for scalar in text.unicodeScalars {
            if scalar != mark { result.append(scalar) }
            if next.first == offset {
                result.append(mark)
                next = next.dropFirst()
            }
            offset += UTF8.width(scalar)
        }
        return String(result)
    }
}

/// Takes the translation out of what a chat model answers: without the polite words before it, the quotation marks around
/// it and the notes after it that models add though told not to. What the source has too, stays: a text in quotation marks
/// is translated to a text in quotation marks. The translation itself is never changed.
package enum TranslatedAnswer {
    private static let quotes: [(open: Character, close: Character)] = [
        ("\"", "\""), ("'", "'"), ("“", "”"), ("„", "“"), ("„", "”"), ("‘", "’"), ("«", "»"), ("»", "«"), ("「", "」"),
        ("『", "』"),
    ]
    /// How a line begins that announces a translation rather than being one.
    private static let announcements = [
        "sure", "certainly", "of course", "here is", "here's", "here are", "here you go", "the translation",
        "translation",
        "translated text", "the translated", "in english", "the text",
    ]
    private static let notes = ["note:", "(note", "notes:", "explanation:", "*note", "**note", "translator's note"]

    /// The translation in `answer`, for `source`.
    ///
    /// - Parameter target: the target language's English name, which some models begin with: `Portuguese: …`.
    package static func translation(in answer: String, of source: String, target: String) -> String {
        var text = trimmed(answer[...])
        text = withoutFence(text, source)
        text = withoutAnnouncement(text, source, target.lowercased())
        text = withoutNotes(text, source)
        text = withoutQuotes(text, source)
        return String(text)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return text
    }

    private static func withoutFence(_ text: Substring, _ source: String) -> Substring {
        guard text.hasPrefix("```"), text.hasSuffix("```"), text.count > 6, !source.contains("```") else { return text }
        let inside = text.dropFirst(3).dropLast(3)
        // The first line may name a language.
        guard let lineEnd = inside.firstIndex(where: \.isNewline) else { return trimmed(inside) }
        return trimmed(inside[inside.index(after: lineEnd)...])
    }

    /// `Sure! Here is the translation:` and a line break; or `Translation: ` before the text.
    private static func withoutAnnouncement(_ text: Substring, _ source: String, _ target: String) -> Substring {
        let line = text.prefix { !$0.isNewline }
        guard let colon = line.lastIndex(where: { $0 == ":" || $0 == "：" }) else { return text }
        let head = line[..<colon].lowercased()
        let sourceHead = source.prefix(64).lowercased()
        let rest = trimmed(text[text.index(after: colon)...])
        guard !rest.isEmpty else { return text }
        let endsLine = trimmed(line[line.index(after: colon)...]).isEmpty
        let isAnnouncement = announcements.contains { head.hasPrefix($0) && !sourceHead.hasPrefix($0) }
        // Within a line only words that announce and nothing else: a sentence may well have a colon.
        let names = ["translation", "translated text", "the translation", target, "\(target) translation"]
        if endsLine ? isAnnouncement || names.contains(head) : names.contains(head) && !sourceHead.hasPrefix(head) {
            return rest
        }
        return text
    }

    private static func withoutNotes(_ text: Substring, _ source: String) -> Substring {
        let sourceText = source.lowercased()
        var end = text.endIndex
        var start = text.startIndex
        while let breakIndex = text[start...].firstIndex(where: \.isNewline) {
            let next = trimmed(text[breakIndex...]).lowercased()
            if let note = notes.first(where: { next.hasPrefix($0) }), !sourceText.contains(note) {
                end = breakIndex
                break
            }
            start = text.index(after: breakIndex)
        }
        let kept = trimmed(text[..<end])
        return kept.isEmpty ? text : kept
    }

    private static func withoutQuotes(_ text: Substring, _ source: String) -> Substring {
        func isQuoted(_ text: Substring) -> Bool {
            guard text.count >= 2, let first = text.first, let last = text.last else { return false }
            return quotes.contains { $0.open == first && $0.close == last }
        }
        guard isQuoted(text), !isQuoted(trimmed(source[...])), let first = text.first, let last = text.last else {
            return text
        }
        let inside = text.dropFirst().dropLast()
        // “One” and “two”: the first does not close at the end.
        guard !inside.contains(first), !inside.contains(last) || last == "'" || last == "’" else { return text }
        return trimmed(inside)
    }
}

/// Tags within a word, as in H<sub>2</sub>O. Pieces are too coarse for them; but formulas, numbers and names are copied by
/// translations, and in a word that is copied the tags stand where they stood.
struct WordTags: Sendable, Equatable {
    /// The word cut at the tags, each part with the number of the sentence's tags before it: its span.
    var parts: [Part]
    /// The span right behind it: a piece may reach from the word over the mark that follows.
    var behind: Int

    struct Part: Sendable, Equatable {
        var text: String
        var span: Int
    }

    /// The words of a sentence that have tags within, each as often as it stands there, in order: one that has tags in one
    /// place may have others, or none, in another.
    ///
    /// - Parameter offsets: the places of the sentence's tags, ascending, in bytes.
    static func words(of sentence: String, _ offsets: [Int]) -> [String: [WordTags]] {
        var words: [String: [WordTags]] = [:]
        var next = 0
        for word in cores(of: sentence) {
            let start = sentence.utf8.distance(from: sentence.startIndex, to: word.startIndex)
            let end = start + word.utf8.count
            while next < offsets.count, offsets[next] <= start { next += 1 }
            var parts: [Part] = []
            var from = start
            func cut(at place: Int) {
                guard place > from else { return }
                let utf8 = sentence.utf8
                let lower = utf8.index(utf8.startIndex, offsetBy: from)
                let upper = utf8.index(utf8.startIndex, offsetBy: place)
                parts.append(Part(text: String(sentence[lower..<upper]), span: next))
                from = place
            }
            while next < offsets.count, offsets[next] < end {
                cut(at: offsets[next])
                next += 1
            }
            cut(at: end)
            let behind = next + offsets[next...].prefix { $0 == end }.count
            words[String(word), default: []].append(WordTags(parts: parts, behind: behind))
        }
        return words.filter { $0.value.contains { $0.parts.count > 1 } }
    }

    /// The words of a text that stand between white space, without the marks around them.
    private static func cores(of text: String) -> [Substring] {
        text.split(whereSeparator: \.isWhitespace).compactMap { word in
            guard let first = word.firstIndex(where: isCore), let last = word.lastIndex(where: isCore) else {
                return nil
            }
            return word[first...last]
        }
    }

    private static func isCore(_ character: Character) -> Bool { character.isLetter || character.isNumber }

    /// Texts of a translation with their spans; words that are copied from the source have the source's, the first time
    /// those of the first.
    static func divide(
        _ texts: [(text: String, span: Int)], by words: [String: [WordTags]]
    ) -> [(text: String, span: Int)] {
        guard !words.isEmpty else { return texts }
        var result: [(text: String, span: Int)] = []
        var left = words
        var first = 0
        while first < texts.count {
            // A word, from white space to white space.
            var end = first + 1
            while end < texts.count, texts[end].text.first?.isWhitespace != true,
                texts[end - 1].text.last?.isWhitespace != true
            {
                end += 1
            }
            let whole = texts[first..<end].map(\.text).joined()
            if let core = cores(of: whole).first, let tags = left[String(core)]?.first {
                left[String(core)]?.removeFirst()
                result += replacing(core, in: whole, by: tags, texts[first..<end])
            } else {
                result += texts[first..<end]
            }
            first = end
        }
        return result
    }

    /// The texts of a word with its core cut as the source's is.
    private static func replacing(
        _ core: Substring, in whole: String, by tags: WordTags, _ texts: ArraySlice<(text: String, span: Int)>
    ) -> [(text: String, span: Int)] {
        // Each character outside of the core keeps the span of its text.
        let spans = texts.flatMap { text in text.text.map { _ in text.span } }
        let before = whole.distance(from: whole.startIndex, to: core.startIndex)
        var result: [(text: String, span: Int)] = []
        func keep(_ characters: Substring, _ spans: ArraySlice<Int>) {
            for (character, span) in zip(characters, spans) { result.append((String(character), span)) }
        }
        let ends = whole[core.endIndex...]
        keep(whole[..<core.startIndex], spans.prefix(before))
        // White space before the word belongs to what begins behind it.
        let space = result.map(\.text).joined()
        if !space.isEmpty, space.allSatisfy(\.isWhitespace) { result.removeAll() }
        for (index, part) in tags.parts.enumerated() {
            result.append((index == 0 && result.isEmpty ? space + part.text : part.text, part.span))
        }
        keep(ends, spans.suffix(ends.count).map { max($0, tags.behind) }[...])
        return result
    }
}

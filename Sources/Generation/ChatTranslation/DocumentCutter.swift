internal import Tokenizers

/// Cuts a document for a model that translates passages: at line breaks, which survive so, and within a paragraph at ends
/// of sentences, into as few passages as the budget of tokens allows.
package struct DocumentCutter: Sendable {
    /// A passage, or text that is copied as it is.
    package struct Part: Sendable, Equatable {
        /// The white space before it.
        package var gap: String
        /// What it says.
        package var text: String
        /// Whether there is anything to translate: a letter.
        package var isTranslated: Bool
    }

    /// A document taken apart.
    package struct Cut: Sendable, Equatable {
        /// In order.
        package var parts: [Part] = []
        /// The white space at the end.
        package var trailing = ""

        /// The document again, with other texts for the parts that are translated.
        package func joined(_ texts: [String]) -> String {
            var next = texts.makeIterator()
            return parts.reduce(into: "") { result, part in
                result += part.gap + (part.isTranslated ? next.next() ?? part.text : part.text)
            } + trailing
        }
    }

    private let splitter: SentenceSplitter
    private let budget: Int
    private let countTokens: @Sendable (String) -> Int

    /// - Parameters:
    ///   - language: BCP 47, for the rules of sentences.
    ///   - budget: tokens that a passage may have.
    ///   - countTokens: the tokens of a text.
    package init(language: String?, budget: Int, countTokens: @escaping @Sendable (String) -> Int) {
        precondition(budget > 0, "a passage needs a token at least")
        splitter = SentenceSplitter(language: language)
        self.budget = budget
        self.countTokens = countTokens
    }

    /// Takes a document apart.
    package func cut(_ document: String) -> Cut {
        let split = splitter.split(document)
        var cut = Cut()
        cut.trailing = split.trailing
        var tokens = 0
        for segment in split.segments {
            for (index, text) in pieces(segment.text).enumerated() {
                let gap = index == 0 ? segment.gap : " "
                let size = countTokens(text)
                let isTranslated = text.unicodeScalars.contains(where: \.properties.isAlphabetic)
                let isNewLine = gap.contains(where: \.isNewline)
                if let last = cut.parts.indices.last, !isNewLine, cut.parts[last].isTranslated, isTranslated,
                    tokens + size <= budget
                {
                    cut.parts[last].text += gap + text
                    tokens += size
                } else {
                    cut.parts.append(Part(gap: gap, text: text, isTranslated: isTranslated))
                    tokens = size
                }
            }
        }
        return cut
    }

    /// A sentence that is longer than the budget in parts that are not, cut between words.
    private func pieces(_ sentence: String) -> [String] {
        guard countTokens(sentence) > budget else { return [sentence] }
        var pieces: [String] = []
        var piece = ""
        var tokens = 0
        for word in sentence.split(separator: " ", omittingEmptySubsequences: false) {
            for part in parts(of: word) {
                let size = countTokens(part)
                if !piece.isEmpty, tokens + size > budget {
                    pieces.append(piece)
                    (piece, tokens) = ("", 0)
                }
                piece += (piece.isEmpty ? "" : " ") + part
                tokens += size
            }
        }
        if !piece.isEmpty { pieces.append(piece) }
        return pieces
    }

    /// A word without end (a language without spaces, or no language) in runs that surely fit: no token is shorter than a
    /// byte.
    private func parts(of word: Substring) -> [String] {
        guard countTokens(String(word)) > budget else { return [String(word)] }
        var parts: [String] = []
        var part = ""
        for character in word {
            if !part.isEmpty, part.utf8.count + character.utf8.count > budget {
                parts.append(part)
                part = ""
            }
            part.append(character)
        }
        return part.isEmpty ? parts : parts + [part]
    }
}

package import Tokenizers

/// From text to sentences of tokens and back. Knows languages and tokenizers, nothing of tensors.
package struct TranslationPipeline: Sendable {
    /// Cuts the source's sentences into pieces.
    package let sourceTokenizer: UnigramTokenizer
    /// Joins the target's pieces into text.
    package let targetTokenizer: UnigramTokenizer
    private let splitter: SentenceSplitter
    /// What stands between two chunks of one long sentence: nothing where the language writes no spaces.
    private let chunkSeparator: String

    /// Sentences with more pieces are cut: the models are trained on sentences, and quality falls off beyond.
    private static let maximumPieces = 127
    private static let languagesWithoutSpaces: Set<String> = ["zh", "ja", "th", "lo", "my", "km", "yue"]

    /// A pipeline for one direction. Languages are BCP 47 codes.
    package init(
        sourceTokenizer: UnigramTokenizer, targetTokenizer: UnigramTokenizer, sourceLanguage: String?,
        targetLanguage: String?
    ) {
        self.sourceTokenizer = sourceTokenizer
        self.targetTokenizer = targetTokenizer
        splitter = SentenceSplitter(language: sourceLanguage)
        let primary = targetLanguage.map { String($0.prefix { $0 != "-" }) } ?? ""
        chunkSeparator = Self.languagesWithoutSpaces.contains(primary) ? "" : " "
    }

    /// A text taken apart.
    package struct Plan: Sendable, Equatable {
        /// A sentence, or text that is copied as it is.
        package struct Part: Sendable, Equatable {
            /// The white space before it.
            package var gap: String
            /// The text, for parts that are copied.
            package var verbatim: String?
            /// Which of `units` make it up.
            package var units: Range<Int>
            /// The source is written in capitals, and so shall the translation be.
            package var isCapitals = false
        }

        /// The parts in order.
        package var parts: [Part] = []
        /// The white space at the end.
        package var trailing = ""
        /// What is translated: token ids, each ending in the end token.
        package var units: [[Int32]] = []
    }

    /// Takes a text apart: sentences, tokens, chunks of at most 127 pieces. Text without a letter (numbers, emoji,
    /// punctuation) needs no translation and is copied.
    package func plan(_ text: String, endOfSequence: Int32) -> Plan {
        let split = splitter.split(text)
        var plan = Plan()
        plan.trailing = split.trailing
        for segment in split.segments {
            guard segment.text.unicodeScalars.contains(where: \.properties.isAlphabetic) else {
                plan.parts.append(.init(gap: segment.gap, verbatim: segment.text, units: 0..<0))
                continue
            }
            let isCapitals = Self.isWrittenInCapitals(segment.text)
            let pieces = sourceTokenizer.encode(isCapitals ? Self.sentenceCase(segment.text) : segment.text)
            let first = plan.units.count
            for start in stride(from: 0, to: pieces.count, by: Self.maximumPieces) {
                plan.units.append(pieces[start..<min(start + Self.maximumPieces, pieces.count)] + [endOfSequence])
            }
            let units = first..<plan.units.count
            plan.parts.append(
                .init(
                    gap: segment.gap, verbatim: units.isEmpty ? segment.text : nil, units: units, isCapitals: isCapitals
                ))
        }
        return plan
    }

    /// Whether a sentence shouts. The models know words in capitals only as abbreviations and names, and copy them; two
    /// longer words in capitals, and no small letter, are neither.
    static func isWrittenInCapitals(_ text: String) -> Bool {
        guard !text.unicodeScalars.contains(where: \.properties.isLowercase) else { return false }
        let longWords = text.split { !$0.isLetter }.count { $0.count >= 4 && $0.allSatisfy(\.isUppercase) }
        return longWords >= 2
    }

    /// Small letters, but for the first.
    private static func sentenceCase(_ text: String) -> String {
        let small = text.lowercased()
        guard let first = small.firstIndex(where: \.isLetter) else { return small }
        return small[..<first] + small[first].uppercased() + small[small.index(after: first)...]
    }

    /// Puts a translation together: the source's white space between the sentences, each unit's text in its place.
    package func assemble(_ plan: Plan, texts: [String]) -> String {
        var result = ""
        for part in plan.parts {
            result += part.gap
            let text = part.verbatim ?? texts[part.units].joined(separator: chunkSeparator)
            result += part.isCapitals ? text.uppercased() : text
        }
        return result + plan.trailing
    }
}

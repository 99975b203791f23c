package import Tokenizers

/// The languages of a request, as the model knows them; nil where it knows one direction alone.
package struct TranslationDirection: Sendable, Equatable {
    /// What the text is in.
    package var source: TranslationLanguage?
    /// What it becomes.
    package var target: TranslationLanguage?

    /// A direction.
    package init(source: TranslationLanguage? = nil, target: TranslationLanguage? = nil) {
        (self.source, self.target) = (source, target)
    }
}

/// From text to sentences of tokens and back. Knows languages and tokenizers, nothing of tensors.
package struct TranslationPipeline: Sendable {
    /// Cuts the source's sentences into pieces, and joins the target's into text.
    package let tokenizer: any TranslationTokenizer
    /// BCP 47: what requests are in and become that do not say.
    private let sourceLanguage: String?
    private let targetLanguage: String?
    /// Longer sentences are cut: the models are trained on sentences, and quality falls off beyond.
    private let maximumPieces: Int

    private static let languagesWithoutSpaces: Set<String> = ["zh", "ja", "th", "lo", "my", "km", "yue", "bo", "dz"]

    /// A pipeline for a model.
    ///
    /// - Parameters:
    ///   - sourceLanguage, targetLanguage: BCP 47 codes, for requests that do not name languages.
    ///   - maximumPieces: a sentence with more is cut into parts.
    package init(
        tokenizer: any TranslationTokenizer, sourceLanguage: String?, targetLanguage: String?, maximumPieces: Int = 127
    ) {
        self.tokenizer = tokenizer
        (self.sourceLanguage, self.targetLanguage) = (sourceLanguage, targetLanguage)
        self.maximumPieces = maximumPieces
    }

    /// What stands between two chunks of one long sentence: nothing where the language writes no spaces.
    private func chunkSeparator(_ direction: TranslationDirection) -> String {
        let tag = direction.target?.tag ?? targetLanguage ?? ""
        return Self.languagesWithoutSpaces.contains(String(tag.prefix { $0 != "-" })) ? "" : " "
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
        /// What is translated: token ids with the marks that the model wants.
        package var units: [[Int32]] = []
        /// The languages.
        package var direction = TranslationDirection()
    }

    /// Takes a text apart: sentences, tokens, chunks of at most `maximumPieces`. Text without a letter (numbers, emoji,
    /// punctuation) needs no translation and is copied.
    package func plan(_ text: String, _ direction: TranslationDirection = TranslationDirection()) -> Plan {
        let split = SentenceSplitter(language: direction.source?.tag ?? sourceLanguage).split(text)
        var plan = Plan()
        plan.direction = direction
        plan.trailing = split.trailing
        for segment in split.segments {
            guard segment.text.unicodeScalars.contains(where: \.properties.isAlphabetic) else {
                plan.parts.append(.init(gap: segment.gap, verbatim: segment.text, units: 0..<0))
                continue
            }
            let isCapitals = Self.isWrittenInCapitals(segment.text)
            let pieces = tokenizer.pieces(isCapitals ? Self.sentenceCase(segment.text) : segment.text)
            let first = plan.units.count
            for start in stride(from: 0, to: pieces.count, by: maximumPieces) {
                plan.units.append(
                    tokenizer.source(
                        pieces[start..<min(start + maximumPieces, pieces.count)], from: direction.source?.code,
                        to: direction.target?.code))
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
        let chunkSeparator = chunkSeparator(plan.direction)
        for part in plan.parts {
            result += part.gap
            let text = part.verbatim ?? texts[part.units].joined(separator: chunkSeparator)
            result += part.isCapitals ? text.uppercased() : text
        }
        return result + plan.trailing
    }
}

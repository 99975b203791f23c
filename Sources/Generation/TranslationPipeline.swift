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
            /// The tags within it.
            var markup: SentenceMarkup?
        }

        /// The parts in order.
        package var parts: [Part] = []
        /// The white space at the end.
        package var trailing = ""
        /// What is translated: token ids with the marks that the model wants.
        package var units: [[Int32]] = []
        /// The languages.
        package var direction = TranslationDirection()
        /// The result is HTML: `gap`, `verbatim` and `trailing` are, and what is translated is made so.
        var isHTML = false

        /// For each unit where its pieces are among its tokens, if its sentence has tags to be placed.
        func alignedPieces(_ pipeline: TranslationPipeline) -> [Range<Int>?] {
            var ranges = [Range<Int>?](repeating: nil, count: units.count)
            for part in parts where part.markup != nil {
                for unit in part.units { ranges[unit] = pipeline.pieces(in: units[unit], direction) }
            }
            return ranges
        }
    }

    /// Where the pieces are among the tokens of a unit: what the tokenizer puts around none of them is around all.
    private func pieces(in unit: [Int32], _ direction: TranslationDirection) -> Range<Int> {
        let marks = tokenizer.source([], from: direction.source?.code, to: direction.target?.code)
        // No piece is the token that follows the marks before it: that is a mark, or the end.
        let before = zip(marks, unit).prefix { $0 == $1 }.count
        return before..<(unit.count - (marks.count - before))
    }

    /// Takes a text apart: sentences, tokens, chunks of at most `maximumPieces`. Text without a letter (numbers, emoji,
    /// punctuation) needs no translation and is copied.
    package func plan(_ text: String, _ direction: TranslationDirection = TranslationDirection()) -> Plan {
        let split = splitter(direction).split(text)
        var plan = Plan()
        plan.direction = direction
        plan.trailing = split.trailing
        for segment in split.segments { append(segment.text, gap: segment.gap, to: &plan) { segment.text } }
        return plan
    }

    /// What cuts texts into sentences.
    func splitter(_ direction: TranslationDirection) -> SentenceSplitter {
        SentenceSplitter(language: direction.source?.tag ?? sourceLanguage)
    }

    /// Adds a sentence.
    ///
    /// - Parameters:
    ///   - gap: what stands before it.
    ///   - copy: the sentence as it stands in the result where nothing of it is translated.
    /// - Returns: its text as the model reads it, and its pieces; nil where it is copied.
    @discardableResult
    func append(
        _ sentence: String, gap: String, to plan: inout Plan, copy: () -> String
    ) -> (text: String, pieces: [Int32])? {
        guard sentence.unicodeScalars.contains(where: \.properties.isAlphabetic) else {
            plan.parts.append(.init(gap: gap, verbatim: copy(), units: 0..<0))
            return nil
        }
        let isCapitals = Self.isWrittenInCapitals(sentence)
        let text = isCapitals ? Self.sentenceCase(sentence) : sentence
        let pieces = tokenizer.pieces(text)
        let first = plan.units.count
        for start in stride(from: 0, to: pieces.count, by: maximumPieces) {
            plan.units.append(
                tokenizer.source(
                    pieces[start..<min(start + maximumPieces, pieces.count)], from: plan.direction.source?.code,
                    to: plan.direction.target?.code))
        }
        let units = first..<plan.units.count
        plan.parts.append(
            .init(gap: gap, verbatim: units.isEmpty ? copy() : nil, units: units, isCapitals: isCapitals))
        return units.isEmpty ? nil : (text, pieces)
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
        assemble(plan, units: texts.map { UnitTranslation(text: $0) })
    }

    /// As above, with tags where the parts have some.
    func assemble(_ plan: Plan, units: [UnitTranslation]) -> String {
        plan.parts.map { assemble($0, of: plan, units: units[$0.units]) }.joined() + plan.trailing
    }

    /// One part of a translation, with what stands before it.
    ///
    /// - Parameter units: those of the part.
    func assemble(_ part: Plan.Part, of plan: Plan, units: some Collection<UnitTranslation>) -> String {
        let chunkSeparator = chunkSeparator(plan.direction)
        if let verbatim = part.verbatim { return part.gap + verbatim }
        if let markup = part.markup {
            return part.gap + markup.place(tokens(of: units, part, chunkSeparator))
        }
        let text = units.map(\.text).joined(separator: chunkSeparator)
        let cased = part.isCapitals ? text.uppercased() : text
        return part.gap + (plan.isHTML ? HTMLEntities.escaped(cased) : cased)
    }

    /// The tokens of a sentence's chunks, linked to the pieces of the sentence.
    private func tokens(
        of units: some Collection<UnitTranslation>, _ part: Plan.Part, _ chunkSeparator: String
    ) -> [AlignedText] {
        units.enumerated().flatMap { chunk, unit in
            unit.tokens.enumerated().map { index, token in
                var token = token
                token.link.piece += chunk * maximumPieces
                if part.isCapitals { token.text = token.text.uppercased() }
                if index == 0, chunk > 0 { token.text = chunkSeparator + token.text }
                return token
            }
        }
    }
}

/// The translation of a unit.
struct UnitTranslation: Sendable, Equatable {
    /// Its text.
    var text: String
    /// The same by tokens, where there are tags to be placed.
    var tokens: [AlignedText] = []
}

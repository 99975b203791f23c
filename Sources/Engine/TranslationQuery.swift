package import Generation
package import LanguageID

/// Texts to translate.
package struct TranslationQuery: Sendable {
    /// The texts; each is detected, translated and reported on its own.
    package var texts: [String]
    /// The source language (BCP 47); nil to detect it.
    package var source: String?
    /// The target language (BCP 47).
    package var target: String
    /// The model to use; nil for the best that is there.
    package var model: String?
    /// How to search.
    package var search: SearchOptions
    /// Whether another model may answer where this one cannot.
    package var fallback: FallbackPolicy
    /// What the texts are, and their translations will be.
    package var format: TranslationFormat

    /// Texts and their languages.
    package init(
        texts: [String], source: String?, target: String, model: String? = nil,
        search: SearchOptions = SearchOptions(), fallback: FallbackPolicy = .auto, format: TranslationFormat = .text
    ) {
        self.texts = texts
        self.source = source
        self.target = target
        self.model = model
        self.search = search
        self.fallback = fallback
        self.format = format
    }

    /// The texts as a reader sees them: what their languages are told by.
    var readable: [String] {
        switch format {
        case .text: texts
        case .html: texts.map { HTMLDocument($0).text }
        }
    }
}

/// One translated text.
package struct TranslatedItem: Sendable {
    /// The translation.
    package var text: String
    /// The next best.
    package var alternatives: [String] = []
    /// The source language that was used; `und` if it could not be told.
    package var source: String
    /// The target language.
    package var target: String
    /// What the detection said, if the source was not named.
    package var detected: LanguageIdentifier.Candidate?
    /// What its reader should know: kind and sentence.
    package var warnings: [(kind: String, message: String)] = []
    /// The model that translated it; nil if nothing had to be translated.
    package var model: String?
    /// Whose place the model takes; nil if it was asked for itself.
    package var fallback: FallbackNotice?
    /// Tokens read.
    package var sourceTokens = 0
    /// Tokens written.
    package var targetTokens = 0
    /// Time in the queue.
    package var queueSeconds = 0.0
    /// Time from the first batch to the end.
    package var inferenceSeconds = 0.0
}

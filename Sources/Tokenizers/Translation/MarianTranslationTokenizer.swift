/// The tokenizer of Marian models (OPUS-MT): the pieces and an end, and before them the mark of the target language
/// where the model has several. A text that begins with such a mark is a text like any other: only a request's target
/// language says what is translated into, so what a user writes cannot change it.
package struct MarianTranslationTokenizer: TranslationTokenizer {
    package let languages: [TranslationLanguage]
    /// The id that ends a text.
    package let endID: Int32

    private let tokenizer: any PieceTokenizer
    private let marks: [String: Int32]
    private let shield: MarkShield

    package var sourceVocabularySize: Int { tokenizer.vocabularySize }
    package let targetVocabularySize: Int

    /// - Parameters:
    init(
        _ tokenizer: any PieceTokenizer, targetVocabularySize: Int, marks: [(code: String, id: Int32)], endID: Int32,
        source: String? = nil, target: String? = nil
    ) {
        self.tokenizer = tokenizer
        self.targetVocabularySize = targetVocabularySize
        self.marks = Dictionary(marks.map { ($0.code, $0.id) }, uniquingKeysWith: { first, _ in first })
        self.endID = endID
        shield = MarkShield(tokenizer, marks: marks.map(\.id))
        let targets = marks.isEmpty ? [target].compactMap { $0 } : marks.map(\.code)
        let sources = [source].compactMap { $0 }
        languages =
            LanguageCodes.languages(sources, isTarget: false) + LanguageCodes.languages(targets, isSource: false)
    }

    package func pieces(_ text: String) -> [Int32] { shield.text(tokenizer.pieces(text)) }

    package func source(_ pieces: ArraySlice<Int32>, from source: String?, to target: String?) -> [Int32] {
        (target.flatMap { marks[$0] }.map { [$0] } ?? []) + pieces + [endID]
    }

    package func forcedFirstToken(to target: String?) -> Int32? { nil }

    package func decode(_ tokens: [Int32]) -> String { tokenizer.decode(tokens) }
}

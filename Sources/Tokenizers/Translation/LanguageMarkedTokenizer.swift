/// The tokenizer of models that have an entry for each language, NLLB and M2M100: the encoder reads the source's mark
/// with the text, and the decoder begins with the target's.
package struct LanguageMarkedTokenizer: TranslationTokenizer {
    /// Where the mark of the source language goes.
    package enum Placement: Sendable, Equatable {
        /// Before the pieces, which the end follows.
        case before
        /// Behind the end, as NLLB was first published.
        case behind
    }

    package let sourceVocabularySize: Int
    package let languages: [TranslationLanguage]
    /// Where the mark of the source language goes.
    package let placement: Placement
    /// The id that ends a text.
    package let endID: Int32

    private let tokenizer: any PieceTokenizer
    private let marks: [String: Int32]
    private let hidden: Set<Int32>
    private let shield: MarkShield

    package var targetVocabularySize: Int { sourceVocabularySize }

    /// Entries, other than the end, that are marks where a vocabulary has them.
    private static let entries = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]

    /// - Parameters:
    init(
        _ tokenizer: any PieceTokenizer, marks: [(code: String, id: Int32)], reserved: Int = 0, endID: Int32,
        placement: Placement = .before
    ) {
        self.tokenizer = tokenizer
        self.placement = placement
        self.endID = endID
        self.marks = Dictionary(marks.map { ($0.code, $0.id) }, uniquingKeysWith: { first, _ in first })
        languages = LanguageCodes.languages(marks.map(\.code))
        let behindMarks = (marks.map(\.id).max().map { Int($0) + 1 } ?? 0) + reserved
        sourceVocabularySize = max(tokenizer.vocabularySize, behindMarks)
        hidden = Set(marks.map(\.id)).union(Self.entries.compactMap(tokenizer.id(of:))).union([endID])
        // What is unknown to the vocabulary is text.
        shield = MarkShield(tokenizer, marks: hidden.subtracting(tokenizer.id(of: "<unk>").map { [$0] } ?? []))
    }

    package func pieces(_ text: String) -> [Int32] { shield.text(tokenizer.pieces(text)) }

    package func source(_ pieces: ArraySlice<Int32>, from source: String?, to target: String?) -> [Int32] {
        let mark = source.flatMap { marks[$0] }.map { [$0] } ?? []
        switch placement {
        case .before: return mark + pieces + [endID]
        case .behind: return pieces + [endID] + mark
        }
    }

    package func forcedFirstToken(to target: String?) -> Int32? { target.flatMap { marks[$0] } }

    package func decode(_ tokens: [Int32]) -> String { tokenizer.sentence(tokens.filter { !hidden.contains($0) }) }
}

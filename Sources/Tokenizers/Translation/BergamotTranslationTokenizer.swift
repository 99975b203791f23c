import Checkpoints

/// The tokenizer of Bergamot models: a Unigram vocabulary for what is read and one, or the same, for what is generated.
/// A model knows one direction, and nothing in its files says which.
package struct BergamotTranslationTokenizer: TranslationTokenizer {
    /// The id that ends a text.
    package let endID: Int32

    private let source: UnigramTokenizer
    private let target: UnigramTokenizer

    package var sourceVocabularySize: Int { source.vocabularySize }
    package var targetVocabularySize: Int { target.vocabularySize }
    package var languages: [TranslationLanguage] { [] }

    /// - Throws: `TranslationTokenizerError.missingEntry` if the vocabulary of the source has no `</s>`.
    package init(source: UnigramTokenizer, target: UnigramTokenizer) throws {
        guard let endID = source.endOfSequenceID else {
            throw TranslationTokenizerError.missingEntry(file: "the source vocabulary", entry: "</s>")
        }
        (self.source, self.target, self.endID) = (source, target, endID)
    }

    package func pieces(_ text: String) -> [Int32] { source.encode(text) }

    package func source(_ pieces: ArraySlice<Int32>, from source: String?, to target: String?) -> [Int32] {
        pieces + [endID]
    }

    package func forcedFirstToken(to target: String?) -> Int32? { nil }

    package func decode(_ tokens: [Int32]) -> String { target.decode(tokens) }
}

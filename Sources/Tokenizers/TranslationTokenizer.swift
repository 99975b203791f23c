/// The text side of a translation model: sentences to source tokens with whatever marks the model wants, and target
/// tokens to text. Languages are the model's own codes (`por_Latn`, `pt`); `languages` says what they are to the world.
package protocol TranslationTokenizer: Sendable {
    /// The number of source tokens that exist.
    var sourceVocabularySize: Int { get }
    /// The number of target tokens that exist.
    var targetVocabularySize: Int { get }
    /// The languages that the vocabulary has marks for, or that the files name; empty where the model knows one
    /// direction and says nothing of it. A model of many source languages that it has no marks for lists none of them.
    var languages: [TranslationLanguage] { get }

    /// The pieces of a sentence, without marks. A mark that the sentence spells is text: only `source` says what is
    /// translated into what.
    func pieces(_ text: String) -> [Int32]

    /// What the encoder reads: pieces of a sentence, or a part of them, with the marks that the model wants around
    /// them, the end token among them.
    ///
    /// - Parameters:
    func source(_ pieces: ArraySlice<Int32>, from source: String?, to target: String?) -> [Int32]

    /// The token that the decoder must generate first, if the model wants one: most often the target language's.
    func forcedFirstToken(to target: String?) -> Int32?

    /// The text of generated tokens: control tokens and language marks give nothing.
    func decode(_ tokens: [Int32]) -> String
}

/// A language as a model knows it.
package struct TranslationLanguage: Sendable, Equatable {
    /// The model's code: `por_Latn`, `pt`, `__pt__`'s `pt`, `por` of `>>por<<`.
    package var code: String
    /// BCP 47: `pt`, `zh-Hans`.
    package var tag: String
    /// Whether texts may be in it.
    package var isSource: Bool
    /// Whether texts may be translated into it.
    package var isTarget: Bool

    /// A language by both codes.
    package init(code: String, tag: String, isSource: Bool = true, isTarget: Bool = true) {
        (self.code, self.tag, self.isSource, self.isTarget) = (code, tag, isSource, isTarget)
    }
}

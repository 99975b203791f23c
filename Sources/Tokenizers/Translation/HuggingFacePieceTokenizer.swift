/// The pieces of a `tokenizer.json`. The names of marks that a text spells out stay text.
package struct HuggingFacePieceTokenizer: PieceTokenizer {
    private let tokenizer: HuggingFaceTokenizer

    /// The pieces of a tokenizer.
    package init(_ tokenizer: HuggingFaceTokenizer) { self.tokenizer = tokenizer }

    package var vocabularySize: Int { tokenizer.vocabularySize }

    package func pieces(_ text: String) -> [Int32] { tokenizer.encode(text, allowSpecial: false) }

    package func decode(_ ids: [Int32]) -> String { tokenizer.decode(ids, skipSpecial: true) }

    package func id(of piece: String) -> Int32? { tokenizer.id(of: piece) }

    package func piece(of id: Int32) -> String? { tokenizer.token(id) }
}

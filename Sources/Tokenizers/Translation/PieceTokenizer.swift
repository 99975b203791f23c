/// Text to the ids of one vocabulary, and back. What a translation model wants around the pieces (languages, an end) is
/// the business of the `TranslationTokenizer` that holds one of these.
package protocol PieceTokenizer: Sendable {
    /// The number of ids, which are 0 up to this number, excluded.
    var vocabularySize: Int { get }

    /// The ids of a text, without any that mark its beginning or its end. What is not in the vocabulary becomes the
    /// unknown id, once for a run of it.
    func pieces(_ text: String) -> [Int32]

    /// The text of ids. Ids that are marks give nothing, nor do those outside the vocabulary.
    func decode(_ ids: [Int32]) -> String

    /// The id of the entry that is spelled `piece`, with `▁` for a space.
    func id(of piece: String) -> Int32?

    /// How the entry of an id is spelled; nil if there is none.
    func piece(of id: Int32) -> String?
}

extension PieceTokenizer {
    /// The ids that spell `mark` character by character, so that it is text and not one entry of the vocabulary;
    /// characters that have no entry are spelled in bytes or left out.
    func spelling(_ mark: String) -> [Int32] {
        mark.unicodeScalars.flatMap { scalar -> [Int32] in
            if let id = id(of: String(scalar)) { return [id] }
            let bytes = String(scalar).utf8.map { byte in
                id(of: "<0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))>")
            }
            return bytes.contains(nil) ? [] : bytes.compactMap { $0 }
        }
    }

    /// The text of ids without spaces before it: a `▁` that the tokenizer kept because of what went before.
    func sentence(_ ids: [Int32]) -> String {
        let text = decode(ids)
        return text.utf8.first == UInt8(ascii: " ") ? String(text.drop { $0 == " " }) : text
    }
}

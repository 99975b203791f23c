/// A tokenizer of a model that generates text.
package protocol TextTokenizer: Sendable {
    /// The number of ids, which are 0 up to this number, excluded.
    var vocabularySize: Int { get }
    /// The id that begins a text, if the model has one.
    var beginOfSequence: Int32? { get }
    /// Whether `beginOfSequence` goes before a prompt. `encode` never adds it; a chat template may already have.
    var addsBeginOfSequence: Bool { get }
    /// The ids after which the model has nothing more to say.
    var endOfGeneration: Set<Int32> { get }
    /// Whether the first space of a text is one that encoding put there.
    var addsSpacePrefix: Bool { get }

    /// The ids of `text`.
    ///
    /// - Parameter allowSpecial: whether control tokens that are spelled out in the text become their ids, as
    ///   in a rendered chat template. Without it they are text like any other, as what a user wrote must be.
    ///   User-defined tokens are found in both cases.
    func encode(_ text: String, allowSpecial: Bool) -> [Int32]

    /// The bytes that `id` adds to a text: none for control tokens and for ids outside the vocabulary. They
    /// need not be whole characters.
    func bytes(of id: Int32) -> ArraySlice<UInt8>

    /// Whether `id` is a mark that is never shown.
    func isControl(_ id: Int32) -> Bool

    /// Where control tokens are spelled out in a text: the offsets of their first bytes in UTF-8.
    func controlTokenOffsets(in text: String) -> [Int]

    /// The id of the control or user-defined token that is spelled `name`, if there is one.
    func specialID(named name: String) -> Int32?
}

extension TextTokenizer {
    /// The bytes of `ids`, one after the other, with the space that encoding put before the text.
    package func decodeBytes(_ ids: some Sequence<Int32>) -> [UInt8] {
        var output: [UInt8] = []
        for id in ids { output += bytes(of: id) }
        return output
    }

    /// The text of `ids`. Bytes that are not UTF-8 become U+FFFD, as `StreamingDetokenizer` describes.
    package func decode(_ ids: some Sequence<Int32>) -> String {
        var bytes = decodeBytes(ids)[...]
        if addsSpacePrefix, bytes.first == 0x20 { bytes = bytes.dropFirst() }
        return String(decoding: bytes, as: UTF8.self)
    }
}

import Checkpoints

/// WordPiece: the longest token that a word begins with, then the longest that its rest goes on with, and so on; a word
/// that this does not cover is unknown as a whole.
struct WordPieceModel: Sendable {
    let vocabulary: HuggingFaceVocabulary
    /// The tokens that go on with a word, without the mark that says so.
    private let continuations: ByteStringTable
    private let unknownID: Int32
    private let maximumCharacters: Int

    /// - Throws: `CheckpointError` if the vocabulary lacks the unknown token.
    init(
        _ vocabulary: HuggingFaceVocabulary, unknown: [UInt8], continuingPrefix: [UInt8], maximumCharacters: Int,
        file: String
    ) throws(CheckpointError) {
        self.vocabulary = vocabulary
        self.maximumCharacters = maximumCharacters
        unknownID = vocabulary.id(unknown)
        guard unknownID >= 0 else {
            throw .invalid(
                file: file, offset: 0,
                reason: "the vocabulary lacks the unknown token \(String(decoding: unknown, as: UTF8.self))")
        }
        var rests = ByteStrings()
        var continues: [Bool] = []
        for id in 0..<vocabulary.count {
            let token = vocabulary.tokens[id]
            let goesOn =
                vocabulary.exists[id] && token.count > continuingPrefix.count && token.starts(with: continuingPrefix)
            continues.append(goesOn)
            rests.append(goesOn ? token.dropFirst(continuingPrefix.count) : [])
        }
        continuations = ByteStringTable(rests) { continues[$0] }
    }

    /// Appends the ids of the words of a text.
    func encode(_ text: PreTokenizedText, to output: inout [Int32]) {
        guard !text.words.isEmpty else { return }
        let ids = text.bytes.withUnsafeBytes { bytes in
            IDBuffer.collect(capacity: bytes.count) { buffer in
                vocabulary.spellings.withReader { beginnings in
                    continuations.withReader { continuations in
                        RecentWords.with(textCount: bytes.count) { recentWords in
                            for range in text.words {
                                recentWords.append(bytes, range, to: &buffer) { word, ids in
                                    encode(word, beginnings, continuations, ids)
                                }
                            }
                        }
                    }
                }
            }
        }
        output += ids
    }

    private func encode(
        _ word: UnsafeRawBufferPointer, _ beginnings: ByteStringTable.Reader, _ continuations: ByteStringTable.Reader,
        _ ids: UnsafeMutablePointer<Int32>
    ) -> Int {
        var characters = 0
        for byte in word where byte & 0xC0 != 0x80 { characters += 1 }
        ids[0] = unknownID
        guard characters <= maximumCharacters else { return 1 }
        var (start, count) = (0, 0)
        while start < word.count {
            let table = start == 0 ? beginnings : continuations
            var end = min(word.count, start + table.maximumLength)
            var id: Int32 = -1
            while end > start {
                if end == word.count || word[end] & 0xC0 != 0x80 {
                    id = table.id(UnsafeRawBufferPointer(rebasing: word[start..<end]))
                    if id >= 0 { break }
                }
                end -= 1
            }
            guard id >= 0 else {
                ids[0] = unknownID
                return 1
            }
            ids[count] = id
            count += 1
            start = end
        }
        return count
    }
}

internal import Tokenizers

/// Where places in a sentence are among its pieces. Tokenizers do not say which characters a piece covers, but pieces
/// hardly ever reach over white space, so that those of a sentence are those of its words.
struct PieceBoundaries {
    /// Bytes of a word that is cut again for every tag in it. A script without spaces has whole sentences for words.
    private static let longestWord = 4096

    private struct Word {
        /// Its bytes in the sentence.
        var range: Range<Int>
        /// As the model reads it.
        var read: Substring
        /// The number of pieces before it, and its own.
        var pieces: Range<Int>
    }

    private let sentence: [UInt8]
    private let characters: String
    private let words: [Word]
    private let total: Int
    private let tokenizer: any TranslationTokenizer

    /// Counts the pieces of the words.
    ///
    /// - Parameters:
    ///   - sentence: as the document has it.
    ///   - read: the same words as the model reads them: in small letters, where the sentence shouts.
    ///   - pieces: the number of pieces of `read`.
    init(sentence: String, read: String, pieces total: Int, _ tokenizer: any TranslationTokenizer) {
        self.sentence = Array(sentence.utf8)
        characters = sentence
        self.total = total
        self.tokenizer = tokenizer
        var words: [Word] = []
        var end = 0
        for (written, read) in zip(
            sentence.split(whereSeparator: \.isWhitespace), read.split(whereSeparator: \.isWhitespace))
        {
            let start = sentence.utf8.distance(from: sentence.startIndex, to: written.startIndex)
            let count = tokenizer.pieces(String(read)).count
            words.append(
                Word(range: start..<(start + written.utf8.count), read: read, pieces: end..<(end + count)))
            end += count
        }
        // Where words are cut differently together than alone, their shares are kept.
        if end != total, end > 0 {
            func scaled(_ count: Int) -> Int { (count * total + end / 2) / end }
            for index in words.indices {
                let pieces = words[index].pieces
                words[index].pieces = scaled(pieces.lowerBound)..<scaled(pieces.upperBound)
            }
        }
        self.words = words
    }

    /// A tag and its place, for a tag before the byte `offset` of the sentence.
    func mark(_ tag: SentenceMarkup.Tag, at offset: Int) -> SentenceMarkup.Mark {
        var mark = SentenceMarkup.Mark(tag: tag, boundary: boundary(at: offset))
        let index = characters.utf8.index(characters.startIndex, offsetBy: offset)
        guard offset > 0, offset < sentence.count, let place = index.samePosition(in: characters) else { return mark }
        let (before, behind) = (characters[characters.index(before: place)], characters[place])
        mark.spaceBefore = before.isWhitespace
        mark.spaceBehind = behind.isWhitespace
        mark.isWithinWord = SentenceMarkup.joins(before) && SentenceMarkup.joins(behind)
        return mark
    }

    private func boundary(at offset: Int) -> Int {
        // The first word that does not end before the place.
        var (low, high) = (0, words.count)
        while low < high {
            let middle = (low + high) / 2
            if words[middle].range.upperBound < offset { low = middle + 1 } else { high = middle }
        }
        guard low < words.count else { return total }
        let word = words[low]
        if offset <= word.range.lowerBound { return word.pieces.lowerBound }
        if offset == word.range.upperBound { return word.pieces.upperBound }
        guard word.range.count <= Self.longestWord else {
            let share = word.pieces.count * (offset - word.range.lowerBound) / word.range.count
            return word.pieces.lowerBound + share
        }
        let written = String(decoding: sentence[word.range.lowerBound..<offset], as: UTF8.self)
        let pieces = tokenizer.pieces(String(word.read.prefix(written.count))).count
        return min(word.pieces.lowerBound + pieces, word.pieces.upperBound)
    }
}

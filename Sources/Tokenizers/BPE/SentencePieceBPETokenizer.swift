/// SentencePiece's byte-pair encoding, the tokenizer of Llama 2, Mistral and Gemma, from the tokens and scores of
/// a model's file: neighbours whose text together is a token are merged, those with the highest score first.
/// `models/bpe/MODEL.md` describes it.
///
/// A value is immutable; any number of threads may use it. A text of *n* characters takes at most *n* log *n*.
package final class SentencePieceBPETokenizer: TextTokenizer {
    package let beginOfSequence: Int32?
    package let addsBeginOfSequence: Bool
    package let endOfGeneration: Set<Int32>
    package let addsSpacePrefix: Bool
    package var vocabularySize: Int { vocabulary.count }

    private let vocabulary: TokenVocabulary
    /// The tokens that text can become, by their spelling.
    private let pieces: ByteStringTable
    /// For each token, how late it is merged.
    private let ranks: [UInt32]
    /// Whether there are tokens that are not to be used, whose parts stand for them.
    private let hasUnusedPieces: Bool
    private let cuts: WordCuts
    /// For each byte, its token, or -1.
    private let byteIDs: [Int32]
    private let unknownID: Int32?
    /// What each token stands for, in bytes; empty for control tokens.
    private let texts: ByteStrings
    private let specialTokens: SpecialTokenMatcher
    private let userDefinedTokens: SpecialTokenMatcher
    private let controlTokens: SpecialTokenMatcher

    /// Builds the tables.
    ///
    /// - Parameters:
    ///   - vocabulary: tokens with `▁` for a space, and their scores.
    ///   - addsSpacePrefix: whether a space goes before a text, and before what follows a special token.
    ///   - marks: the special ids of the model.
    /// - Throws: `TokenVocabularyError`.
    package init(
        vocabulary: TokenVocabulary, addsSpacePrefix: Bool = true, marks: SequenceMarks = SequenceMarks()
    ) throws(TokenVocabularyError) {
        try marks.check(vocabulary)
        guard let scores = vocabulary.scores else { throw .missingScores }
        self.vocabulary = vocabulary
        self.addsSpacePrefix = addsSpacePrefix
        beginOfSequence = marks.beginOfSequence
        addsBeginOfSequence = marks.addsBeginOfSequence ?? true
        endOfGeneration = marks.endOfGeneration(vocabulary)
        specialTokens = try SpecialTokenMatcher(vocabulary, [.control, .userDefined])
        userDefinedTokens = try SpecialTokenMatcher(vocabulary, [.userDefined])
        controlTokens = try SpecialTokenMatcher(vocabulary, [.control])

        pieces = ByteStringTable(vocabulary.tokens) { Self.isPiece(vocabulary.kinds[$0]) }
        ranks = scores.map(Self.rank)
        hasUnusedPieces = vocabulary.kinds.contains(.unused)
        cuts = WordCuts(
            pieces: (0..<vocabulary.count).lazy.filter { Self.isPiece(vocabulary.kinds[$0]) }.map {
                vocabulary.tokens[$0]
            })
        unknownID = marks.unknown ?? vocabulary.kinds.firstIndex(of: .unknown).map(Int32.init)
        var byteIDs = [Int32](repeating: -1, count: 256)
        for (id, kind) in vocabulary.kinds.enumerated() where kind == .byte {
            if let byte = Self.byte(vocabulary.tokens[id]) { byteIDs[Int(byte)] = Int32(id) }
        }
        self.byteIDs = byteIDs
        texts = Self.texts(vocabulary)
    }

    package func encode(_ text: String, allowSpecial: Bool) -> [Int32] {
        var text = text
        return text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            let matcher = allowSpecial ? specialTokens : userDefinedTokens
            // A token stands for a byte at least of what is segmented: a space is three bytes there, and each part
            // of the text can have one more before it.
            let capacity = (addsSpacePrefix ? 6 : 3) * bytes.count
            return IDBuffer.collect(capacity: capacity) { output in
                pieces.withReader { pieces in
                    ranks.withUnsafeBufferPointer { ranks in
                        vocabulary.kinds.withUnsafeBufferPointer { kinds in
                            matcher.forEachPart(bytes) { part in
                                switch part {
                                case .token(let id): output.append(id)
                                case .text(let range):
                                    let part = UnsafeRawBufferPointer(rebasing: bytes[range])
                                    let tables = PieceTables(pieces: pieces, ranks: ranks, kinds: kinds)
                                    encode(part, tables, &output)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    package func bytes(of id: Int32) -> ArraySlice<UInt8> {
        vocabulary.contains(id) ? texts[Int(id)] : []
    }

    package func isControl(_ id: Int32) -> Bool { vocabulary.isKind(.control, id) }

    package func controlTokenOffsets(in text: String) -> [Int] { controlTokens.tokenOffsets(in: text) }

    package func specialID(named name: String) -> Int32? { specialTokens.id(named: name) }

    // MARK: - Segmentation

    /// Encodes text without special tokens.
    private func encode(_ part: UnsafeRawBufferPointer, _ tables: PieceTables, _ output: inout IDBuffer) {
        var escaped = ByteBuffer(capacity: 3 * part.count + 3)
        if addsSpacePrefix { escaped.append(EscapedSpace.bytes) }
        for byte in part {
            if byte == 0x20 {
                for byte in EscapedSpace.bytes { escaped.appendReserved(byte) }
            } else {
                escaped.appendReserved(byte)
            }
        }
        let text = escaped.bytes
        RecentWords.with(textCount: text.count) { recentWords in
            var start = 0
            while start < text.count {
                let end = cuts.endOfWord(text, from: start)
                recentWords.append(text, start..<end, to: &output) { word, ids in segment(word, tables, ids) }
                start = end
            }
        }
    }

    /// Writes the ids of `word` and returns how many they are.
    private func segment(
        _ word: UnsafeRawBufferPointer, _ tables: PieceTables, _ ids: UnsafeMutablePointer<Int32>
    ) -> Int {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 2 * word.count + 2) { memory in
            // Not empty, so it has an address.
            let offsets = memory.baseAddress.unsafelyUnwrapped
            let starts = offsets + word.count + 1
            var count = 0
            var index = 0
            while index < word.count {
                let length = UTF8Decoding.announcedLength(word[index])
                offsets[count] = index
                ids[count] = tables.pieces.id(UnsafeRawBufferPointer(rebasing: word[index..<(index + length)]))
                count += 1
                index += length
            }
            offsets[count] = word.count
            let splits = hasUnusedPieces ? UnusedPieceSplits() : nil
            let rules = PieceMergeRules(tables: tables, word: word, offsets: offsets, splits: splits)
            let left = PairMerger.with(rules) { $0.merge(ids, count: count, starts: starts) }
            if splits == nil, (0..<left).allSatisfy({ ids[$0] >= 0 }) { return left }
            // Spelling out takes more room than the pieces had, so the ids move out of the way.
            return withUnsafeTemporaryAllocation(of: Int32.self, capacity: left + 1) { merged in
                for index in 0..<left { merged[index] = ids[index] }
                var writer = PieceWriter(
                    output: ids, tables: tables, word: word, byteIDs: byteIDs, unknownID: unknownID)
                for index in 0..<left {
                    writer.write(merged[index], offsets[starts[index]]..<offsets[starts[index + 1]], splits)
                }
                return writer.count
            }
        }
    }

    // MARK: - The vocabulary

    /// Whether text can become a token of this kind, or pass through it.
    private static func isPiece(_ kind: TokenKind) -> Bool {
        switch kind {
        case .normal, .userDefined, .unused: true
        case .unknown, .control, .byte: false
        }
    }

    /// A number that is the lower the higher the score is.
    private static func rank(_ score: Float) -> UInt32 {
        // The bits of a float are ordered like the float, but for the sign; adding 0 makes one of the two zeros.
        let bits = (score + 0).bitPattern
        let ascending = bits >> 31 == 0 ? bits | 1 << 31 : ~bits
        return min(~ascending, PairMerge.none.rank - 1)
    }

    /// The byte that `<0xHH>` spells.
    private static func byte(_ token: ArraySlice<UInt8>) -> UInt8? {
        let token = Array(token)
        guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: token[3...4], as: UTF8.self), radix: 16)
    }

    /// What each token adds to a text.
    private static func texts(_ vocabulary: TokenVocabulary) -> ByteStrings {
        var texts = ByteStrings()
        texts.reserveCapacity(count: vocabulary.count, bytes: vocabulary.tokens.bytes.count)
        vocabulary.tokens.bytes.withUnsafeBytes { spelled in
            for id in 0..<vocabulary.count {
                let token = UnsafeRawBufferPointer(rebasing: spelled[vocabulary.tokens.range(id)])
                switch vocabulary.kinds[id] {
                case .control: texts.append(EmptyCollection())
                case .unknown: texts.append(" \u{2047} ".utf8)
                case .byte:
                    if let byte = byte(vocabulary.tokens[id]) {
                        texts.append(CollectionOfOne(byte))
                    } else {
                        texts.append(token)
                    }
                case .normal, .userDefined, .unused: texts.append(unescaping: token)
                }
            }
        }
        return texts
    }
}

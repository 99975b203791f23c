/// Byte-level byte-pair encoding, the tokenizer of GPT-2, Llama 3, Qwen and many others: text is cut into words,
/// and in each word neighbouring bytes are merged in the order of a list. `models/bpe/MODEL.md` describes it.
///
/// A value is immutable; any number of threads may use it. Encoding takes time in proportion to the text, but
/// for a word of *n* bytes, which takes *n* log *n*.
package final class ByteLevelBPETokenizer: TextTokenizer {
    package let beginOfSequence: Int32?
    package let addsBeginOfSequence: Bool
    package let endOfGeneration: Set<Int32>
    /// Never: a space is a byte like any other.
    package var addsSpacePrefix: Bool { false }
    package var vocabularySize: Int { vocabulary.count }

    private let vocabulary: TokenVocabulary
    private let preTokenizer: PreTokenizer
    private let pairs: PairTable
    /// For each byte, its token, or -1.
    private let byteIDs: [Int32]
    /// What each token stands for, in bytes; empty for control tokens.
    private let texts: ByteStrings
    /// The normal tokens by their text, where a word that is a token is taken as it is.
    private let wholeWords: ByteStringTable?
    private let specialTokens: SpecialTokenMatcher
    private let userDefinedTokens: SpecialTokenMatcher
    private let controlTokens: SpecialTokenMatcher

    /// Builds the tables.
    ///
    /// - Parameters:
    ///   - vocabulary: normal tokens spelled in the alphabet of GPT-2, the others as they are.
    ///   - merges: "left right", the first to be merged first.
    ///   - ignoreMerges: whether a word that is a token is taken as it is; nil for what is usual with the
    ///     pre-tokenizer.
    ///   - marks: the special ids of the model.
    /// - Throws: `TokenVocabularyError`.
    package init(
        vocabulary: TokenVocabulary, merges: ByteStrings, preTokenizer: PreTokenizer, ignoreMerges: Bool? = nil,
        marks: SequenceMarks = SequenceMarks()
    ) throws(TokenVocabularyError) {
        try marks.check(vocabulary)
        self.vocabulary = vocabulary
        self.preTokenizer = preTokenizer
        beginOfSequence = marks.beginOfSequence
        addsBeginOfSequence = marks.addsBeginOfSequence ?? preTokenizer.addsBeginOfSequence
        endOfGeneration = marks.endOfGeneration(vocabulary)
        specialTokens = try SpecialTokenMatcher(vocabulary, [.control, .userDefined])
        userDefinedTokens = try SpecialTokenMatcher(vocabulary, [.userDefined])
        controlTokens = try SpecialTokenMatcher(vocabulary, [.control])

        let spellings = ByteStringTable(vocabulary.tokens) { _ in true }
        byteIDs = (0..<256).map { byte in
            let id = spellings.id(ByteAlphabet.spelling(of: UInt8(byte)))
            return vocabulary.isKind(.control, id) || vocabulary.isKind(.unknown, id) ? -1 : id
        }
        let merging = MergeListReader(vocabulary: vocabulary, spellings: spellings)
        pairs = try merging.table(merges)
        texts = Self.texts(vocabulary)
        wholeWords =
            ignoreMerges ?? preTokenizer.ignoresMerges
            ? ByteStringTable(texts) { vocabulary.kinds[$0] == .normal } : nil
    }

    package func encode(_ text: String, allowSpecial: Bool) -> [Int32] {
        var text = text
        return text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            // A token stands for a byte at least.
            return IDBuffer.collect(capacity: bytes.count) { output in
                withReaders(bytes) { readers in
                    (allowSpecial ? specialTokens : userDefinedTokens).forEachPart(bytes) { part in
                        switch part {
                        case .token(let id): output.append(id)
                        case .text(let range): encode(bytes, range, readers, &output)
                        }
                    }
                }
            }
        }
    }

    package func bytes(of id: Int32) -> ArraySlice<UInt8> {
        vocabulary.contains(id) ? texts[Int(id)] : []
    }

    package func isControl(_ id: Int32) -> Bool {
        vocabulary.isKind(.control, id) || vocabulary.isKind(.unknown, id)
    }

    package func controlTokenOffsets(in text: String) -> [Int] { controlTokens.tokenOffsets(in: text) }

    package func specialID(named name: String) -> Int32? { specialTokens.id(named: name) }

    // MARK: - Words

    /// The tables with their memory at hand, for the length of one call.
    private struct Readers {
        let merger: PairMerger<PairTable.Reader>
        let classes: ScalarClasses.Reader
        let byteIDs: UnsafeBufferPointer<Int32>
        let wholeWords: ByteStringTable.Reader?
        let recentWords: RecentWords
    }

    private func withReaders(_ text: UnsafeRawBufferPointer, _ body: (Readers) -> Void) {
        ScalarClasses.shared.withReader { classes in
            pairs.withReader { pairs in
                PairMerger.with(pairs) { merger in
                    byteIDs.withUnsafeBufferPointer { byteIDs in
                        RecentWords.with(textCount: text.count) { recentWords in
                            func run(_ wholeWords: ByteStringTable.Reader?) {
                                body(
                                    Readers(
                                        merger: merger, classes: classes, byteIDs: byteIDs, wholeWords: wholeWords,
                                        recentWords: recentWords))
                            }
                            guard let wholeWords else { return run(nil) }
                            wholeWords.withReader { run($0) }
                        }
                    }
                }
            }
        }
    }

    private func encode(
        _ text: UnsafeRawBufferPointer, _ range: Range<Int>, _ readers: Readers, _ output: inout IDBuffer
    ) {
        var scanner = PreTokenScanner(preTokenizer, text, range, readers.classes)
        var start = range.lowerBound
        while start < range.upperBound {
            let end = scanner.endOfWord(at: start)
            readers.recentWords.append(text, start..<end, to: &output) { word, ids in
                if let wholeWords = readers.wholeWords {
                    let id = wholeWords.id(word)
                    if id >= 0 {
                        ids[0] = id
                        return 1
                    }
                }
                var count = 0
                // A byte without a token is left out, and its neighbours are neighbours then.
                for byte in word where readers.byteIDs[Int(byte)] >= 0 {
                    ids[count] = readers.byteIDs[Int(byte)]
                    count += 1
                }
                return readers.merger.merge(ids, count: count)
            }
            start = end
        }
    }

    /// What each token adds to a text. A token that the alphabet cannot spell is text as it is.
    private static func texts(_ vocabulary: TokenVocabulary) -> ByteStrings {
        var texts = ByteStrings()
        texts.reserveCapacity(count: vocabulary.count, bytes: vocabulary.tokens.bytes.count)
        vocabulary.tokens.bytes.withUnsafeBytes { spelled in
            for id in 0..<vocabulary.count {
                let token = UnsafeRawBufferPointer(rebasing: spelled[vocabulary.tokens.range(id)])
                switch vocabulary.kinds[id] {
                case .control, .unknown: texts.append(EmptyCollection())
                case .userDefined: texts.append(token)
                case .normal, .unused, .byte:
                    if !texts.append(spelledInAlphabet: token) { texts.append(token) }
                }
            }
        }
        return texts
    }
}

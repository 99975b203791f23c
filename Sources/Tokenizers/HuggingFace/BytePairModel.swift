import Checkpoints

/// Byte-pair encoding over the characters of a word, with what the files of the Hugging Face library can ask for besides.
struct BytePairModel: Sendable {
    /// What a file says of the model, but for its vocabulary and merges.
    struct Options: Sendable {
        /// Stands for a character that the vocabulary does not cover.
        var unknown: [UInt8]?
        /// Goes before every character of a word but the first.
        var continuingPrefix: [UInt8] = []
        /// Goes behind the last character of a word.
        var wordSuffix: [UInt8] = []
        /// Whether neighbouring unknown characters become one token.
        var fusesUnknown = false
        /// Whether an unknown character is spelled in bytes.
        var fallsBackToBytes = false
        /// Whether a word that is a token is taken as it is.
        var ignoresMerges = false
    }

    let vocabulary: HuggingFaceVocabulary
    private let pairs: PairTable
    private let options: Options
    private let unknownID: Int32
    /// For each byte its token, or -1; all -1 without byte fallback.
    private let byteIDs: [Int32]
    /// For each scalar of up to two bytes, its token or -1.
    private let shortIDs: [Int32]

    /// - Throws: `CheckpointError` for merges that are none, or of tokens that the vocabulary does not have.
    init(
        _ vocabulary: HuggingFaceVocabulary, merges: inout MergeScanner, options: Options
    ) throws(CheckpointError) {
        self.vocabulary = vocabulary
        self.options = options
        unknownID = options.unknown.map { vocabulary.id($0) } ?? -1
        byteIDs = options.fallsBackToBytes ? vocabulary.byteIDs : [Int32](repeating: -1, count: 256)
        shortIDs = (0..<0x800).map { value in
            Unicode.Scalar(UInt32(value)).map { vocabulary.id(Array(UTF8.encode($0) ?? .init())) } ?? -1
        }
        pairs = try merges.table(vocabulary, prefixLength: options.continuingPrefix.count)
    }

    /// How many ids a word of some bytes can have at most.
    func maximumCount(bytes: Int, words: Int) -> Int {
        bytes * (1 + options.continuingPrefix.count) + words * options.wordSuffix.count
    }

    /// Appends the ids of the words of a text.
    func encode(_ text: PreTokenizedText, to output: inout [Int32]) {
        guard !text.words.isEmpty else { return }
        let ids = text.bytes.withUnsafeBytes { bytes in
            IDBuffer.collect(capacity: maximumCount(bytes: bytes.count, words: text.words.count)) { buffer in
                vocabulary.spellings.withReader { spellings in
                    pairs.withReader { pairs in
                        PairMerger.with(pairs) { merger in
                            RecentWords.with(textCount: bytes.count) { recentWords in
                                for range in text.words {
                                    recentWords.append(bytes, range, to: &buffer) { word, ids in
                                        encode(word, spellings, merger, ids)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        output += ids
    }

    /// Writes the ids of a word and returns how many they are.
    private func encode(
        _ word: UnsafeRawBufferPointer, _ spellings: ByteStringTable.Reader, _ merger: PairMerger<PairTable.Reader>,
        _ ids: UnsafeMutablePointer<Int32>
    ) -> Int {
        if options.ignoresMerges {
            let id = spellings.id(word)
            if id >= 0 {
                ids[0] = id
                return 1
            }
        }
        var count = 0
        var unknownIsPending = false
        var index = 0
        while index < word.count {
            let (scalar, length) = UTF8Decoding.scalar(word, index)
            let end = index + length
            defer { index = end }
            let isPlain =
                (index == 0 || options.continuingPrefix.isEmpty) && (end < word.count || options.wordSuffix.isEmpty)
            var unit = UnsafeRawBufferPointer(rebasing: word[index..<end])
            var spelled: [UInt8] = []
            if !isPlain {
                if index > 0 { spelled += options.continuingPrefix }
                spelled += unit
                if end == word.count { spelled += options.wordSuffix }
            }
            let id =
                isPlain
                ? (scalar < 0x800 ? shortIDs[Int(scalar)] : spellings.id(unit))
                : spelled.withUnsafeBytes { spellings.id($0) }
            if id >= 0 {
                if unknownIsPending {
                    ids[count] = unknownID
                    count += 1
                    unknownIsPending = false
                }
                ids[count] = id
                count += 1
                continue
            }
            if options.fallsBackToBytes {
                let written = spelled.withUnsafeBytes { spelled in
                    if !isPlain { unit = spelled }
                    guard unit.allSatisfy({ byteIDs[Int($0)] >= 0 }) else { return false }
                    for byte in unit {
                        ids[count] = byteIDs[Int(byte)]
                        count += 1
                    }
                    return true
                }
                // An unknown character before stays behind these bytes, as the library has it.
                if written { continue }
            }
            guard unknownID >= 0 else { continue }
            if unknownIsPending, !options.fusesUnknown {
                ids[count] = unknownID
                count += 1
            }
            unknownIsPending = true
        }
        if unknownIsPending {
            ids[count] = unknownID
            count += 1
        }
        return count == 0 ? 0 : merger.merge(ids, count: count)
    }
}

/// Reads the merges of a byte-pair encoding: "left right", or `["left", "right"]`, from JSON; or a file with one a line.
struct MergeScanner {
    private enum Source {
        case json(JSONScanner)
        case lines(ByteRegion)
    }

    private let source: Source

    /// The merges of a `tokenizer.json`.
    init(_ scanner: JSONScanner) { source = .json(scanner) }
    /// The merges of a `merges.txt`.
    init(lines region: ByteRegion) { source = .lines(region) }

    /// The merges by the ids of their tokens.
    ///
    /// - Parameter prefixLength: how many bytes at the start of the right token are not part of the result.
    /// - Throws: `CheckpointError` naming the byte.
    mutating func table(_ vocabulary: HuggingFaceVocabulary, prefixLength: Int) throws(CheckpointError) -> PairTable {
        switch source {
        case .json(let scanner):
            // A merge has two quotes or four; the table wants to know about how many there are.
            let quotes = scanner.rest.reduce(0) { $0 &+ ($1 == UInt8(ascii: "\"") ? 1 : 0) }
            var builder = Builder(vocabulary, prefixLength, capacity: min(quotes / 2, PairTable.maximumMerges))
            var scanner = scanner
            try scanner.array("the merges") { scanner throws(CheckpointError) in
                if scanner.peek() == UInt8(ascii: "[") {
                    try scanner.openArray("a merge")
                    let left = try scanner.string("the left part of a merge")
                    try scanner.comma("a merge")
                    let right = try scanner.string("the right part of a merge")
                    try scanner.closeArray("a merge")
                    let failure = left.withBytes { left in right.withBytes { builder.append(left, $0) } }
                    if let failure { throw scanner.invalid(failure) }
                } else {
                    let merge = try scanner.string("a merge")
                    if let failure = merge.withBytes({ builder.append($0) }) { throw scanner.invalid(failure) }
                }
            }
            return builder.pairs
        case .lines(let region):
            let newlines = region.buffer.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) }
            var builder = Builder(vocabulary, prefixLength, capacity: min(newlines + 1, PairTable.maximumMerges))
            var start = 0
            while start < region.count {
                var end = region.buffer[start...].firstIndex(of: 0x0A) ?? region.count
                let next = end + 1
                if end > start, region.buffer[end - 1] == 0x0D { end -= 1 }
                let line = UnsafeRawBufferPointer(rebasing: region.buffer[start..<end])
                if !line.isEmpty, !line.starts(with: "#version".utf8), let failure = builder.append(line) {
                    throw CheckpointError.invalid(file: region.source, offset: start, reason: failure)
                }
                start = next
            }
            return builder.pairs
        }
    }

    /// Collects merges. What it returns is what is wrong with one.
    private struct Builder {
        let vocabulary: HuggingFaceVocabulary
        let prefixLength: Int
        var pairs: PairTable
        var count = 0
        var joined: [UInt8] = []

        init(_ vocabulary: HuggingFaceVocabulary, _ prefixLength: Int, capacity: Int) {
            (self.vocabulary, self.prefixLength) = (vocabulary, prefixLength)
            pairs = PairTable(count: max(capacity, 1))
        }

        mutating func append(_ merge: UnsafeRawBufferPointer) -> String? {
            guard let space = merge.firstIndex(of: 0x20), !merge[(space + 1)...].contains(0x20) else {
                return "merge \(count) is \(Self.quoted(merge)), not two tokens with a space between"
            }
            return append(
                UnsafeRawBufferPointer(rebasing: merge[..<space]),
                UnsafeRawBufferPointer(rebasing: merge[(space + 1)...]))
        }

        mutating func append(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> String? {
            guard count < PairTable.maximumMerges else { return "more than \(PairTable.maximumMerges) merges" }
            guard right.count >= prefixLength else {
                return "merge \(count) has the right part \(Self.quoted(right)) without the prefix"
            }
            joined.removeAll(keepingCapacity: true)
            joined.append(contentsOf: left)
            joined.append(contentsOf: right[prefixLength...])
            let (leftID, rightID, id) = vocabulary.spellings.withReader { spellings in
                (spellings.id(left), spellings.id(right), joined.withUnsafeBytes { spellings.id($0) })
            }
            guard leftID >= 0, rightID >= 0, id >= 0 else {
                let missing =
                    leftID < 0
                    ? Self.quoted(left)
                    : rightID < 0 ? Self.quoted(right) : joined.withUnsafeBytes { Self.quoted($0) }
                return "merge \(count) needs the token \(missing), which the vocabulary does not have"
            }
            pairs.append(leftID, rightID, into: id, replaces: true)
            count += 1
            return nil
        }

        private static func quoted(_ bytes: UnsafeRawBufferPointer) -> String {
            JSONValue.string(String(decoding: bytes, as: UTF8.self)).summary
        }
    }
}

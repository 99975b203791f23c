import Checkpoints

/// The tokens of a model's `vocab`, by id and by spelling. Ids can have gaps.
struct HuggingFaceVocabulary: Sendable {
    /// For each id, how the token is spelled; empty where there is none.
    let tokens: ByteStrings
    /// Whether there is a token with the id.
    let exists: [Bool]
    /// The ids by spelling.
    let spellings: ByteStringTable

    /// As many ids as `PairTable` has bits for.
    static let maximumID = TokenVocabulary.maximumCount - 1

    /// The number of ids, which are 0 up to this number, excluded.
    var count: Int { exists.count }

    /// The id of a token, or -1.
    func id(_ token: some Collection<UInt8>) -> Int32 { spellings.id(token) }

    /// The ids of `<0x00>` to `<0xFF>`, or -1.
    var byteIDs: [Int32] { (0..<256).map { id(Self.byteToken(UInt8($0))) } }

    /// `<0x00>` to `<0xFF>`.
    static func byteToken(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
    }

    /// The byte that a token such as `<0x0A>` stands for.
    static func byte(_ token: some Collection<UInt8>) -> UInt8? {
        let token = Array(token)
        guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">"),
            token[3...4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit })
        else { return nil }
        return UInt8(String(decoding: token[3...4], as: UTF8.self), radix: 16)
    }

    /// Puts tokens in the order of their ids.
    ///
    /// - Throws: `CheckpointError.invalid` for an id, or a spelling, that two tokens have.
    init(_ entries: ByteStrings, ids: [Int32], scanner: JSONScanner) throws(CheckpointError) {
        guard let last = ids.max() else { throw scanner.invalid("the vocabulary has no tokens") }
        var places = [Int32](repeating: -1, count: Int(last) + 1)
        var isOrdered = ids.count == places.count
        for (place, id) in ids.enumerated() {
            guard places[Int(id)] < 0 else {
                throw scanner.invalid(
                    "the vocabulary has the id \(id) twice: \(Self.name(entries, Int(places[Int(id)]))) and \(Self.name(entries, place))"
                )
            }
            places[Int(id)] = Int32(place)
            if place != Int(id) { isOrdered = false }
        }
        var tokens = entries
        if !isOrdered {
            tokens = ByteStrings()
            tokens.reserveCapacity(count: places.count, bytes: entries.bytes.count)
            entries.bytes.withUnsafeBytes { bytes in
                for place in places {
                    tokens.append(
                        UnsafeRawBufferPointer(rebasing: bytes[place < 0 ? 0..<0 : entries.range(Int(place))]))
                }
            }
        }
        let exists = places.map { $0 >= 0 }
        let spellings = ByteStringTable(tokens) { exists[$0] }
        if spellings.count < ids.count { throw scanner.invalid("the vocabulary has a token twice") }
        (self.tokens, self.exists, self.spellings) = (tokens, exists, spellings)
    }

    private static func name(_ entries: ByteStrings, _ place: Int) -> String {
        JSONValue.string(String(decoding: entries[place], as: UTF8.self)).summary
    }

    /// Reads `{"token": id, …}`.
    ///
    /// - Throws: `CheckpointError` naming the byte.
    init(object scanner: inout JSONScanner) throws(CheckpointError) {
        var (entries, ids) = (ByteStrings(), [Int32]())
        try scanner.object("the vocabulary") { scanner, token throws(CheckpointError) in
            entries.append(token)
            let index = entries.count - 1
            ids.append(
                Int32(
                    try scanner.integer("the id of \(Self.name(entries, index))", upTo: Self.maximumID)))
        }
        try self.init(entries, ids: ids, scanner: scanner)
    }

    /// Reads a file of tokens, one a line, whose ids are the numbers of their lines.
    ///
    /// - Throws: `CheckpointError`.
    init(lines region: ByteRegion) throws(CheckpointError) {
        var entries = ByteStrings()
        var ids: [Int32] = []
        var start = 0
        let bytes = region.buffer
        while start < bytes.count {
            let newline = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
            let line = UnsafeRawBufferPointer(rebasing: bytes[start..<newline])
            guard UTF8Decoding.isText(line) else {
                throw CheckpointError.invalid(
                    file: region.source, offset: start, reason: "line \(ids.count + 1) is not UTF-8")
            }
            guard ids.count <= Self.maximumID else {
                throw CheckpointError.unsupported(
                    file: region.source, offset: start, reason: "more than \(Self.maximumID + 1) tokens")
            }
            var text = Substring(decoding: line, as: UTF8.self)
            while let last = text.unicodeScalars.last, last.properties.isWhitespace { text.unicodeScalars.removeLast() }
            ids.append(Int32(ids.count))
            entries.append(text.utf8)
            start = newline + 1
        }
        // A token that comes again, most often an empty line, has its last id; the others are places without a token.
        var lastIDs: [[UInt8]: Int] = [:]
        for index in ids.indices { lastIDs[Array(entries[index])] = index }
        var (kept, keptIDs) = (ByteStrings(), [Int32]())
        for index in ids.indices where lastIDs[Array(entries[index])] == index {
            kept.append(entries[index])
            keptIDs.append(Int32(index))
        }
        try self.init(kept, ids: keptIDs, scanner: JSONScanner(region))
    }
}

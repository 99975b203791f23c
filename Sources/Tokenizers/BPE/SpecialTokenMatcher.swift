/// Finds the tokens that are cut out of a text before anything else: at each place the longest.
struct SpecialTokenMatcher: Sendable {
    private let trie: PieceTrie?
    /// For each byte, whether a token begins with it.
    private let beginnings: [Bool]
    /// The bytes of each token that is found.
    private let lengths: [Int32: Int]

    /// A part of a text.
    enum Part: Equatable {
        /// A token.
        case token(Int32)
        /// What stands between tokens: a range of the text's bytes, not empty.
        case text(Range<Int>)
    }

    /// - Parameter kinds: the kinds of token that are found.
    /// - Throws: `TokenVocabularyError.unsupportedSize` if the tokens are too many or too long for a trie.
    init(_ vocabulary: TokenVocabulary, _ kinds: Set<TokenKind>) throws(TokenVocabularyError) {
        var beginnings = [Bool](repeating: false, count: 256)
        var ids: [[UInt8]: Int] = [:]
        for id in 0..<vocabulary.count where kinds.contains(vocabulary.kinds[id]) {
            // A token that is not text would be found inside characters and cut them in two.
            guard let first = vocabulary.tokens[id].first, Self.isText(vocabulary.tokens[id]) else { continue }
            beginnings[Int(first)] = true
            ids[Array(vocabulary.tokens[id])] = id
        }
        self.beginnings = beginnings
        lengths = Dictionary(uniqueKeysWithValues: ids.map { (Int32($0.value), $0.key.count) })
        do {
            trie = ids.isEmpty ? nil : try PieceTrieBuilder.build(ids.lazy.map { (id: $0.value, bytes: $0.key) })
        } catch {
            throw .unsupportedSize(vocabulary.count)
        }
    }

    /// The token that is spelled `name`, if it is one of those that are found.
    func id(named name: String) -> Int32? {
        var name = name
        return name.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            guard let trie, bytes.count > 0 else { return nil }
            return trie.units.withUnsafeBufferPointer { units in
                let match = Self.longestMatch(units, trie.rootBase, bytes, from: 0)
                return match.flatMap { $0.end == bytes.count ? $0.id : nil }
            }
        }
    }

    /// Calls `body` with the parts of `text` from its start to its end.
    func forEachPart(_ text: UnsafeRawBufferPointer, _ body: (Part) -> Void) {
        var fragmentStart = 0
        if let trie {
            trie.units.withUnsafeBufferPointer { units in
                beginnings.withUnsafeBufferPointer { beginnings in
                    var index = 0
                    while index < text.count {
                        guard beginnings[Int(text[index])],
                            let (id, end) = Self.longestMatch(units, trie.rootBase, text, from: index)
                        else {
                            index += 1
                            continue
                        }
                        if fragmentStart < index { body(.text(fragmentStart..<index)) }
                        body(.token(id))
                        (index, fragmentStart) = (end, end)
                    }
                }
            }
        }
        if fragmentStart < text.count { body(.text(fragmentStart..<text.count)) }
    }

    /// Where tokens begin in `text`, as offsets of UTF-8.
    func tokenOffsets(in text: String) -> [Int] {
        var text = text
        return text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            var offsets: [Int] = []
            var end = 0
            forEachPart(bytes) { part in
                switch part {
                case .text(let range): end = range.upperBound
                case .token(let id):
                    offsets.append(end)
                    end += lengths[id] ?? 0
                }
            }
            return offsets
        }
    }

    /// Whether `token` is well-formed UTF-8.
    private static func isText(_ token: ArraySlice<UInt8>) -> Bool {
        token.withUnsafeBytes { bytes in
            var index = 0
            while index < bytes.count {
                guard let length = UTF8Decoding.characterLength(bytes, at: index) else { return false }
                index += length
            }
            return true
        }
    }

    @inline(__always)
    private static func longestMatch(
        _ units: UnsafeBufferPointer<UInt64>, _ rootBase: Int, _ text: UnsafeRawBufferPointer, from start: Int
    ) -> (id: Int32, end: Int)? {
        var base = rootBase
        var found: (id: Int32, end: Int)?
        var index = start
        while index < text.count {
            let unit = units[base ^ Int(text[index])]
            guard PieceTrie.label(unit) == UInt64(text[index]) else { break }
            base = PieceTrie.base(unit)
            index += 1
            if PieceTrie.id(unit) >= 0 { found = (Int32(truncatingIfNeeded: PieceTrie.id(unit)), index) }
        }
        return found
    }
}

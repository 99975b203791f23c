import Checkpoints

/// A token that is found in a text as a whole, whatever the model would make of it.
struct AddedToken: Sendable, Equatable {
    var id: Int32
    var content: [UInt8]
    /// Whether it is found only where no letter or digit touches it.
    var isSingleWord = false
    /// Whether it takes the white space before it.
    var stripsLeft = false
    /// Whether it takes the white space behind it.
    var stripsRight = false
    /// Whether it is looked for in the normalized text.
    var isNormalized = false
    /// Whether it is a mark and no text.
    var isSpecial = false

    /// Reads an entry of `added_tokens`, or of `added_tokens_decoder`.
    ///
    /// - Throws: `CheckpointError` for a value of the wrong type.
    init(_ options: ModelConfiguration, id: Int32? = nil) throws {
        self.id = try id ?? Int32(options.integer("id", 0...HuggingFaceVocabulary.maximumID))
        content = Array(try options.string("content").utf8)
        isSingleWord = try options.boolean("single_word", default: false)
        stripsLeft = try options.boolean("lstrip", default: false)
        stripsRight = try options.boolean("rstrip", default: false)
        isSpecial = try options.boolean("special", default: false)
        isNormalized = try options.boolean("normalized", default: !isSpecial)
    }
}

/// Finds added tokens in a text: from the left, at each place the longest.
struct AddedTokenMatcher: Sendable {
    private let tokens: [AddedToken]
    /// The tokens by what is looked for; an id is an index of `tokens`.
    private let trie: PieceTrie?
    private let beginnings: [Bool]

    /// A part of a text.
    enum Part {
        /// A token.
        case token(Int32)
        /// What stands between tokens, not empty.
        case text(Range<Int>)
    }

    /// - Parameter tokens: tokens with what they are looked for as, where that is not their content.
    init(_ tokens: [(token: AddedToken, spelling: [UInt8])]) {
        var bySpelling: [[UInt8]: Int] = [:]
        for (index, entry) in tokens.enumerated() where !entry.spelling.isEmpty { bySpelling[entry.spelling] = index }
        var beginnings = [Bool](repeating: false, count: 256)
        for spelling in bySpelling.keys { if let first = spelling.first { beginnings[Int(first)] = true } }
        self.beginnings = beginnings
        self.tokens = tokens.map(\.token)
        // The strings are different and few, so this cannot fail.
        trie =
            bySpelling.isEmpty
            ? nil : try? PieceTrieBuilder.build(bySpelling.lazy.map { (id: $0.value, bytes: $0.key) })
    }

    /// Calls `body` with the parts of `text` from its start to its end.
    ///
    /// - Parameter findsSpecial: whether special tokens count; if not, what spells one is text.
    func forEachPart(_ text: UnsafeRawBufferPointer, findsSpecial: Bool, _ body: (Part) -> Void) {
        var fragmentStart = 0
        if let trie {
            trie.units.withUnsafeBufferPointer { units in
                var index = 0
                while index < text.count {
                    guard beginnings[Int(text[index])],
                        let (found, matchEnd) = longestMatch(units, trie.rootBase, text, index)
                    else {
                        index += 1
                        continue
                    }
                    let token = tokens[found]
                    var (start, end) = (index, matchEnd)
                    index = matchEnd
                    if token.isSpecial, !findsSpecial { continue }
                    if token.isSingleWord, Self.touchesWord(text, start, end) { continue }
                    if token.stripsLeft { start = Self.startOfSpace(text, before: start, from: fragmentStart) }
                    if token.stripsRight { end = Self.endOfSpace(text, from: end) }
                    if fragmentStart < start { body(.text(fragmentStart..<start)) }
                    body(.token(token.id))
                    fragmentStart = end
                }
            }
        }
        if fragmentStart < text.count { body(.text(fragmentStart..<text.count)) }
    }

    private func longestMatch(
        _ units: UnsafeBufferPointer<UInt64>, _ rootBase: Int, _ text: UnsafeRawBufferPointer, _ start: Int
    ) -> (token: Int, end: Int)? {
        var (base, index) = (rootBase, start)
        var found: (Int, Int)?
        while index < text.count {
            let unit = units[base ^ Int(text[index])]
            guard PieceTrie.label(unit) == UInt64(text[index]) else { break }
            base = PieceTrie.base(unit)
            index += 1
            if PieceTrie.id(unit) >= 0 { found = (PieceTrie.id(unit), index) }
        }
        return found
    }

    private static func startOfCharacter(_ text: UnsafeRawBufferPointer, before end: Int) -> Int {
        var start = end - 1
        while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    private static func touchesWord(_ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        func isWord(_ index: Int) -> Bool {
            ScalarTraits.shared.traits(UTF8Decoding.scalar(text, index).scalar).contains(.word)
        }
        return start > 0 && isWord(startOfCharacter(text, before: start)) || end < text.count && isWord(end)
    }

    private static func startOfSpace(_ text: UnsafeRawBufferPointer, before end: Int, from limit: Int) -> Int {
        var start = end
        while start > limit {
            let before = startOfCharacter(text, before: start)
            guard ScalarTraits.shared.traits(UTF8Decoding.scalar(text, before).scalar).contains(.space) else { break }
            start = before
        }
        return max(start, limit)
    }

    private static func endOfSpace(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var end = start
        while end < text.count {
            let (scalar, length) = UTF8Decoding.scalar(text, end)
            guard ScalarTraits.shared.traits(scalar).contains(.space) else { break }
            end += length
        }
        return end
    }
}

/// `▁`, U+2581, which SentencePiece vocabularies write for a space.
enum EscapedSpace {
    /// Its UTF-8.
    static let bytes: [UInt8] = [0xE2, 0x96, 0x81]

    /// Whether it stands at `index`.
    @inline(__always) static func stands(_ text: UnsafeRawBufferPointer, at index: Int) -> Bool {
        index + 3 <= text.count && text[index] == 0xE2 && text[index + 1] == 0x96 && text[index + 2] == 0x81
    }
}

/// Where a text can be cut into words without changing what it is merged to: before a `▁` behind a character that no
/// piece has before a `▁`, because a piece that crosses the cut would have to.
///
/// Nearly every vocabulary has pieces of several spaces, so a run of `▁` stays together. Gemma's 262,144 pieces have one
/// other, `>▁</`: there a text is not cut behind a `>`.
struct WordCuts: Sendable {
    /// The characters that stand before a `▁` in a piece, each as the bytes of its UTF-8 in a number.
    private let joined: Set<UInt32>
    /// The same of ASCII, by code.
    private let joinedASCII: [Bool]
    /// Whether a `▁` is a piece. A text that has none of its own is not cut: a run of what is unknown is one token.
    private let isPossible: Bool

    /// - Parameter pieces: what text can become, in UTF-8 with `▁` for a space.
    init(pieces: some Sequence<ArraySlice<UInt8>>) {
        var joined: Set<UInt32> = []
        var isPossible = false
        for piece in pieces where piece.contains(EscapedSpace.bytes[0]) {
            Array(piece).withUnsafeBytes { piece in
                if piece.count == 3, EscapedSpace.stands(piece, at: 0) { isPossible = true }
                for index in stride(from: 1, to: piece.count, by: 1) where EscapedSpace.stands(piece, at: index) {
                    joined.insert(Self.character(before: index, in: piece))
                }
            }
        }
        joined.remove(EscapedSpace.bytes.reduce(0) { $0 << 8 | UInt32($1) })
        self.joined = joined
        self.isPossible = isPossible
        joinedASCII = (0..<128).map { joined.contains($0) }
    }

    /// Where the word that begins at `start` ends.
    func endOfWord(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard isPossible else { return text.count }
        var index = start
        while EscapedSpace.stands(text, at: index) { index += 3 }
        while index < text.count {
            guard text[index] == EscapedSpace.bytes[0], EscapedSpace.stands(text, at: index) else {
                index += 1
                continue
            }
            if index > start, !isJoined(text, before: index) { return index }
            while EscapedSpace.stands(text, at: index) { index += 3 }
        }
        return index
    }

    private func isJoined(_ text: UnsafeRawBufferPointer, before index: Int) -> Bool {
        let last = text[index - 1]
        if last < 0x80 { return joinedASCII[Int(last)] }
        return !joined.isEmpty && joined.contains(Self.character(before: index, in: text))
    }

    /// The character that ends before `index`, as its bytes in a number.
    private static func character(before index: Int, in text: UnsafeRawBufferPointer) -> UInt32 {
        var start = index - 1
        while start > 0, index - start < 4, text[start] & 0xC0 == 0x80 { start -= 1 }
        return text[start..<index].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

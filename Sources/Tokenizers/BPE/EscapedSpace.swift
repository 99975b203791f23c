/// `▁`, U+2581, which SentencePiece vocabularies write for a space.
enum EscapedSpace {
    /// Its UTF-8.
    static let bytes: [UInt8] = [0xE2, 0x96, 0x81]

    /// Whether it stands at `index`.
    @inline(__always) static func stands(_ text: UnsafeRawBufferPointer, at index: Int) -> Bool {
        index + 3 <= text.count && text[index] == 0xE2 && text[index + 1] == 0x96 && text[index + 2] == 0x81
    }

    /// Whether it stands in `token` behind anything but itself.
    static func follows(_ token: ArraySlice<UInt8>) -> Bool {
        guard token.count > 3 else { return false }
        return Array(token).withUnsafeBytes { endOfWord($0, from: 0) < token.count }
    }

    /// Where the word that begins at `start` ends: before the first `▁` that follows anything else.
    static func endOfWord(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while stands(text, at: index) { index += 3 }
        while index < text.count {
            if text[index] == 0xE2, stands(text, at: index) { return index }
            index += 1
        }
        return index
    }
}

/// Turns ids into text as they are generated.
///
/// A token may end inside a character, so what is held back is the last bytes of a character that is not
/// complete: three at most. What has been returned is therefore always well-formed and never taken back. Bytes
/// that are not UTF-8 become U+FFFD, one for the longest part of them that could have begun a character, which
/// is what Unicode recommends and Python's `errors="replace"` does. Control tokens give nothing.
package struct StreamingDetokenizer: Sendable {
    private let tokenizer: any TextTokenizer
    private var pending: [UInt8] = []
    /// Whether the next byte may be the space that encoding put before the text.
    private var expectsSpacePrefix: Bool

    /// - Parameters:
    ///   - tokenizer: what the ids come from.
    ///   - continuesText: whether the ids go on with a text that has begun, so that a space at their start is
    ///     one of the text.
    package init(_ tokenizer: any TextTokenizer, continuesText: Bool = false) {
        self.tokenizer = tokenizer
        expectsSpacePrefix = tokenizer.addsSpacePrefix && !continuesText
    }

    /// The text that `id` completes; empty if it completes none.
    package mutating func append(_ id: Int32) -> String {
        var bytes = tokenizer.bytes(of: id)
        guard !bytes.isEmpty else { return "" }
        if expectsSpacePrefix, bytes.first == 0x20 { bytes = bytes.dropFirst() }
        expectsSpacePrefix = false
        pending += bytes
        let complete = pending.count - Self.incompleteSuffix(pending)
        guard complete > 0 else { return "" }
        let text = String(decoding: pending[..<complete], as: UTF8.self)
        pending.removeFirst(complete)
        return text
    }

    /// The rest of the text: U+FFFD if it ends inside a character. The value is then as it was when new, but for
    /// a space at the start of what follows, which is kept.
    package mutating func finish() -> String {
        defer { pending.removeAll() }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end of `bytes` begin a character that is not complete: 0 to 3.
    private static func incompleteSuffix(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let start = bytes.count - length
            let lead = bytes[start]
            if lead & 0xC0 == 0x80 { continue }
            guard (0xC2...0xF4).contains(lead), UTF8Decoding.announcedLength(lead) > length else { return 0 }
            guard length > 1 else { return length }
            // The second byte decides whether this is overlong, a surrogate or beyond Unicode.
            let second: ClosedRange<UInt8> =
                switch lead {
                case 0xE0: 0xA0...0xBF
                case 0xED: 0x80...0x9F
                case 0xF0: 0x90...0xBF
                case 0xF4: 0x80...0x8F
                default: 0x80...0xBF
                }
            return second.contains(bytes[start + 1]) ? length : 0
        }
        return 0
    }
}

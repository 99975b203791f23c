/// Walks through UTF-8 text and finds its sentences one after the other. Looks at each byte a bounded number
/// of times.
struct SentenceScanner {
    let bytes: UnsafeBufferPointer<UInt8>
    let rules: SentenceRules
    private var position = 0
    /// Whether the line has an odd number of straight double quotes so far.
    private(set) var isInsideStraightQuotes = false

    /// - Parameter bytes: valid UTF-8.
    init(bytes: UnsafeBufferPointer<UInt8>, rules: SentenceRules) {
        self.bytes = bytes
        self.rules = rules
    }

    /// The bytes of the next sentence, without white space at either end, or nil at the end of the text.
    mutating func next() -> Range<Int>? {
        while position < bytes.count {
            let (scalar, length) = scalar(at: position)
            guard SentenceScalars.isWhitespace(scalar) else { break }
            if SentenceScalars.isNewline(scalar) { isInsideStraightQuotes = false }
            position += length
        }
        guard position < bytes.count else { return nil }

        let start = position
        var end = position
        // Where the first word begins, behind quotes and brackets that open.
        var contentStart: Int?
        while position < bytes.count {
            let (scalar, length) = scalar(at: position)
            if isTerminator(scalar) {
                let content = contentStart ?? position
                contentStart = content
                let run = TerminatorRun(self, at: position, contentStart: content)
                for byte in bytes[position..<run.end] where byte == 0x22 { isInsideStraightQuotes.toggle() }
                position = run.end
                end = run.end
                if run.endsSentence { break }
            } else if SentenceScalars.isWhitespace(scalar) {
                if SentenceScalars.isNewline(scalar) { break }
                position += length
            } else {
                if scalar == 0x22 { isInsideStraightQuotes.toggle() }
                if contentStart == nil, !SentenceScalars.opens(scalar) { contentStart = position }
                position += length
                end = position
            }
        }
        return start..<end
    }

    /// Whether `scalar` may end a sentence in this language.
    @inline(__always) func isTerminator(_ scalar: UInt32) -> Bool {
        SentenceScalars.terminator(scalar) != nil || (scalar == 0x3B && rules.questionMarkIsSemicolon)
    }

    /// The character at `index`, which must be the start of one, and its length.
    @inline(__always) func scalar(at index: Int) -> (value: UInt32, length: Int) {
        let lead = bytes[index]
        if lead < 0x80 { return (UInt32(lead), 1) }
        let length = min(UTF8Decoding.announcedLength(lead), bytes.count - index)
        var value = UInt32(lead) & (0x7F >> UInt32(length))
        for offset in 1..<max(length, 1) { value = value << 6 | UInt32(bytes[index + offset] & 0x3F) }
        return (value, length)
    }

    /// The character that ends before `index`, which must not be 0, and its length.
    @inline(__always) func scalar(before index: Int) -> (value: UInt32, length: Int) {
        var start = index - 1
        while start > 0, index - start < 4, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return scalar(at: start)
    }

    /// The character at `index`, or nil at the end.
    @inline(__always) func peek(_ index: Int) -> UInt32? {
        index < bytes.count ? scalar(at: index).value : nil
    }

    /// The first place from `index` on whose character does not satisfy `condition`.
    func skip(from index: Int, while condition: (UInt32) -> Bool) -> Int {
        var index = index
        while index < bytes.count {
            let (scalar, length) = scalar(at: index)
            guard condition(scalar) else { break }
            index += length
        }
        return index
    }

    /// The text of a range of bytes.
    func string(_ range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    }
}

/// Walks over UTF-8 text and finds the end of one word after the other, as the regular expressions of a
/// `PreTokenizer` do. No scalar is looked at more than a few times, whatever the text.
struct PreTokenScanner {
    private let preTokenizer: PreTokenizer
    private let text: UnsafeRawBufferPointer
    private let classes: ScalarClasses.Reader
    /// Where the text ends that the pattern sees: at the next digit for those that cut around digits first.
    private var limit: Int
    /// Where the text ends.
    private let end: Int

    /// - Parameters:
    ///   - text: well-formed UTF-8.
    ///   - range: the part of it to walk over, at the borders of characters.
    init(
        _ preTokenizer: PreTokenizer, _ text: UnsafeRawBufferPointer, _ range: Range<Int>,
        _ classes: ScalarClasses.Reader
    ) {
        self.preTokenizer = preTokenizer
        self.text = text
        self.classes = classes
        end = range.upperBound
        limit = preTokenizer.splitsDigitsFirst ? range.lowerBound : range.upperBound
    }

    /// Where the word ends that begins at `start`, which is the end of the word before and not of the text.
    mutating func endOfWord(at start: Int) -> Int {
        switch preTokenizer {
        case .gpt2: return plainWord(start)
        case .smollm, .commandR, .starcoder, .refact:
            if start == limit {
                let (first, length) = character(start)
                if first.contains(.number) {
                    limit = start + length
                    return limit
                }
                limit = end
                limit = skip(start, until: .number)
            }
            return plainWord(start)
        case .llamaBPE, .qwen2: return wordWithAnyPrefix(start)
        case .tekken: return casedWord(start)
        }
    }

    // MARK: - The patterns

    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    private func plainWord(_ start: Int) -> Int {
        if let contracted = contraction(start, caseMask: 0) { return contracted }
        var index = start
        var (kind, length) = character(start)
        if text[start] == 0x20, start + 1 < limit {
            let (next, nextLength) = character(start + 1)
            if next.contains(.space) { return spaces(start) }
            (index, kind, length) = (start + 1, next, nextLength)
        }
        if kind.contains(.letter) { return skip(index + length, while: .letter) }
        if kind.contains(.number) { return skip(index + length, while: .number) }
        if kind.contains(.space) { return spaces(start) }
        return skip(index + length, until: .notOther)
    }

    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+
    /// |\s+(?!\S)|\s+`, with `\p{N}` in place of `\p{N}{1,3}` for Qwen.
    private func wordWithAnyPrefix(_ start: Int) -> Int {
        if let contracted = contraction(start, caseMask: 0x20) { return contracted }
        let (first, length) = character(start)
        let next = start + length
        if first.contains(.letter) { return skip(next, while: .letter) }
        if first.contains(.number) { return digits(next) }
        if next < limit, !first.contains(.newline), character(next).0.contains(.letter) {
            return skip(next, while: .letter)
        }
        return marksOrSpaces(start, first, length, alsoSlash: false)
    }

    /// `[^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    /// where U is `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]` and L is `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`.
    private func casedWord(_ start: Int) -> Int {
        let (first, length) = character(start)
        let afterPrefix = first.isDisjoint(with: .notPrefix) && start + length < limit ? start + length : nil
        if let afterPrefix, let end = endsInLower(afterPrefix) { return end }
        if let end = endsInLower(start) { return end }
        if let afterPrefix, let end = beginsInUpper(afterPrefix) { return end }
        if let end = beginsInUpper(start) { return end }
        if first.contains(.number) { return digits(start + length) }
        return marksOrSpaces(start, first, length, alsoSlash: true)
    }

    /// `U*L+`. A scalar can be both: where the run of U is not followed by L, it gives back all behind its last
    /// scalar that is L as well.
    private func endsInLower(_ start: Int) -> Int? {
        var index = start
        var lastLowerEnd: Int?
        while index < limit {
            let (kind, length) = character(index)
            guard kind.contains(.upper) else {
                return kind.contains(.lower) ? skip(index + length, while: .lower) : lastLowerEnd
            }
            index += length
            if kind.contains(.lower) { lastLowerEnd = index }
        }
        return lastLowerEnd
    }

    /// `U+L*`
    private func beginsInUpper(_ start: Int) -> Int? {
        let upperEnd = skip(start, while: .upper)
        return upperEnd > start ? skip(upperEnd, while: .lower) : nil
    }

    // MARK: - Their parts

    /// ` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`, the first with `[\r\n/]*` if `alsoSlash`.
    private func marksOrSpaces(_ start: Int, _ first: ScalarClass, _ length: Int, alsoSlash: Bool) -> Int {
        var index = start + length
        if text[start] == 0x20, index < limit {
            let (next, nextLength) = character(index)
            // The callers have dealt with letters; a digit behind the space is a word of its own.
            guard next.isDisjoint(with: .notOther) else { return spacesOrLines(start) }
            index += nextLength
        } else if first.contains(.space) {
            return spacesOrLines(start)
        }
        index = skip(index, until: .notOther)
        while index < limit, text[index] == 0x0A || text[index] == 0x0D || alsoSlash && text[index] == 0x2F {
            index += 1
        }
        return index
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`
    private func spacesOrLines(_ start: Int) -> Int {
        var index = start
        var lastNewlineEnd: Int?
        while index < limit {
            let (kind, length) = character(index)
            guard kind.contains(.space) else { break }
            index += length
            if kind.contains(.newline) { lastNewlineEnd = index }
        }
        return lastNewlineEnd ?? spaces(start)
    }

    /// `\s+(?!\S)|\s+`: a run of white space gives its last character to what follows, unless it is the only one.
    private func spaces(_ start: Int) -> Int {
        var index = start
        var last = start
        while index < limit {
            let (kind, length) = character(index)
            guard kind.contains(.space) else { return last > start ? last : index }
            last = index
            index += length
        }
        return index
    }

    /// The rest of a run of digits of which one is consumed.
    private func digits(_ start: Int) -> Int {
        var index = start
        for _ in 1..<preTokenizer.maximumDigits {
            guard index < limit else { break }
            let (kind, length) = character(index)
            guard kind.contains(.number) else { break }
            index += length
        }
        return index
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d`
    ///
    /// - Parameter caseMask: 0x20 to take upper-case letters for lower-case ones, else 0.
    private func contraction(_ start: Int, caseMask: UInt8) -> Int? {
        guard text[start] == 0x27, start + 1 < limit else { return nil }
        let first = text[start + 1] | caseMask
        switch first {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"), UInt8(ascii: "l"):
            guard start + 2 < limit else { return nil }
            let second: UInt8 = first == UInt8(ascii: "l") ? first : UInt8(ascii: "e")
            return text[start + 2] | caseMask == second ? start + 3 : nil
        default: return nil
        }
    }

    private func skip(_ start: Int, while wanted: ScalarClass) -> Int {
        var index = start
        while index < limit {
            let (kind, length) = character(index)
            if kind.isDisjoint(with: wanted) { break }
            index += length
        }
        return index
    }

    private func skip(_ start: Int, until unwanted: ScalarClass) -> Int {
        var index = start
        while index < limit {
            let (kind, length) = character(index)
            if !kind.isDisjoint(with: unwanted) { break }
            index += length
        }
        return index
    }

    /// The class and the length of the character at `index`.
    @inline(__always) private func character(_ index: Int) -> (ScalarClass, Int) {
        let lead = text[index]
        if lead < 0x80 { return (classes[UInt32(lead)], 1) }
        func trail(_ distance: Int) -> UInt32 { UInt32(text[index + distance] & 0x3F) }
        if lead < 0xE0 { return (classes[UInt32(lead & 0x1F) << 6 | trail(1)], 2) }
        if lead < 0xF0 { return (classes[UInt32(lead & 0x0F) << 12 | trail(1) << 6 | trail(2)], 3) }
        return (classes[UInt32(lead & 0x07) << 18 | trail(1) << 12 | trail(2) << 6 | trail(3)], 4)
    }
}

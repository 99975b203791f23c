/// The verdict on a single period: whether it ends a sentence or belongs to the word before it. What follows
/// is known not to be in lower case.
struct Abbreviations {
    private let scanner: SentenceScanner
    private let contentStart: Int
    private let period: Int
    private let closedByQuote: Bool

    /// No abbreviation has more bytes than this.
    private static let longestAbbreviation = 32
    /// No word that begins sentences has more bytes than this.
    private static let longestStarter = 32

    /// - Parameters:
    ///   - contentStart: where the first word of the sentence begins that the period may end.
    ///   - period: where the period stands.
    ///   - closedByQuote: whether a quote closes behind the period, so that it ended something at least.
    init(_ scanner: SentenceScanner, _ contentStart: Int, _ period: Int, _ closedByQuote: Bool) {
        self.scanner = scanner
        self.contentStart = contentStart
        self.period = period
        self.closedByQuote = closedByQuote
    }

    /// Whether a sentence ends, if the next word begins at `next`.
    func endsSentence(_ next: Int) -> Bool {
        if SentenceScalars.isThaiOrLao(scanner.scalar(before: period).value) { return false }
        guard let word = wordBefore() else { return true }
        if isListNumber(word) { return false }
        switch scanner.rules.abbreviations[scanner.string(word)] {
        case .never: return false
        case .unlessNumberFollows where isNumber(next): return false
        case .ifStarterFollows: return isStarter(next)
        case .unlessDateFollows: return !isDateWord(next)
        case .unlessNumberFollows, nil: break
        }
        switch initials(word) {
        case 0: break
        case 1 where closedByQuote: return true
        default: return isStarter(next)
        }
        if scanner.rules.writesOrdinalsWithPeriod, isOrdinal(word) { return isStarter(next) }
        return true
    }

    /// The word that ends at the period, with periods and hyphens inside it; nil if there is none or if it is
    /// too long to be an abbreviation.
    private func wordBefore() -> Range<Int>? {
        var start = period
        while start > contentStart {
            let (scalar, length) = scanner.scalar(before: start)
            guard isPartOfWord(scalar) else { break }
            start -= length
            if period - start > Self.longestAbbreviation { return nil }
        }
        return start < period ? start..<period : nil
    }

    private func isPartOfWord(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x2D, 0x2E, 0xAA, 0xB0, 0xBA: true  // - . ª ° º
        default: SentenceScalars.isLetter(scalar) || SentenceScalars.isDigit(scalar)
        }
    }

    /// Whether `word` is the number of an item: "1", "2.3", "a" or "IV" at the start of the sentence.
    private func isListNumber(_ word: Range<Int>) -> Bool {
        guard word.lowerBound == contentStart else { return false }
        let text = scanner.bytes[word]
        if text.count == 1, let byte = text.first, SentenceScalars.isLetter(UInt32(byte)) { return true }
        if isRomanNumeral(text, "IVXL") || isRomanNumeral(text, "ivx") { return true }
        var digits = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
            case UInt8(ascii: "."): digits = 0
            default: return false
            }
            // Four digits are rather a year.
            if digits > 3 { return false }
        }
        return true
    }

    private func isRomanNumeral(_ text: Slice<UnsafeBufferPointer<UInt8>>, _ digits: StaticString) -> Bool {
        guard text.count <= 7 else { return false }
        return digits.withUTF8Buffer { digits in text.allSatisfy(digits.contains) }
    }

    /// The number of letters in a word that is made of single letters and periods, as "J", "U.S", "J.-P" and
    /// "e.g" are; 0 for another. One letter alone must be a capital, since some languages have words of one.
    private func initials(_ word: Range<Int>) -> Int {
        var letters = 0
        var expectsLetter = true
        var allUppercase = true
        var index = word.lowerBound
        while index < word.upperBound {
            let (scalar, length) = scanner.scalar(at: index)
            index += length
            if scalar == 0x2E || scalar == 0x2D {
                expectsLetter = true
            } else if SentenceScalars.isMark(scalar) {
                // A mark on the letter before.
                guard letters > 0 else { return 0 }
            } else {
                guard expectsLetter, SentenceScalars.isLetter(scalar) else { return 0 }
                if !SentenceScalars.isUppercase(scalar) { allUppercase = false }
                expectsLetter = false
                letters += 1
            }
        }
        return letters == 1 && !allUppercase ? 0 : letters
    }

    private func isOrdinal(_ word: Range<Int>) -> Bool {
        word.count <= 2 && scanner.bytes[word].allSatisfy { SentenceScalars.isDigit(UInt32($0)) }
    }

    /// Whether a number begins at `next`, in digits or in Roman numerals.
    private func isNumber(_ next: Int) -> Bool {
        guard let scalar = scanner.peek(next) else { return false }
        if SentenceScalars.isDigit(scalar) { return true }
        let word = wordRange(next)
        guard !word.isEmpty, isRomanNumeral(scanner.bytes[word], "IVXLCDM") else { return false }
        return word.count > 1 || !scanner.rules.hasWordI || scalar != 0x49
    }

    /// Whether the word at `next` is one that begins sentences. A period behind it makes it an initial.
    private func isStarter(_ next: Int) -> Bool {
        let word = wordRange(next)
        guard !word.isEmpty else { return false }
        let text = scanner.string(word)
        switch scanner.peek(word.upperBound) {
        case 0x2E: return false
        case 0x27, 0x2019: return scanner.rules.starters.contains(text + "'") || scanner.rules.starters.contains(text)
        default: return scanner.rules.starters.contains(text)
        }
    }

    private func isDateWord(_ next: Int) -> Bool {
        let word = wordRange(next)
        return !word.isEmpty && scanner.rules.dateWords.contains(scanner.string(word))
    }

    /// The letters from `start` on; empty if there are too many.
    private func wordRange(_ start: Int) -> Range<Int> {
        var end = start
        while end < scanner.bytes.count {
            let (scalar, length) = scanner.scalar(at: end)
            guard SentenceScalars.isLetter(scalar) else { break }
            end += length
            if end - start > Self.longestStarter { return start..<start }
        }
        return start..<end
    }
}

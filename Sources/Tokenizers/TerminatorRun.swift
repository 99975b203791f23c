/// One or more marks that may end a sentence, with what closes behind them, and the verdict on them.
struct TerminatorRun {
    /// Where the run ends: behind the last mark, quote or bracket that belongs to it.
    private(set) var end: Int
    /// Whether a sentence ends here. False at the end of a line, which ends the sentence anyway.
    private(set) var endsSentence = false

    private let scanner: SentenceScanner
    private let start: Int
    private let contentStart: Int
    /// Whether the run is a single `.`, apart from what closes behind it.
    private var isSinglePeriod = true
    /// Whether the run is nothing but periods and ellipses.
    private var isDots = true
    private var hasWide = false
    private var hasNative = false
    private var hasWidePeriod = false
    private var closedByQuote = false
    private var closedByBracket = false
    private var lastScalar: UInt32 = 0

    /// Reads the run that begins at `start`.
    ///
    /// - Parameter contentStart: where the first word, or the first mark, of the sentence stands that the run
    ///   may end.
    init(_ scanner: SentenceScanner, at start: Int, contentStart: Int) {
        self.scanner = scanner
        self.start = start
        self.contentStart = contentStart
        end = start
        read()
        endsSentence = decide()
    }

    // MARK: Reading

    private mutating func read() {
        var isFirst = true
        while end < scanner.bytes.count {
            let (scalar, length) = scanner.scalar(at: end)
            if scanner.isTerminator(scalar) {
                add(scalar, isFirst)
                isFirst = false
            } else if closes(scalar) || SentenceScalars.isEmoji(scalar) {
                if SentenceScalars.isClosingQuote(scalar) { closedByQuote = true }
                if SentenceScalars.isClosingBracket(scalar) { closedByBracket = true }
            } else if let reference = endOfReference() {
                lastScalar = 0x5D
                end = reference
                continue
            } else if let quote = endOfDetachedQuote() {
                closedByQuote = true
                end = quote
                continue
            } else {
                return
            }
            lastScalar = scalar
            end += length
        }
    }

    private mutating func add(_ scalar: UInt32, _ isFirst: Bool) {
        isSinglePeriod = isFirst && scalar == 0x2E
        if scalar != 0x2E, !(0x2024...0x2026).contains(scalar) { isDots = false }
        switch SentenceScalars.terminator(scalar) {
        case .wide: hasWide = true
        case .widePeriod: hasWidePeriod = true
        case .native: hasNative = true
        case .period, .spaced, nil: break
        }
    }

    /// Whether `scalar` closes what the run ends. A wide mark needs no white space behind it, so what stands
    /// there may as well open the next sentence; then the shape of the quote tells, or else how many there were.
    private func closes(_ scalar: UInt32) -> Bool {
        if hasWide {
            if scalar == 0x2018 || scalar == 0x201C || scalar == 0xAB { return false }
            if scalar == 0x22 { return scanner.isInsideStraightQuotes }
        }
        return SentenceScalars.closes(scalar)
    }

    /// The end of a reference to a note, such as `[12]`, that begins at `end`.
    private func endOfReference() -> Int? {
        guard scanner.peek(end) == 0x5B else { return nil }
        var index = end + 1
        while index - end <= 4, let scalar = scanner.peek(index), (0x30...0x39).contains(scalar) { index += 1 }
        return index > end + 1 && scanner.peek(index) == 0x5D ? index + 1 : nil
    }

    /// The end of a `»` that French sets apart by a space, at `end`. A word right behind would make it one
    /// that opens, as in German.
    private func endOfDetachedQuote() -> Int? {
        guard let space = scanner.peek(end), space == 0x20 || space == 0xA0 || space == 0x202F else { return nil }
        let quote = end + scanner.scalar(at: end).length
        guard let scalar = scanner.peek(quote), scalar == 0xBB || scalar == 0x203A else { return nil }
        let behind = quote + scanner.scalar(at: quote).length
        guard let next = scanner.peek(behind) else { return behind }
        let closes =
            SentenceScalars.isWhitespace(next) || scanner.isTerminator(next) || SentenceScalars.continues(next)
        return closes ? behind : nil
    }

    // MARK: Deciding

    private func decide() -> Bool {
        guard let next = scanner.peek(end) else { return false }
        guard SentenceScalars.isWhitespace(next) else { return endsWithoutSpace(before: next) }
        let wordStart = scanner.skip(from: end) {
            SentenceScalars.isWhitespace($0) && !SentenceScalars.isNewline($0)
        }
        guard let first = scanner.peek(wordStart), !SentenceScalars.isNewline(first) else { return false }
        if scanner.isTerminator(first) || SentenceScalars.continues(first) { return false }
        if first == 0x3A, scanner.peek(wordStart + 1).map(SentenceScalars.isWhitespace) ?? true { return false }
        if hasWide || hasWidePeriod || hasNative { return !startsSentence }

        let wordIndex = startOfWord(from: wordStart)
        guard let word = scanner.peek(wordIndex), !SentenceScalars.isNewline(word) else { return false }
        if SentenceScalars.isLowercase(word) || startsSentence { return false }
        if isSinglePeriod { return Abbreviations(scanner, contentStart, start, closedByQuote).endsSentence(wordIndex) }
        return !(isDots && isOmission)
    }

    /// Where the word begins that `index` leads to through quotes and brackets that open, and dashes.
    private func startOfWord(from index: Int) -> Int {
        scanner.skip(from: scanner.skip(from: index, while: SentenceScalars.opens)) {
            SentenceScalars.isDash($0) || SentenceScalars.opens($0)
                || (SentenceScalars.isWhitespace($0) && !SentenceScalars.isNewline($0))
        }
    }

    private func endsWithoutSpace(before next: UInt32) -> Bool {
        if startsSentence { return false }
        // Japanese quotes speech with "と", which goes on with the sentence.
        if lastScalar == 0x300D || lastScalar == 0x300F, next == 0x3068 || next == 0x3063 { return false }
        if hasWide { return !SentenceScalars.continues(next) }
        let isWord = SentenceScalars.isLetter(next) || SentenceScalars.opens(next)
        if hasNative { return isWord }
        // Full-width Latin letters and digits make numbers and abbreviations with a full-width period.
        let isLatin = next < 0x80 || (0xFF10...0xFF5A).contains(next)
        return hasWidePeriod && isWord && !isLatin
    }

    /// Whether nothing of the sentence stands before the run, so that it is what the sentence begins with.
    private var startsSentence: Bool { contentStart == start }

    /// Whether the run is an ellipsis in brackets, for words left out.
    private var isOmission: Bool {
        guard closedByBracket, start > 0 else { return false }
        let before = scanner.scalar(before: start).value
        return before == 0x5B || before == 0x28
    }
}

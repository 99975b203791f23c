/// A text that is being cut into words.
struct PreTokenizedText {
    /// Well-formed UTF-8.
    var bytes: [UInt8]
    /// The words, not empty and in order.
    var words: [Range<Int>]
    /// How many bytes at the start come from the first character of the whole text.
    var originLength: Int

    /// A text that is one word.
    init(_ text: NormalizedText, _ range: Range<Int>) {
        bytes = range.count == text.bytes.count ? text.bytes : Array(text.bytes[range])
        words = bytes.isEmpty ? [] : [0..<bytes.count]
        originLength = max(0, min(text.originLength, range.upperBound) - range.lowerBound)
    }

    /// Cuts every word by the parts that a pattern finds in it.
    mutating func split(
        _ behavior: SplitBehavior, inverted: Bool = false,
        _ parts: (UnsafeRawBufferPointer, Range<Int>) -> [TextPattern.Part]
    ) {
        var pieces: [Range<Int>] = []
        bytes.withUnsafeBytes { bytes in
            for word in words { behavior.append(parts(bytes, word), inverted: inverted, to: &pieces) }
        }
        words = pieces
    }

    /// Rewrites every word: `rewrite` appends what it becomes.
    mutating func rewrite(_ rewrite: (ArraySlice<UInt8>, _ isOrigin: Bool, inout [UInt8]) -> Void) {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + bytes.count / 2 + 3 * words.count)
        var newOrigin = 0
        for index in words.indices {
            let (word, start) = (words[index], output.count)
            let isOrigin = word.lowerBound < originLength
            rewrite(bytes[word], isOrigin, &output)
            if isOrigin { newOrigin = min(output.count, start + max(1, originLength - word.lowerBound)) }
            words[index] = start..<output.count
        }
        (bytes, originLength) = (output, newOrigin)
    }
}

/// One pre-tokenizer of a `tokenizer.json`.
enum PreTokenizationStep: Sendable {
    case split(TextPattern, SplitBehavior, inverted: Bool)
    /// Words as GPT-2 cuts them, or the text as it is, with every byte spelled as a character of `ByteAlphabet`.
    case byteLevel(addsPrefixSpace: Bool, splits: Bool)
    case metaspace(Metaspace)
    case digits(individually: Bool)
    case punctuation(SplitBehavior)
    /// Words and runs of other characters, without the white space.
    case whitespace
    case whitespaceSplit
    case bert

    /// Cuts the words of a text further.
    func apply(to text: inout PreTokenizedText) {
        switch self {
        case .split(let pattern, let behavior, let inverted):
            text.split(behavior, inverted: inverted) { pattern.parts($0, $1) }
        case .byteLevel(let addsPrefixSpace, let splits):
            Self.byteLevel(&text, addsPrefixSpace: addsPrefixSpace, splits: splits)
        case .metaspace(let metaspace): metaspace.apply(to: &text)
        case .digits(let individually):
            Self.split(&text, individually ? .isolated : .contiguous, .number)
        case .punctuation(let behavior): Self.split(&text, behavior, .punctuation)
        case .whitespace: text.split(.removed) { Self.wordsAndMarks($0, $1) }
        case .whitespaceSplit: Self.split(&text, .removed, .space)
        case .bert:
            Self.split(&text, .removed, .space)
            Self.split(&text, .isolated, .punctuation)
        }
    }

    private static func split(_ text: inout PreTokenizedText, _ behavior: SplitBehavior, _ trait: ScalarTrait) {
        ScalarTraits.shared.withReader { traits in
            text.split(behavior) { bytes, word in
                TextPattern.parts(bytes, word) { !traits[$0].isDisjoint(with: trait) }
            }
        }
    }

    /// `\w+|[^\w\s]+` as what stays, white space as what goes.
    private static func wordsAndMarks(_ text: UnsafeRawBufferPointer, _ word: Range<Int>) -> [TextPattern.Part] {
        ScalarTraits.shared.withReader { traits in
            var parts: [TextPattern.Part] = []
            var index = word.lowerBound
            var last: ScalarTrait = []
            while index < word.upperBound {
                let (scalar, length) = UTF8Decoding.scalar(text, index)
                // A mark is what is neither; a space that were a letter would be a letter.
                let trait: ScalarTrait =
                    traits[scalar].contains(.word) ? .word : traits[scalar].contains(.space) ? .space : .number
                if !parts.isEmpty, trait == last {
                    parts[parts.count - 1].range = parts[parts.count - 1].range.lowerBound..<(index + length)
                } else {
                    parts.append(TextPattern.Part(range: index..<(index + length), isMatch: trait == .space))
                    last = trait
                }
                index += length
            }
            return parts
        }
    }

    private static func byteLevel(_ text: inout PreTokenizedText, addsPrefixSpace: Bool, splits: Bool) {
        if addsPrefixSpace {
            text.rewrite { word, _, output in
                if word.first != 0x20 { output.append(0x20) }
                output += word
            }
        }
        if splits {
            ScalarClasses.shared.withReader { classes in
                text.split(.isolated) { bytes, word in
                    var scanner = PreTokenScanner(.gpt2, bytes, word, classes)
                    var parts: [TextPattern.Part] = []
                    var start = word.lowerBound
                    while start < word.upperBound {
                        let end = scanner.endOfWord(at: start)
                        parts.append(TextPattern.Part(range: start..<end, isMatch: true))
                        start = end
                    }
                    return parts
                }
            }
        }
        text.rewrite { word, _, output in
            for byte in word {
                let character = ByteAlphabet.characters[Int(byte)]
                if character < 0x80 {
                    output.append(UInt8(character))
                } else {
                    output.append(0xC0 | UInt8(character >> 6))
                    output.append(0x80 | UInt8(character & 0x3F))
                }
            }
        }
    }
}

/// Spaces as a visible character, and one before a text: the pre-tokenizer, and what its decoder undoes.
struct Metaspace: Sendable {
    /// When the character is put before a text that does not begin with it.
    enum PrependScheme: String, Sendable, CaseIterable {
        case always, first, never
    }

    /// What stands for a space, one character.
    var replacement: [UInt8]
    var scheme: PrependScheme
    /// Whether words are cut before each such character.
    var splits: Bool

    /// Rewrites and cuts the words of a text.
    func apply(to text: inout PreTokenizedText) {
        text.rewrite { word, isOrigin, output in
            let isMarked = word.first == 0x20 || word.starts(with: replacement)
            if !isMarked, scheme == .always || (scheme == .first && isOrigin) { output += replacement }
            for byte in word {
                if byte == 0x20 { output += replacement } else { output.append(byte) }
            }
        }
        guard splits else { return }
        text.split(.mergedWithNext) { TextPattern.literal(replacement).parts($0, $1) }
    }
}

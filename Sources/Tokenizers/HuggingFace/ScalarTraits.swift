/// What the components of a `tokenizer.json` ask about a character. The Hugging Face library takes its answers from
/// several sources, some of them with the tables of an old Unicode version: a later character has no such property.
struct ScalarTrait: OptionSet, Sendable {
    let rawValue: UInt8

    /// The property White_Space.
    static let space = ScalarTrait(rawValue: 1)
    /// `\w` of the library's own expressions: letters, marks, digits, connectors and joiners.
    static let word = ScalarTrait(rawValue: 2)
    /// Any number.
    static let number = ScalarTrait(rawValue: 4)
    /// Punctuation, by Unicode 8, and all of ASCII's.
    static let punctuation = ScalarTrait(rawValue: 8)
    /// A mark without a width, by Unicode 8: what BERT takes for an accent.
    static let accent = ScalarTrait(rawValue: 16)
    /// Any mark, by Unicode 9.
    static let combining = ScalarTrait(rawValue: 32)
    /// What BERT drops from a text, by Unicode 8: controls, formats, private use.
    static let dropped = ScalarTrait(rawValue: 64)
    /// A character of the blocks that BERT takes for Chinese.
    static let chinese = ScalarTrait(rawValue: 128)
}

/// The traits and the kind of every scalar, in a table of two levels like `ScalarClasses`. A kind is a general category,
/// but the white space among the control characters and the letters among the symbols have kinds of their own.
struct ScalarTraits: Sendable {
    /// For each block of 256 scalars, its page.
    private let blocks: [UInt16]
    /// The pages: traits in the low byte, the kind in the high one.
    private let pages: [UInt16]

    /// The table, which is built when it is first needed.
    static let shared = ScalarTraits()

    private init() {
        var pageOfBlock = [UInt16](repeating: 0, count: 0x1100)
        var pages: [UInt16] = []
        var block = 0
        while block < 0x1100 {
            pageOfBlock[block] = UInt16(pages.count / 256)
            if let uniform = Self.uniformBlocks.first(where: { $0.contains(block) }) {
                pages += repeatElement(Self.entry(UInt32(block << 8)), count: 256)
                for other in uniform { pageOfBlock[other] = pageOfBlock[block] }
                block = uniform.upperBound
            } else {
                for value in block << 8..<(block + 1) << 8 { pages.append(Self.entry(UInt32(value))) }
            }
            block += 1
        }
        (blocks, self.pages) = (pageOfBlock, pages)
    }

    /// Calls `body` with the table's memory.
    func withReader<Result>(_ body: (Reader) throws -> Result) rethrows -> Result {
        try blocks.withUnsafeBufferPointer { blocks in
            try pages.withUnsafeBufferPointer { pages in try body(Reader(blocks: blocks, pages: pages)) }
        }
    }

    /// The table with its memory at hand. It must not leave the closure that it is given to.
    struct Reader {
        fileprivate let blocks: UnsafeBufferPointer<UInt16>
        fileprivate let pages: UnsafeBufferPointer<UInt16>

        @inline(__always) private func entry(_ scalar: UInt32) -> UInt16 {
            pages[Int(blocks[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
        }

        @inline(__always) subscript(scalar: UInt32) -> ScalarTrait {
            ScalarTrait(rawValue: UInt8(truncatingIfNeeded: entry(scalar)))
        }

        /// The kind of a scalar, 0 to 31.
        @inline(__always) func kind(_ scalar: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: entry(scalar) >> 8) }
    }

    /// The traits of a scalar.
    func traits(_ scalar: UInt32) -> ScalarTrait { withReader { $0[scalar] } }

    /// The kind of a scalar, 0 to 31.
    func kind(_ scalar: UInt32) -> UInt8 { withReader { $0.kind(scalar) } }

    // MARK: - Kinds

    /// What kinds of scalar there are.
    struct Kind {
        var category: Unicode.GeneralCategory
        /// White space: among the separators all, among the control characters some.
        var isSpace = false
        /// A symbol with the property Alphabetic.
        var isAlphabetic = false

        /// `\w` of the expressions in a file.
        var isWord: Bool {
            switch category {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
                .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .connectorPunctuation:
                true
            default: isAlphabetic
            }
        }
    }

    /// The kinds, each at its number.
    private static let kinds: [Kind] = [
        Kind(category: .control), Kind(category: .control, isSpace: true), Kind(category: .otherSymbol),
        Kind(category: .otherSymbol, isAlphabetic: true), Kind(category: .spaceSeparator, isSpace: true),
        Kind(category: .lineSeparator, isSpace: true), Kind(category: .paragraphSeparator, isSpace: true),
        Kind(category: .uppercaseLetter), Kind(category: .lowercaseLetter), Kind(category: .titlecaseLetter),
        Kind(category: .modifierLetter), Kind(category: .otherLetter), Kind(category: .nonspacingMark),
        Kind(category: .spacingMark), Kind(category: .enclosingMark), Kind(category: .decimalNumber),
        Kind(category: .letterNumber), Kind(category: .otherNumber), Kind(category: .connectorPunctuation),
        Kind(category: .dashPunctuation), Kind(category: .openPunctuation), Kind(category: .closePunctuation),
        Kind(category: .initialPunctuation), Kind(category: .finalPunctuation), Kind(category: .otherPunctuation),
        Kind(category: .mathSymbol), Kind(category: .currencySymbol), Kind(category: .modifierSymbol),
        Kind(category: .format), Kind(category: .privateUse), Kind(category: .surrogate), Kind(category: .unassigned),
    ]

    /// The bits of the kinds that `isWanted` says.
    static func bits(_ isWanted: (Kind) -> Bool) -> UInt32 {
        kinds.indices.reduce(into: 0) { bits, index in if isWanted(kinds[index]) { bits |= 1 << UInt32(index) } }
    }

    /// The bits of the kinds of some categories.
    static func bits(_ categories: [Unicode.GeneralCategory]) -> UInt32 { bits { categories.contains($0.category) } }

    /// For each category, the first of its kinds.
    private static let firstKinds: [Unicode.GeneralCategory: UInt16] = Dictionary(
        kinds.enumerated().map { ($0.element.category, UInt16($0.offset)) }, uniquingKeysWith: { first, _ in first })

    // MARK: - Building

    /// Blocks whose scalars are all alike: Han, Hangul, other scripts, nothing, private use.
    private static let uniformBlocks: [ClosedRange<Int>] = [
        0x34...0x4C, 0x4E...0x9E, 0xAC...0xD6, 0xD8...0xDF, 0xE0...0xF8, 0x200...0x2A5, 0x2A8...0x2B5, 0x2BA...0x2CD,
        0x2CF...0x2EA, 0x340...0xDFF, 0xE02...0xEFE, 0xF00...0xFFE, 0x1000...0x10FE,
    ]

    // Characters whose category was another when the old tables were made.
    private static let laterAccents: Set<UInt32> = [0x1885, 0x1886, 0xA9BD, 0x111C9]
    private static let formerAccents: Set<UInt32> = [0x1734, 0x1171E]
    private static let formerMarks: Set<UInt32> = [0x1CF2, 0x1CF3]
    private static let formerPunctuation: Set<UInt32> = [0x166D, 0x111C9]

    /// The category of a scalar in Unicode 16, which the expressions go by.
    private static func category(_ scalar: Unicode.Scalar) -> Unicode.GeneralCategory {
        let category = scalar.properties.generalCategory
        if scalar.value == 0x295 { return .lowercaseLetter }
        guard category != .unassigned, category != .privateUse, let age = scalar.properties.age else { return category }
        return age.major <= 16 ? category : .unassigned
    }

    private static func entry(_ value: UInt32) -> UInt16 {
        guard let scalar = Unicode.Scalar(value) else { return (firstKinds[.surrogate] ?? 0) << 8 }
        let properties = scalar.properties
        let category = category(scalar)
        var kind = firstKinds[category] ?? 0
        var traits: ScalarTrait = []
        let isSpace = value <= 0x3000 && properties.isWhitespace
        if isSpace { traits.insert(.space) }
        if category == .control, isSpace { kind += 1 }
        if category == .otherSymbol, properties.isAlphabetic { kind += 1 }
        if kinds[Int(kind)].isWord || value == 0x200C || value == 0x200D { traits.insert(.word) }
        switch properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: traits.insert(.number)
        default: traits.formUnion(agedTraits(scalar, category))
        }
        if isChinese(value) { traits.insert(.chinese) }
        return kind << 8 | UInt16(traits.rawValue)
    }

    private static func agedTraits(_ scalar: Unicode.Scalar, _ category: Unicode.GeneralCategory) -> ScalarTrait {
        let value = scalar.value
        func exists(in version: Int) -> Bool { scalar.properties.age.map { $0.major <= version } ?? false }
        switch category {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            return exists(in: 8) ? .punctuation : []
        case .nonspacingMark, .spacingMark, .enclosingMark:
            var traits: ScalarTrait = exists(in: 9) && value != 0x111C9 ? .combining : []
            let isAccent = category == .nonspacingMark && exists(in: 8) && !laterAccents.contains(value)
            if isAccent || formerAccents.contains(value) { traits.insert(.accent) }
            if formerPunctuation.contains(value) { traits.insert(.punctuation) }
            return traits
        case .control: return value == 0x09 || value == 0x0A || value == 0x0D ? [] : .dropped
        case .format: return exists(in: 8) ? .dropped : []
        case .privateUse: return .dropped
        default:
            if value == 0xFFFD { return .dropped }
            if formerMarks.contains(value) { return .combining }
            if formerAccents.contains(value) { return .accent }
            let isASCIIPunctuation = (0x21...0x7E).contains(value) && !scalar.properties.isAlphabetic
            return isASCIIPunctuation || formerPunctuation.contains(value) ? .punctuation : []
        }
    }

    private static func isChinese(_ value: UInt32) -> Bool {
        switch value {
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2B81F,
            0x2B920...0x2CEAF, 0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}

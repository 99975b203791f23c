extension RegexSet {
    /// White space.
    static let space = RegexSet(kinds: ScalarTraits.bits { $0.isSpace })
    /// Decimal digits.
    static let digit = RegexSet(kinds: ScalarTraits.bits([.decimalNumber]))
    /// Letters, marks, digits and what connects them, and the raised digits and fractions of Latin-1.
    static let word: RegexSet = {
        var set = RegexSet(kinds: ScalarTraits.bits { $0.isWord })
        set.ranges = [0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE]
        return set
    }()
    /// Everything but a line feed.
    static let noNewline = RegexSet(0x0A).inverted
    /// Everything.
    static let any = RegexSet(kinds: .max)

    /// The set that `\p{name}` stands for, if it is known.
    static func named(_ name: String) -> RegexSet? {
        let plain = name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" }
        if let categories = categories[plain] { return RegexSet(kinds: ScalarTraits.bits(categories)) }
        switch plain {
        case "any": return .any
        case "space", "whitespace": return .space
        case "word": return .word
        case "han": return RegexSet(ranges: han)
        case "hiragana": return RegexSet(ranges: hiragana)
        case "katakana": return RegexSet(ranges: katakana)
        default: return nil
        }
    }

    private static let categories: [String: [Unicode.GeneralCategory]] = {
        var sets: [String: [Unicode.GeneralCategory]] = [
            "lu": [.uppercaseLetter], "ll": [.lowercaseLetter], "lt": [.titlecaseLetter], "lm": [.modifierLetter],
            "lo": [.otherLetter], "mn": [.nonspacingMark], "mc": [.spacingMark], "me": [.enclosingMark],
            "nd": [.decimalNumber], "nl": [.letterNumber], "no": [.otherNumber], "pc": [.connectorPunctuation],
            "pd": [.dashPunctuation], "ps": [.openPunctuation], "pe": [.closePunctuation],
            "pi": [.initialPunctuation], "pf": [.finalPunctuation], "po": [.otherPunctuation], "sm": [.mathSymbol],
            "sc": [.currencySymbol], "sk": [.modifierSymbol], "so": [.otherSymbol], "zs": [.spaceSeparator],
            "zl": [.lineSeparator], "zp": [.paragraphSeparator], "cc": [.control], "cf": [.format],
            "co": [.privateUse], "cs": [.surrogate], "cn": [.unassigned],
        ]
        for group in ["l", "m", "n", "p", "s", "z", "c"] {
            sets[group] = sets.filter { $0.key.hasPrefix(group) }.flatMap(\.value)
        }
        for (long, short) in [
            ("letter", "l"), ("mark", "m"), ("number", "n"), ("punctuation", "p"), ("symbol", "s"),
            ("separator", "z"), ("other", "c"),
        ] { sets[long] = sets[short] }
        return sets
    }()

    // The scripts as Unicode 16 assigns them.
    private static let han: [ClosedRange<UInt32>] = [
        0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029,
        0x3038...0x303B, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D, 0xFA70...0xFAD9, 0x16FE2...0x16FE3,
        0x16FF0...0x16FF1, 0x20000...0x2A6DF, 0x2A700...0x2B739, 0x2B740...0x2B81D, 0x2B820...0x2CEA1,
        0x2CEB0...0x2EBE0, 0x2EBF0...0x2EE5D, 0x2F800...0x2FA1D, 0x30000...0x3134A, 0x31350...0x323AF,
    ]
    private static let hiragana: [ClosedRange<UInt32>] = [
        0x3041...0x3096, 0x309D...0x309F, 0x1B001...0x1B11F, 0x1B132...0x1B132, 0x1B150...0x1B152, 0x1F200...0x1F200,
    ]
    private static let katakana: [ClosedRange<UInt32>] = [
        0x30A1...0x30FA, 0x30FD...0x30FF, 0x31F0...0x31FF, 0x32D0...0x32FE, 0x3300...0x3357, 0xFF66...0xFF6F,
        0xFF71...0xFF9D, 0x1AFF0...0x1AFF3, 0x1AFF5...0x1AFFB, 0x1AFFD...0x1AFFE, 0x1B000...0x1B000,
        0x1B120...0x1B122, 0x1B155...0x1B155, 0x1B164...0x1B167,
    ]
}

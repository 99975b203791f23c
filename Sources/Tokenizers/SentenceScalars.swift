/// What a character means to a sentence splitter. The sets are those of Unicode's property `Sentence_Terminal`
/// and of its categories for punctuation, as far as text in use needs them.
enum SentenceScalars {
    /// How a character that ends sentences behaves.
    enum Terminator {
        /// `.`, which has many other uses.
        case period
        /// `!`, `?`, `…` and their like: only with white space behind.
        case spaced
        /// A full stop, exclamation or question mark of Chinese and Japanese: wherever it stands.
        case wide
        /// The full-width `.`, which also stands in numbers and abbreviations.
        case widePeriod
        /// The full stop of a script whose stop has no other use, such as a danda: also without white space
        /// behind, if a word follows.
        case native
    }

    /// The behaviour of `scalar`, or nil for a character that does not end sentences.
    static func terminator(_ scalar: UInt32) -> Terminator? {
        if scalar < 0x80 {
            switch scalar {
            case 0x2E: return .period
            case 0x21, 0x3F: return .spaced
            default: return nil
            }
        }
        switch scalar {
        case 0x203C, 0x203D, 0x2047...0x2049: return .spaced  // ‼ ‽ ⁇ ⁈ ⁉
        case 0x2024...0x2026: return .spaced  // one, two and three dot leaders, …
        case 0x037E, 0x2E2E, 0x2E53, 0x2E54: return .spaced  // Greek ;, reversed ?, medieval ! and ?
        case 0x3002, 0xFF61, 0xFF01, 0xFF1F, 0xFE12, 0xFE15, 0xFE16, 0xFE56, 0xFE57: return .wide
        case 0xFF0E, 0xFE52: return .widePeriod
        case 0x0589, 0x061D...0x061F, 0x06D4: return .native  // Armenian, Arabic, Urdu
        case 0x0700...0x0702, 0x07F9, 0x0837, 0x0839, 0x083D, 0x083E: return .native  // Syriac, N'Ko, Samaritan
        case 0x0964, 0x0965, 0x0DF4: return .native  // danda and double danda, Sinhala
        case 0x0F0D, 0x0F0E, 0x104B: return .native  // Tibetan, Burmese
        case 0x1362, 0x1367, 0x1368, 0x166E: return .native  // Ethiopic, Canadian syllabics
        case 0x1735, 0x1736, 0x17D4, 0x17D5: return .native  // Philippine scripts, Khmer
        case 0x1803, 0x1809, 0x1944, 0x1945: return .native  // Mongolian, Limbu
        case 0x1AA8...0x1AAB, 0x1B5E, 0x1B5F, 0x1C3B, 0x1C3C, 0x1C7E, 0x1C7F: return .native
        case 0xA4FF, 0xA60E, 0xA60F, 0xA6F3, 0xA6F7, 0xA876, 0xA877, 0xA8CE, 0xA8CF: return .native
        case 0xA92F, 0xA9C8, 0xA9C9, 0xAA5D...0xAA5F, 0xAAF0, 0xAAF1, 0xABEB: return .native
        case 0x11047, 0x11048, 0x110C0, 0x110C1, 0x11141...0x11143, 0x111C5, 0x111C6: return .native
        case 0x1144B, 0x1144C, 0x115C2, 0x115C3, 0x11641, 0x11642: return .native
        default: return nil
        }
    }

    /// Whether `scalar` ends a line.
    static func isNewline(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x0A...0x0D, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    /// Whether `scalar` is white space, newlines included (the property `White_Space`).
    static func isWhitespace(_ scalar: UInt32) -> Bool {
        if scalar < 0x80 { return scalar == 0x20 || (0x09...0x0D).contains(scalar) }
        switch scalar {
        case 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: return true
        default: return false
        }
    }

    /// Whether `scalar`, right after the end of a sentence, still belongs to it: quotes and brackets that
    /// close, marks of emphasis, superscript references, and characters without a width.
    static func closes(_ scalar: UInt32) -> Bool {
        isClosingQuote(scalar) || isClosingBracket(scalar) || isInvisible(scalar) || isSuperscript(scalar)
            || scalar == 0x2A || scalar == 0x5F || scalar == 0x60 || scalar == 0x7E
    }

    /// Quotes that close in some language. Straight quotes do too when they follow a sentence directly.
    static func isClosingQuote(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x22, 0x27, 0xBB, 0xAB, 0x2018...0x201D, 0x201F, 0x2039, 0x203A, 0xFF02, 0xFF07, 0x301E, 0x301F: true
        case 0x300D, 0x300F, 0xFF63: true
        default: false
        }
    }

    /// Brackets that close.
    static func isClosingBracket(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x29, 0x5D, 0x7D, 0x0F3B, 0x0F3D, 0x2046, 0x207E, 0x208E, 0x232A, 0x27E7, 0x27E9, 0x2769, 0x276B: true
        case 0x3009, 0x300B, 0x3011, 0x3015, 0x3017, 0x3019, 0x301B, 0xFF09, 0xFF3D, 0xFF5D, 0xFF60, 0xFD3E: true
        default: false
        }
    }

    /// Whether `scalar` may stand before the first word of a sentence: quotes and brackets that open, the
    /// inverted marks of Spanish, marks of emphasis, and characters without a width.
    static func opens(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x22, 0x27, 0x28, 0x2A, 0x5B, 0x5F, 0x60, 0x7B, 0xA1, 0xBF, 0xAB, 0xBB: true
        case 0x2018...0x201F, 0x2039, 0x203A, 0x2E18, 0xFF08, 0xFF3B, 0xFF5B, 0xFF62, 0xFF02, 0xFF07: true
        case 0x3008, 0x300A, 0x300C, 0x300E, 0x3010, 0x3014, 0x3016, 0x3018, 0x301A, 0x301D, 0xFD3F: true
        default: isInvisible(scalar)
        }
    }

    /// Marks that change direction, variation selectors, joiners and their like.
    static func isInvisible(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x061C, 0x200B...0x200F, 0x202A...0x202E, 0x2060...0x2069, 0xFE00...0xFE0F, 0xFEFF: true
        default: false
        }
    }

    /// Superscript digits, as references to notes.
    static func isSuperscript(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0xB2, 0xB3, 0xB9, 0x2070, 0x2074...0x2079: true
        default: false
        }
    }

    /// Pictographs and what modifies them.
    static func isEmoji(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x1F000...0x1FAFF, 0x2600...0x27BF, 0x2B05...0x2B55, 0x200D, 0xFE0F, 0x20E3, 0xE0020...0xE007F: true
        default: false
        }
    }

    /// Dashes that introduce speech or an aside.
    static func isDash(_ scalar: UInt32) -> Bool { (0x2013...0x2015).contains(scalar) }

    /// Whether `scalar`, after white space, shows that the sentence before is not over: a comma, a bracket
    /// that closes.
    static func continues(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x2C, 0x3B, 0x060C, 0x061B, 0x3001, 0xFF0C, 0xFF1B: true
        default: isClosingBracket(scalar)
        }
    }

    /// Whether `scalar` is of Thai or Lao, which end sentences without a mark and abbreviate with a period.
    static func isThaiOrLao(_ scalar: UInt32) -> Bool { (0x0E00...0x0EFF).contains(scalar) }
}

/// Letters, marks and digits, as the ends of sentences depend on them.
extension SentenceScalars {
    /// What a character contributes to a word.
    enum WordKind: Sendable {
        /// A small letter of a script that begins sentences with capitals.
        case lowercase
        /// A capital or title-case letter.
        case uppercase
        /// A letter of a script, or in a use, without case.
        case otherLetter
        /// A mark on a letter.
        case mark
        /// A decimal digit.
        case digit
        /// Nothing: it is not part of words.
        case none
    }

    /// What `scalar` contributes to a word.
    @inline(__always) static func wordKind(_ scalar: UInt32) -> WordKind {
        scalar < 0x2000 ? lowWordKinds[Int(scalar)] : wordKindFromProperties(scalar)
    }

    /// Whether `scalar` is a lower-case letter of a script that begins sentences with upper-case ones.
    static func isLowercase(_ scalar: UInt32) -> Bool { wordKind(scalar) == .lowercase }

    /// Whether `scalar` is an upper-case or title-case letter.
    static func isUppercase(_ scalar: UInt32) -> Bool { wordKind(scalar) == .uppercase }

    /// Whether `scalar` is a mark on a letter.
    static func isMark(_ scalar: UInt32) -> Bool { wordKind(scalar) == .mark }

    /// Whether `scalar` is a letter, or a mark on one.
    static func isLetter(_ scalar: UInt32) -> Bool {
        switch wordKind(scalar) {
        case .lowercase, .uppercase, .otherLetter, .mark: true
        case .digit, .none: false
        }
    }

    /// Whether `scalar` is a decimal digit of any script.
    static func isDigit(_ scalar: UInt32) -> Bool { wordKind(scalar) == .digit }

    /// The kinds of the characters below U+2000, where nearly all scripts with case are: the properties
    /// themselves take ten times as long.
    private static let lowWordKinds: [WordKind] = (0..<0x2000).map(wordKindFromProperties)

    private static func wordKindFromProperties(_ scalar: UInt32) -> WordKind {
        // Georgian is formally lower-case and has no capitals at the start of sentences.
        if (0x10D0...0x10FF).contains(scalar) { return .otherLetter }
        switch Unicode.Scalar(scalar)?.properties.generalCategory {
        case .lowercaseLetter: return .lowercase
        case .uppercaseLetter, .titlecaseLetter: return .uppercase
        case .modifierLetter, .otherLetter: return .otherLetter
        case .nonspacingMark, .spacingMark: return .mark
        case .decimalNumber: return .digit
        default: return .none
        }
    }
}

/// What a language adds to the rules for the ends of sentences. An object, so that passing it on is cheap.
final class SentenceRules: Sendable {
    /// When a period after an abbreviation ends a sentence, if what follows is not in lower case.
    enum Abbreviation: Sendable {
        /// Never: something belongs behind it, as behind "Dr.".
        case never
        /// Unless a number follows, as behind "No.".
        case unlessNumberFollows
        /// Only if a word follows that begins sentences, as behind "Inc.".
        case ifStarterFollows
        /// Unless a day, a month or a time zone follows, as behind "p.m.".
        case unlessDateFollows
    }

    /// Abbreviations as they are written before the period. Periods inside them count, those at the end not.
    let abbreviations: [String: Abbreviation]
    /// Words that begin sentences and are seldom a name, in title case. An apostrophe at the end belongs to
    /// the word.
    let starters: Set<String>
    /// Words that may follow the time of day.
    let dateWords: Set<String>
    /// Whether "3." is how the language writes "third".
    let writesOrdinalsWithPeriod: Bool
    /// Whether `;` is the question mark, as in Greek.
    let questionMarkIsSemicolon: Bool
    /// Whether a lone `I` is a word and no numeral.
    let hasWordI: Bool

    /// - Parameters: lists of words, separated by white space. An abbreviation in lower case also stands for
    ///   itself in title case and in capitals, if it has more than one letter; one in title case also for
    ///   itself in capitals.
    init(
        never: String = "", unlessNumberFollows: String = "", ifStarterFollows: String = "",
        unlessDateFollows: String = "", starters: String = "", dateWords: String = "",
        writesOrdinalsWithPeriod: Bool = false, questionMarkIsSemicolon: Bool = false, hasWordI: Bool = false
    ) {
        // Where an abbreviation is in two lists, the later counts.
        let lists: [(String, Abbreviation)] = [
            (ifStarterFollows, .ifStarterFollows), (unlessNumberFollows, .unlessNumberFollows),
            (unlessDateFollows, .unlessDateFollows), (never, .never),
        ]
        var abbreviations: [String: Abbreviation] = [:]
        for (list, abbreviation) in lists {
            for word in Self.words(list) {
                for form in Self.forms(of: word) { abbreviations[form] = abbreviation }
            }
        }
        self.abbreviations = abbreviations
        self.starters = Set(Self.words(starters))
        self.dateWords = Set(Self.words(dateWords))
        self.writesOrdinalsWithPeriod = writesOrdinalsWithPeriod
        self.questionMarkIsSemicolon = questionMarkIsSemicolon
        self.hasWordI = hasWordI
    }

    /// The rules for a BCP 47 tag, or those that hold for every language.
    static func rules(for tag: String?) -> SentenceRules {
        let language = tag?.split(whereSeparator: { $0 == "-" || $0 == "_" }).first?.lowercased()
        switch language {
        case "de": return german
        case "en": return english
        case "es": return spanish
        case "fr": return french
        case "it": return italian
        case "pt": return portuguese
        case "el": return greek
        case "bs", "cs", "da", "et", "fi", "hr", "hu", "is", "lv", "nb", "nn", "no", "pl", "sk", "sl", "sr", "tr":
            return ordinalsOnly
        default: return common
        }
    }

    private static let common = SentenceRules()
    private static let ordinalsOnly = SentenceRules(writesOrdinalsWithPeriod: true)
    private static let greek = SentenceRules(questionMarkIsSemicolon: true)

    private static func forms(of word: String) -> [String] {
        // A capital on its own is an initial, whatever the small letter stands for.
        guard word.count > 1 else { return [word] }
        return [word, word.prefix(1).uppercased() + word.dropFirst(), word.uppercased()]
    }

    private static func words(_ list: String) -> [String] {
        list.split(whereSeparator: \.isWhitespace).map(String.init)
    }
}

internal import Generation
internal import Tokenizers

/// Language tags as clients write them (BCP 47), compared the way people mean them: case does not matter, and a
/// model for `pt` serves `pt-BR`.
package struct LanguageTag: Hashable, Sendable, CustomStringConvertible {
    /// The tag in its usual spelling: `pt`, `pt-BR`, `zh-Hans`.
    package let description: String
    /// The tags that mean the same, the best first: this one, and others for `por_Latn` or `zh-TW`.
    let meanings: [String]

    /// Reads a tag; nil if it is not one: letters and digits in parts of 1 to 8, the first of 2 or 3 letters.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).flatMap {
            $0.split(separator: "_", omittingEmptySubsequences: false)
        }
        guard let first = parts.first, (2...3).contains(first.count), first.allSatisfy({ $0.isASCII && $0.isLetter }),
            parts.allSatisfy({
                (1...8).contains($0.count) && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
            })
        else { return nil }
        let spelled = parts.dropFirst().map { part in
            switch part.count {
            case 2: part.uppercased()
            case 4: part.prefix(1).uppercased() + part.dropFirst().lowercased()
            default: part.lowercased()
            }
        }
        description = ([first.lowercased()] + spelled).joined(separator: "-")
        meanings = LanguageCodes.lookup(description)
    }

    /// The language without script and region.
    package var primary: String { String(description.prefix { $0 != "-" }) }

    /// Whether a model for `supported` serves this language: a tag that means the same, or one of the two names no script
    /// or region.
    package func isServed(by supported: String) -> Bool {
        if meanings.contains(supported) { return true }
        guard let other = LanguageTag(supported) else { return false }
        if other.description == description { return true }
        return other.primary == primary && (other.description == primary || description == primary)
    }
}

extension LanguageTag {
    /// The one of a model's languages that serves this one best; nil if none does.
    func best(of supported: [String]) -> String? {
        for meaning in meanings where supported.contains(meaning) { return meaning }
        return supported.first { isServed(by: $0) }
    }
}

extension TranslationBatcher {
    /// The languages as the model knows them: the very tags before others that serve.
    func direction(from source: LanguageTag, to target: LanguageTag) -> TranslationDirection {
        func language(_ tag: LanguageTag, _ isMeant: (TranslationLanguage) -> Bool) -> TranslationLanguage? {
            let meant = languages.filter(isMeant)
            let best = tag.best(of: meant.map(\.tag))
            return meant.first { $0.tag == best }
        }
        return TranslationDirection(source: language(source, \.isSource), target: language(target, \.isTarget))
    }
}

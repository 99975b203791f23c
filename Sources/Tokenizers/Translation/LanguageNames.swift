/// What languages are called in English.
package enum LanguageNames {
    /// The name of a language by its tag in BCP 47, with script and region in parentheses: "Chinese (Simplified)",
    /// "Portuguese (Brazil)". Codes of models are understood, too. A tag that is not known is its own name.
    package static func english(_ tag: String) -> String {
        guard let parts = LanguageCodes.parts(tag) else { return tag }
        let short = LanguageCodes.tag(parts.language) ?? parts.language
        guard let name = languages[parts.language] ?? languages[short] else { return tag }
        // A script that goes without saying is not said.
        let meant = LanguageCodes.tag(tag).flatMap { LanguageCodes.parts($0) } ?? parts
        let script = meant.script.map { scripts[$0] ?? $0 }
        let region = meant.region.map { regions[$0] ?? $0 }
        let details = [script, region].compactMap { $0 }
        return details.isEmpty ? name : "\(name) (\(details.joined(separator: ", ")))"
    }

    /// Whether the language of a tag or code has a name here.
    package static func isKnown(_ tag: String) -> Bool {
        guard let parts = LanguageCodes.parts(tag) else { return false }
        return languages[parts.language] != nil || languages[LanguageCodes.tag(parts.language) ?? ""] != nil
    }

    private static let languages = names(languageNames)
    private static let scripts = names(scriptNames)
    private static let regions = names(regionNames)

    /// A table of codes and names that is written as text.
    private static func names(_ table: String) -> [String: String] {
        Dictionary(
            table.split { $0 == ";" || $0 == "\n" }.compactMap { entry in
                let words = entry.drop { $0 == " " }.split(separator: " ", maxSplits: 1)
                return words.count == 2 ? (String(words[0]), String(words[1])) : nil
            }, uniquingKeysWith: { first, _ in first })
    }
}

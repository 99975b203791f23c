/// Between the codes of languages that models use (`por_Latn`, `cmn_Hans`, `pt_BR`, `iw`) and BCP 47 (`pt`, `zh-Hans`,
/// `pt-BR`, `he`). A tag has the two-letter code where there is one, and a script only where the language is not
/// usually written in it; Chinese always keeps its script.
package enum LanguageCodes {
    /// The tag of a model's code; nil for what is no language with, possibly, a script and a region.
    package static func tag(_ code: String) -> String? { parts(code).map { canonical($0).description } }

    /// The languages of a model, in the order of their codes. Where two codes have one tag (`ara`, `arb`), the second
    /// keeps its own code as tag; a code that is no language's, or that differs from another only in case, is left out.
    package static func languages(
        _ codes: [String], isSource: Bool = true, isTarget: Bool = true
    ) -> [TranslationLanguage] {
        var taken: Set<String> = []
        return codes.compactMap { code in
            guard let parts = parts(code) else { return nil }
            let tags = [canonical(parts).description, parts.description]
            guard let tag = tags.first(where: { !taken.contains($0) }) else { return nil }
            taken.insert(tag)
            return TranslationLanguage(code: code, tag: tag, isSource: isSource, isTarget: isTarget)
        }
    }

    /// The tags that serve a request for a language, the best first: its own; then the same in other words (`por_Latn`
    /// is `pt`, `zh-TW` is `zh-Hant`), with less said of it, and languages that are taken for it (`nb` for `no`).
    /// Empty for what is no language.
    package static func lookup(_ requested: String) -> [String] {
        guard let asked = parts(requested, allowsVariants: true) else { return [] }
        var tags: [String] = []
        func add(_ tag: String) { if !tags.contains(tag) { tags.append(tag) } }
        let meant = canonical(asked)
        add(asked.description)
        add(meant.description)
        add(Parts(language: meant.language, script: meant.script).description)
        // In the usual script, or in Chinese, which is not said to be in one, the language alone will do.
        if meant.script == nil || usualScript(meant.language) == nil { add(meant.language) }
        if meant.description == "zh" { add("zh-Hans") }
        if meant.description == "fa-AF" { tags.insert("prs", at: 1) }
        if meant.script == nil { substitutes[meant.language]?.forEach(add) }
        return tags
    }

    /// Languages that are taken for others, the best first.
    private static let substitutes = [
        "no": ["nb", "nn"], "nb": ["no"], "sh": ["hr", "bs", "sr-Latn", "sr"], "fil": ["tl"], "tl": ["fil"],
        "prs": ["fa-AF", "fa"], "ak": ["tw"], "tw": ["ak"], "din": ["dik"], "dik": ["din"], "kok": ["gom"],
        "gom": ["kok"],
    ]

    // MARK: - Parts

    /// What a code says.
    struct Parts: Equatable, CustomStringConvertible {
        var language: String
        var script: String?
        var region: String?

        var description: String { [language, script, region].compactMap { $0 }.joined(separator: "-") }
    }

    /// Takes a code apart; the parts are in the case that BCP 47 recommends.
    static func parts(_ code: String, allowsVariants: Bool = false) -> Parts? {
        guard code.utf8.count <= 35 else { return nil }
        let words = code.split(omittingEmptySubsequences: false) { $0 == "_" || $0 == "-" }
        guard let language = words.first, (2...3).contains(language.utf8.count), isLetters(language) else { return nil }
        var parts = Parts(language: language.lowercased())
        for word in words.dropFirst() {
            let isRegion =
                word.utf8.count == 2 && isLetters(word)
                || word.utf8.count == 3 && word.utf8.allSatisfy { (0x30...0x39).contains($0) }
            if word.utf8.count == 4, isLetters(word), parts.script == nil, parts.region == nil {
                parts.script = word.prefix(1).uppercased() + word.dropFirst().lowercased()
            } else if isRegion, parts.region == nil {
                parts.region = word.uppercased()
            } else if !allowsVariants {
                return nil
            } else {
                break
            }
        }
        return parts
    }

    private static func isLetters(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { (0x41...0x5A).contains($0 & 0xDF) && $0 < 0x80 }
    }

    /// The same in as few words as BCP 47 wants.
    private static func canonical(_ parts: Parts) -> Parts {
        var parts = parts
        parts.language = languageCodes[parts.language] ?? parts.language
        if parts.language == "zh", parts.script == nil {
            switch parts.region {
            case "CN", "SG", "MY": parts.script = "Hans"
            case "TW", "HK", "MO": parts.script = "Hant"
            default: break
            }
            // Hong Kong's and Macao's Chinese differs from Taiwan's, whose it usually is.
            if parts.region == "CN" || parts.region == "TW" { parts.region = nil }
        }
        if parts.script == "Kore" { parts.script = "Hang" }
        if parts.script == usualScript(parts.language) { parts.script = nil }
        return parts
    }

    /// The script that a language is written in if nothing is said; nil where none can be assumed.
    private static func usualScript(_ language: String) -> String? {
        language == "zh" || language == "lzh" ? nil : usualScripts[language] ?? "Latn"
    }

    // MARK: - Tables

    private static let languageCodes: [String: String] = {
        var codes: [String: String] = [:]
        for table in [LanguageTables.formerCodes, LanguageTables.memberCodes, LanguageTables.shortCodes] {
            for entry in LanguageTables.entries(table) {
                let words = entry.split(separator: " ")
                if words.count == 2 { codes[String(words[0])] = String(words[1]) }
            }
        }
        return codes
    }()

    private static let usualScripts: [String: String] = {
        var scripts: [String: String] = [:]
        for (script, languages) in LanguageTables.scripts {
            for language in languages.split(whereSeparator: \.isWhitespace) { scripts[String(language)] = script }
        }
        return scripts
    }()
}

extension LanguageTables {
    /// The entries of a table that is written as text: separated by commas, semicolons or the ends of lines.
    static func entries(_ table: String) -> [Substring] {
        table.split { $0 == "," || $0 == ";" || $0 == "\n" }.map { entry in
            entry.first == " " ? entry.dropFirst() : entry
        }
    }
}

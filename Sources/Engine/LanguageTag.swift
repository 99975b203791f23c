/// Language tags as clients write them (BCP 47), compared the way people mean them: case does not matter, and a
/// model for `pt` serves `pt-BR`.
package struct LanguageTag: Hashable, Sendable, CustomStringConvertible {
    /// The tag in its usual spelling: `pt`, `pt-BR`, `zh-Hans`.
    package let description: String

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
    }

    /// The language without script and region.
    package var primary: String { String(description.prefix { $0 != "-" }) }

    /// Whether a model for `supported` serves this language: the same tag, or one of the two names no script or region.
    package func isServed(by supported: String) -> Bool {
        guard let other = LanguageTag(supported) else { return false }
        if other.description == description { return true }
        return other.primary == primary && (other.description == primary || description == primary)
    }
}

/// English names of languages, for people who choose from a list.
package enum LanguageNames {
    /// The English name, or the code itself where none is known.
    package static func name(of code: String) -> String {
        if let name = names[code] { return name }
        guard let tag = LanguageTag(code), let name = names[tag.primary] else { return code }
        return "\(name) (\(tag.description.dropFirst(tag.primary.count + 1)))"
    }

    private static let names: [String: String] = [
        "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian",
        "bg": "Bulgarian", "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan", "ceb": "Cebuano", "cs": "Czech",
        "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "eo": "Esperanto",
        "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
        "fy": "Western Frisian", "ga": "Irish", "gd": "Scottish Gaelic", "gl": "Galician", "gu": "Gujarati",
        "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian",
        "is": "Icelandic", "it": "Italian", "ja": "Japanese", "jv": "Javanese", "ka": "Georgian", "kk": "Kazakh",
        "km": "Khmer", "kn": "Kannada", "ko": "Korean", "ku": "Kurdish", "ky": "Kyrgyz", "la": "Latin",
        "lb": "Luxembourgish", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mg": "Malagasy",
        "mk": "Macedonian", "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese",
        "my": "Burmese", "nb": "Norwegian Bokmål", "ne": "Nepali", "nl": "Dutch", "nn": "Norwegian Nynorsk",
        "no": "Norwegian", "oc": "Occitan", "or": "Odia", "pa": "Punjabi", "pl": "Polish", "ps": "Pashto",
        "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sd": "Sindhi", "si": "Sinhala", "sk": "Slovak",
        "sl": "Slovenian", "so": "Somali", "sq": "Albanian", "sr": "Serbian", "su": "Sundanese", "sv": "Swedish",
        "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "tg": "Tajik", "th": "Thai", "tk": "Turkmen",
        "tl": "Tagalog", "tr": "Turkish", "tt": "Tatar", "ug": "Uyghur", "uk": "Ukrainian", "ur": "Urdu",
        "uz": "Uzbek", "vi": "Vietnamese", "xh": "Xhosa", "yi": "Yiddish", "yo": "Yoruba", "zh": "Chinese",
        "zh-Hans": "Chinese (Simplified)", "zh-Hant": "Chinese (Traditional)", "zu": "Zulu", "und": "Undetermined",
    ]
}

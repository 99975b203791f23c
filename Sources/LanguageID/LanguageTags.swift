/// From the labels of language identification models to BCP 47 tags.
enum LanguageTags {
    /// The tag for what cannot be told.
    static let undetermined = "und"

    /// Codes that models use otherwise than BCP 47. Two are Wikipedia's names for its editions: `als` is
    /// Alemannic there and Tosk Albanian in ISO 639-3, `bh` is a group whose edition is in Bhojpuri. The others
    /// are codes that the registry has replaced.
    ///
    /// `sh` stays: it is deprecated, but a valid subtag, and whoever cannot tell Bosnian, Croatian and Serbian
    /// apart should not be made to say one of them. `no`, `nah`, `zh`, `pt` and `sr` are valid as they are.
    private static let replacements = [
        "als": "gsw", "bh": "bho", "in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro",
    ]

    /// The tag for a label without its prefix. `_` becomes `-` (`zho_Hans` gives `zho-Hans`); three-letter
    /// codes stay.
    static func tag(label: String) -> String {
        replacements[label] ?? String(label.map { $0 == "_" ? "-" : $0 })
    }
}

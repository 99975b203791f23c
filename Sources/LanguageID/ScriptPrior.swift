/// What the letters of a text say for certain about its language: which languages it is not in.
///
/// A language in the table is ruled out when the text has no letter of any script that it is written in, or
/// when more than half of the letters belong to scripts that it is not written in. Latin letters do not count
/// for that half: names, brands and code in Latin letters stand in texts of every language. A language that
/// is not in the table is never ruled out.
struct ScriptPrior: Sendable {
    /// The languages written in each script in ordinary use, by language subtag. A language may be in several
    /// rows. Romanized writing is not ordinary use here: a text in Latin letters only is none of Chinese.
    private static let languages: [(Script, String)] = [
        (
            .latin,
            """
            af an ast az bar bcl br bs ca cbk ceb co crh cs cy da de diq dsb egl eml en eo es et eu fi fil fo fr frp \
            frr fur fy ga gd gl gn gsw gv ha haw hif hr hsb ht hu ia id ie ig ilo io is it jbo jv kk ku kw la lb lg \
            li lij lmo ln lt ltg lv mg mi min ms mt mwl nah nan nap nb nds nl nn no ny oc om pag pam pap pfl pl pms \
            pt qu rgn rm rn ro rw sc scn sco se sh sk sl sm sn so sq sr ss st su sv sw szl tk tl tn to tr ts tt ty \
            uz vec vep vi vls vo vro wa war wo xh yo za zea zu
            """
        ),
        (.greek, "el grc pnt"),
        (
            .cyrillic,
            """
            ab av az ba be bg bs bua bxr ce crh cu cv kbd kk koi krc kv ky lbe lez mdf mhr mk mn mrj myv os ru rue \
            sah sh sr tg tk tt tyv udm ug uk uz xal
            """
        ),
        (.armenian, "hy hyw"),
        (.hebrew, "he yi lad"),
        (.arabic, "ar ary arz azb ckb fa glk ha kk ks ku ky lrc ms mzn pnb ps sd skr ug ur uz"),
        (.thaana, "dv"),
        (.devanagari, "bho dty gom hi hif ks mai mr ne new sa sd"),
        (.bengali, "as bn bpy mni"),
        (.gurmukhi, "pa"),
        (.gujarati, "gu"),
        (.odia, "or"),
        (.tamil, "ta"),
        (.telugu, "te"),
        (.kannada, "kn tcy"),
        (.malayalam, "ml"),
        (.sinhala, "si"),
        (.thai, "th"),
        (.lao, "lo"),
        (.tibetan, "bo dz"),
        (.myanmar, "blk mnw my shn"),
        (.georgian, "ka xmf"),
        (.ethiopic, "am ti"),
        (.khmer, "km"),
        (.mongolian, "mn"),
        (.hangul, "ko"),
        (.kana, "ja"),
        (.bopomofo, "zh"),
        (.han, "gan ja lzh wuu yue zh"),
    ]

    /// The script subtags that some models put into their labels (`srp_Cyrl`).
    private static let subtags: [String: ScriptSet] = {
        func set(_ scripts: Script...) -> ScriptSet { scripts.reduce(into: []) { $0.formUnion(ScriptSet($1)) } }
        return [
            "Latn": set(.latin), "Grek": set(.greek), "Cyrl": set(.cyrillic), "Armn": set(.armenian),
            "Hebr": set(.hebrew), "Arab": set(.arabic), "Thaa": set(.thaana), "Deva": set(.devanagari),
            "Beng": set(.bengali), "Guru": set(.gurmukhi), "Gujr": set(.gujarati), "Orya": set(.odia),
            "Taml": set(.tamil), "Telu": set(.telugu), "Knda": set(.kannada), "Mlym": set(.malayalam),
            "Sinh": set(.sinhala), "Thai": set(.thai), "Laoo": set(.lao), "Tibt": set(.tibetan),
            "Mymr": set(.myanmar), "Geor": set(.georgian), "Ethi": set(.ethiopic), "Khmr": set(.khmer),
            "Mong": set(.mongolian), "Hang": set(.hangul), "Kore": set(.hangul, .han), "Jpan": set(.kana, .han),
            "Hani": set(.han, .bopomofo), "Hans": set(.han, .bopomofo), "Hant": set(.han, .bopomofo),
        ]
    }()

    private static let scriptsOfLanguage: [String: ScriptSet] = {
        var table: [String: ScriptSet] = [:]
        for (script, list) in languages {
            for language in list.split(separator: " ") {
                table[String(language), default: []].formUnion(ScriptSet(script))
            }
        }
        return table
    }()

    /// The scripts that a language tag can be written in; empty if the table does not know it.
    static func scripts(ofTag tag: String) -> ScriptSet {
        let subtags = tag.split(separator: "-").map(String.init)
        if let script = subtags.dropFirst().first, let scripts = Self.subtags[script] { return scripts }
        return scriptsOfLanguage[subtags.first ?? ""] ?? []
    }

    /// Whether a text with these letters cannot be in a language written in `scripts`.
    static func rulesOut(_ scripts: ScriptSet, letters: ScriptCounts) -> Bool {
        if scripts.isEmpty { return false }
        let own = letters[scripts]
        let foreign = letters.total - letters[scripts.union(ScriptSet(.latin))]
        return own == 0 || 2 * foreign > letters.total
    }
}

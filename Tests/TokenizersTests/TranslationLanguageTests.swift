import Checkpoints
import Foundation
import Testing
import Tokenizers

@Suite("Languages of translation models")
struct TranslationLanguageTests {
    @Test(arguments: ["nllb", "m2m100"])
    func everyLanguageHasATagOfItsOwn(_ name: String) throws {
        let lists = try TranslationTokenizerFixtures.lists()
        let codes = name == "nllb" ? lists.nllb : lists.m2m100
        #expect(codes.count == (name == "nllb" ? 202 : 100))
        let languages = try TranslationTokenizerFixtures.tokenizer(name).languages
        #expect(languages.map(\.code) == codes)
        #expect(Set(languages.map(\.tag)).count == codes.count)
        for language in languages {
            // The tag is that of the code alone, without regard to the others, and leads back.
            #expect(LanguageCodes.tag(language.code) == language.tag)
            #expect(LanguageCodes.tag(language.tag) == language.tag)
            #expect(LanguageCodes.lookup(language.code).contains(language.tag))
            let tag = /[a-z]{2,3}(-[A-Z][a-z]{3})?/
            #expect(language.tag.wholeMatch(of: tag) != nil, "\(language.tag)")
        }
    }

    @Test(arguments: [
        ("por_Latn", "pt"), ("eng_Latn", "en"), ("zho_Hans", "zh-Hans"), ("zho_Hant", "zh-Hant"), ("yue_Hant", "yue"),
        ("arb_Arab", "ar"), ("ary_Arab", "ary"), ("arz_Arab", "arz"), ("ace_Arab", "ace-Arab"), ("ace_Latn", "ace"),
        ("bjn_Arab", "bjn-Arab"), ("bjn_Latn", "bjn"), ("srp_Cyrl", "sr"), ("kas_Arab", "ks"), ("kas_Deva", "ks-Deva"),
        ("knc_Arab", "kr-Arab"), ("knc_Latn", "kr"), ("taq_Latn", "taq"), ("taq_Tfng", "taq-Tfng"), ("min_Latn", "min"),
        ("azj_Latn", "az"), ("azb_Arab", "azb"), ("npi_Deva", "ne"), ("pes_Arab", "fa"), ("prs_Arab", "prs"),
        ("swh_Latn", "sw"), ("khk_Cyrl", "mn"), ("lvs_Latn", "lv"), ("est_Latn", "et"), ("uzn_Latn", "uz"),
        ("ydd_Hebr", "yi"), ("zsm_Latn", "ms"), ("als_Latn", "sq"), ("gaz_Latn", "om"), ("plt_Latn", "mg"),
        ("quy_Latn", "qu"), ("ayr_Latn", "ay"), ("kmr_Latn", "ku"), ("ckb_Arab", "ckb"), ("nob_Latn", "nb"),
        ("nno_Latn", "nn"), ("tgl_Latn", "tl"), ("hrv_Latn", "hr"), ("bos_Latn", "bs"), ("fuv_Latn", "ff"),
        ("ory_Orya", "or"), ("pbt_Arab", "ps"), ("aka_Latn", "ak"), ("twi_Latn", "tw"), ("mni_Beng", "mni"),
        ("sat_Beng", "sat"), ("crh_Latn", "crh"), ("tzm_Tfng", "tzm"), ("kor_Hang", "ko"), ("jpn_Jpan", "ja"),
        ("dik_Latn", "dik"), ("ajp_Arab", "ajp"), ("apc_Arab", "apc"), ("nso_Latn", "nso"),
        // M2M100, MADLAD, OPUS-MT.
        ("ns", "nso"), ("no", "no"), ("iw", "he"), ("jw", "jv"), ("zh_Latn", "zh-Latn"), ("ms_Arab_BN", "ms-Arab-BN"),
        ("az_RU", "az-RU"), ("por", "pt"), ("cmn_Hans", "zh-Hans"), ("cmn", "zh"), ("pt_BR", "pt-BR"),
        ("pt_br", "pt-BR"), ("srp_Latn", "sr-Latn"), ("srp_Cyrl", "sr"), ("zh_CN", "zh-Hans"), ("zh_TW", "zh-Hant"),
        ("zh_HK", "zh-Hant-HK"), ("es_419", "es-419"), ("ger", "de"), ("pnb_Guru", "pnb-Guru"), ("hin_Deva", "hi"),
    ])
    func aCodeHasTheTagThatPeopleWrite(_ code: String, _ tag: String) {
        #expect(LanguageCodes.tag(code) == tag)
    }

    @Test(arguments: [
        "", "_", "e", "ROMANCE", "en_xx_simple", "translate", "12", "é", "pt_", "_pt", "pt__BR", "pt_B", "zh_Hans_Hant",
        "pt_BR_PT", "ff2", "pt BR", "extra_id_0", "ｐt", "pt-x-private", String(repeating: "a", count: 100_000),
    ])
    func whatIsNoCodeHasNoTag(_ code: String) { #expect(LanguageCodes.tag(code) == nil) }

    /// The second of two codes with one meaning keeps its own name, so that it can be asked for.
    @Test func codesOfOneTagAreKeptApart() throws {
        let scratch = try TranslationTokenizerScratch()
        let marks = ["ara", "arb", "zsm_Latn", "msa", "pt_br", "pt_BR", "zlm_Latn", "roa"]
        let entries = ["</s>", "<unk>"] + marks.map { ">>\($0)<<" }
        let json = "{" + entries.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ",") + "}"
        let tokenizer = try TranslationTokenizerFixtures.tokenizer(
            "marian", adding: scratch.file("vocab.json", json.utf8))
        #expect(tokenizer.languages.map(\.tag) == ["ar", "arb", "ms", "msa", "pt-BR", "zlm", "roa"])
        // The mark is still there for whoever knows it.
        #expect(tokenizer.source([], from: nil, to: "pt_BR") == [7, 0])
    }

    @Test(arguments: [
        ("pt-BR", ["pt-BR", "pt"]), ("pt", ["pt"]), ("por_Latn", ["por-Latn", "pt"]), ("POR", ["por", "pt"]),
        ("zh-TW", ["zh-TW", "zh-Hant", "zh"]), ("zh-HK", ["zh-HK", "zh-Hant-HK", "zh-Hant", "zh"]),
        ("zh-CN", ["zh-CN", "zh-Hans", "zh"]), ("zh", ["zh", "zh-Hans"]), ("zh-Hant", ["zh-Hant", "zh"]),
        ("no", ["no", "nb", "nn"]), ("nb-NO", ["nb-NO", "nb", "no"]), ("fil", ["fil", "tl"]), ("iw", ["iw", "he"]),
        ("prs", ["prs", "fa-AF", "fa"]), ("fa-AF", ["fa-AF", "prs", "fa"]), ("sr-Latn-RS", ["sr-Latn-RS", "sr-Latn"]),
        ("sr-Cyrl", ["sr-Cyrl", "sr"]), ("ca-valencia", ["ca"]), ("nonsense", []), ("", []),
    ])
    func aRequestIsLookedUpUnderItsNames(_ requested: String, _ tags: [String]) {
        #expect(LanguageCodes.lookup(requested) == tags)
    }

    @Test(arguments: [
        ("pt", "Portuguese"), ("pt-BR", "Portuguese (Brazil)"), ("zh-Hans", "Chinese (Simplified)"),
        ("zh-Hant", "Chinese (Traditional)"), ("zh", "Chinese"), ("sr-Latn", "Serbian (Latin)"), ("sr", "Serbian"),
        ("sr-Cyrl", "Serbian"), ("ace-Arab", "Acehnese (Arabic)"), ("kr-Arab", "Kanuri (Arabic)"),
        ("zh-Hant-HK", "Chinese (Traditional, Hong Kong)"), ("es-419", "Spanish (Latin America)"),
        ("por_Latn", "Portuguese"),
        ("taq-Tfng", "Tamasheq (Tifinagh)"), ("bn", "Bengali"), ("nb", "Norwegian Bokmål"), ("xx", "xx"),
        ("nonsense", "nonsense"), ("", ""), ("und", "Undetermined"), ("gsw", "Swiss German"),
        ("zh-TW", "Chinese (Traditional)"),
    ])
    func aTagHasAName(_ tag: String, _ name: String) { #expect(LanguageNames.english(tag) == name) }

    /// The tags of language identification.
    static let detected = """
        af am an ar arz as ast av az azb ba bar bcl be bg bho bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy da
        de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gsw gu gv he hi hif hr hsb ht hu hy
        ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr min
        mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt qu rm
        ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep
        vi vls vo wa war wuu xal xmf yi yo yue zh
        """

    @Test func everyLanguageHasAName() throws {
        var tags = Self.detected.split(whereSeparator: \.isWhitespace).map(String.init)
        for name in ["nllb", "m2m100", "madlad", "marian"] {
            tags += try TranslationTokenizerFixtures.tokenizer(name).languages.map(\.tag)
        }
        #expect(tags.count > 480)
        for tag in tags {
            let name = LanguageNames.english(tag)
            #expect(name != tag && name.first?.isUppercase == true && LanguageNames.isKnown(tag), "\(tag): \(name)")
        }
    }

    @Test(arguments: ["nllb", "m2m100"])
    func noTwoLanguagesHaveOneName(_ name: String) throws {
        let languages = try TranslationTokenizerFixtures.tokenizer(name).languages
        let names = Dictionary(grouping: languages) { LanguageNames.english($0.tag) }
        for (name, languages) in names where languages.count > 1 {
            Issue.record("\(name) is \(languages.map(\.tag))")
        }
    }
}

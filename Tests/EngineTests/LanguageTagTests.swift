import Engine
import Testing

@Suite struct LanguageTagTests {
    @Test(arguments: [
        ("PT", "pt"), ("pt-br", "pt-BR"), ("ZH_hans", "zh-Hans"), ("zh-hant-tw", "zh-Hant-TW"), ("ast", "ast"),
    ])
    func tagsAreSpelledAsUsual(text: String, spelled: String) {
        #expect(LanguageTag(text)?.description == spelled)
    }

    @Test(arguments: ["", "e", "english", "en-", "-en", "en--us", "../en", "e1", "en us", "日本"])
    func whatIsNoTagIsNone(text: String) { #expect(LanguageTag(text) == nil) }

    @Test(arguments: [
        ("pt", "pt", true), ("pt-BR", "pt", true), ("pt", "pt-BR", true), ("pt-PT", "pt-BR", false),
        ("es", "pt", false),
        ("zh-Hans", "zh", true), ("zh-Hans", "zh-Hant", false), ("por_Latn", "pt", true), ("zh-TW", "zh-Hant", true),
        ("zh-TW", "zh-Hans", false), ("no", "nb", true), ("sr-Latn", "sr", true), ("en", "eo", false),
    ])
    func aModelServesWhatPeopleMean(asked: String, supported: String, served: Bool) throws {
        let tag = try #require(LanguageTag(asked))
        #expect(tag.isServed(by: supported) == served)
    }
}

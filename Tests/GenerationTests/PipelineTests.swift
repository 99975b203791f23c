import Architectures
import Generation
import TestSupport
import Testing
import Tokenizers

/// What happens to a text around the model: white space, paragraphs, long sentences, text without words.
@Suite struct PipelineTests {
    @Test(arguments: [
        "", " ", "\n\n", "🙂", "12345", " \t42 % ", "Hello.", "  Hello.  World! \n\n Third?\r\n",
        "One.\n\tTwo.\n\n\nThree.  ",
        "a\u{A0}b. Next one.", "你好。再见。", "¿Qué? ¡Sí!",
    ])
    func whiteSpaceComesBackAsItWas(text: String) throws {
        let pipeline = try FirefoxModel("firefox-en-pt").pipeline
        let plan = pipeline.plan(text)
        // Every unit "translated" to one word: what is left between the words is the text's own white space.
        let result = pipeline.assemble(plan, texts: plan.units.map { _ in "W" })
        func whiteSpace(_ text: String) -> [Character] {
            text.filter(\.isWhitespace).filter { $0 == "\n" || $0 == "\r\n" }
        }
        #expect(whiteSpace(result) == whiteSpace(text))
        #expect(result.prefix { $0.isWhitespace } == text.prefix { $0.isWhitespace })
        if plan.units.isEmpty { #expect(result == text) }
    }

    @Test(arguments: ["🙂", "12345", "!!!", "3.14 — 42 %", "→ ✓"]) func textWithoutLettersIsCopied(text: String) throws {
        let plan = try FirefoxModel("firefox-en-pt").pipeline.plan(text)
        #expect(plan.units.isEmpty)
        #expect(plan.parts.allSatisfy { $0.verbatim != nil })
    }

    @Test func aLongSentenceIsCutIntoChunksThatKeepASpaceBetween() throws {
        let firefox = try FirefoxModel("firefox-en-pt")
        let text = Array(repeating: "the cat sat on the carpet and", count: 60).joined(separator: " ")
        let plan = firefox.pipeline.plan(text)
        #expect(plan.units.count > 1)
        #expect(plan.units.allSatisfy { $0.count <= 128 && $0.last == 0 })
        #expect(
            firefox.pipeline.assemble(plan, texts: plan.units.map { _ in "W" })
                == plan.units.map { _ in "W" }.joined(separator: " "))
        let chinese = TranslationPipeline(
            tokenizer: try BergamotTranslationTokenizer(source: firefox.tokenizer, target: firefox.tokenizer),
            sourceLanguage: "en", targetLanguage: "zh-Hans")
        let joined = chinese.assemble(chinese.plan(text), texts: plan.units.map { _ in "字" })
        #expect(!joined.contains(" "))
    }

    /// The models copy words in capitals; a text in capitals is translated all the same, and stays in capitals.
    @Test(arguments: [
        ("THE CHILDREN WERE PLAYING IN THE GARDEN.", "AS CRIANÇAS BRINCAVAM NO JARDIM."),
        ("GOOD MORNING!", "BOM DIA!"),
    ])
    func capitalsAreTranslated(source: String, expected: String) throws {
        let firefox = try FirefoxModel("firefox-en-pt")
        let plan = firefox.pipeline.plan(source)
        let units = plan.units.map { SearchRequest(source: $0, candidates: firefox.shortlist.candidates(for: $0)) }
        let texts = firefox.run(units).map { firefox.tokenizer.decode($0[0].tokens) }
        let translation = firefox.pipeline.assemble(plan, texts: texts)
        #expect(translation == expected)
    }

    @Test(arguments: ["NASA", "The USA and NATO.", "IBM PC", "A B C", "GPU: 8 GB", "日本語", "ÉTAT"])
    func namesAndAbbreviationsAreNotCapitals(text: String) throws {
        let plan = try FirefoxModel("firefox-en-pt").pipeline.plan(text)
        #expect(plan.parts.allSatisfy { !$0.isCapitals })
    }

    @Test func sentencesAreTranslatedOneByOne() throws {
        let plan = try FirefoxModel("firefox-en-pt").pipeline.plan("Dr. Smith is here. He waits.")
        #expect(plan.units.count == 2)
        #expect(plan.parts.map(\.gap) == ["", " "])
    }
}

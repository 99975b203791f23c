import Testing

@testable import Generation

/// Translation by a chat model, but for the model: the question, the cutting of documents, and what is taken out of answers.
@Suite struct ChatTranslationTests {
    @Test func theQuestionHasAllThatThePromptAsksFor() throws {
        let prompt = try TranslationPrompt("From {source} to {target}, {target} only:\n{text}\n")
        #expect(prompt.question("Hi.", from: "English", to: "German") == "From English to German, German only:\nHi.\n")
        #expect(prompt.question("Hi.", from: nil, to: "German").hasPrefix("From its language to German"))
        // What a text says is never a place of the prompt.
        #expect(prompt.question("{target} {text}", from: "English", to: "German").hasSuffix("only:\n{target} {text}\n"))
    }

    @Test(arguments: [("Translate: {text}", "{target}"), ("Into {target}", "{text}"), ("", "{target}")])
    func aPromptWithoutAPlaceIsRefused(template: String, missing: String) {
        #expect(throws: TranslationPrompt.Malformed(missing: missing)) { try TranslationPrompt(template) }
    }

    // MARK: Documents

    private func cut(_ text: String, budget: Int) -> DocumentCutter.Cut {
        DocumentCutter(language: "en", budget: budget) { $0.split(separator: " ").count }.cut(text)
    }

    @Test func aDocumentComesBackAsItWas() {
        let documents = [
            "", " ", "One. Two. Three.", "  Indented.\n\n\tA tab.\r\nThe end.\n", "One.  Two spaces.   Three.",
            "42\n\n***\n\nWords.", "No end", "日本語の文。次の文。\n終わり。",
        ]
        for document in documents {
            for budget in [1, 2, 5, 100] {
                let cut = cut(document, budget: budget)
                let again = cut.joined(cut.parts.filter(\.isTranslated).map(\.text))
                #expect(Array(again.utf8) == Array(document.utf8), "budget \(budget)")
            }
        }
    }

    @Test func passagesAreWholeSentencesWithinTheBudget() {
        let cut = cut("One two three. Four five. Six seven eight nine. Ten.", budget: 5)
        #expect(cut.parts.map(\.text) == ["One two three. Four five.", "Six seven eight nine. Ten."])
        #expect(cut.joined(["A.", "B."]) == "A. B.")
    }

    @Test func linesStayLines() {
        let cut = cut("A title\n\n- one\n- two. Three.\n", budget: 100)
        #expect(cut.parts.map(\.text) == ["A title", "- one", "- two. Three."])
        #expect(cut.joined(["T", "1", "2"]) == "T\n\n1\n2\n")
    }

    @Test func whatHasNoLetterIsCopied() {
        let cut = cut("12:30\nYes. 100 %!\n", budget: 100)
        #expect(cut.parts.map(\.isTranslated) == [false, true, false])
        #expect(cut.joined(["Sim."]) == "12:30\nSim. 100 %!\n")
    }

    @Test func aSentenceBeyondTheBudgetIsCutBetweenWords() {
        let cut = cut("a b c d e f g.", budget: 3)
        #expect(cut.parts.map(\.text) == ["a b c", "d e f", "g."])
        let long = String(repeating: "あ", count: 100)
        let byBytes = DocumentCutter(language: "ja", budget: 30) { $0.utf8.count }.cut(long)
        #expect(byBytes.parts.allSatisfy { $0.text.utf8.count <= 30 })
        #expect(byBytes.parts.map(\.text).joined() == long)
    }

    // MARK: Answers

    @Test(arguments: [
        // What models add.
        ("Olá, mundo!", "Hello, world!", "Olá, mundo!"),
        ("\n Olá, mundo! \n", "Hello, world!", "Olá, mundo!"),
        ("\"Olá, mundo!\"", "Hello, world!", "Olá, mundo!"),
        ("“Olá, mundo!”", "Hello, world!", "Olá, mundo!"),
        ("Sure! Here is the translation:\n\nOlá, mundo!", "Hello, world!", "Olá, mundo!"),
        ("Here's the Portuguese translation:\n\"Olá, mundo!\"", "Hello, world!", "Olá, mundo!"),
        ("Translation: Olá, mundo!", "Hello, world!", "Olá, mundo!"),
        ("Portuguese: Olá, mundo!", "Hello, world!", "Olá, mundo!"),
        ("```\nOlá, mundo!\n```", "Hello, world!", "Olá, mundo!"),
        ("```text\nOlá, mundo!\n```", "Hello, world!", "Olá, mundo!"),
        ("Olá, mundo!\n\nNote: “mundo” is literal.", "Hello, world!", "Olá, mundo!"),
        ("Olá, mundo!\n(Note that this is informal.)", "Hello, world!", "Olá, mundo!"),
        // What is the translation's own.
        ("\"Olá\", disse ela.", "\"Hello\", she said.", "\"Olá\", disse ela."),
        ("\"Olá!\"", "\"Hello!\"", "\"Olá!\""),
        ("“Um” e “dois”", "One and two", "“Um” e “dois”"),
        ("Ele disse: sim.", "He said: yes.", "Ele disse: sim."),
        ("Aqui está a lista:\n- um", "Here is the list:\n- one", "Aqui está a lista:\n- um"),
        ("Nota: fechado.", "Note: closed.", "Nota: fechado."),
        ("Um.\nNote: dois.", "One.\nNote: two.", "Um.\nNote: dois."),
        ("Tradução: um guia", "Translation: a guide", "Tradução: um guia"),
        ("Portuguese: a língua", "Portuguese: the language", "Portuguese: a língua"),
        ("`let x = 1`", "`let x = 1`", "`let x = 1`"),
        ("", "Hello", ""), ("\"", "Hello", "\""), (":", "Hello", ":"),
    ])
    func onlyTheTranslationIsTaken(answer: String, source: String, translation: String) {
        #expect(TranslatedAnswer.translation(in: answer, of: source, target: "Portuguese") == translation)
    }
}

internal import Foundation

/// What becomes of the texts themselves: white space, long texts, capitals, what is copied.
enum TranslationTextCases {
    static var cases: [TestCase] { [whiteSpace, copied, sameLanguage, capitals, longText, oddText, html, streamed] }

    private static let whiteSpace = TestCase.onModels(
        .translation, "translate.white_space", "paragraphs that run together, and lines that lose their places",
        quick: true
    ) { context, client, model in
        let pair = try model.firstPair()
        let (first, second) = (pair.sentences[0], pair.sentences[1])
        let texts = [
            "  \(first)", "\(first)\n", "\n\n\(first)\n\n\n\(second)", "\t\(first)\n  \(second)\n", " \n\t ",
            "\(first)\r\n\(second)",
        ]
        let found = try await client.translate(texts, pair, model: model.name)
        for (text, translation) in zip(texts, try found.json().array("translations")) {
            let translated = try translation.string("text")
            try found.equal(
                blanks(translated), blanks(text),
                "white space around the lines of \(text.debugDescription), in \(translated.debugDescription)")
        }
        let alone = try await client.translations([first], pair, model: model.name)
        let indented = try found.json().string("translations", 0, "text")
        try found.equal(indented, "  " + alone[0], "a sentence with two spaces before it")
    }

    /// The white space before, between and after the lines that hold something.
    private static func blanks(_ text: String) -> [String] {
        var runs = [""]
        for line in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false) {
            let isBlank = line.allSatisfy { $0.properties.isWhitespace }
            let start = String(String.UnicodeScalarView(line.prefix { $0.properties.isWhitespace }))
            runs[runs.count - 1] += start
            if !isBlank { runs.append(line.last == "\r" ? "\r" : "") }
            runs[runs.count - 1] += "\n"
        }
        return runs
    }

    private static let copied = TestCase.onModels(
        .translation, "translate.copied", "numbers, emoji and marks that a model makes something of", quick: true
    ) { context, client, model in
        let pair = try model.firstPair()
        let texts = ["12:30", "\u{1F600} \u{1F389}", "!!!", "…", "3.14159", "—", "2026-11-21", "", "\u{200B}", "100 %"]
        let exchange = try await client.translate(texts, pair, model: model.name)
        let found = try exchange.json().array("translations").map { try $0.string("text") }
        try exchange.equal(found, texts, "texts without a letter")
        try exchange.equal(try exchange.json().int("usage", "target_tokens"), 0, "usage.target_tokens")
    }

    private static let sameLanguage = TestCase.onModels(
        .translation, "translate.same_language", "a text that changes on its way into the language that it is in"
    ) { context, client, model in
        let pair = try model.firstPair()
        let text = pair.sentences.joined(separator: "  ")
        // Without a model's name: none is needed.
        let exchange = try await client.ask(
            "/translate",
            ["text": .string(text), "source_lang": .string(pair.source), "target_lang": .string(pair.source)])
        try exchange.equal(try exchange.json().string("translations", 0, "text"), text, "text")
    }

    private static let capitals = TestCase.onModels(
        .translation, "translate.capitals", "headlines that come back untranslated because they are in capitals"
    ) { context, client, model in
        let cased = Set(["en", "pt", "de", "fr", "es", "it", "nl", "pl", "ru", "uk", "sv"])
        let pairs = LanguageSamples.pairs(model, most: 40).filter {
            cased.contains(LanguageSamples.base($0.source)) && cased.contains(LanguageSamples.base($0.target))
        }
        guard let pair = pairs.first else { return context.note("no pair of \(model.name) has capitals on both sides") }
        let text = pair.sentences[1].uppercased()
        let exchange = try await client.translate([text], pair, model: model.name)
        let found = try exchange.json().string("translations", 0, "text")
        try exchange.expect(found != text, "text: expected a translation, found the text itself")
        try exchange.equal(found, found.uppercased(), "text, in capitals")
        try exchange.expect(found != found.lowercased(), "text: expected letters, found none")
    }

    private static let longText = TestCase.onModels(
        .translation, "translate.long_text", "a long text that loses its end, its middle, or its order"
    ) { context, client, model in
        let pair = try model.firstPair()
        let count = model.isLarge ? 10 : 80
        let paragraphs = (0..<count).map { "\(1000 + $0)\n\(pair.sentences[$0 % pair.sentences.count])" }
        let text = paragraphs.joined(separator: "\n\n")
        let exchange = try await client.translate([text], pair, model: model.name)
        let found = try exchange.json().string("translations", 0, "text").components(separatedBy: "\n\n")
        try exchange.equal(found.count, count, "paragraphs")
        let alone = try await client.translations(pair.sentences, pair, model: model.name)
        for (index, paragraph) in found.enumerated() {
            let expected = "\(1000 + index)\n\(alone[index % alone.count])"
            try exchange.equal(paragraph, expected, "paragraph \(index)")
        }
        // One sentence of more tokens than the model reads at once.
        let words = pair.sentences.map { $0.filter { !".。!?".contains($0) } }
        let endless = Array(repeating: words, count: 8).flatMap { $0 }.joined(separator: " ")
        let long = try await client.translate([endless], pair, model: model.name)
        let translated = try long.json().string("translations", 0, "text")
        try long.expect(
            translated.count > endless.count / 4,
            "text: expected about \(endless.count) characters, found \(translated.count) of a sentence without an end")
    }

    private static let oddText = TestCase.onModels(
        .translation, "translate.odd_text", "a text that no model has seen and that takes the service down"
    ) { context, client, model in
        let pair = try model.firstPair()
        let word = pair.sentences[0].split(separator: " ").first.map(String.init) ?? "a"
        let texts = [
            "\u{FFFD}\u{FFFD}", "a\u{0301}\u{0302}\u{0303}\u{0304}", String(repeating: "a", count: 3000),
            "\u{202E}\(word)\u{202C}", "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}", "<b>\(word)</b> &amp; \(word)",
            "https://example.org/\(word)?a=1&b=2", "\u{FEFF}\(word)", "{{name}} %s %d $1 \\n", "\u{10FFFF}",
            String(repeating: "\(word) ", count: 400),
        ]
        for text in texts {
            let exchange = try await client.translate([text], pair, model: model.name)
            let translation = try exchange.json().string("translations", 0, "text")
            try exchange.expect(
                !translation.contains("<unk>") && !translation.contains("\u{2047}") && !translation.contains("</s>"),
                "text: expected no mark of the model's, found \(translation.prefix(80).debugDescription)")
        }
        try await client.translate([pair.sentences[0]], pair, model: model.name).expect(status: 200)
    }

    private static let html = TestCase.onModels(
        .translation, "translate.html", "tags that are lost, translated, or left around other words", quick: true
    ) { context, client, model in
        let pair = try model.firstPair()
        let sentences = Array(pair.sentences.prefix(2))
        let plain = try await client.translations(sentences, pair, model: model.name)
        func page(_ texts: [String]) -> String {
            "<h1 class='t'>\(texts[0])</h1>\n<ul>\n <li>\(texts[1])</li><li>12:30</li></ul><!-- \(sentences[0]) -->"
                + "<p translate=\"no\">\(sentences[1])</p><script>if (1<2) { x = '<p>' }</script><p><b>\(texts[0])</b>\n</p>"
        }
        let request: JSONLiteral = [
            "source_lang": .string(pair.source), "target_lang": .string(pair.target), "model": .string(model.name),
            "format": "html",
        ]
        func translated(_ text: String) async throws -> (exchange: Exchange, text: String) {
            let exchange = try await client.ask("/translate", request.with(["text": .string(text)]))
            return (exchange, try exchange.json().string("translations", 0, "text"))
        }
        let whole = try await translated(page(sentences.map(escaped)))
        try whole.exchange.equal(whole.text, page(plain.map(escaped)), "text")

        // Tags within a sentence: around every other word, so that some stand in its midst.
        let words = escaped(sentences[0]).split(separator: " ").enumerated().map {
            $0 % 2 == 1 ? "<i id=\"\($0)\">\($1)</i>" : String($1)
        }
        let marked = try await translated(words.joined(separator: " "))
        try marked.exchange.equal(
            marked.text.replacing(#/<[^>]*>/#, with: ""), escaped(plain[0]), "text, without its tags")
        for index in words.indices where index % 2 == 1 {
            try marked.exchange.expect(
                marked.text.contains("<i id=\"\(index)\">"), "text: expected the element \(index), found \(marked.text)"
            )
        }
        try marked.exchange.equal(
            marked.text.components(separatedBy: "<i ").count, marked.text.components(separatedBy: "</i>").count,
            "elements that begin and end")
    }

    private static let streamed = TestCase.onModels(
        .translation, "translate.streamed",
        "a stream that differs from the plain answer, or has its sentences in disorder",
        quick: true
    ) { context, client, model in
        let pair = try model.firstPair()
        let texts = [pair.sentences.joined(separator: "\n\n") + "\n", "12:30", "", pair.sentences[0]]
        let plain = try await client.translations(texts, pair, model: model.name)
        let question: JSONLiteral = [
            "text": .strings(texts), "source_lang": .string(pair.source),
            "target_lang": .string(pair.target), "model": .string(model.name), "stream": true,
        ]
        let stream = try await client.stream("POST", "/translate", json: question.text)
        try stream.answer.expecting(status: 200)
        let chunks = try stream.json().map { Document(value: $0, evidence: stream.evidence) }
        try context.expect(stream.isDone, "expected data: [DONE] at the end, found none")
        let sentences = chunks.dropLast()
        let indices = try sentences.map { try $0.int("index") }
        try context.equal(indices, indices.sorted(), "the texts' indices, event by event")
        for (index, expected) in plain.enumerated() {
            let told = try zip(indices, sentences).filter { $0.0 == index }.map { try $0.1.string("text") }
            try context.equal(told.joined(), expected, "text \(index), in sentences and at once")
        }
        try context.expect(
            indices.count { $0 == 0 } >= pair.sentences.count,
            "events of the first text: expected one a sentence, found \(indices.count { $0 == 0 })")
        try context.equal(
            chunks.last?.int("usage", "characters"), texts.reduce(0) { $0 + $1.unicodeScalars.count }, "usage")
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}

extension String {
    /// Without white space around it.
    var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}

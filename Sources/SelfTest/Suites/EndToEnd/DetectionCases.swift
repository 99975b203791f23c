/// `POST /detect`, on every model that identifies languages.
enum DetectionCases {
    static var cases: [TestCase] { [languages, vocabularies, nothingToTell, order, ways, longText, badInput] }

    private static func known(_ model: PortfolioModel) -> [String] {
        let listed = Set(model.sourceLanguages.map(LanguageSamples.base))
        // A model whose languages are not known is asked for the best known ones.
        return LanguageSamples.languages.filter { listed.contains($0) || listed.isEmpty }
    }

    private static let languages = TestCase.onModels(
        .languageIdentification, "detect.languages", "a detector that says one language whatever it reads", quick: true
    ) { context, client, model in
        for language in known(model) {
            let text = LanguageSamples.sentences(language).joined(separator: " ")
            let answer = try await client.ask("/detect", ["text": .string(text)]).json()
            try answer.equal(
                try answer.string("language"), language, "language of \(text.prefix(30).debugDescription)…")
            let confidence = try answer.number("confidence")
            try answer.expect(
                confidence > 0.3 && confidence <= 1,
                "confidence: expected from 0.3 to 1 for five sentences, found \(confidence)")
            let candidates = try answer.array("candidates")
            try answer.expect(
                (1...5).contains(candidates.count), "candidates: expected 1 to 5, found \(candidates.count)")
            let scores = try candidates.map { try $0.number("confidence") }
            try answer.equal(scores, scores.sorted(by: >), "confidences of the candidates, the best first")
            try answer.expect(scores.reduce(0, +) <= 1.01, "confidences: expected at most 1 together, found \(scores)")
            try answer.equal(try candidates[0].string("language"), language, "the first candidate")
        }
    }

    private static let vocabularies = TestCase.onModels(
        .languageIdentification, "detect.vocabularies",
        "clients of LibreTranslate that read confidences of 0.99 per cent",
        quick: true
    ) { context, client, model in
        let languages = Array(known(model).prefix(3))
        let texts = languages.map { LanguageSamples.sentences($0)[1] }
        let ours = try await client.ask("/detect", ["text": .strings(texts)]).json().array()
        let libre = try await client.ask("/detect", ["q": .strings(texts)])
        let lists = try libre.json().array()
        try libre.equal(lists.count, texts.count, "answers")
        for (index, list) in lists.enumerated() {
            try libre.equal(try list.array().count, 1, "candidates")
            try libre.equal(try list.keys(0), ["confidence", "language"], "keys")
            try libre.equal(try list.string(0, "language"), try ours[index].string("language"), "language")
            let (percent, share) = (try list.number(0, "confidence"), try ours[index].number("confidence"))
            try libre.expect(
                abs(percent - 100 * share) < 0.1, "confidence: expected \(100 * share) of 100, found \(percent)")
        }
        let single = try await client.ask("/detect", ["q": .string(texts[0])])
        try single.equal(try single.json().value, lists[0].value, "the answer to a string, and to it in an array")
        let object = try await client.ask("/detect", ["text": .string(texts[0])])
        try object.equal(try object.json().value, ours[0].value, "the answer to a string, and to it in an array")
    }

    private static let nothingToTell = TestCase.onModels(
        .languageIdentification, "detect.nothing_to_tell", "numbers and emoji that are taken for a language",
        quick: true
    ) { context, client, model in
        for text in ["12:30", "", "   ", "\u{1F600}\u{1F389}", "!!! ??? ...", "2026-11-21"] {
            let ours = try await client.ask("/detect", ["text": .string(text)]).json()
            try ours.equal(try ours.string("language"), "und", "language of \(text.debugDescription)")
            try ours.equal(try ours.number("confidence"), 0, "confidence of \(text.debugDescription)")
            try ours.equal(try ours.array("candidates").count, 0, "candidates of \(text.debugDescription)")
            guard !text.isEmpty else { continue }
            let libre = try await client.ask("/detect", ["q": .string(text)]).json()
            try libre.equal(
                try libre.string(0, "language"), "en", "language of \(text.debugDescription), LibreTranslate's")
            try libre.equal(try libre.number(0, "confidence"), 0, "confidence of \(text.debugDescription)")
        }
    }

    private static let order = TestCase.onModels(
        .languageIdentification, "detect.batch_order", "an array that is answered in another order"
    ) { context, client, model in
        let languages = known(model)
        var texts: [String] = []
        var expected: [String] = []
        for number in 0..<60 {
            let language = languages[(number * 7) % languages.count]
            let isBlank = number % 5 == 4
            texts.append(isBlank ? "\(number)" : LanguageSamples.sentences(language).joined(separator: " "))
            expected.append(isBlank ? "und" : language)
        }
        let exchange = try await client.ask("/detect", ["text": .strings(texts)])
        let found = try exchange.json().array().map { try $0.string("language") }
        try exchange.equal(found, expected, "languages, in the order of the texts")
    }

    private static let ways = TestCase.onModels(
        .languageIdentification, "detect.ways", "a form or a query string that is read as something else"
    ) { context, client, model in
        let language = known(model).last ?? "en"
        let text = LanguageSamples.sentences(language)[3] + " 100 % & + = ?"
        let json = try await client.ask("/detect", ["q": .string(text)]).json()
        let form = try await client.ask("/detect", form: [("q", text)]).json()
        let query = try await client.ask("POST", "/detect?q=\(ServiceClient.escaped(text))").json()
        let untyped = try await client.ask(
            "POST", "/detect", headers: ["content-type": ""],
            body: Array(#"{"q":\#(JSONLiteral.string(text).text)}"#.utf8)
        ).json()
        for (name, other) in [("a form", form), ("a query string", query), ("JSON without a type", untyped)] {
            try other.equal(other.value, json.value, "the answer to \(name), and to JSON")
        }
    }

    private static let longText = TestCase.onModels(
        .languageIdentification, "detect.long_text", "a long text that takes the detector down, or is judged by its end"
    ) { context, client, model in
        let languages = known(model)
        let (first, second) = (languages[0], languages[min(1, languages.count - 1)])
        func text(_ language: String, _ count: Int) -> String {
            let sentences = LanguageSamples.sentences(language).joined(separator: " ") + " "
            return String(String(repeating: sentences, count: 1 + count / sentences.count).prefix(count))
        }
        let long = try await client.ask("/detect", ["text": .string(text(first, 11_000) + text(second, 30_000))])
        try long.equal(
            try long.json().string("language"), first, "language of a text whose first 10,000 characters are in it")
    }

    private static let badInput = TestCase.onModels(
        .languageIdentification, "detect.bad_input", "wrong input that is answered by a guess, or by a 500", quick: true
    ) { context, client, model in
        try await client.ask("/detect", ["text": 7]).expectError(
            400, "invalid_type", param: "text", says: "a string or an array")
        try await client.ask("/detect", ["text": ["a", 7]]).expectError(
            400, "invalid_type", param: "text", says: "text[1]")
        try await client.ask("/detect", ["text": ["fine", "a\u{7}b"]])
            .expectError(400, "control_character", param: "text", says: "U+0007 at character 1")
        try await client.ask("/detect", [:]).expectPlainError(400, says: "missing q parameter")
        try await client.ask("/detect", ["q": ""]).expectPlainError(400, says: "missing q parameter")
        try await client.ask("/detect", ["q": nil]).expectPlainError(400, says: "missing q parameter")
        try await client.ask("/detect", ["q": 1]).expectPlainError(400, says: "q must be a string or an array")
        let empty = try await client.ask("/detect", ["text": []])
        try empty.equal(try empty.json().array().count, 0, "answers to no text")
    }
}

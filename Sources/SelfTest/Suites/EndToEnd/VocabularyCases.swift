/// `POST /translate` in LibreTranslate's vocabulary, and the ways in which a request may come.
enum VocabularyCases {
    static var cases: [TestCase] { [libre, arrays, agree, ways, bestModel, errorsFollow] }

    /// The fields of a request in LibreTranslate's vocabulary.
    private static func question(_ text: JSONLiteral, _ pair: LanguageSamples.Pair, _ source: String? = nil)
        -> JSONLiteral
    {
        ["q": text, "source": .string(source ?? pair.source), "target": .string(pair.target)]
    }

    private static func pair(_ context: CaseContext) throws -> (PortfolioModel, LanguageSamples.Pair) {
        let model = try context.smallest(.translation)
        return (model, try model.firstPair())
    }

    private static let libre = TestCase.onService(
        "libretranslate.answer", "clients of LibreTranslate that do not find what they look for", quick: true,
        needs: [.task(.translation)]
    ) { context, client in
        let (_, pair) = try pair(context)
        let exchange = try await client.ask("/translate", question(.string(pair.sentences[0]), pair))
        let answer = try exchange.json()
        try answer.equal(try answer.keys(), ["translatedText"], "keys of an answer where nothing more was asked for")
        let text = try answer.string("translatedText")
        try answer.expect(
            !text.isEmpty && text != pair.sentences[0], "translatedText: expected a translation, found \(text)")
        let more = try await client.ask(
            "/translate", question(.string(pair.sentences[0]), pair, "auto").with(["alternatives": 2])
        ).json()
        try more.equal(try more.keys(), ["alternatives", "detectedLanguage", "translatedText"], "keys")
        try more.equal(
            try more.string("detectedLanguage", "language"), LanguageSamples.base(pair.source),
            "detectedLanguage.language")
        let confidence = try more.number("detectedLanguage", "confidence")
        try more.expect(
            confidence > 30 && confidence <= 100, "detectedLanguage.confidence: expected 30 to 100, found \(confidence)"
        )
        try more.expect(try more.strings("alternatives").count <= 2, "alternatives: expected at most 2")
    }

    private static let arrays = TestCase.onService(
        "libretranslate.arrays", "a batch of LibreTranslate's whose shape is another than its request's", quick: true,
        needs: [.task(.translation)]
    ) { context, client in
        let (_, pair) = try pair(context)
        let texts = [
            pair.sentences[0], "12:30", LanguageSamples.sentences(pair.target).joined(separator: " "),
            pair.sentences[2],
        ]
        let plain = try await client.ask("/translate", question(.strings(texts), pair)).json()
        let found = try plain.strings("translatedText")
        try plain.equal(found.count, texts.count, "translatedText")
        try plain.equal(found[1], "12:30", "translatedText[1], which is copied")
        let auto = try await client.ask(
            "/translate", question(.strings(texts), pair, "auto").with(["alternatives": 1])
        ).json()
        try auto.equal(try auto.array("detectedLanguage").count, texts.count, "detectedLanguage, one for each text")
        try auto.equal(
            try auto.array("alternatives").map { try $0.array().count <= 1 }, texts.map { _ in true },
            "alternatives, at most 1 for each text")
        try auto.equal(try auto.string("detectedLanguage", 1, "language"), "en", "language of a text without a letter")
        try auto.equal(try auto.number("detectedLanguage", 1, "confidence"), 0, "confidence of a text without a letter")
        let third = try auto.string("translatedText", 2)
        try auto.equal(third, texts[2], "translatedText[2], which is in the target language")
        let one = try await client.ask("/translate", question(.strings([texts[0]]), pair)).json()
        try one.equal(try one.strings("translatedText"), [found[0]], "translatedText of an array of one")
    }

    private static let agree = TestCase.onService(
        "translate.vocabularies_agree", "two translations of one text, by the words of the request", quick: true,
        needs: [.task(.translation)]
    ) { context, client in
        let (model, pair) = try pair(context)
        let texts = pair.sentences
        let libre = try await client.ask("/translate", question(.strings(texts), pair)).json().strings("translatedText")
        let exchange = try await client.ask(
            "/translate",
            ["text": .strings(texts), "source_lang": .string(pair.source), "target_lang": .string(pair.target)])
        let ours = try exchange.json().array("translations").map { try $0.string("text") }
        try exchange.equal(ours, libre, "translations in our vocabulary, and in LibreTranslate's")
        context.note("answered by \(try exchange.json().string("model")); the smallest is \(model.name)")
    }

    private static let ways = TestCase.onService(
        "translate.ways", "a form, a query string or a number in quotes that is read as something else", quick: true,
        needs: [.task(.translation)]
    ) { context, client in
        let (_, pair) = try pair(context)
        let text = pair.sentences[3] + " 50 % & + = ?"
        let fields = [("q", text), ("source", pair.source), ("target", pair.target)]
        let expected = try await client.ask("/translate", question(.string(text), pair)).json().string("translatedText")
        let query = fields.map { "\($0.0)=\(ServiceClient.escaped($0.1))" }.joined(separator: "&")
        var answers: [(String, Exchange)] = []
        answers.append(("a form", try await client.ask("/translate", form: fields)))
        answers.append(("a query string", try await client.ask("POST", "/translate?\(query)")))
        let wrong = "/translate?q=\(ServiceClient.escaped("other"))&target=\(pair.target)"
        answers.append(
            ("a form that goes before its query", try await client.ask(wrong, form: [fields[0], fields[1]])))
        answers.append(
            ("a form with a beam in words", try await client.ask("/translate", form: fields + [("beam_size", "1")])))
        answers.append(
            (
                "nulls",
                try await client.ask(
                    "/translate", question(.string(text), pair).with(["alternatives": nil, "format": nil]))
            ))
        answers.append(
            (
                "numbers as text",
                try await client.ask("/translate", question(.string(text), pair).with(["alternatives": "0"]))
            ))
        answers.append(
            (
                "an unknown field",
                try await client.ask("/translate", question(.string(text), pair).with(["color": "red"]))
            ))
        answers.append(
            ("format text", try await client.ask("/translate", question(.string(text), pair).with(["format": "text"]))))
        for (name, exchange) in answers {
            try exchange.equal(try exchange.json().string("translatedText"), expected, "translatedText of \(name)")
        }
    }

    private static let bestModel = TestCase.onService(
        "translate.best_model", "a pair that works only for those who know a model's name"
    ) { context, client in
        for model in context.portfolio.models where model.task == .translation && !model.isLarge {
            let pair = try model.firstPair()
            let exchange = try await client.ask(
                "/translate",
                [
                    "text": .string(pair.sentences[0]), "source_lang": .string(pair.source),
                    "target_lang": .string(pair.target),
                ])
            let name = try exchange.json().string("model")
            let known = context.portfolio.models.first { $0.name == name }
            try exchange.expect(
                known?.sourceLanguages.contains(pair.source) != false
                    && known?.targetLanguages.contains(pair.target) != false,
                "model: expected one for \(pair), found \(name)")
        }
    }

    private static let errorsFollow = TestCase.onService(
        "errors.follow_vocabulary", "an error that a client cannot read because it is in the other vocabulary",
        quick: true, needs: [.task(.translation)]
    ) { context, client in
        let (_, pair) = try pair(context)
        try await client.ask("/translate", ["q": "x", "source": .string(pair.source), "target": "zz"])
            .expectPlainError(400, says: "zz is not supported")
        try await client.ask("/translate", form: [("q", "x"), ("source", "zz"), ("target", pair.target)])
            .expectPlainError(400, says: "zz is not supported")
        try await client.ask("/translate", ["text": "x", "source_lang": .string(pair.source), "target_lang": "zz"])
            .expectError(400, "unsupported_language", says: "zz is not supported")
        try await client.ask("/translate", ["target_lang": .string(pair.target)])
            .expectError(400, "missing_parameter", param: "text", says: "missing text parameter")
        try await client.ask("/translate", [:]).expectPlainError(400, says: "missing q parameter")
        // What is wrong before the vocabulary is known is told in the service's own form.
        try await client.ask("/translate", .raw("{")).expectError(400, "invalid_json")
    }
}

/// `POST /translate` on every model that translates: whole answers, batches, pairs of languages, many clients.
enum TranslationCases {
    static var cases: [TestCase] {
        [
            answers, batchOrder, arrays, pairs, direction, detected, alternatives, spellings, maxTokens, repeatable,
            clients,
        ]
    }

    private static let answers = TestCase.onModels(
        .translation, "translate.answers", "an answer that is empty, or tells of other languages than were asked for",
        quick: true
    ) { context, client, model in
        let pair = try model.firstPair()
        let text = pair.sentences.prefix(2).joined(separator: " ")
        let exchange = try await client.translate([text], pair, model: model.name)
        let answer = try exchange.json()
        try answer.equal(try answer.string("model"), model.name, "model")
        try answer.equal(try answer.array("translations").count, 1, "translations")
        let translation = try answer.at("translations", 0)
        try answer.equal(try translation.string("source_lang"), pair.source, "source_lang")
        try answer.equal(try translation.string("target_lang"), pair.target, "target_lang")
        let found = try translation.string("text")
        try answer.expect(
            !found.isEmpty && found != text, "text: expected a translation, found \(found.debugDescription)")
        try answer.expect(
            found == found.trimmed, "text: expected no white space around it, found \(found.debugDescription)")
        for key in ["detected", "alternatives", "warnings"] {
            try answer.expect(!translation.has(key), "\(key): expected none where nobody asked for it, found one")
        }
        try answer.expect(!answer.has("fallback"), "fallback: expected none of the model itself, found one")
        try answer.equal(
            try answer.int("usage", "characters"), text.codePoints, "usage.characters, code points of the text")
        for key in ["source_tokens", "target_tokens"] {
            try answer.expect(
                try answer.int("usage", .key(key)) > 2, "usage.\(key): expected more than 2 for two sentences")
        }
        for key in ["queue_ms", "inference_ms"] {
            try answer.expect(try answer.number("timings", .key(key)) >= 0, "timings.\(key): expected a time")
        }
    }

    private static let batchOrder = TestCase.onModels(
        .translation, "translate.batch_order",
        "an array that is answered in another order, so that texts change places",
        quick: true
    ) { context, client, model in
        let pair = try model.firstPair()
        // Numbers are copied: whatever the model makes of the sentences, these show the order.
        var texts: [String] = []
        for (index, sentence) in pair.sentences.enumerated() { texts += [sentence, "\(1000 + index)", "[\(index)]"] }
        let exchange = try await client.translate(texts, pair, model: model.name)
        let found = try exchange.json().array("translations").map { try $0.string("text") }
        try exchange.equal(found.count, texts.count, "translations")
        for (index, text) in texts.enumerated() where index % 3 != 0 {
            try exchange.equal(found[index], text, "translation \(index), which is copied")
        }
        let last = pair.sentences.count - 1
        let alone = try await client.translations([pair.sentences[last]], pair, model: model.name)
        try exchange.equal(found[3 * last], alone[0], "translation \(3 * last), alone")
        let reversed = try await client.translations(texts.reversed(), pair, model: model.name)
        try exchange.equal(Array(reversed.reversed()), found, "translations of the array turned round")
    }

    private static let arrays = TestCase.onModels(
        .translation, "translate.arrays", "an array of one that comes back as a string, or an empty one as an error"
    ) { context, client, model in
        let pair = try model.firstPair()
        for texts in [[], [""], [pair.sentences[0]], ["", pair.sentences[0], ""]] {
            let found = try await client.translations(texts, pair, model: model.name)
            for (text, translation) in zip(texts, found) {
                try context.equal(
                    translation.isEmpty, text.isEmpty, "whether the translation of \(text.debugDescription) is empty")
            }
        }
        let many = Array(repeating: ["1", "\u{1F680}", "x = 2"], count: 100).flatMap { $0 }.prefix(250)
        let found = try await client.translations(Array(many), pair, model: model.name)
        try context.equal(found[0], "1", "the first of 250 texts")
        try context.equal(found[249], "1", "the last of 250 texts")
    }

    private static let pairs = TestCase.onModels(
        .translation, "translate.pairs", "a pair of languages that is listed and does not work"
    ) { context, client, model in
        let pairs = LanguageSamples.pairs(model, most: model.isLarge ? 12 : 24)
        try context.expect(!pairs.isEmpty, "pairs of \(model.name): expected one with texts, found none")
        var seen: [String: String] = [:]
        for pair in pairs {
            let exchange = try await client.translate(Array(pair.sentences.prefix(2)), pair, model: model.name)
            let translations = try exchange.json().array("translations")
            try exchange.equal(translations.count, 2, "translations, \(pair)")
            for (sentence, translation) in zip(pair.sentences, translations) {
                let text = try translation.string("text")
                try exchange.expect(!text.isEmpty, "text, \(pair): expected a translation, found none")
                try exchange.expect(text != sentence, "text, \(pair): expected a translation, found the text itself")
                try exchange.equal(try translation.string("target_lang"), pair.target, "target_lang, \(pair)")
                let key = "\(pair.source)|\(text)"
                let other = seen.updateValue(pair.target, forKey: key)
                try exchange.expect(
                    other == nil || other == pair.target,
                    "text, \(pair): expected another than into \(other ?? ""), found the same")
            }
        }
        context.note("\(pairs.count) pairs: \(pairs.map(\.description).joined(separator: ", "))")
    }

    private static let direction = TestCase.onModels(
        .translation, "translate.direction", "languages that have changed places: the answer is in the wrong one",
        quick: true, needs: [.task(.languageIdentification)]
    ) { context, client, model in
        let detector = try context.smallest(.languageIdentification)
        let listed = Set(detector.sourceLanguages.map(LanguageSamples.base))
        for pair in LanguageSamples.pairs(model, most: model.isLarge ? 4 : 8) {
            let target = LanguageSamples.base(pair.target)
            guard listed.contains(target) else { continue }
            let text = pair.sentences.joined(separator: " ")
            let exchange = try await client.translate([text], pair, model: model.name)
            let translation = try exchange.json().string("translations", 0, "text")
            let detected = try await client.ask("/detect", ["text": .string(translation)]).json().string("language")
            try exchange.equal(detected, target, "language of the translation from \(pair)")
        }
    }

    private static let detected = TestCase.onModels(
        .translation, "translate.detected_source", "a source language that is guessed once for a whole array",
        quick: true, needs: [.task(.languageIdentification)]
    ) { context, client, model in
        let detector = try context.smallest(.languageIdentification)
        let pair = try model.firstPair()
        guard detector.sourceLanguages.contains(LanguageSamples.base(pair.source)) else {
            return context.note("\(detector.name) does not tell \(pair.source)")
        }
        let text = pair.sentences.joined(separator: " ")
        let own = LanguageSamples.sentences(pair.target).joined(separator: " ")
        let question: JSONLiteral = [
            "text": [.string(text), .string(own), "12:30"], "target_lang": .string(pair.target),
            "model": .string(model.name),
        ]
        let exchange = try await client.ask("/translate", question)
        let translations = try exchange.json().array("translations")
        try exchange.equal(translations.count, 3, "translations")
        let explicit = try await client.translations([text], pair, model: model.name)
        try exchange.equal(try translations[0].string("text"), explicit[0], "text, with the source named")
        let language = try translations[0].string("detected", "language")
        try exchange.equal(LanguageSamples.base(language), LanguageSamples.base(pair.source), "detected.language")
        let confidence = try translations[0].number("detected", "confidence")
        try exchange.expect(
            confidence > 0.3 && confidence <= 1, "detected.confidence: expected 0.3 to 1, found \(confidence)")
        try exchange.equal(try translations[1].string("text"), own, "text that is in the target language already")
        try exchange.equal(try translations[2].string("text"), "12:30", "text without a letter")
        try exchange.equal(try translations[2].string("source_lang"), "und", "source_lang of a text without a letter")
        let auto = try await client.ask("/translate", question.with(["source_lang": "auto"]))
        try auto.equal(
            try auto.json().at("translations").value, try exchange.json().at("translations").value,
            "translations with source_lang auto, and without")
    }

    private static let alternatives = TestCase.onModels(
        .translation, "translate.alternatives", "alternatives that are one text several times"
    ) { context, client, model in
        let pair = try model.firstPair()
        let exchange = try await client.translate(
            [pair.sentences[1], "42"], pair, model: model.name, with: ["alternatives": 3])
        let best = try exchange.json().string("translations", 0, "text")
        let others = try exchange.json().strings("translations", 0, "alternatives")
        try exchange.expect((1...3).contains(others.count), "alternatives: expected 1 to 3, found \(others.count)")
        try exchange.expect(
            Set([best] + others).count == others.count + 1,
            "alternatives: expected texts that differ, found \([best] + others)")
        try exchange.equal(
            try exchange.json().strings("translations", 1, "alternatives"), [], "alternatives of a number")
        let beam = try await client.translations([pair.sentences[1]], pair, model: model.name, with: ["beam_size": 4])
        try exchange.equal(best, beam[0], "text with as many hypotheses and no alternatives")
    }

    private static let spellings = TestCase.onModels(
        .translation, "translate.language_spellings", "a language that is refused because it is written in another way"
    ) { context, client, model in
        let pair = try model.firstPair()
        let expected = try await client.translations([pair.sentences[0]], pair, model: model.name)
        var spellings = [(pair.source.uppercased(), pair.target.uppercased())]
        let codes = [
            "en": "eng_Latn", "pt": "por_Latn", "de": "deu_Latn", "fr": "fra_Latn", "es": "spa_Latn", "ru": "rus_Cyrl",
        ]
        if let source = codes[pair.source], let target = codes[pair.target] { spellings.append((source, target)) }
        if pair.source == "en" { spellings.append(("en-US", pair.target)) }
        if pair.source == "en" { spellings.append(("en_gb", pair.target)) }
        for (source, target) in spellings {
            let question: JSONLiteral = [
                "text": .string(pair.sentences[0]), "source_lang": .string(source), "target_lang": .string(target),
                "model": .string(model.name),
            ]
            let exchange = try await client.ask("/translate", question)
            try exchange.equal(
                try exchange.json().string("translations", 0, "text"), expected[0], "text from \(source) to \(target)")
            let echoed = try exchange.json().string("translations", 0, "target_lang")
            let spelled = [pair.target, target.replacing("_", with: "-")]
            try exchange.expect(
                spelled.contains(echoed),
                "target_lang, asked for as \(target): expected one of \(spelled), found \(echoed)")
        }
    }

    private static let maxTokens = TestCase.onModels(
        .translation, "translate.max_tokens", "an answer that is cut without a word"
    ) { context, client, model in
        let pair = try model.firstPair()
        let exchange = try await client.translate([pair.sentences[1]], pair, model: model.name, with: ["max_tokens": 3])
        let answer = try exchange.json()
        let tokens = try answer.int("usage", "target_tokens")
        try exchange.expect(tokens <= 4, "usage.target_tokens: expected at most 3 and an end token, found \(tokens)")
        let warnings = try answer.array("translations", 0, "warnings").map { try $0.string("code") }
        try exchange.expect(warnings.contains("length_limit"), "warnings: expected length_limit, found \(warnings)")
        try exchange.expect(
            try !answer.string("translations", 0, "warnings", 0, "message").isEmpty,
            "warnings: expected a sentence, found none")
    }

    private static let repeatable = TestCase.onModels(
        .translation, "translate.repeatable",
        "the same request that is answered differently because others are served too"
    ) { context, client, model in
        let pair = try model.firstPair()
        let expected = try await client.translations(pair.sentences, pair, model: model.name)
        let count = model.isLarge ? 3 : 8
        let found = try await withThrowingTaskGroup(of: [String].self) { group in
            for index in 0..<count {
                group.addTask {
                    // Each with other neighbours in its batches.
                    let texts = pair.sentences + pair.sentences.prefix(index % pair.sentences.count)
                    return try await client.translations(texts, pair, model: model.name)
                }
            }
            return try await group.reduce(into: [[String]]()) { $0.append(Array($1.prefix(expected.count))) }
        }
        for texts in found { try context.equal(texts, expected, "translations while \(count) clients ask") }
    }

    private static let clients = TestCase.onModels(
        .translation, "translate.many_clients", "an answer that goes to the wrong client", quick: true
    ) { context, client, model in
        let pair = try model.firstPair()
        let count = model.isLarge ? 6 : 24
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                group.addTask {
                    let marker = "\(7000 + number)"
                    let sentence = pair.sentences[number % pair.sentences.count]
                    let exchange = try await client.translate([marker, sentence, marker], pair, model: model.name)
                    let found = try exchange.json().array("translations").map { try $0.string("text") }
                    try exchange.equal(found.count, 3, "translations")
                    try exchange.equal([found[0], found[2]], [marker, marker], "this client's own numbers")
                    try exchange.expect(!found[1].isEmpty, "text: expected a translation, found none")
                }
            }
            try await group.waitForAll()
        }
    }
}

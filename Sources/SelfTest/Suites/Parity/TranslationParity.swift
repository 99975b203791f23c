internal import Foundation

/// What is translated, in each of some languages.
enum SampleTexts {
    /// Sentences, several of them in one text, a line break, a number, capitals.
    static let byLanguage = [
        "en": [
            "The library opens at nine. Bring your card.", "She had never seen the sea before, and it frightened her.",
            "The weather in Lisbon will be sunny tomorrow, with temperatures above thirty degrees.",
            "First line.\nSecond line, with 12:30 and a name: Clara.", "THE TRAIN IS LATE AGAIN.", "12:30",
        ],
        "pt": [
            "A biblioteca abre às nove. Traga o seu cartão.", "Ela nunca tinha visto o mar, e teve medo.",
            "Amanhã o tempo em Lisboa será de sol, com temperaturas acima de trinta graus.",
            "Primeira linha.\nSegunda linha, com 12:30 e um nome: Clara.", "O COMBOIO ESTÁ OUTRA VEZ ATRASADO.",
            "12:30",
        ],
        "es": ["La biblioteca abre a las nueve.", "Nunca había visto el mar, y le dio miedo.", "El tren llega tarde."],
        "fr": ["La bibliothèque ouvre à neuf heures.", "Elle n'avait jamais vu la mer.", "Le train est en retard."],
        "de": [
            "Die Bibliothek öffnet um neun Uhr.", "Sie hatte das Meer noch nie gesehen.", "Der Zug hat Verspätung.",
        ],
        "it": ["La biblioteca apre alle nove.", "Non aveva mai visto il mare.", "Il treno è in ritardo."],
    ]
}

/// What a translation model is asked.
struct TranslationQuery: Encodable, Sendable {
    var text: [String]
    var sourceLang: String
    var targetLang: String
    var model: String?
    var beamSize: Int?
}

/// What it answers, as far as it is compared.
struct TranslationBody: Decodable, Sendable {
    struct Item: Decodable, Sendable, Equatable {
        var text: String
        var sourceLang: String
        var targetLang: String
    }

    struct Usage: Decodable, Sendable {
        var characters: Int
        var sourceTokens: Int
        var targetTokens: Int
    }

    var translations: [Item]
    var usage: Usage
}

extension PortfolioModel {
    /// Some texts in a language that the model reads, and a language that it writes.
    ///
    /// - Throws: `CaseFailure` for a model that says no languages.
    func translations() throws -> (texts: [String], source: String, target: String) {
        let source =
            ["en", "pt", "es", "fr", "de", "it"].first(where: sourceLanguages.contains) ?? sourceLanguages.first
        let target = ["pt", "en", "es", "fr", "de", "it"].first { targetLanguages.contains($0) && $0 != source }
        guard let source, let target = target ?? targetLanguages.first(where: { $0 != source }) else {
            throw CaseFailure("\(name): expected languages to translate from and to, found none")
        }
        return (SampleTexts.byLanguage[source] ?? SampleTexts.byLanguage["en"] ?? [], source, target)
    }

    /// The request for some of those texts.
    func translation(of texts: [String]? = nil, beamSize: Int? = nil) throws -> TranslationQuery {
        let (samples, source, target) = try translations()
        return TranslationQuery(
            text: texts ?? samples, sourceLang: source, targetLang: target, model: name, beamSize: beamSize)
    }
}

/// The same translation by every way.
enum TranslationParity {
    static var cases: [TestCase] {
        [
            TestCase(
                .parity, "translate.batch", "texts of an array translated otherwise than alone, greedily or by beams",
                on: .model([.translation]), isQuick: true, batch),
            TestCase(
                .parity, "translate.in_flight", "translations that change, or are mixed up, with others in flight",
                on: .model([.translation]), isQuick: true, inFlight),
            TestCase(
                .parity, "translate.command", "svc translate answering otherwise than the service, or than itself",
                on: .programWithModel([.translation]), command),
            TestCase(
                .parity, "translate.restart", "translations that change when the service is started again",
                on: .programWithModel([.translation]), restart),
        ]
    }

    /// Each text in a request of its own.
    static func alone(_ client: ServiceClient, _ query: TranslationQuery) async throws -> [TranslationBody] {
        var answers: [TranslationBody] = []
        for text in query.text {
            var single = query
            single.text = [text]
            answers.append(try await client.answer(TranslationBody.self, "/translate", single))
        }
        return answers
    }

    static func compare(
        _ context: CaseContext, _ found: [String], _ expected: [String], _ query: TranslationQuery,
        ways: (found: String, expected: String)
    ) throws {
        let evidence = ["\(query)", "\(ways.expected): \(expected)", "\(ways.found): \(found)"]
        try context.equal(found.count, expected.count, "the number of translations \(ways.found)", evidence: evidence)
        for (text, (left, right)) in zip(query.text, zip(found, expected)) {
            try context.same(left, right, "the translation of \(text.debugDescription)", ways: ways, evidence: evidence)
        }
    }

    @Sendable private static func batch(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        for beamSize in [1, 4] {
            let query = try model.translation(beamSize: beamSize)
            let single = try await alone(client, query)
            let together = try await client.answer(TranslationBody.self, "/translate", query)
            try compare(
                context, together.translations.map(\.text), single.flatMap { $0.translations.map(\.text) }, query,
                ways: ("in an array", "alone"))
            for (name, count) in [
                ("characters", \TranslationBody.Usage.characters), ("source_tokens", \.sourceTokens),
                ("target_tokens", \.targetTokens),
            ] {
                try context.equal(
                    together.usage[keyPath: count], single.reduce(0) { $0 + $1.usage[keyPath: count] },
                    "\(name) of an array against the sum of its texts", evidence: ["\(query)", "\(together)"])
            }
        }
    }

    @Sendable private static func inFlight(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        let samples = try model.translations().texts
        var queries: [TranslationQuery] = []
        for number in 0..<9 {
            let sample = samples[number % samples.count]
            // No two are the same text.
            queries.append(try model.translation(of: [number < samples.count ? sample : "\(sample) \(samples[0])"]))
        }
        var single: [[String]] = []
        for query in queries {
            single.append(
                try await client.answer(TranslationBody.self, "/translate", query).translations.map(\.text))
        }
        for _ in 1...3 {
            let together = try await withThrowingTaskGroup(of: (Int, [String]).self) { group in
                for (index, query) in queries.enumerated() {
                    group.addTask {
                        let answer = try await client.answer(TranslationBody.self, "/translate", query)
                        return (index, answer.translations.map(\.text))
                    }
                }
                return try await group.reduce(into: [Int: [String]]()) { $0[$1.0] = $1.1 }
            }
            for (index, query) in queries.enumerated() {
                try compare(context, together[index] ?? [], single[index], query, ways: ("with 8 others", "alone"))
            }
        }
    }

    @Sendable private static func command(_ context: CaseContext) async throws {
        let (program, model) = (try context.theProgram(), try context.theModel())
        let query = try model.translation()
        let served = try await program.withService([model.name]) { client in
            try await client.answer(TranslationBody.self, "/translate", query).translations
        }
        let flags = ["translate", "--from", query.sourceLang, "--to", query.targetLang, "--model", model.name]
        // A text of several lines is one text as an argument, and several on standard input.
        for (text, expected) in zip(query.text, served) {
            let plain = try await program.run(flags + ["--", text])
            try context.equal(plain.code, 0, "the exit code of svc translate", evidence: plain.evidence)
            try compare(
                context, [plain.outputText], [expected.text + "\n"], query, ways: ("svc translate", "POST /translate"))
        }
        let lines = zip(query.text, served).filter { !$0.0.contains("\n") }
        let input = Array(lines.map { $0.0 + "\n" }.joined().utf8)
        let piped = try await program.run(flags, input: input)
        try context.equal(piped.code, 0, "the exit code of svc translate", evidence: piped.evidence)
        try context.same(
            piped.outputText, lines.map { $0.1.text + "\n" }.joined(), "the translations of lines",
            ways: ("svc translate < lines", "POST /translate"), evidence: piped.evidence)
        let json = try await program.run(flags + ["--json"], input: input)
        let items = try JSONView(parsing: json.output)["data"]["translations"].array
        try context.equal(
            try items.map { try $0["text"].string }, lines.map(\.1.text),
            "the translations of svc translate --json", evidence: json.evidence)
        try context.equal(
            try items.map { try $0["target_lang"].string }, lines.map(\.1.targetLang),
            "target_lang of svc translate --json", evidence: json.evidence)
    }

    @Sendable private static func restart(_ context: CaseContext) async throws {
        let (program, model) = (try context.theProgram(), try context.theModel())
        let query = try model.translation()
        var answers: [[String]] = []
        for _ in 1...2 {
            answers.append(
                try await program.withService([model.name]) { client in
                    let cold = try await client.answer(TranslationBody.self, "/translate", query)
                    let warm = try await client.answer(TranslationBody.self, "/translate", query)
                    return (cold.translations + warm.translations).map(\.text)
                })
        }
        let count = query.text.count
        try compare(
            context, Array(answers[0].suffix(count)), Array(answers[0].prefix(count)), query,
            ways: ("asked again", "asked first"))
        for (found, way) in [(answers[1].prefix(count), "cold"), (answers[1].suffix(count), "warm")] {
            try compare(
                context, Array(found), Array(answers[0].prefix(count)), query,
                ways: ("after a restart, \(way)", "before it"))
        }
    }
}

internal import Foundation

/// What language a text is in, by every way.
enum DetectionParity {
    static let texts = [
        "Where is the station?", "Onde fica a estação?", "¿Dónde está la estación?", "Où est la gare ?",
        "Wo ist der Bahnhof?", "Где находится вокзал?", "駅はどこですか。", "12:30", "Hi", "", "🙂",
    ]

    struct Candidate: Decodable, Sendable, Equatable {
        var language: String
        var confidence: Double
    }

    struct Detection: Decodable, Sendable, Equatable {
        var language: String
        var confidence: Double
        var candidates: [Candidate]?
    }

    private struct Many: Encodable { var text: [String] }
    private struct One: Encodable { var text: String }
    private struct Other: Encodable { var q: String }

    static var cases: [TestCase] {
        let kind = TestCase.Subject.model([.languageIdentification])
        return [
            TestCase(
                .parity, "detect.batch", "texts of an array told otherwise than alone", on: kind, isQuick: true, batch),
            TestCase(
                .parity, "detect.in_flight", "languages that are mixed up with others in flight", on: kind,
                isQuick: true, inFlight),
            TestCase(
                .parity, "detect.vocabularies", "the two vocabularies telling different languages", on: kind,
                isQuick: true, vocabularies),
            TestCase(
                .parity, "detect.command", "svc detect answering otherwise than the service, or than itself",
                on: .programWithModel([.languageIdentification]), isQuick: true, command),
        ]
    }

    static func together(_ client: ServiceClient) async throws -> [Detection] {
        try await client.answer([Detection].self, "/detect", Many(text: texts))
    }

    private static func compare(
        _ context: CaseContext, _ found: Detection?, _ expected: Detection?, _ text: String, _ ways: String
    ) throws {
        try context.expect(
            found == expected && found != nil,
            "the language of \(text.debugDescription): expected \(ways), found \(String(describing: found)) and "
                + "\(String(describing: expected))", evidence: ["\(text)"])
    }

    @Sendable private static func batch(_ context: CaseContext) async throws {
        let client = try context.client()
        let all = try await together(client)
        try context.equal(all.count, texts.count, "the number of detections", evidence: ["\(all)"])
        for (text, found) in zip(texts, all) {
            let alone = try await client.answer(Detection.self, "/detect", One(text: text))
            try compare(context, found, alone, text, "in an array = alone")
        }
        // A detector that says the same of everything would be equal by every way.
        try context.equal(
            all.prefix(7).map(\.language), ["en", "pt", "es", "fr", "de", "ru", "ja"], "the languages",
            evidence: ["\(texts)", "\(all)"])
    }

    @Sendable private static func inFlight(_ context: CaseContext) async throws {
        let client = try context.client()
        let all = try await together(client)
        let found = try await withThrowingTaskGroup(of: (Int, Detection).self) { group in
            for (index, text) in texts.enumerated() {
                group.addTask { (index, try await client.answer(Detection.self, "/detect", One(text: text))) }
            }
            return try await group.reduce(into: [Int: Detection]()) { $0[$1.0] = $1.1 }
        }
        for (index, text) in texts.enumerated() {
            try compare(context, found[index], all[index], text, "with \(texts.count - 1) others = in an array")
        }
    }

    @Sendable private static func vocabularies(_ context: CaseContext) async throws {
        let client = try context.client()
        for text in texts where !text.isEmpty {
            let ours = try await client.answer(Detection.self, "/detect", One(text: text))
            let other = try await client.answer([Detection].self, "/detect", Other(q: text))
            let evidence = ["\(text)", "\(ours)", "\(other)"]
            try context.equal(other.count, 1, "the candidates for \(text.debugDescription) by q", evidence: evidence)
            guard let first = other.first else { continue }
            // "und" has no place in the other vocabulary, which has confidences in percent with two decimals.
            let language = ours.language == "und" ? "en" : ours.language
            try context.equal(first.language, language, "the language of \(text.debugDescription)", evidence: evidence)
            try context.expect(
                abs(first.confidence - ours.confidence * 100) <= 0.011,
                "the confidence for \(text.debugDescription): expected \(ours.confidence * 100) by q, found "
                    + "\(first.confidence)", evidence: evidence)
        }
    }

    @Sendable private static func command(_ context: CaseContext) async throws {
        let (program, model) = (try context.theProgram(), try context.theModel())
        let served = try await program.withService([model.name]) { try await together($0) }
        let input = Array(texts.map { $0 + "\n" }.joined().utf8)
        let json = try await program.run(["detect", "--json"], input: input)
        try context.equal(json.code, 0, "the exit code of svc detect --json", evidence: json.evidence)
        let items = try JSONView(parsing: json.output)["data"]["detections"].array
        try context.equal(items.count, served.count, "the number of detections", evidence: json.evidence)
        for (text, (item, expected)) in zip(texts, zip(items, served)) {
            try context.equal(
                try item["language"].string, expected.language, "svc detect on \(text.debugDescription)",
                evidence: json.evidence)
            // The service rounds to four decimals.
            try context.expect(
                abs(try item["confidence"].double - expected.confidence) <= 0.00011,
                "svc detect on \(text.debugDescription): expected confidence \(expected.confidence), found \(item)",
                evidence: json.evidence)
        }
        let plain = try await program.run(["detect"], input: input)
        let lines = try items.map { item in
            "\(try item["language"].string)\t\(String(format: "%.4f", try item["confidence"].double))\n"
        }
        try context.same(
            plain.outputText, lines.joined(), "the languages of lines", ways: ("svc detect", "svc detect --json"),
            evidence: plain.evidence + json.evidence)
        let argument = try await program.run(["detect", "--", texts[1]])
        try context.same(
            argument.outputText, lines[1], "the language of an argument", ways: ("svc detect TEXT", "svc detect"),
            evidence: argument.evidence)
    }
}

internal import Foundation

/// What models are known to answer, as it is recorded in `models/known-answers.json`.
struct KnownAnswers: Decodable, Sendable {
    /// A question and its answer.
    struct Entry: Decodable, Sendable {
        /// A prompt that is continued, or what a user says; of a language model.
        var prompt: String?
        var message: String?
        var maxTokens: Int?
        /// A text that is translated, told the language of, or turned into a vector.
        var text: String?
        var source: String?
        var target: String?
        /// The answer: a text, or the code of a language.
        var expected: String?
        var finishReason: String?
        var promptTokens: Int?
        var completionTokens: Int?
        /// The confidence of a language.
        var confidence: Double?
        /// The first components of a vector.
        var vector: [Double]?
        var dimensions: Int?
    }

    var models: [String: [Entry]]

    /// Those that are built into this program.
    static func builtIn() throws -> KnownAnswers {
        try WireJSON.value(
            KnownAnswers.self, PackageResources.known_answers_json, "models/known-answers.json", evidence: [])
    }
}

/// What each model is known to answer.
enum KnownAnswerParity {
    static var cases: [TestCase] {
        [
            TestCase(
                .parity, "known_answers", "a model that answers otherwise than it did when its answers were recorded",
                on: .model(Set(ModelTask.allCases)), isQuick: true, knownAnswers)
        ]
    }

    @Sendable private static func knownAnswers(_ context: CaseContext) async throws {
        let (client, model) = (try context.client(), try context.theModel())
        guard let entries = try KnownAnswers.builtIn().models[model.name] else {
            throw CaseGated("no answers of \(model.name) are recorded in models/known-answers.json")
        }
        for entry in entries {
            switch model.task {
            case .generation: try await generation(context, client, model, entry)
            case .translation: try await translation(context, client, model, entry)
            case .embedding: try await embedding(context, client, model, entry)
            case .languageIdentification: try await detection(context, client, entry)
            }
        }
        context.note("\(entries.count) answers of \(model.name) are as recorded")
    }

    private static func generation(
        _ context: CaseContext, _ client: ServiceClient, _ model: PortfolioModel, _ entry: KnownAnswers.Entry
    ) async throws {
        var query = GenerationQuery(
            model: model.name, prompt: .text(entry.prompt ?? ""), maxTokens: entry.maxTokens ?? 16)
        if let message = entry.message { query.prompt = .chat(message) }
        let answer = try await client.generate(query)
        let evidence = [query.evidence, answer.raw]
        try context.same(
            answer.text, entry.expected ?? "", query.label, ways: ("the answer", "the one recorded"), evidence: evidence
        )
        try context.equal(
            answer.finishReason, entry.finishReason, "finish_reason of \(query.label)", evidence: evidence)
        try context.equal(
            answer.usage?.promptTokens, entry.promptTokens, "prompt_tokens of \(query.label)", evidence: evidence)
        try context.equal(
            answer.usage?.completionTokens, entry.completionTokens, "completion_tokens of \(query.label)",
            evidence: evidence)
    }

    private static func translation(
        _ context: CaseContext, _ client: ServiceClient, _ model: PortfolioModel, _ entry: KnownAnswers.Entry
    ) async throws {
        let query = TranslationQuery(
            text: [entry.text ?? ""], sourceLang: entry.source ?? "", targetLang: entry.target ?? "", model: model.name)
        let answer = try await client.answer(TranslationBody.self, "/translate", query)
        try context.same(
            answer.translations.first?.text ?? "", entry.expected ?? "",
            "the translation of \((entry.text ?? "").debugDescription)", ways: ("the answer", "the one recorded"),
            evidence: ["\(query)", "\(answer)"])
    }

    private struct Text: Encodable { var text: String }

    private static func detection(
        _ context: CaseContext, _ client: ServiceClient, _ entry: KnownAnswers.Entry
    ) async throws {
        let text = entry.text ?? ""
        let found = try await client.answer(DetectionParity.Detection.self, "/detect", Text(text: text))
        let evidence = [text, "\(found)"]
        try context.equal(
            found.language, entry.expected ?? "", "the language of \(text.debugDescription)", evidence: evidence)
        try context.expect(
            abs(found.confidence - (entry.confidence ?? 0)) <= 0.001,
            "the confidence for \(text.debugDescription): expected \(entry.confidence ?? 0), found \(found.confidence)",
            evidence: evidence)
    }

    private static func embedding(
        _ context: CaseContext, _ client: ServiceClient, _ model: PortfolioModel, _ entry: KnownAnswers.Entry
    ) async throws {
        let text = entry.text ?? ""
        let vector = try await EmbeddingParity.vectors(client, model.name, [text]).first ?? []
        try context.equal(vector.count, entry.dimensions ?? 0, "the length of the vector of \(text.debugDescription)")
        let expected = entry.vector ?? []
        let distance = EmbeddingParity.distance(Array(vector.prefix(expected.count)), expected)
        try context.expect(
            distance <= 1e-3,
            "the vector of \(text.debugDescription): expected it within 0.001 of the one recorded, found a component "
                + "\(distance) away", evidence: ["\(vector.prefix(expected.count))", "\(expected)"])
    }
}

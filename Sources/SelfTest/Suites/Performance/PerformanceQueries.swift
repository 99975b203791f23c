internal import Foundation
internal import Synchronization

/// What the measurements ask for: the same in every run.
enum PerformanceQueries {
    /// Sentences of usual lengths, by language; English for any other. What they say does not matter here, only that
    /// they are of the kind that people translate.
    private static let sentences: [String: [String]] = [
        "en": [
            "The library opens at nine on weekdays.", "Please bring your card when you come back.",
            "The train to the coast leaves from the second platform in ten minutes.",
            "Where can I buy a ticket for the museum?",
            "She wrote three letters before breakfast and posted none of them.",
            "The meeting has been moved to Thursday afternoon because of the holiday.",
            "It rained all night, and the river rose by half a metre.", "Could you tell me how to get to the station?",
            "The new bridge will be finished next year if the weather allows it.",
            "He sold his old bicycle and bought a better one.",
        ],
        "pt": [
            "A biblioteca abre às nove nos dias úteis.", "Traga o seu cartão quando voltar, por favor.",
            "O comboio para a costa parte da segunda linha dentro de dez minutos.",
            "Onde posso comprar um bilhete para o museu?",
            "Ela escreveu três cartas antes do pequeno-almoço e não enviou nenhuma.",
            "A reunião passou para quinta-feira à tarde por causa do feriado.",
            "Choveu toda a noite, e o rio subiu meio metro.", "Pode dizer-me como se chega à estação?",
            "A nova ponte estará pronta no próximo ano, se o tempo o permitir.",
            "Ele vendeu a bicicleta velha e comprou uma melhor.",
        ],
    ]

    /// The requests of a model for its task.
    ///
    /// - Throws: `CaseFailure` where the model has no pair of languages.
    static func query(_ model: PortfolioModel) throws -> @Sendable (Int, Int) -> LoadGenerator.Query {
        let name = WireText.quoted(model.name)
        switch model.task {
        case .translation:
            let (source, target) = try pair(of: model)
            let texts = sentences[source] ?? sentences["en"] ?? []
            return { client, number in
                let text = WireText.quoted(texts[(client * 3 + number) % texts.count])
                return translation(text, from: source, to: target, model: name)
            }
        case .generation: return generation(model, tokens: 16, isStreamed: false)
        case .embedding:
            let texts = sentences["en"] ?? []
            return { client, number in
                let text = WireText.quoted(texts[(client * 3 + number) % texts.count])
                return LoadGenerator.Query(path: "/v1/embeddings", body: #"{"model":\#(name),"input":\#(text)}"#)
            }
        case .languageIdentification:
            let texts = (sentences["en"] ?? []) + (sentences["pt"] ?? [])
            return { client, number in
                let text = WireText.quoted(texts[(client * 3 + number) % texts.count])
                return LoadGenerator.Query(path: "/detect", body: #"{"text":\#(text)}"#)
            }
        }
    }

    /// Requests to translate a page of many sentences.
    ///
    /// - Throws: as `query`.
    static func document(_ model: PortfolioModel, sentences count: Int) throws
        -> @Sendable (Int, Int) -> LoadGenerator.Query
    {
        let (source, target) = try pair(of: model)
        let (name, texts) = (WireText.quoted(model.name), sentences[source] ?? sentences["en"] ?? [])
        return { client, number in
            let page = (0..<count).map { texts[(client * 3 + number + $0) % texts.count] }.joined(separator: " ")
            return translation(WireText.quoted(page), from: source, to: target, model: name)
        }
    }

    private static func translation(
        _ text: String, from source: String, to target: String, model name: String
    ) -> LoadGenerator.Query {
        LoadGenerator.Query(
            path: "/translate",
            body: #"{"text":\#(text),"source_lang":"\#(source)","target_lang":"\#(target)","model":\#(name)}"#)
    }

    private static func pair(of model: PortfolioModel) throws -> (source: String, target: String) {
        let sources = model.sourceLanguages
        guard let source = ["en", "pt"].first(where: sources.contains) ?? sources.first,
            let target = model.targetLanguages.first(where: { $0 != source })
        else { throw CaseFailure("\(model.name) has no pair of languages to translate between") }
        return (source, target)
    }

    /// Requests for answers of a length, whose prompts differ from the first word on, also from those of a measurement
    /// before: what a model remembers of one prompt must not help it with the next.
    static func generation(
        _ model: PortfolioModel, tokens: Int, isStreamed: Bool
    ) -> @Sendable (Int, Int) -> LoadGenerator.Query {
        let name = WireText.quoted(model.name)
        let texts = sentences["en"] ?? []
        return { client, number in
            let text = texts[(client + number) % texts.count]
            let serial = serial.wrappingAdd(7, ordering: .relaxed).newValue % 900_000
            let prompt = WireText.quoted("\(100_000 + serial) \(text)")
            return LoadGenerator.Query(
                path: "/v1/completions",
                body: #"{"model":\#(name),"prompt":\#(prompt),"temperature":0,"max_tokens":\#(tokens),"#
                    + #""ignore_eos":true,"stream":\#(isStreamed)}"#)
        }
    }

    private static let serial = Atomic<Int>(0)
}

/// Texts as JSON strings.
enum WireText {
    /// A text with its quotes.
    static func quoted(_ text: String) -> String {
        // A string can always be encoded.
        (try? JSONEncoder().encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
}

internal import Engine
internal import Foundation
internal import Generation
internal import Hummingbird
internal import LanguageID
internal import Metrics
internal import Tokenizers

/// POST /translate and GET /languages, in LibreTranslate's vocabulary and in ours.
struct TranslateController: Sendable {
    let engine: Engine
    let configuration: ServiceConfiguration
    let keys: APIKeys
    let work: RequestWork

    func translate(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let fields = try await RequestFields.read(request, maximumBytes: configuration.maximumBodyBytes)
        let vocabulary = fields.vocabulary
        do {
            try keys.authorise(fields, context)
            let query =
                switch vocabulary {
                case .service: try TranslateRequest(service: fields, configuration)
                case .libreTranslate: try TranslateRequest(libreTranslate: fields, configuration)
                }
            if query.isStreamed { return try await stream(query, context) }
            let items = try await run(query, context)
            record(query, items)
            var response =
                switch vocabulary {
                case .service: answer(query, items)
                case .libreTranslate: libreTranslateAnswer(query, items)
                }
            response.note(items.compactMap(\.fallback))
            return response
        } catch {
            throw APIError.from(error).spoken(in: vocabulary)
        }
    }

    private func run(_ query: TranslateRequest, _ context: ServiceRequestContext) async throws -> [TranslatedItem] {
        try await work.run(on: context.channel) { [engine] in try await engine.translate(query.query) }
    }

    private func record(_ query: TranslateRequest, _ items: [TranslatedItem]) {
        Counter(label: "svc_translated_characters_total").increment(by: query.characters)
        Counter(label: "svc_translated_words_total").increment(by: query.words)
        Counter(label: "svc_source_tokens_total").increment(by: items.reduce(0) { $0 + $1.sourceTokens })
        Counter(label: "svc_target_tokens_total").increment(by: items.reduce(0) { $0 + $1.targetTokens })
        for warning in items.flatMap(\.warnings) {
            Counter(label: "svc_translation_warnings_total", dimensions: [("kind", warning.kind)]).increment()
        }
    }

    /// A sentence an event, in order; then what is to be said of all, and the end.
    private func stream(_ query: TranslateRequest, _ context: ServiceRequestContext) async throws -> Response {
        try await TranslationStream(configuration: configuration, monitor: work.monitor).respond(
            context,
            translate: { [engine] onSentence in try await engine.translate(query.query, onSentence: onSentence) },
            summary: { items in
                record(query, items)
                return TranslationAnswer(query, items, withTexts: false)
            })
    }

    // MARK: Answers

    private func answer(_ request: TranslateRequest, _ items: [TranslatedItem]) -> Response {
        JSONResponse.make(TranslationAnswer(request, items))
    }

    /// LibreTranslate's answer: single values for a single text, arrays for an array.
    private struct LibreTranslateAnswer<Text: Encodable, Detected: Encodable, Alternatives: Encodable>: Encodable {
        var translatedText: Text
        var detectedLanguage: Detected?
        var alternatives: Alternatives?
    }

    private func libreTranslateAnswer(_ request: TranslateRequest, _ items: [TranslatedItem]) -> Response {
        let detected = items.compactMap { $0.detected.map(LibreTranslateLanguage.init) }
        let alternatives = request.alternatives > 0 ? items.map(\.alternatives) : nil
        guard request.isArray else {
            return JSONResponse.make(
                LibreTranslateAnswer(
                    translatedText: items.first?.text ?? "", detectedLanguage: detected.first,
                    alternatives: alternatives?.first), keys: .asWritten)
        }
        return JSONResponse.make(
            LibreTranslateAnswer(
                translatedText: items.map(\.text), detectedLanguage: detected.isEmpty ? nil : detected,
                alternatives: alternatives), keys: .asWritten)
    }

    // MARK: Languages

    private struct Language: Encodable {
        var code: String
        var name: String
        var targets: [String]
    }

    func languages(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let fields = try await RequestFields.read(request, maximumBytes: configuration.maximumBodyBytes)
        do {
            try keys.authorise(fields, context)
        } catch {
            throw APIError.from(error).spoken(in: .libreTranslate)
        }
        let languages = await engine.languages().map {
            Language(code: $0.code, name: LanguageNames.english($0.code), targets: $0.targets)
        }
        return JSONResponse.make(languages, keys: .asWritten)
    }
}

/// A detected language as LibreTranslate says it: confidence from 0 to 100, and English where nothing could be told.
struct LibreTranslateLanguage: Encodable {
    var confidence: Double
    var language: String

    init(_ candidate: LanguageIdentifier.Candidate) {
        confidence = rounded(candidate.confidence * 100, 2)
        language = candidate.language == "und" ? "en" : candidate.language
    }
}

/// A number with so many decimals, for people.
func rounded(_ value: some BinaryFloatingPoint, _ decimals: Int) -> Double {
    let scale = pow(10, Double(decimals))
    return (Double(value) * scale).rounded() / scale
}

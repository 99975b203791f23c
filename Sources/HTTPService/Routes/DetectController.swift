internal import Engine
internal import Hummingbird
internal import LanguageID

/// POST /detect, in LibreTranslate's vocabulary (`q`) and in ours (`text`).
struct DetectController: Sendable {
    let engine: Engine
    let configuration: ServiceConfiguration
    let keys: APIKeys
    let work: RequestWork

    private struct Answer: Encodable {
        struct Candidate: Encodable {
            var language: String
            var confidence: Double
        }

        var language: String
        var confidence: Double
        var candidates: [Candidate]

        init(_ detection: LanguageIdentifier.Detection) {
            language = detection.language
            confidence = rounded(detection.confidence, 4)
            candidates = detection.candidates.map {
                Candidate(language: $0.language, confidence: rounded($0.confidence, 4))
            }
        }
    }

    func detect(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let fields = try await RequestFields.read(request, maximumBytes: configuration.maximumBodyBytes)
        let vocabulary = fields.vocabulary
        do {
            try keys.authorise(fields, context)
            let name = vocabulary == .service ? "text" : "q"
            guard let (texts, isArray) = try fields.texts(name), vocabulary == .service || texts != [""] else {
                throw TranslateRequest.missing(name)
            }
            try TextRules.check(texts, name: name, isArray: isArray, configuration)
            let detections = try await work.run(on: context.channel) { [engine] in try await engine.detect(texts) }
            switch vocabulary {
            case .service:
                let answers = detections.map(Answer.init)
                return isArray ? JSONResponse.make(answers) : JSONResponse.make(answers.first)
            case .libreTranslate:
                let answers = detections.map { Self.candidates($0) }
                return isArray
                    ? JSONResponse.make(answers, keys: .asWritten) : JSONResponse.make(answers.first, keys: .asWritten)
            }
        } catch {
            throw APIError.from(error).spoken(in: vocabulary)
        }
    }

    /// LibreTranslate's list for one text: the best first, or English with confidence 0 where nothing could be told.
    private static func candidates(_ detection: LanguageIdentifier.Detection) -> [LibreTranslateLanguage] {
        let first = LanguageIdentifier.Candidate(language: detection.language, confidence: detection.confidence)
        return [LibreTranslateLanguage(first)]
    }
}

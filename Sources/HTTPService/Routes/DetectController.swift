internal import Engine
internal import Hummingbird
internal import LanguageID

/// POST /detect, in LibreTranslate's vocabulary (`q`) and in ours (`text`).
struct DetectController: Sendable {
    let engine: Engine
    let configuration: ServiceConfiguration
    let keys: APIKeys
    let work: RequestWork

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
            let detections =
                if let detections = try await engine.detectAtOnce(texts) { detections } else {
                    try await work.run(on: context.channel) { [engine] in try await engine.detect(texts) }
                }
            var writer = JSONWriter()
            let write = vocabulary == .service ? Self.writeAnswer : Self.writeCandidates
            if isArray { writer.array(detections, write) } else { write(&writer, detections[0]) }
            return JSONResponse.raw(writer.buffer)
        } catch {
            throw APIError.from(error).spoken(in: vocabulary)
        }
    }

    private static func writeAnswer(_ writer: inout JSONWriter, _ detection: LanguageIdentifier.Detection) {
        func write(_ language: String, _ confidence: Float, to writer: inout JSONWriter) {
            writer.member("confidence", rounded(confidence, 4))
            writer.member("language", language)
        }
        writer.object { writer in
            writer.key("candidates")
            writer.array(detection.candidates) { writer, candidate in
                writer.object { write(candidate.language, candidate.confidence, to: &$0) }
            }
            write(detection.language, detection.confidence, to: &writer)
        }
    }

    /// LibreTranslate's list for one text: the best first, or English with confidence 0 where nothing could be told.
    private static func writeCandidates(_ writer: inout JSONWriter, _ detection: LanguageIdentifier.Detection) {
        let best = LibreTranslateLanguage(.init(language: detection.language, confidence: detection.confidence))
        writer.array([best]) { writer, best in
            writer.object { writer in
                writer.member("confidence", best.confidence)
                writer.member("language", best.language)
            }
        }
    }
}

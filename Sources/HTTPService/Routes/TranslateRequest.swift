internal import Engine
internal import Generation
internal import Hummingbird

/// A request to /translate, checked.
struct TranslateRequest: Sendable {
    var query: TranslationQuery
    /// Whether the texts came as an array.
    var isArray: Bool
    /// How many alternatives were asked for.
    var alternatives: Int
    /// Whether sentences are wanted as they come.
    var isStreamed: Bool
    /// Characters in all texts.
    var characters: Int
    /// Words in all texts.
    var words: Int

    private static let largestBeam = 16
    private static let mostAlternatives = 8

    /// Our vocabulary: text, source_lang, target_lang, model, format, alternatives, beam_size, max_tokens, stream.
    init(service fields: RequestFields, _ configuration: ServiceConfiguration) throws {
        guard let texts = try fields.texts("text") else { throw Self.missing("text") }
        guard let target = try fields.string("target_lang"), !target.isEmpty else { throw Self.missing("target_lang") }
        try self.init(
            fields, texts: texts, name: "text", source: try fields.string("source_lang"), target: target,
            model: try fields.string("model"), configuration)
    }

    /// LibreTranslate's: q, source, target, format, alternatives.
    init(libreTranslate fields: RequestFields, _ configuration: ServiceConfiguration) throws {
        guard let texts = try fields.texts("q"), !texts.texts.isEmpty, texts.isArray || texts.texts != [""] else {
            throw Self.missing("q")
        }
        guard let source = try fields.string("source"), !source.isEmpty else { throw Self.missing("source") }
        guard let target = try fields.string("target"), !target.isEmpty else { throw Self.missing("target") }
        try self.init(fields, texts: texts, name: "q", source: source, target: target, model: nil, configuration)
    }

    private init(
        _ fields: RequestFields, texts: (texts: [String], isArray: Bool), name: String, source: String?, target: String,
        model: String?, _ configuration: ServiceConfiguration
    ) throws {
        let named = try fields.string("format") ?? TranslationFormat.text.rawValue
        guard let format = TranslationFormat(rawValue: named) else {
            throw APIError(.badRequest, "\(named) format is not supported", param: "format", code: "invalid_value")
        }
        isStreamed = try fields.bool("stream") ?? false
        if isStreamed, name == "q" {
            throw APIError(
                .unprocessableContent,
                "stream is not part of LibreTranslate's vocabulary; send text, source_lang and target_lang instead",
                param: "stream", code: "unsupported_parameter")
        }
        try TextRules.check(texts.texts, name: name, isArray: texts.isArray, configuration)
        alternatives = try fields.integer("alternatives", in: 0...Self.mostAlternatives) ?? 0
        if isStreamed, alternatives > 0 {
            throw APIError(
                .badRequest, "a stream has no alternatives; leave alternatives or stream out", param: "alternatives",
                code: "unsupported_parameter")
        }
        let beam = try fields.integer("beam_size", in: 1...Self.largestBeam) ?? 1
        let maximumTokens = try fields.integer("max_tokens", in: 1...100_000)
        let fallback = try FallbackPolicy(parameter: fields.string("fallback"))
        query = TranslationQuery(
            texts: texts.texts, source: source == "auto" || source?.isEmpty == true ? nil : source, target: target,
            model: model,
            search: SearchOptions(
                beamSize: max(beam, alternatives + 1), results: alternatives + 1, maximumTokens: maximumTokens),
            fallback: fallback, format: format)
        isArray = texts.isArray
        characters = texts.texts.reduce(0) { $0 + $1.unicodeScalars.count }
        words = texts.texts.reduce(0) { $0 + $1.split(whereSeparator: \.isWhitespace).count }
    }

    static func missing(_ name: String) -> APIError {
        APIError(.badRequest, "Invalid request: missing \(name) parameter", param: name, code: "missing_parameter")
    }
}

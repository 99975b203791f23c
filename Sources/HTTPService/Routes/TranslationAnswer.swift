internal import Engine
internal import LanguageID

/// The answer to a request in our vocabulary.
struct TranslationAnswer: Encodable {
    struct Translation: Encodable {
        /// Nil where it was told before, sentence by sentence.
        var text: String?
        var sourceLang: String
        var targetLang: String
        var detected: DetectedValue?
        var alternatives: [String]?
        var warnings: [Warning]?
    }

    struct Warning: Encodable {
        var code: String
        var message: String
    }

    struct Usage: Encodable {
        var characters: Int
        var sourceTokens: Int
        var targetTokens: Int
    }

    struct Timings: Encodable {
        var queueMs: Double
        var inferenceMs: Double
    }

    var model: String?
    var fallback: FallbackValue?
    var translations: [Translation]
    var usage: Usage
    var timings: Timings

    init(_ request: TranslateRequest, _ items: [TranslatedItem], withTexts: Bool = true) {
        let models = items.compactMap(\.model).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        model = models.isEmpty ? request.query.model : models.joined(separator: ",")
        fallback = items.lazy.compactMap(\.fallback).first.map(FallbackValue.init)
        translations = items.map { item in
            Translation(
                text: withTexts ? item.text : nil, sourceLang: item.source, targetLang: item.target,
                detected: item.detected.map(DetectedValue.init),
                alternatives: request.alternatives > 0 ? item.alternatives : nil,
                warnings: item.warnings.isEmpty
                    ? nil : item.warnings.map { Warning(code: $0.kind, message: $0.message) })
        }
        usage = Usage(
            characters: request.characters, sourceTokens: items.reduce(0) { $0 + $1.sourceTokens },
            targetTokens: items.reduce(0) { $0 + $1.targetTokens })
        timings = Timings(
            queueMs: rounded(1000 * (items.map(\.queueSeconds).max() ?? 0), 2),
            inferenceMs: rounded(1000 * (items.map(\.inferenceSeconds).max() ?? 0), 2))
    }
}

/// A detected language in our vocabulary: confidence from 0 to 1.
struct DetectedValue: Encodable {
    var language: String
    var confidence: Double

    init(_ candidate: LanguageIdentifier.Candidate) {
        language = candidate.language
        confidence = rounded(candidate.confidence, 4)
    }
}

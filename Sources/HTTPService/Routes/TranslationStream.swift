internal import Engine
internal import HTTPTypes
internal import Hummingbird

/// Answers a request for translations as server-sent events: one for each sentence, in order, then one with what there is
/// to say of all, then `[DONE]`.
struct TranslationStream: Sendable {
    let configuration: ServiceConfiguration
    let monitor: DisconnectMonitor

    private enum Item: Sendable {
        case sentence(TranslatedSentence)
        case ended([TranslatedItem])
    }

    private struct Sentence: Encodable {
        var index: Int
        var text: String
        var sourceLang: String
        var targetLang: String
        var detected: DetectedValue?
    }

    /// Begins the translation, and the answer with its first sentence.
    ///
    /// - Throws: what `translate` throws before the first sentence, which can be a status then.
    func respond(
        _ context: ServiceRequestContext,
        translate:
            @escaping @Sendable (@escaping @Sendable (TranslatedSentence) -> Void) async throws
            -> [TranslatedItem],
        summary: @escaping @Sendable ([TranslatedItem]) -> TranslationAnswer
    ) async throws -> Response {
        let feed = ResponseFeed<Item>(channel: context.channel, monitor: monitor, limits: .init(configuration)) {
            inlet in
            let (sentences, continuation) = AsyncStream<TranslatedSentence>.makeStream()
            async let items = {
                defer { continuation.finish() }
                return try await translate { continuation.yield($0) }
            }()
            for await sentence in sentences {
                inlet.noteStart()
                try await inlet.send(.sentence(sentence))
            }
            try await inlet.send(.ended(items))
        }
        let first = await feed.next()
        if case .failure(let error) = first { throw error }
        return Response(
            status: .ok, headers: .eventStream,
            body: ResponseBody { body in
                defer { feed.close() }
                var step = first
                while true {
                    switch step {
                    case .item(.sentence(let sentence)):
                        try await feed.write(Self.event(Self.value(sentence)), to: &body)
                    case .item(.ended(let items)): try await feed.write(Self.event(summary(items)), to: &body)
                    case .silence: try await feed.ping(&body)
                    case .end:
                        try await feed.write("data: [DONE]\n\n", to: &body)
                        return try await body.finish(nil)
                    case .failure(let error):
                        try await feed.write(Self.event(APIError.from(error).envelope), to: &body)
                        return try await body.finish(nil)
                    }
                    step = await feed.next()
                }
            })
    }

    private static func value(_ sentence: TranslatedSentence) -> Sentence {
        Sentence(
            index: sentence.index, text: sentence.text, sourceLang: sentence.source, targetLang: sentence.target,
            detected: sentence.detected.map(DetectedValue.init))
    }

    private static func event(_ value: some Encodable) throws -> String {
        "data: \(String(decoding: try JSONResponse.encode(value), as: UTF8.self))\n\n"
    }
}

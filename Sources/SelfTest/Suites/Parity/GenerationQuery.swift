internal import Foundation

/// A question to a language model, that can be asked in many ways.
struct GenerationQuery: Sendable {
    /// What the model is given.
    enum Prompt: Sendable {
        /// To be continued, at `/v1/completions`.
        case text(String)
        /// What a user says, at `/v1/chat/completions`.
        case chat(String)
    }

    var model: String
    var prompt: Prompt
    var maxTokens: Int
    var temperature = 0.0
    var seed: Int?
    var stop: [String] = []
    var ignoresEnd = false
    /// Whether the tokens and their probabilities are asked for.
    var wantsTokens = true

    var path: String { if case .text = prompt { "/v1/completions" } else { "/v1/chat/completions" } }

    /// What the model is given, as text.
    var words: String {
        switch prompt {
        case .text(let text), .chat(let text): text
        }
    }

    /// The question in a few words, for messages.
    var label: String {
        let kind = if case .text = prompt { "the continuation of" } else { "the answer to" }
        return "\(kind) \(words.prefix(40).debugDescription)\(words.count > 40 ? "…" : "")"
    }

    /// The request, for reports.
    var evidence: String { "POST \(path) \((try? json(isStreamed: false)) ?? "?")" }

    private struct Body: Encodable {
        struct Message: Encodable {
            var role = "user"
            var content: String
        }

        struct StreamOptions: Encodable { var includeUsage = true }

        /// A number for one route, and a boolean for the other.
        enum Logprobs: Encodable {
            case count(Int)
            case flag(Bool)

            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                switch self {
                case .count(let count): try container.encode(count)
                case .flag(let flag): try container.encode(flag)
                }
            }
        }

        var model: String
        var prompt: String?
        var messages: [Message]?
        var maxTokens: Int
        var temperature: Double
        var seed: Int?
        var stop: [String]?
        var ignoreEos: Bool?
        var logprobs: Logprobs?
        var stream: Bool?
        var streamOptions: StreamOptions?
    }

    func json(isStreamed: Bool) throws -> String {
        var body = Body(
            model: model, maxTokens: maxTokens, temperature: temperature, seed: seed, stop: stop.isEmpty ? nil : stop,
            ignoreEos: ignoresEnd ? true : nil, stream: isStreamed ? true : nil,
            streamOptions: isStreamed ? .init() : nil)
        switch prompt {
        case .text(let text): (body.prompt, body.logprobs) = (text, wantsTokens ? .count(1) : nil)
        case .chat(let text): (body.messages, body.logprobs) = ([.init(content: text)], wantsTokens ? .flag(true) : nil)
        }
        return try WireJSON.text(body)
    }
}

/// An answer of a language model, by whichever way it came.
struct GeneratedText: Sendable {
    struct Usage: Decodable, Sendable {
        struct Details: Decodable, Sendable { var cachedTokens: Int }

        var promptTokens: Int
        var completionTokens: Int
        var totalTokens: Int
        var promptTokensDetails: Details?
    }

    var text = ""
    var finishReason: String?
    var usage: Usage?
    /// The tokens, and the logarithms of their probabilities, where they were asked for.
    var tokens: [String] = []
    var logprobs: [Double] = []
    /// The answer as it came, for reports.
    var raw = ""

    /// How many tokens of the prompt were known from before.
    var cachedTokens: Int { usage?.promptTokensDetails?.cachedTokens ?? 0 }
}

/// An answer, or a chunk of a stream, of either route.
struct GenerationBody: Decodable {
    struct Message: Decodable {
        var role: String?
        var content: String?
    }

    struct Logprobs: Decodable {
        struct Token: Decodable {
            var token: String
            var logprob: Double
        }

        var tokens: [String]?
        var tokenLogprobs: [Double?]?
        var content: [Token]?
    }

    struct Choice: Decodable {
        var index: Int
        var text: String?
        var message: Message?
        var delta: Message?
        var logprobs: Logprobs?
        var finishReason: String?
    }

    struct Failure: Decodable {
        var message: String
        var code: String?
    }

    var choices: [Choice]?
    var usage: GeneratedText.Usage?
    var error: Failure?
}

extension GeneratedText {
    /// Adds what a chunk, or a whole answer, says of one choice.
    mutating func add(_ choice: GenerationBody.Choice) {
        text += choice.text ?? choice.message?.content ?? choice.delta?.content ?? ""
        finishReason = choice.finishReason ?? finishReason
        tokens += choice.logprobs?.tokens ?? choice.logprobs?.content?.map(\.token) ?? []
        logprobs += choice.logprobs?.tokenLogprobs?.map { $0 ?? 0 } ?? choice.logprobs?.content?.map(\.logprob) ?? []
    }
}

internal import Engine
internal import Foundation
internal import Generation
internal import Tokenizers

/// Turns the events of one or more generations into OpenAI's objects, whole or in chunks.
protocol AnswerWriter: Sendable {
    /// What every object of the answer has.
    var head: AnswerHead { get }
    /// The chunks that come before any event.
    func opening() -> [TemplateValue]
    /// The chunks of an event of the generation of a prompt.
    mutating func chunks(_ prompt: Int, _ event: GenerationEvent) -> [TemplateValue]
    /// The chunks after the last event.
    func closing() -> [TemplateValue]
    /// The whole answer, when all events have been seen; `chunks` is what collects it.
    func whole() -> TemplateValue
}

/// What every object of an answer has.
struct AnswerHead: Sendable {
    var id: String
    var created: Int
    var model: String
    /// Whose place the model takes.
    var fallback: FallbackNotice?

    init(prefix: String, _ model: AnsweringModel) {
        let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        id = prefix + String((0..<24).map { _ in characters[Int.random(in: characters.indices)] })
        created = Int(Date.now.timeIntervalSince1970)
        self.model = model.name
        fallback = model.fallback
    }

    /// The fields of an object, its choices, and `usage` where it is not nil.
    func object(_ kind: String, choices: [TemplateValue], usage: TemplateValue?) -> TemplateValue {
        var entries = TemplateDictionary()
        entries["id"] = .string(id)
        entries["object"] = .string(kind)
        entries["created"] = .int(created)
        entries["model"] = .string(model)
        entries["choices"] = .list(choices)
        if let usage { entries["usage"] = usage }
        if let fallback {
            entries["fallback"] = ["from": .string(fallback.from), "reason": .string(fallback.reason)]
        }
        return .dictionary(entries)
    }
}

extension TemplateValue {
    /// The same object with the times that llama.cpp's clients look for.
    func withTimings(_ usage: GenerationUsage) -> TemplateValue {
        guard case .dictionary(var entries) = self else { return self }
        entries["timings"] = usage.timings
        return .dictionary(entries)
    }

    static func text(_ text: String?) -> TemplateValue { text.map { .string($0) } ?? .none }
}

extension GenerationUsage {
    /// The sum of two; the times are those of the slower.
    func adding(_ other: GenerationUsage) -> GenerationUsage {
        var sum = self
        sum.promptTokens += other.promptTokens
        sum.cachedTokens += other.cachedTokens
        sum.completionTokens += other.completionTokens
        sum.queueSeconds = max(queueSeconds, other.queueSeconds)
        sum.prefillSeconds = max(prefillSeconds, other.prefillSeconds)
        sum.decodeSeconds = max(decodeSeconds, other.decodeSeconds)
        return sum
    }

    var value: TemplateValue {
        [
            "prompt_tokens": .int(promptTokens), "completion_tokens": .int(completionTokens),
            "total_tokens": .int(promptTokens + completionTokens),
            "prompt_tokens_details": ["cached_tokens": .int(cachedTokens)],
        ]
    }

    fileprivate var timings: TemplateValue {
        func perSecond(_ count: Int, _ seconds: Double) -> TemplateValue {
            .float(seconds > 0 ? rounded(Double(count) / seconds, 2) : 0)
        }
        let read = promptTokens - cachedTokens
        return [
            "queue_ms": .float(rounded(1000 * queueSeconds, 2)), "cache_n": .int(cachedTokens), "prompt_n": .int(read),
            "prompt_ms": .float(rounded(1000 * prefillSeconds, 2)),
            "prompt_per_second": perSecond(read, prefillSeconds),
            "predicted_n": .int(completionTokens), "predicted_ms": .float(rounded(1000 * decodeSeconds, 2)),
            "predicted_per_second": perSecond(completionTokens, decodeSeconds),
        ]
    }
}

/// Log-probabilities on the wire.
enum LogprobValue {
    /// What OpenAI writes for a token that is all but impossible; JSON has no infinity.
    private static let least = -9999.0

    static func number(_ logprob: Float) -> TemplateValue {
        .float(logprob.isFinite ? max(least, rounded(logprob, 6)) : least)
    }

    /// The text of a token; bytes that are no whole characters show as U+FFFD.
    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// One token of a chat answer.
    static func chat(_ token: TokenLogprob) -> TemplateValue {
        var value = entry(token.bytes, token.logprob)
        value["top_logprobs"] = .list(token.top.map { .dictionary(entry($0.bytes, $0.logprob)) })
        return .dictionary(value)
    }

    private static func entry(_ bytes: [UInt8], _ logprob: Float) -> TemplateDictionary {
        var entries = TemplateDictionary()
        entries["token"] = .string(text(bytes))
        entries["logprob"] = number(logprob)
        entries["bytes"] = .list(bytes.map { .int(Int($0)) })
        return entries
    }
}

extension GenerationPiece {
    /// The probabilities of what was written. The end token is not part of the answer.
    var writtenLogprobs: [TokenLogprob] {
        if case .endOfGeneration(let id)? = finish, logprobs.last?.id == id { return logprobs.dropLast() }
        return logprobs
    }
}

import Engine
import Foundation
import Generation
import Tokenizers

/// An answer that has come to its end, or was interrupted.
struct Answer: Sendable {
    var text = ""
    /// Why it ended; nil if it was interrupted.
    var finish: FinishReason?
    var usage = GenerationUsage()

    /// OpenAI's word for why it ended.
    var finishReason: String { finish == .length ? "length" : "stop" }
}

/// Reads an answer as it is made.
struct AnswerReader: Sendable {
    let model: OpenGenerationModel
    /// Whether each token and the end are told on standard error.
    let isVerbose: Bool

    /// Reads to the end, or until the task is cancelled.
    ///
    /// - Parameter show: what to do with each piece of the text.
    func read(_ stream: GenerationStream, show: (String) -> Void) async throws -> Answer {
        var answer = Answer()
        answer.usage.promptTokens = stream.promptTokens
        let began = ContinuousClock.now
        var firstToken: ContinuousClock.Instant?
        do {
            for try await event in stream {
                switch event {
                case .prompt: firstToken = .now
                case .piece(let piece):
                    answer.text += piece.text
                    answer.usage.completionTokens += piece.ids.count
                    if !piece.text.isEmpty { show(piece.text) }
                    if isVerbose { piece.logprobs.forEach(tell) }
                    answer.finish = piece.finish ?? answer.finish
                case .ended(let usage): answer.usage = usage
                }
            }
        } catch is CancellationError {
            guard Task.isCancelled else { throw CancellationError() }
            answer.finish = nil
            // The end that would have said so does not come.
            if let firstToken {
                answer.usage.prefillSeconds = (firstToken - began) / .seconds(1)
                answer.usage.decodeSeconds = (.now - firstToken) / .seconds(1)
            }
        }
        if isVerbose { tell(answer) }
        return answer
    }

    private func tell(_ token: TokenLogprob) {
        // A control token adds nothing to the text; its name says what it is.
        let text =
            token.bytes.isEmpty
            ? model.spelling(of: token.id) ?? "" : "\"\(Self.escaped(token.bytes))\""
        Output.note("token \(token.id)  \(String(format: "%.4f", token.logprob))  \(text)")
    }

    private func tell(_ answer: Answer) {
        let usage = answer.usage
        func rate(_ tokens: Int, _ seconds: Double) -> String {
            guard tokens > 0, seconds > 0 else { return "" }
            return String(format: " in %.0f ms, %.1f tokens/s", seconds * 1000, Double(tokens) / seconds)
        }
        Output.note("stop \(Self.description(of: answer.finish, model))")
        Output.note(
            "prompt \(usage.promptTokens) tokens (\(usage.cachedTokens) cached)"
                + rate(usage.promptTokens - usage.cachedTokens, usage.prefillSeconds))
        Output.note(
            "answer \(usage.completionTokens) tokens" + rate(usage.completionTokens - 1, usage.decodeSeconds))
    }

    private static func description(of finish: FinishReason?, _ model: OpenGenerationModel) -> String {
        switch finish {
        case .endOfGeneration(let id): "end token \(model.spelling(of: id) ?? "?") (\(id))"
        case .stopString(let text): "string \"\(escaped(Array(text.utf8)))\""
        case .grammarComplete: "grammar: the value is complete"
        case .length: "length"
        case nil: "interrupted"
        }
    }

    /// Bytes as text on one line: what is not printable ASCII or whole characters is spelled `\n`, `\"` or `\x1b`.
    static func escaped(_ bytes: [UInt8]) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return bytes.map { (0x20..<0x7f).contains($0) ? String(UnicodeScalar($0)) : hexadecimal($0) }.joined()
        }
        return text.unicodeScalars.map { scalar in
            switch scalar {
            case "\n": "\\n"
            case "\r": "\\r"
            case "\t": "\\t"
            case "\"", "\\": "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f: hexadecimal(UInt8(scalar.value))
            default: String(scalar)
            }
        }.joined()
    }

    private static func hexadecimal(_ byte: UInt8) -> String { String(format: "\\x%02x", Int(byte)) }
}

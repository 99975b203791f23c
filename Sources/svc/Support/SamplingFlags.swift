import ArgumentParser
import Foundation
import Generation
import Tokenizers

/// How an answer is chosen, and when it ends: the flags of `svc run`.
struct SamplingFlags: ParsableArguments {
    @Option(parsing: .unconditional, help: "How freely tokens are drawn, 0 to 2; 0, the default, takes the likeliest.")
    var temperature: Double?

    @Option(parsing: .unconditional, help: "Draw from this many of the likeliest tokens; 0 for all.")
    var topK = 0

    @Option(parsing: .unconditional, help: "Draw from the likeliest tokens of this probability together, above 0 to 1.")
    var topP = 1.0

    @Option(parsing: .unconditional, help: "Leave out tokens below this share of the likeliest one, 0 to 1.")
    var minP = 0.0

    @Option(parsing: .unconditional, help: "Locally typical sampling of this probability, above 0 to 1.")
    var typicalP = 1.0

    @Option(parsing: .unconditional, help: "Divides the logits of tokens seen before, above 0 to 100; 1 for none.")
    var repetitionPenalty = 1.0

    @Option(parsing: .unconditional, help: "Taken from the logits of tokens that the answer holds, -2 to 2.")
    var presencePenalty = 0.0

    @Option(parsing: .unconditional, help: "The same, once for each time that it holds them, -2 to 2.")
    var frequencyPenalty = 0.0

    @Option(parsing: .unconditional, help: "Makes draws repeatable: 0 to 18446744073709551615.", transform: Self.seed)
    var seed: UInt64?

    @Option(parsing: .unconditional, help: "The most tokens of an answer; by default up to the end of the context.")
    var maxTokens: Int?

    @Option(parsing: .unconditional, help: "Tokens before which the answer does not end.")
    var minTokens = 0

    @Flag(help: "Go on after the model's end token.")
    var ignoreEos = false

    @Option(parsing: .unconditionalSingleValue, help: "A text that ends the answer and is not part of it; repeatable.")
    var stop: [String] = []

    @Option(
        parsing: .unconditionalSingleValue, help: "ID=BIAS: adds -100 to 100 to the logit of a token; repeatable.")
    var logitBias: [String] = []

    @Option(help: "A file with a JSON schema that the answer follows.")
    var jsonSchema: String?

    @Flag(help: "The answer is a JSON object.")
    var jsonObject = false

    /// More tokens than any context has.
    private static let mostTokens = 1 << 24

    private static func seed(_ text: String) throws -> UInt64 {
        guard let seed = UInt64(text) else {
            throw ValidationError("--seed must be a whole number from 0 to \(UInt64.max)")
        }
        return seed
    }

    func validate() throws {
        func check<Value: Comparable>(_ flag: String, _ value: Value, _ range: ClosedRange<Value>) throws {
            guard range.contains(value) else {
                throw ValidationError("\(flag) must be from \(range.lowerBound) to \(range.upperBound)")
            }
        }
        func checkPositive(_ flag: String, _ value: Double, upTo limit: Double) throws {
            guard value > 0, value <= limit else {
                throw ValidationError("\(flag) must be above 0 and at most \(limit)")
            }
        }
        try check("--temperature", temperature ?? 0, 0...2)
        try check("--top-k", topK, 0...Self.mostTokens)
        try checkPositive("--top-p", topP, upTo: 1)
        try check("--min-p", minP, 0...1)
        try checkPositive("--typical-p", typicalP, upTo: 1)
        try checkPositive("--repetition-penalty", repetitionPenalty, upTo: 100)
        try check("--presence-penalty", presencePenalty, -2...2)
        try check("--frequency-penalty", frequencyPenalty, -2...2)
        try check("--max-tokens", maxTokens ?? 1, 1...Self.mostTokens)
        try check("--min-tokens", minTokens, 0...Self.mostTokens)
        if let maxTokens, minTokens > maxTokens {
            throw ValidationError("--min-tokens must be from 0 to the --max-tokens \(maxTokens)")
        }
        guard !stop.contains("") else { throw ValidationError("--stop must not be empty") }
        guard jsonSchema == nil || !jsonObject else {
            throw ValidationError("--json-schema and --json-object exclude each other")
        }
        _ = try biases()
    }

    private func biases() throws -> [Int32: Float] {
        try logitBias.reduce(into: [:]) { biases, text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let id = Int32(parts[0]), id >= 0, let bias = Float(parts[1]),
                (-100...100).contains(bias)
            else {
                throw ValidationError("--logit-bias \(text) must be ID=BIAS: a token id, and a number from -100 to 100")
            }
            biases[id] = bias
        }
    }

    /// A request without its prompt.
    ///
    /// - Throws: `CommandFailure` for a schema that cannot be read or followed.
    func request() throws -> GenerationRequest {
        var request = GenerationRequest(prompt: [])
        request.sampling.temperature = temperature ?? 0
        request.sampling.topK = topK
        request.sampling.topP = topP
        request.sampling.minP = minP
        request.sampling.typicalP = typicalP
        request.sampling.repetitionPenalty = repetitionPenalty
        request.sampling.presencePenalty = presencePenalty
        request.sampling.frequencyPenalty = frequencyPenalty
        request.sampling.logitBias = try biases()
        request.sampling.seed = seed
        request.maxTokens = maxTokens
        request.minTokens = minTokens
        request.ignoresEndOfGeneration = ignoreEos
        request.stop = stop
        request.grammar = try grammar()
        return request
    }

    private func grammar() throws -> Grammar? {
        guard let path = jsonSchema else { return jsonObject ? Grammar.json() : nil }
        func failure(_ reason: String) -> CommandFailure {
            CommandFailure(.usage, type: "usage", "--json-schema \(path): \(reason)")
        }
        // A handle and not the file's size, which a pipe has not.
        guard let data = try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)).readToEnd(),
            let text = String(data: data, encoding: .utf8)
        else { throw failure("the file cannot be read as UTF-8") }
        do {
            return try Grammar(jsonSchema: try TemplateValue(json: text))
        } catch ChatTemplateError.evaluation(let reason, _) {
            throw failure(reason)
        } catch {
            throw failure("\(error)")
        }
    }

    /// What was asked for and cannot have an effect, for people.
    var warning: String? {
        guard (temperature ?? 0) == 0 else { return nil }
        let filters = [
            ("--top-k", topK != 0), ("--top-p", topP != 1), ("--min-p", minP != 0), ("--typical-p", typicalP != 1),
        ].filter(\.1).map(\.0)
        guard !filters.isEmpty else { return nil }
        return "\(filters.joined(separator: ", ")) \(filters.count == 1 ? "has" : "have") no effect at temperature 0, "
            + "which takes the likeliest token; give --temperature"
    }
}

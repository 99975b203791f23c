internal import Foundation

extension CaseContext {
    /// Fails the case unless two texts are equal, and says where they part.
    ///
    /// - Parameters:
    ///   - ways: the two ways by which they came, such as `streamed` and `not streamed`.
    ///   - evidence: what was asked and what came.
    func same(
        _ found: String, _ expected: String, _ what: String, ways: (found: String, expected: String),
        evidence: @autoclosure () -> [String] = []
    ) throws {
        guard found != expected else { return }
        let (left, right) = (Array(found.unicodeScalars), Array(expected.unicodeScalars))
        let place = zip(left, right).prefix { $0 == $1 }.count
        func excerpt(_ scalars: [Unicode.Scalar]) -> String {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[max(0, place - 20)..<min(scalars.count, place + 20)])
            return "\(String(text).debugDescription)"
        }
        throw CaseFailure(
            "\(what): expected \(ways.found) = \(ways.expected), found that they differ from character \(place) on "
                + "(of \(left.count) and \(right.count)): \(excerpt(left)) and \(excerpt(right))",
            evidence: evidence() + [
                "\(ways.expected): \(expected.debugDescription)", "\(ways.found): \(found.debugDescription)",
            ])
    }

    /// Fails the case unless two answers of a language model are the same: text, reason, tokens and counts.
    func same(
        _ found: GeneratedText, _ expected: GeneratedText, _ query: GenerationQuery,
        ways: (found: String, expected: String)
    ) throws {
        let evidence = [query.evidence, "\(ways.expected): \(expected.raw)", "\(ways.found): \(found.raw)"]
        let what = "\(query.label)"
        try same(found.text, expected.text, what, ways: ways, evidence: evidence)
        func equal<Value: Equatable>(_ name: String, _ left: Value, _ right: Value) throws {
            try expect(
                left == right,
                "\(name) of \(what): expected \(ways.found) = \(ways.expected), found \(left) and \(right)",
                evidence: evidence)
        }
        try equal("the finish reason", found.finishReason, expected.finishReason)
        try equal("prompt_tokens", found.usage?.promptTokens, expected.usage?.promptTokens)
        try equal("completion_tokens", found.usage?.completionTokens, expected.usage?.completionTokens)
        try equal("total_tokens", found.usage?.totalTokens, expected.usage?.totalTokens)
        try equal("the tokens", found.tokens, expected.tokens)
    }

    /// Fails the case unless the logarithms of the tokens' probabilities are as near as `bound`. Returns the largest
    /// distance.
    @discardableResult func near(
        _ found: GeneratedText, _ expected: GeneratedText, _ query: GenerationQuery, bound: Double,
        ways: (found: String, expected: String)
    ) throws -> Double {
        let distances = zip(found.logprobs, expected.logprobs).map { abs($0 - $1) }
        let largest = distances.max() ?? 0
        if largest > bound, let place = distances.firstIndex(of: largest) {
            throw CaseFailure(
                "\(query.label), log-probability of token \(place) (\(expected.tokens[place].debugDescription)): expected "
                    + "\(ways.found) within \(bound) of \(ways.expected), found \(found.logprobs[place]) and "
                    + "\(expected.logprobs[place])",
                evidence: [query.evidence, "\(ways.expected): \(expected.raw)", "\(ways.found): \(found.raw)"])
        }
        return largest
    }
}

extension ServiceClient {
    /// POSTs a value as JSON and reads the answer.
    ///
    /// - Throws: `CaseFailure` with both unless the answer is 200 and can be read.
    func answer<Value: Decodable>(_: Value.Type, _ path: String, _ body: some Encodable) async throws -> Value {
        let answer = try await patient.post(path, json: try WireJSON.text(body)).expecting(status: 200)
        return try WireJSON.value(Value.self, answer.body, "POST \(path)", evidence: answer.evidence)
    }
}

/// JSON as it goes over the wire.
enum WireJSON {
    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// - Throws: `CaseFailure` that says what is missing.
    static func value<Value: Decodable>(
        _: Value.Type, _ bytes: some Sequence<UInt8>, _ what: String, evidence: [String]
    ) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Value.self, from: Data(bytes))
        } catch {
            throw CaseFailure("\(what): expected an answer of the documented form, found \(error)", evidence: evidence)
        }
    }
}

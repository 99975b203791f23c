package import Foundation

/// The files that tests read.
package enum Fixtures {
    /// The root of the checkout.
    package static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The path of a fixture below `Tests/Fixtures`.
    package static func path(_ name: String) -> String {
        repository.appendingPathComponent("Tests/Fixtures").appendingPathComponent(name).path
    }

    /// A fixture, decoded; its keys are in snake case.
    package static func json<Value: Decodable>(_ name: String, as: Value.Type = Value.self) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Value.self, from: Data(contentsOf: URL(fileURLWithPath: path(name))))
    }

    /// Calls `body` with a directory that is removed afterwards.
    package static func withTemporaryDirectory<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("svc-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        do {
            let result = try await body(directory)
            try FileManager.default.removeItem(at: directory)
            return result
        } catch {
            try FileManager.default.removeItem(at: directory)
            throw error
        }
    }
}

/// Corpus BLEU with up to four-grams and the brevity penalty (Papineni et al., 2002), words split at white space and
/// around punctuation.
package func corpusBLEU(_ outputs: [String], references: [String]) -> Double {
    func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        for character in text {
            if character.isLetter || character.isNumber {
                word.append(character)
                continue
            }
            if !word.isEmpty { words.append(word) }
            word = ""
            if !character.isWhitespace { words.append(String(character)) }
        }
        return word.isEmpty ? words : words + [word]
    }
    func grams(_ words: [String], _ length: Int) -> [ArraySlice<String>: Int] {
        guard words.count >= length else { return [:] }
        return (0...(words.count - length)).reduce(into: [:]) { $0[words[$1..<($1 + length)], default: 0] += 1 }
    }
    var matches = [Double](repeating: 0, count: 4)
    var totals = [Double](repeating: 0, count: 4)
    var outputLength = 0, referenceLength = 0
    for (output, reference) in zip(outputs.map(words), references.map(words)) {
        outputLength += output.count
        referenceLength += reference.count
        for length in 1...4 {
            let wanted = grams(reference, length)
            for (gram, count) in grams(output, length) {
                totals[length - 1] += Double(count)
                matches[length - 1] += Double(min(count, wanted[gram] ?? 0))
            }
        }
    }
    guard matches.allSatisfy({ $0 > 0 }) else { return 0 }
    let precision = zip(matches, totals).reduce(0) { $0 + log($1.0 / $1.1) } / 4
    let brevity = outputLength >= referenceLength ? 0 : 1 - Double(referenceLength) / Double(outputLength)
    return 100 * exp(precision + brevity)
}

import Foundation
import LanguageID
import Testing

/// Every kind of model file, small and with random weights, against the published implementation's answers.
@Suite struct SyntheticModelTests {
    private struct Query: Decodable {
        let k: Int
        let threshold: Float

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            k = try container.decode(Int.self)
            threshold = try container.decode(Float.self)
        }
    }

    /// The first record has the lines and queries, each other a model and its answers to them.
    private struct Record: Decodable {
        let lines: [String]?
        let queries: [Query]?
        let model: String?
        let answers: [[Answer]]?
    }

    private static let records = Result { try Fixtures.decode([Record].self, "synthetic.json") }

    private static let names = [
        "softmax", "softmax-words-only", "softmax-single-characters", "softmax-word-ngrams", "softmax-both-ngrams",
        "softmax-no-end-of-line", "softmax-no-words", "softmax-dim-16", "hs", "hs-one-label", "hs-two-labels",
        "hs-deep", "hs-steep", "ns", "ova", "ova-saturated", "other-prefix", "version-11", "quantized",
        "quantized-norms", "quantized-pairs", "quantized-runs-of-3", "quantized-output", "quantized-output-norms",
        "quantized-output-ova", "dense-input-flagged-output", "pruned", "pruned-of-all",
    ]

    @Test(arguments: names)
    func answersAsFastTextDoes(name: String) throws {
        let records = try Self.records.get()
        let lines = try #require(records.first?.lines)
        let queries = try #require(records.first?.queries)
        let answers = try #require(records.first { $0.model == name }?.answers)
        let model = try Fixtures.model(try Fixtures.bytes(name))
        #expect(answers.count == queries.count)
        for (query, answers) in zip(queries, answers) {
            #expect(answers.count == lines.count)
            for (line, answer) in zip(lines, answers) {
                answer.expect(
                    model.predict(line, k: query.k, threshold: query.threshold), within: 2e-6,
                    "\(name), \(line.prefix(40).debugDescription), k \(query.k), threshold \(query.threshold)")
            }
        }
    }

    @Test func everyModelInTheFixtureIsTested() throws {
        #expect(try Self.records.get().compactMap(\.model) == Self.names)
    }

    @Test func describesItself() throws {
        let model = try Fixtures.model(try Fixtures.bytes("softmax-dim-16"))
        #expect(model.labels == ["aa", "bb", "cc", "dd", "ee", "ff", "gg"])
        #expect(model.dimension == 16)
        #expect(model.wordCount == 10)
    }

    @Test func labelsKeepAPrefixOfTheirOwn() throws {
        let model = try Fixtures.model(try Fixtures.bytes("other-prefix"))
        #expect(model.labels == ["lang:aa", "lang:bb", "cc"])
    }

    @Test func readsOneLine() throws {
        let model = try Fixtures.model(try Fixtures.bytes("softmax"))
        let line = model.predict("the river", k: 7)
        let lines = model.predict("the river\nrio", k: 7)
        #expect(line.map(\.label) == lines.map(\.label))
        #expect(line.map(\.probability) == lines.map(\.probability))
    }

    @Test func acceptsBytesThatAreNotText() throws {
        let model = try Fixtures.model(try Fixtures.bytes("softmax"))
        let bytes: [UInt8] = [0x80, 0xFF, 0xC3, 0x20, 0xE2, 0x82, 0x0A, 0xF0, 0x00]
        let found = bytes.withUnsafeBufferPointer { model.predict($0, k: 7) }
        #expect(found.count == 7)
        #expect(found.allSatisfy { $0.probability.isFinite })
    }

    @Test func equalProbabilitiesStandInTheFilesOrder() throws {
        // An output matrix of zeros makes every label as probable as not.
        var bytes = try Fixtures.bytes("ova")
        let matrix = 7 * 5 * 4
        bytes.replaceSubrange((bytes.count - matrix)..., with: repeatElement(0, count: matrix))
        let model = try Fixtures.model(bytes)
        #expect(model.predict("the river", k: 3).map(\.label) == ["aa", "bb", "cc"])
        #expect(model.predict("the river", k: 7).map(\.label) == model.labels)
    }

    @Test func predictsConcurrently() async throws {
        let model = try Fixtures.model(try Fixtures.bytes("quantized-output-norms"))
        let expected = model.predict("the river été", k: 7).map(\.probability)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<200).allSatisfy { _ in
                        model.predict("the river été", k: 7).map(\.probability) == expected
                    }
                }
            }
            for await same in group { #expect(same) }
        }
    }
}

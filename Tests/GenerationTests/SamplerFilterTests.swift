import Compute
import Foundation
import TestSupport
import Testing

@testable import Generation

/// What the filters leave, exactly.
@Suite struct SamplerFilterTests {
    static let backend = ComputeBackend()

    static func probabilities(
        _ logits: [Float], _ options: SamplingOptions, prompt: [Int32] = [], answer: [Int32] = [],
        allowed: TokenMask? = nil, forbidden: [Int32] = [], on backend: ComputeBackend = backend
    ) -> [Int32: Double] {
        var sampler = Sampler(options, prompt: prompt, choice: 0, vocabularySize: logits.count)
        for id in answer {
            // A row that leaves no choice.
            var row = [Float](repeating: -.infinity, count: logits.count)
            row[Int(id)] = 0
            let token = row.withUnsafeMutableBufferPointer {
                sampler.next(
                    logits: $0.baseAddress!, count: $0.count, allowed: nil, forbidden: [], topLogprobs: nil, on: backend
                )
            }
            precondition(token.id == id)
        }
        var row = logits
        let found = row.withUnsafeMutableBufferPointer {
            sampler.probabilities(
                logits: $0.baseAddress!, count: $0.count, allowed: allowed, forbidden: forbidden, on: backend)
        }
        return Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0.probability) })
    }

    static func agree(_ a: [Int32: Double], _ b: [Int32: Double]) -> Bool {
        // What is practically impossible need not be listed.
        let ids = Set(a.keys).union(b.keys).filter { max(a[$0] ?? 0, b[$0] ?? 0) > 1e-24 }
        return ids.allSatisfy { id in
            guard let x = a[id], let y = b[id] else { return false }
            return abs(x - y) <= 2e-6 * max(x, y) + 1e-12
        }
    }

    struct Warpers: Decodable {
        struct Options: Decodable {
            var temperature: Double?
            var topK: Int?
            var topP: Double?
            var minP: Double?
            var typicalP: Double?
            var repetitionPenalty: Double?
        }
        struct Case: Decodable {
            var options: Options
            var prompt: [Int32]
            var logits: [Float]
            var ids: [Int32]
            var probabilities: [Double]
        }
        var cases: [Case]
    }

    @Test func distributionsAreThoseOfTheTransformersLibrary() throws {
        let fixture: Warpers = try Fixtures.json("sampling/warpers.json")
        #expect(fixture.cases.count == 120)
        for (index, reference) in fixture.cases.enumerated() {
            var options = SamplingOptions()
            options.temperature = reference.options.temperature ?? 1
            options.topK = reference.options.topK ?? 0
            options.topP = reference.options.topP ?? 1
            options.minP = reference.options.minP ?? 0
            options.typicalP = reference.options.typicalP ?? 1
            options.repetitionPenalty = reference.options.repetitionPenalty ?? 1
            let found = Self.probabilities(reference.logits, options, prompt: reference.prompt)
            let expected = Dictionary(uniqueKeysWithValues: zip(reference.ids, reference.probabilities))
            #expect(Self.agree(found, expected), "case \(index): \(options)")
        }
    }

    @Test(arguments: [1, 5, 127, 128, 129, 1000, 5003], [Float(0.3), 1, 3, 12])
    func distributionsAreThoseOfTheDefinition(count: Int, spread: Float) {
        var numbers = TestNumbers(state: UInt64(count) &* 31 &+ UInt64(spread * 10))
        var nearCuts = 0
        let rounds = 60
        for round in 0..<rounds {
            var logits = numbers.logits(count, spread: spread)
            // Some rows have many ties.
            if round % 4 == 0 { logits = logits.map { ($0 * 2).rounded() / 2 } }
            var options = SamplingOptions()
            options.temperature = [0.2, 0.7, 1, 2].randomElement(using: &numbers)!
            options.topK = [0, 0, 1, 7, 40, 300].randomElement(using: &numbers)!
            options.topP = [1, 1, 0.05, 0.5, 0.9, 0.999].randomElement(using: &numbers)!
            options.minP = [0, 0, 0.01, 0.2, 1].randomElement(using: &numbers)!
            options.typicalP = [1, 1, 0.1, 0.6, 0.95].randomElement(using: &numbers)!
            options.repetitionPenalty = [1, 1, 0.7, 1.3].randomElement(using: &numbers)!
            options.presencePenalty = [0, 0, 0.5, -1].randomElement(using: &numbers)!
            options.frequencyPenalty = [0, 0, 0.25, -0.5].randomElement(using: &numbers)!
            func someIDs(_ most: Int) -> [Int32] {
                (0..<Int.random(in: 0...most, using: &numbers)).map { _ in
                    Int32.random(in: 0..<Int32(count), using: &numbers)
                }
            }
            for id in someIDs(3) { options.logitBias[id] = Float.random(in: -9...9, using: &numbers) }
            let (prompt, answer) = (someIDs(20), someIDs(6))
            var allowed: TokenMask?
            if round % 3 == 0 {
                allowed = TokenMask(count: count)
                let share = [0.02, 0.5, 0.98].randomElement(using: &numbers)!
                for id in 0..<Int32(count) where Double.random(in: 0..<1, using: &numbers) < share {
                    allowed?.insert(id)
                }
                allowed?.insert(Int32(count) - 1)
            }
            // The answer is written under options that rule nothing out but the rows themselves.
            let expected = SamplerReference.distribution(
                logits, options, seen: Set(prompt + answer), answer: answer,
                allowed: allowed.map { mask in Set((0..<Int32(count)).filter(mask.contains)) })
            let found = Self.probabilities(logits, options, prompt: prompt, answer: answer, allowed: allowed)
            if !Self.agree(found, expected.probabilities) {
                nearCuts += 1
                #expect(expected.margin < 3e-6, "\(options), mask \(allowed != nil), round \(round)")
            }
        }
        #expect(nearCuts <= rounds / 5)
    }

    /// Sizes at which tokens are first counted into bins and blocks are many.
    @Test(arguments: [Float(0.5), 2.5]) func aLargeVocabularyIsCutExactly(spread: Float) {
        var numbers = TestNumbers(state: 12)
        let logits = numbers.logits(60_001, spread: spread)
        for (topK, topP, typicalP) in [(0, 0.95, 1.0), (0, 1.0, 0.9), (5000, 0.9, 1.0), (40, 0.95, 0.9), (0, 0.9, 0.9)]
        {
            var options = SamplingOptions()
            (options.topK, options.topP, options.typicalP) = (topK, topP, typicalP)
            let expected = SamplerReference.distribution(logits, options)
            let found = Self.probabilities(logits, options)
            // So many tokens lie close together that rounding may move one or two over a cut.
            let differing = Set(found.keys).symmetricDifference(expected.probabilities.keys)
            #expect(differing.count <= max(2, expected.probabilities.count / 5000), "\(options)")
            for (id, probability) in found where !differing.contains(id) {
                #expect(abs(probability / expected.probabilities[id]! - 1) < 3e-4)
            }
        }
    }

    @Test func everyInstructionSetGivesTheSameBits() {
        var numbers = TestNumbers(state: 4)
        for count in [100, 9999] {
            let logits = numbers.logits(count, spread: 3)
            for (topK, topP, typicalP) in [(0, 1.0, 1.0), (50, 0.9, 1.0), (0, 0.9, 1.0), (0, 1.0, 0.7)] {
                var options = SamplingOptions()
                (options.temperature, options.topK, options.topP, options.typicalP) = (0.8, topK, topP, typicalP)
                let results = InstructionSet.available.map {
                    Self.probabilities(logits, options, on: ComputeBackend(instructionSet: $0))
                }
                #expect(results.allSatisfy { $0 == results.first })
            }
        }
    }

    @Test func tiesAtTheCutGoToTheLowerIDs() {
        let flat = [Float](repeating: 1.5, count: 1024)
        var options = SamplingOptions()
        options.topK = 3
        #expect(Self.probabilities(flat, options).keys.sorted() == [0, 1, 2])
        options.topK = 0
        options.topP = 0.25
        #expect(Self.probabilities(flat, options).keys.sorted() == Array(0..<256))
        options.topP = 1
        options.typicalP = 0.5
        #expect(Self.probabilities(flat, options).keys.sorted() == Array(0..<512))
        options.typicalP = 1
        options.minP = 1
        #expect(Self.probabilities(flat, options).count == 1024)
    }

    @Test func theSmallestSettingsLeaveOneToken() {
        let logits: [Float] = [0, 3, 1, 3, -2]
        var options = SamplingOptions()
        options.topP = 1e-300
        #expect(Self.probabilities(logits, options) == [1: 1])
        options.topP = 1
        options.topK = 1
        #expect(Self.probabilities(logits, options) == [1: 1])
        options.topK = 0
        options.typicalP = 1e-300
        #expect(Self.probabilities(logits, options).count == 1)
        options.typicalP = 1
        options.minP = 1
        #expect(Self.probabilities(logits, options).keys.sorted() == [1, 3])
        options.minP = 1e-300
        #expect(Self.probabilities(logits, options).count == 5)
    }
}

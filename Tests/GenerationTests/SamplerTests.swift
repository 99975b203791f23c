import Compute
import Testing

@testable import Generation

/// The tokens that are chosen.
@Suite struct SamplerTests {
    static let backend = ComputeBackend()

    static func next(
        _ sampler: inout Sampler, _ logits: [Float], allowed: TokenMask? = nil, forbidden: [Int32] = [],
        topLogprobs: Int? = nil
    ) -> SampledToken {
        var row = logits
        return row.withUnsafeMutableBufferPointer {
            sampler.next(
                logits: $0.baseAddress!, count: $0.count, allowed: allowed, forbidden: forbidden,
                topLogprobs: topLogprobs, on: backend)
        }
    }

    static func options(_ change: (inout SamplingOptions) -> Void) -> SamplingOptions {
        var options = SamplingOptions()
        options.seed = 7
        change(&options)
        return options
    }

    static func mask(_ ids: some Sequence<Int>, of count: Int) -> TokenMask {
        var mask = TokenMask(count: count)
        for id in ids { mask.insert(Int32(id)) }
        return mask
    }

    static func tokens(_ options: SamplingOptions, _ rows: [[Float]], choice: Int = 0) -> [Int32] {
        var sampler = Sampler(options, prompt: [], choice: choice, vocabularySize: rows[0].count)
        return rows.map { next(&sampler, $0).id }
    }

    static func rows(_ count: Int, of size: Int, spread: Float = 2) -> [[Float]] {
        var numbers = TestNumbers(state: 99)
        return (0..<count).map { _ in numbers.logits(size, spread: spread) }
    }

    @Test func aSeedRepeatsItselfAndItsChoicesDiffer() {
        let rows = Self.rows(40, of: 3000)
        for options in [
            Self.options { _ in }, Self.options { ($0.topK, $0.topP) = (100, 0.9) }, Self.options { $0.topP = 0.8 },
        ] {
            let first = Self.tokens(options, rows)
            #expect(Self.tokens(options, rows) == first)
            #expect(Self.tokens(options, rows, choice: 1) != first)
            var other = options
            other.seed = 8
            #expect(Self.tokens(other, rows) != first)
            other.seed = nil
            #expect(Self.tokens(other, rows) != Self.tokens(other, rows))
        }
        // The numbers themselves are part of what a seed promises, so they are written down.
        var (source, other) = (RandomSource(seed: 7, choice: 0), RandomSource(seed: 7, choice: 1))
        #expect(
            (0..<3).map { _ in source.next() } == [0xfb6f_70f2_ad64_12a2, 0x9cd0_79e3_dea4_1ae0, 0x164a_5b4c_4be5_9994])
        #expect(
            (0..<3).map { _ in other.next() } == [0xd467_21f9_8ac6_ab00, 0xaa1e_2a17_9746_92b6, 0x59f6_67af_c482_83d6])
        let uniform = (0..<20000).map { _ in source.uniform() }
        #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect(abs(uniform.reduce(0, +) / 20000 - 0.5) < 0.01)
    }

    @Test(arguments: [UInt64(0), 1, .max]) func extremeSeedsDraw(seed: UInt64) {
        let drawn = Self.tokens(Self.options { $0.seed = seed }, Array(repeating: [0, 0, 0, 0], count: 200))
        #expect(Set(drawn).count == 4)
    }

    /// Every path draws in proportion: Pearson's statistic against its 99.9 % quantile for 9 degrees of freedom.
    @Test(arguments: [
        options { _ in }, options { $0.topK = 10 }, options { $0.topP = 0.999_999 }, options { $0.minP = 1e-9 },
        options { $0.temperature = 1.4 },
    ])
    func drawsFollowTheProbabilities(options: SamplingOptions) {
        // Ten tokens that count, far apart in a vocabulary of several blocks.
        var logits = [Float](repeating: -200, count: 1500)
        for index in 0..<10 { logits[index * 150 + index] = Float(index) * 0.3 }
        let expected = SamplerReference.distribution(logits, options).probabilities
        var sampler = Sampler(options, prompt: [], choice: 0, vocabularySize: 1500)
        let draws = 20000
        var counts: [Int32: Int] = [:]
        for _ in 0..<draws { counts[Self.next(&sampler, logits).id, default: 0] += 1 }
        #expect(counts.count == 10)
        let statistic = counts.reduce(0.0) { sum, entry in
            let wanted = (expected[entry.key] ?? 0) * Double(draws)
            return sum + (Double(entry.value) - wanted) * (Double(entry.value) - wanted) / wanted
        }
        #expect(statistic < 27.9)
    }

    /// Draws go along the ids, whether the whole row is walked in blocks or a list of what a filter left: a filter that
    /// takes nothing away changes no token, but for roundings.
    @Test(arguments: [Float(0.5), 3]) func aFilterWithoutEffectChangesNoDraw(spread: Float) {
        let rows = Self.rows(2000, of: 700, spread: spread)
        let unfiltered = Self.tokens(Self.options { _ in }, rows)
        #expect(Set(unfiltered).count > 50)
        for options in [
            Self.options { $0.minP = 1e-14 }, Self.options { $0.topP = 0.999_999_999 },
            Self.options { $0.typicalP = 0.999_999_999 },
        ] {
            #expect(zip(Self.tokens(options, rows), unfiltered).count { $0 != $1 } <= 4)
        }
    }

    @Test func temperatureZeroTakesTheLargestWhateverTheFilters() {
        for (index, row) in Self.rows(20, of: 700).enumerated() {
            var row = row
            row[(index * 37) % 690] = 50
            row[(index * 37) % 690 + 5] = 50
            let options = Self.options {
                ($0.temperature, $0.topK, $0.topP, $0.minP, $0.typicalP) = (0, 5, 0.3, 0.9, 0.1)
            }
            #expect(Self.tokens(options, [row]) == [Int32((index * 37) % 690)])
            #expect(Self.tokens(.greedy, [row]) == [Int32((index * 37) % 690)])
        }
        // The inverse of so low a temperature is not a float.
        #expect(Self.tokens(Self.options { $0.temperature = 1e-45 }, [[1, 3, 2]]) == [1])
        #expect(Self.tokens(Self.options { $0.temperature = 1e-30 }, [[1, 3, 2]]) == [1])
    }

    @Test(arguments: [0.0, 1, 2], [Float(1), 1000]) func aBiasOf100ForcesAndOfMinus100Bans(
        temperature: Double, spread: Float
    ) {
        let rows = Self.rows(50, of: 300, spread: spread)
        let forced = Self.options {
            $0.temperature = temperature
            $0.logitBias = [17: 100, 200: 100]
            $0.presencePenalty = 2
        }
        let drawn = Self.tokens(forced, rows)
        #expect(Set(drawn) == [17, 200])
        let banned = Self.options {
            $0.temperature = temperature
            $0.logitBias = Dictionary(uniqueKeysWithValues: (0..<290).map { (Int32($0), -100) })
        }
        #expect(Self.tokens(banned, rows).allSatisfy { $0 >= 290 })
        // Outside of the vocabulary it has no effect.
        let outside = Self.options { $0.logitBias = [300: 100, -1: 100, .max: -100] }
        #expect(Self.tokens(outside, rows) == Self.tokens(Self.options { _ in }, rows))
    }

    @Test func aMaskIsStrongerThanABias() {
        let options = Self.options { $0.logitBias = [1: 100, 2: -100] }
        var sampler = Sampler(options, prompt: [], choice: 0, vocabularySize: 100)
        let logits = [Float](repeating: 0, count: 100)
        #expect(Self.next(&sampler, logits, allowed: Self.mask([2], of: 100)).id == 2)
        let id = Self.next(&sampler, logits, allowed: Self.mask(50..<99, of: 100)).id
        #expect(id >= 50 && id < 99)
        #expect(Self.next(&sampler, logits, forbidden: [1]).id != 1)
    }

    @Test func penaltiesCountWhatWasSaid() {
        let logits: [Float] = [3, 2.8, 2.6, -1]
        func greedy(_ prompt: [Int32], _ steps: Int, _ change: (inout SamplingOptions) -> Void) -> [Int32] {
            var options = SamplingOptions.greedy
            change(&options)
            var sampler = Sampler(options, prompt: prompt, choice: 0, vocabularySize: 4)
            return (0..<steps).map { _ in Self.next(&sampler, logits).id }
        }
        #expect(greedy([], 3) { _ in } == [0, 0, 0])
        #expect(greedy([], 4) { $0.presencePenalty = 0.3 } == [0, 1, 0, 0])
        #expect(greedy([], 4) { $0.frequencyPenalty = 0.3 } == [0, 1, 0, 2])
        // Presence and frequency do not see the prompt; the repetition penalty does.
        #expect(greedy([0, 0, 0], 1) { $0.frequencyPenalty = 2 } == [0])
        #expect(greedy([0, 0, 0], 1) { $0.repetitionPenalty = 1.1 } == [1])
        #expect(greedy([], 3) { $0.repetitionPenalty = 1.2 } == [0, 1, 2])
        // Ids of another vocabulary are of no consequence.
        #expect(greedy([-5, 4, .max], 1) { $0.repetitionPenalty = 1.1 } == [0])
    }

    static let oddities: [Float] = [.nan, .infinity, -.infinity, -.nan, .signalingNaN]

    @Test(arguments: [
        options { $0.temperature = 0 }, options { _ in }, options { $0.topK = 4 }, options { $0.topP = 0.9 },
        options { $0.minP = 0.1 }, options { $0.typicalP = 0.5 }, options { $0.repetitionPenalty = 2 },
    ])
    func whatIsNotFiniteIsNeverChosen(options: SamplingOptions) {
        for size in [1, 3, 20, 128, 300] {
            for finite in Set([0, size / 2, size - 1]) {
                var row = (0..<size).map { Self.oddities[$0 % Self.oddities.count] }
                row[finite] = -3
                var sampler = Sampler(options, prompt: [0], choice: 0, vocabularySize: size)
                let masks = [nil, Self.mask(0..<size, of: size), Self.mask([finite, 0, size - 1], of: size)]
                for mask in masks {
                    let token = Self.next(&sampler, row, allowed: mask, topLogprobs: 5)
                    #expect(token.id == finite)
                    #expect(token.logprob == 0 && token.top.map(\.id) == [Int32(finite)])
                }
            }
            for oddity in Self.oddities {
                let row = [Float](repeating: oddity, count: size)
                var sampler = Sampler(options, prompt: [], choice: 0, vocabularySize: size)
                let last = Self.mask([size - 1], of: size)
                #expect(Self.next(&sampler, row, allowed: last, topLogprobs: 2).id == size - 1)
                let id = Self.next(&sampler, row, topLogprobs: 2).id
                #expect(id >= 0 && id < size)
                let forbidden: [Int32] = [0, 1]
                if size > 2 { #expect(!forbidden.contains(Self.next(&sampler, row, forbidden: forbidden).id)) }
            }
        }
    }

    @Test(arguments: [options { $0.temperature = 0 }, options { _ in }, options { ($0.topK, $0.topP) = (5, 0.9) }])
    func onlyWhatIsAllowedAndNotForbiddenComes(options: SamplingOptions) {
        var numbers = TestNumbers(state: 5)
        for row in Self.rows(60, of: 1000, spread: 4) {
            let share = [0.002, 0.05, 0.5, 0.99].randomElement(using: &numbers)!
            let allowed = (0..<1000).filter { _ in Double.random(in: 0..<1, using: &numbers) < share } + [500, 501]
            let forbidden = Array(Set(allowed).subtracting([501]).shuffled(using: &numbers).prefix(3)).map { Int32($0) }
            var sampler = Sampler(options, prompt: [], choice: 0, vocabularySize: 1000)
            let id = Self.next(&sampler, row, allowed: Self.mask(allowed, of: 1000), forbidden: forbidden).id
            #expect(allowed.contains(Int(id)) && !forbidden.contains(id))
        }
        // A mask of fewer tokens than there are logits, and rows longer than the vocabulary.
        var sampler = Sampler(options, prompt: [], choice: 0, vocabularySize: 90)
        let rising = (0..<100).map { Float($0) * 100 }
        #expect(Self.next(&sampler, rising, allowed: Self.mask(0..<70, of: 70)).id == 69)
        #expect(Self.next(&sampler, rising).id == 89)
        // A grammar that leaves only what may not come yet is not broken for it.
        #expect(Self.next(&sampler, rising, allowed: Self.mask([3], of: 90), forbidden: [3]).id == 3)
    }

    @Test func logprobsAreTheModelsOwn() {
        let logits: [Float] = [1, 2, 3, 2, .nan, -.infinity, -1e30]
        // ln(e + 2e² + e³) = 3.62652
        let expected = [-2.62652, -1.62652, -0.62652, -1.62652]
        var options = Self.options { ($0.temperature, $0.topK, $0.repetitionPenalty) = (0.3, 2, 1.5) }
        options.logitBias = [0: 100]
        var sampler = Sampler(options, prompt: [2], choice: 0, vocabularySize: 7)
        let token = Self.next(&sampler, logits, topLogprobs: 3)
        #expect(token.id == 0 && abs(Double(token.logprob) - expected[0]) < 1e-4)
        #expect(token.top.map(\.id) == [2, 1, 3])
        for entry in token.top { #expect(abs(Double(entry.logprob) - expected[Int(entry.id)]) < 1e-4) }
        #expect(Self.next(&sampler, logits, topLogprobs: 0).top.isEmpty)
        #expect(Self.next(&sampler, logits).logprob == 0)
        for id in [Int32(4), 5, 6] {
            let place = logits.withUnsafeBufferPointer {
                Sampler.logprobs(of: id, logits: $0.baseAddress!, count: 7, top: 20, on: Self.backend)
            }
            #expect(place.logprob == -9999)
            #expect(place.top.map(\.id) == [2, 1, 3, 0, 6])
        }
    }

    @Test(arguments: [1, 19, 130, 4096, 20001]) func theTopLogprobsAreSortedAndComplete(count: Int) {
        var row = Self.rows(1, of: count, spread: 3)[0]
        if count > 100 { (row[count - 1], row[3]) = (9, 9) }
        let order = (0..<count).sorted { (row[$1], $0) < (row[$0], $1) }
        for top in [1, 5, 20] {
            let token = row.withUnsafeBufferPointer {
                Sampler.logprobs(
                    of: Int32(count / 2), logits: $0.baseAddress!, count: count, top: top, on: Self.backend)
            }
            #expect(token.top.map { Int($0.id) } == Array(order.prefix(top)))
            #expect(
                token.top.allSatisfy {
                    abs($0.logprob - token.top[0].logprob - (row[Int($0.id)] - row[order[0]])) < 1e-4
                })
        }
    }

    /// A sampler that is copied, as when an answer forks, goes on alone.
    @Test func copiesAreIndependent() {
        let rows = Self.rows(10, of: 500)
        let options = Self.options { $0.frequencyPenalty = 1 }
        var first = Sampler(options, prompt: [], choice: 0, vocabularySize: 500)
        _ = Self.next(&first, rows[0])
        var second = first
        let a = rows.map { Self.next(&first, $0).id }
        #expect(rows.map { Self.next(&second, $0).id } == a)
    }

    @Test func theLogarithmIsRight() {
        for x in [1.0, 0.5, 2, 2.718281828459045, 1e-30, 1e30, 0.7071067811865475, 1.4142135623730951, 1 - 1e-9] {
            let known: [Double: Double] = [
                1: 0, 0.5: -0.6931471805599453, 2: 0.6931471805599453, 2.718281828459045: 1,
                1e-30: -69.07755278982137, 1e30: 69.07755278982137, 0.7071067811865475: -0.3465735902799727,
                1.4142135623730951: 0.3465735902799727, 1 - 1e-9: -1.0000000005e-9,
            ]
            #expect(abs(portableLogarithm(x) - known[x]!) <= 4e-16 * max(abs(known[x]!), 1e-1))
        }
    }
}

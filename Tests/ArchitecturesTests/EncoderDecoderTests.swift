import Architectures
import Checkpoints
import Compute
import TestSupport
import Testing

/// The families in the layout of Hugging Face against the reference, on small checkpoints with random weights in every
/// format and type of file.
@Suite struct EncoderDecoderTests {
    @Test(arguments: EncoderDecoderFixture.names)
    func statesAndLogitsAreThoseOfTheReference(name: String) throws {
        let fixture = try EncoderDecoderFixture(name)
        let run = try EncoderDecoderRun(name)
        for input in fixture.inputs {
            let states = run.states([input.ids])[0]
            #expect(largestDifference(states, input.encoder) < 1e-4, "\(name), \(input.ids.count) tokens")
            let logits = run.logits([input.ids], given: [input.decoderIds])[0]
            #expect(largestDifference(logits, input.logits) < 1e-4, "\(name), \(input.ids.count) tokens")
        }
    }

    /// Distances in every bucket, and beyond the last.
    @Test(arguments: ["t5/t5-v1_1", "t5/t5-tied", "t5/madlad"])
    func longInputsAreThoseOfTheReference(name: String) throws {
        let run = try EncoderDecoderRun(name)
        for input in try #require(EncoderDecoderFixture(name).long) {
            let states = run.states([input.ids])[0]
            #expect(largestDifference(input.encoderPlaces.map { states[$0] }, input.encoder) < 1e-4)
            let logits = run.logits([input.ids], given: [input.decoderIds])[0]
            #expect(largestDifference(input.decoderPlaces.map { logits[$0] }, input.logits) < 1e-4)
        }
    }

    @Test(arguments: EncoderDecoderFixture.names)
    func greedyIdsAreThoseOfTheReference(name: String) throws {
        let fixture = try EncoderDecoderFixture(name)
        let run = try EncoderDecoderRun(name)
        let plain = fixture.greedy.filter { $0.noRepeatNgram == 0 && $0.repetitionPenalty == 1 }
        #expect(plain.count >= 2 * fixture.inputs.count)
        for expected in plain {
            let ids = run.greedy(
                fixture.inputs[expected.input].ids, limit: expected.newTokens, forcedFirst: expected.forcedBos,
                forcedEnd: fixture.options.forcedEos)
            #expect(ids == expected.ids, "\(name), input \(expected.input)")
        }
    }

    /// Which source tokens a token translates, in the heads that say it best; two sentences in one batch.
    @Test func sharesOfTheSourceAreThoseOfTheReference() throws {
        let alignments: [String: [[[Float]]]] = try Fixtures.json("huggingface/alignments.json")
        #expect(alignments.count == 5)
        for (name, expected) in alignments {
            let inputs = try EncoderDecoderFixture(name).inputs
            let shares = try EncoderDecoderRun(name).sourceShares(inputs.map(\.ids), given: inputs.map(\.decoderIds))
            for (shares, expected) in zip(shares, expected) {
                #expect(largestDifference(shares, expected) < 1e-5, "\(name)")
                #expect(shares.allSatisfy { abs($0.reduce(0, +) - 1) < 1e-5 })
            }
        }
    }

    @Test(arguments: EncoderDecoderFixture.names)
    func tokensAreThoseOfTheConfiguration(name: String) throws {
        let options = try EncoderDecoderFixture(name).options
        let model = try EncoderDecoderRun(name).model
        #expect(model.startToken == options.start)
        #expect(model.endTokens == options.eos)
        #expect(model.endOfSequence == options.eos.first)
        #expect(model.bannedTokens == options.banned)
        #expect(model.forcedEndOfSequence == options.forcedEos)
    }

    /// Neither what else is in the batch nor the number of threads may change a single bit.
    @Test(arguments: EncoderDecoderFixture.names)
    func aSentenceDoesNotDependOnItsCompany(name: String) throws {
        let inputs = try EncoderDecoderFixture(name).inputs
        let sources = inputs.map(\.ids) + inputs.map { Array($0.ids.suffix(2)) } + inputs.map(\.ids).reversed()
        let given = inputs.map(\.decoderIds) + inputs.map(\.decoderIds).reversed() + inputs.map(\.decoderIds).reversed()
        let run = try EncoderDecoderRun(name)
        let states = sources.map { run.states([$0])[0] }
        let logits = zip(sources, given).map { run.logits([$0], given: [$1])[0] }
        #expect(run.states(sources) == states)
        #expect(run.logits(sources, given: given) == logits)
        for threads in [1, 3] {
            let other = try EncoderDecoderRun(name, threads: threads)
            #expect(other.states(sources) == states, "\(threads) threads")
            #expect(other.logits(sources, given: given) == logits, "\(threads) threads")
        }
    }

    /// Quantised weights stay near the reference, and keep a sentence to itself as floats do.
    @Test(arguments: EncoderDecoderFixture.names, PackedWeights.Quantization.allCases)
    func quantizedWeights(name: String, quantization: PackedWeights.Quantization) throws {
        let inputs = try EncoderDecoderFixture(name).inputs
        let (sources, given) = (inputs.map(\.ids), inputs.map(\.decoderIds))
        let run = try EncoderDecoderRun(name, quantization: quantization)
        let together = run.logits(sources, given: given)
        let alone = try EncoderDecoderRun(name, threads: 1, quantization: quantization)
        #expect(zip(sources, given).map { alone.logits([$0], given: [$1])[0] } == together)
        for (found, input) in zip(together, inputs) {
            let (a, b) = (found.flatMap { $0 }, input.logits.flatMap { $0 })
            let error = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            let whole = b.reduce(0) { $0 + $1 * $1 }
            // Rows of 24 to 56 weights leave rounding little to average over.
            #expect((error / whole).squareRoot() < (quantization == .int8 ? 0.15 : 0.6))
        }
    }

    /// Batches of several threads at once, on one model and one pool.
    @Test func severalBatchesAtOnce() async throws {
        let inputs = try EncoderDecoderFixture("m2m100/nllb").inputs
        let (sources, given) = (inputs.map(\.ids), inputs.map(\.decoderIds))
        let run = try EncoderDecoderRun("m2m100/nllb")
        let expected = run.logits(sources, given: given)
        let model = run.model
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let other = EncoderDecoderRun(model)
                    return (0..<5).allSatisfy { _ in other.logits(sources, given: given) == expected }
                }
            }
            for await isEqual in group { #expect(isEqual) }
        }
    }

    /// Every way to compute gives the same within the rounding of float sums.
    @Test(arguments: EncoderDecoderFixture.names)
    func everyBackendAgrees(name: String) throws {
        let inputs = try EncoderDecoderFixture(name).inputs
        let (sources, given) = (inputs.map(\.ids), inputs.map(\.decoderIds))
        let run = try EncoderDecoderRun(name)
        let (states, logits) = (run.states(sources), run.logits(sources, given: given))
        let backends =
            InstructionSet.available.map { ComputeBackend(instructionSet: $0) } + [ComputeBackend(products: .openblas)]
        for backend in backends {
            let other = try EncoderDecoderRun(name, backend: backend)
            for (a, b) in zip(other.states(sources) + other.logits(sources, given: given), states + logits) {
                #expect(largestDifference(a, b) < 2e-4, "\(name) \(backend.instructionSet) \(backend.products)")
            }
        }
    }

    @Test(arguments: EncoderDecoderFixture.names)
    func candidatesAreThoseOfAllLogits(name: String) throws {
        let inputs = try EncoderDecoderFixture(name).inputs
        let (sources, given) = (inputs.map(\.ids), inputs.map(\.decoderIds))
        let run = try EncoderDecoderRun(name)
        let all = run.logits(sources, given: given)
        let candidates: [[Int32]?] = inputs.indices.map { $0 % 2 == 0 ? [0, 7, 8, 40, 77] : nil }
        let some = run.logits(sources, given: given, candidates: candidates)
        for (sentence, ids) in candidates.enumerated() {
            let expected = all[sentence].map { row in ids.map { $0.map { row[Int($0)] } } ?? row }
            #expect(some[sentence] == expected)
        }
    }

    /// Targets that are longer than what the caches, lists and tables begin with.
    @Test(arguments: ["m2m100/nllb", "marian/opus-mt", "t5/t5-v1_1", "t5/t5-tied"])
    func aLongTargetNeedsNoRoomInAdvance(name: String) throws {
        let run = try EncoderDecoderRun(name)
        let source = try #require(EncoderDecoderFixture(name).inputs.last).ids
        let start = try #require(run.model.startToken)
        let long = [start] + (0..<150).map { Int32(5 + $0 % 61) }
        let logits = run.logits([source], given: [long])[0]
        #expect(logits.count == long.count && logits.allSatisfy { $0.allSatisfy(\.isFinite) })
        // Causal: a prefix has the logits that it has alone.
        #expect(run.logits([source], given: [Array(long.prefix(40))])[0] == Array(logits.prefix(40)))
    }

    @Test(arguments: EncoderDecoderFixture.names)
    func aSourceThatCannotBeReadIsRefused(name: String) throws {
        let model = try EncoderDecoderRun(name).model
        let size = model.sourceVocabularySize
        let end = model.endOfSequence
        try model.check([5, end])
        #expect(throws: SourceError.empty) { try model.check([]) }
        #expect(throws: SourceError.noSuchToken(Int32(size), vocabularySize: size)) {
            try model.check([5, Int32(size), end])
        }
        #expect(throws: SourceError.noSuchToken(-1, vocabularySize: size)) { try model.check([-1]) }
        guard model.maximumSourceLength < .max else {
            try model.check([Int32](repeating: 5, count: 5000))
            return
        }
        #expect(model.maximumSourceLength == 64)
        try model.check([Int32](repeating: 5, count: 64))
        #expect(throws: SourceError.tooLong(tokens: 65, maximum: 64)) {
            try model.check([Int32](repeating: 5, count: 65))
        }
    }
}

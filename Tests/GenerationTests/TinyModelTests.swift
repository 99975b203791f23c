import Architectures
import Checkpoints
import Compute
import Foundation
import Generation
import TestSupport
import Testing

/// Small models with random weights and every feature of the family, against the reference in
/// models/bergamot/reference.py, which computes in double precision.
@Suite struct TinyModelTests {
    struct Fixture: Decodable {
        struct Header: Decodable { var tolerance: Float }

        struct Found: Decodable {
            var target: [Int32]
            var score: Float
        }

        struct Case: Decodable {
            var source: [Int32]
            var target: [Int32]
            var logProbs: [Float]
            var greedy: Found
            var beam4: [Found]
            var candidatesShared: [Int32]?
        }

        var header: Header
        var cases: [Case]
    }

    static let names = ["shared-int8", "shared-float32", "separate-int8", "prenorm-int8", "dynamic-int8"]

    static func model(_ name: String, _ backend: ComputeBackend) throws -> BergamotModel {
        let region = try ByteRegion(mapping: Fixtures.path("bergamot/tiny/\(name).bin"))
        return try BergamotModel(MarianCheckpoint(region), backend: backend)
    }

    static let backends =
        InstructionSet.available.map { ComputeBackend(instructionSet: $0) } + [ComputeBackend(products: .openblas)]

    @Test(arguments: names) func equalsTheReference(name: String) throws {
        let fixture: Fixture = try Fixtures.json("bergamot/tiny/\(name).json")
        #expect(fixture.cases.count >= 5)
        for backend in Self.backends {
            try Self.check(fixture, try Self.model(name, backend))
        }
    }

    /// The same with a shortlist, whose candidates are equal too.
    @Test func equalsTheReferenceWithAShortlist() throws {
        let fixture: Fixture = try Fixtures.json("bergamot/tiny/shortlist.json")
        let model = try Self.model("shared-int8", ComputeBackend())
        let shortlist = try Shortlist(
            ByteRegion(mapping: Fixtures.path("bergamot/tiny/shortlist.bin")),
            sourceVocabularySize: model.sourceVocabularySize, targetVocabularySize: model.targetVocabularySize,
            sharedVocabulary: true)
        for one in fixture.cases { #expect(shortlist.candidates(for: one.source) == one.candidatesShared) }
        try Self.check(fixture, model)
    }

    static func check(_ fixture: Fixture, _ model: BergamotModel) throws {
        let tolerance = fixture.header.tolerance
        let label = "\(model.backend.instructionSet) \(model.backend.products)"
        for one in fixture.cases {
            var request = SearchRequest(source: one.source, candidates: one.candidatesShared)
            let forced = BatchSearch.forcedLogProbabilities(
                request, target: one.target, model: model, workspace: Workspace())
            for (found, wanted) in zip(forced, one.logProbs) { #expect(abs(found - wanted) < tolerance, "\(label)") }
            #expect(forced.count == one.logProbs.count)

            func withEnd(_ hypothesis: Hypothesis) -> [Int32] {
                hypothesis.tokens + (hypothesis.reachedLimit ? [] : [model.endOfSequence])
            }
            request.options = SearchOptions(scores: true)
            let greedy = BatchSearch.run([request], model: model, workspace: Workspace())[0][0]
            #expect(withEnd(greedy) == one.greedy.target, "\(label)")
            #expect(abs((greedy.score ?? 0) - one.greedy.score) < tolerance)

            request.options = SearchOptions(beamSize: 4, results: 4)
            let beam = BatchSearch.run([request], model: model, workspace: Workspace())[0]
            #expect(beam.map(withEnd) == one.beam4.map(\.target), "\(label)")
            for (found, wanted) in zip(beam, one.beam4) { #expect(abs((found.score ?? 0) - wanted.score) < tolerance) }
        }
    }
}

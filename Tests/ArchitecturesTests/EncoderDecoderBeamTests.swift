import Architectures
import Checkpoints
import Compute
import TestSupport
import Testing

/// Hypotheses that fork, change places and end: whatever became of the rows, a row's logits are those of its own tokens.
@Suite struct EncoderDecoderBeamTests {
    /// A hypothesis and where it was in the last step.
    private struct Hypothesis {
        var tokens: [Int32]
        var row: Int
    }

    /// A generator that every machine has alike.
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    @Test(arguments: EncoderDecoderFixture.names, [UInt64(1), 2])
    func rowsAreThoseOfTheirTokens(name: String, seed: UInt64) throws {
        let inputs = try EncoderDecoderFixture(name).inputs
        let run = try EncoderDecoderRun(name)
        let start = try #require(run.model.startToken)
        let sources = inputs.map(\.ids)
        var random = Random(state: seed)
        let workspace = Workspace()
        let decoding = run.model.startDecoding(
            sources: sources, candidates: sources.map { _ in nil }, maximumRows: 4 * sources.count,
            workspace: workspace)
        var beams = sources.map { _ in [Hypothesis(tokens: [], row: 0)] }
        for position in 0..<40 {
            // A sentence leaves the batch every few steps, and never comes back.
            let active = sources.indices.filter { position < 6 + 9 * $0 }
            var rows: [DecoderRow] = []
            for sentence in active {
                for index in beams[sentence].indices {
                    let hypothesis = beams[sentence][index]
                    rows.append(
                        DecoderRow(
                            sentence: sentence, parent: hypothesis.row, token: hypothesis.tokens.last ?? 0,
                            position: position))
                    beams[sentence][index].row = rows.count - 1
                }
            }
            let logits = workspace.scoped { decoding.step(rows, workspace).map { Array($0) } }
            if [0, 1, 5, 16, 17, 39].contains(position) {
                for sentence in active {
                    for hypothesis in beams[sentence] {
                        let alone = run.logits([sources[sentence]], given: [[start] + hypothesis.tokens])[0]
                        #expect(logits[hypothesis.row] == alone.last, "position \(position), sentence \(sentence)")
                    }
                }
            }
            for sentence in active {
                let count = Int.random(in: 1...4, using: &random)
                beams[sentence] = (0..<count).map { _ in
                    let parent = beams[sentence].randomElement(using: &random) ?? Hypothesis(tokens: [], row: 0)
                    let token = Int32.random(in: 4..<70, using: &random)
                    return Hypothesis(tokens: parent.tokens + [token], row: parent.row)
                }
            }
        }
    }

    /// The cache grows with the rows of the sentences that are still there, and gives back what the others had.
    @Test func theCacheIsBounded() throws {
        let run = try EncoderDecoderRun("m2m100/nllb")
        let sources = [[5, 6, 2], [7, 8, 9, 2], [10, 2]].map { $0.map(Int32.init) }
        let workspace = Workspace()
        let decoding = try #require(
            run.model.startDecoding(
                sources: sources, candidates: [nil, nil, nil], maximumRows: 9, workspace: workspace)
                as? EncoderDecoderDecoding)
        let sizes = run.model.configuration
        // Keys and values of a token in all layers.
        let slot = 2 * sizes.decoder.layers * sizes.decoder.heads * sizes.decoder.headDim * 4
        var parents = [0, 0, 0]
        for position in 0..<100 {
            let active = position < 50 ? [0, 1, 2] : [1]
            var rows: [DecoderRow] = []
            for sentence in active {
                let parent = parents[sentence]
                parents[sentence] = rows.count
                let count = position == 0 ? 1 : 3
                rows += (0..<count).map {
                    DecoderRow(
                        sentence: sentence, parent: parent + (position > 1 ? $0 : 0), token: 5, position: position)
                }
            }
            workspace.scoped { _ = decoding.step(rows, workspace) }
            #expect(decoding.cacheBytes <= active.count * (3 * (position + 1) + 16) * slot)
            #expect(decoding.cacheBytes >= active.count * (3 * position + 1) * slot)
        }
    }
}

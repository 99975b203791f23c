import Architectures
import Checkpoints
import Compute
import TestSupport
import Testing

/// Every variant of the decoder families against the reference's logits, on small models with random weights.
@Suite struct DecoderLogitsTests {
    @Test(arguments: DecoderFixture.tinyModels)
    func theLogitsAreThoseOfTheReference(name: String) throws {
        let run = try DecoderRun(DecoderFixture.tinyPath(name))
        for sequence in try #require(DecoderFixture("tiny/\(name)").sequences) {
            let logits = run.logits(sequence.ids, chunk: 512)
            for (position, expected) in zip(sequence.positions, sequence.logits) {
                let difference = zip(logits[position], expected).map { abs($0 - $1) }.max() ?? .infinity
                #expect(
                    difference < 2e-4,
                    "\(name), \(sequence.ids.count) tokens, position \(position): \(difference)")
            }
        }
    }

    @Test(arguments: DecoderFixture.tinyModels)
    func greedyIdsAreThoseOfTheReference(name: String) throws {
        let run = try DecoderRun(DecoderFixture.tinyPath(name))
        for continuation in try #require(DecoderFixture("tiny/\(name)").greedy) {
            let ids = continuation.promptIds + continuation.ids.dropLast()
            let logits = run.logits(ids, chunk: 512)
            for (index, id) in continuation.ids.enumerated() {
                let row = logits[continuation.promptIds.count - 1 + index]
                #expect(row.indices.max { row[$0] < row[$1] }.map(Int32.init) == id, "\(name) \(continuation.name)")
            }
        }
    }

    /// How a prompt is cut, and what else is computed beside it, must not change a single bit: also not where prompts have
    /// products of their own.
    @Test(arguments: DecoderFixture.tinyModels, [ComputeBackend(), tiles].compactMap(\.self))
    func aRowDoesNotDependOnItsCompany(name: String, backend: ComputeBackend) throws {
        let run = try DecoderRun(DecoderFixture.tinyPath(name), backend: backend)
        let sequences = try #require(DecoderFixture("tiny/\(name)").sequences).map(\.ids)
        let alone = sequences.map { run.logits($0, chunk: 512) }
        for chunk in [1, 3, 16, 33] {
            #expect(sequences.map { run.logits($0, chunk: chunk) } == alone, "\(name) in chunks of \(chunk)")
        }
        let together = run.logits(sequences, chunks: sequences.indices.map { [1, 5, 32, 2, 7, 40][$0 % 6] })
        #expect(together == alone, "\(name) together")
        let oneThread = try DecoderRun(DecoderFixture.tinyPath(name), backend: backend, threads: 1)
        #expect(sequences.map { oneThread.logits($0, chunk: 9) } == alone, "\(name) on one thread")
    }

    /// Where prompts have products of their own, what is generated has those of every other processor, and so has the last
    /// token of a prompt: an answer's next token costs one row of products, not a tile.
    @Test(arguments: DecoderFixture.tinyModels) func onlyPromptsAreSplit(name: String) throws {
        guard let tiles else { return }
        let ids = try #require(DecoderFixture("tiny/\(name)").sequences?.last?.ids)
        let path = DecoderFixture.tinyPath(name)
        // Of a prompt of one token everything else is an answer.
        let plain = try DecoderRun(path).logits(ids, chunk: 1, promptTokens: 1)
        #expect(try DecoderRun(path, backend: tiles).logits(ids, chunk: 1, promptTokens: 1) == plain)
        let split = try DecoderRun(path, backend: tiles).logits(ids, chunk: 512)
        #expect(split != plain)
        for (position, (row, expected)) in zip(split, plain).enumerated() {
            let difference = zip(row, expected).map { abs($0 - $1) }.max() ?? .infinity
            #expect(difference < 2e-3, "position \(position): \(difference)")
        }
    }

    /// Every way to compute gives the same logits within the rounding of float sums.
    @Test(arguments: DecoderFixture.tinyModels)
    func everyBackendAgrees(name: String) throws {
        let path = DecoderFixture.tinyPath(name)
        let ids = try #require(DecoderFixture("tiny/\(name)").sequences?.last?.ids)
        let expected = try DecoderRun(path).logits(ids, chunk: 512)
        let backends =
            InstructionSet.available.map { ComputeBackend(instructionSet: $0) } + [ComputeBackend(products: .openblas)]
        for backend in backends {
            let logits = try DecoderRun(path, backend: backend).logits(ids, chunk: 21)
            for (position, row) in logits.enumerated() {
                let difference = zip(row, expected[position]).map { abs($0 - $1) }.max() ?? .infinity
                #expect(difference < 2e-4, "\(name) \(backend.instructionSet) \(backend.products): \(difference)")
            }
        }
    }

    @Test func aSlidingWindowKeepsACacheOfItsSize() throws {
        let run = try DecoderRun(DecoderFixture.tinyPath("gemma3"))
        let cache = run.cache()
        let workspace = Workspace()
        let resources = ComputeResources(backend: run.backend, pool: run.pool, workspace: workspace)
        let window = try #require(run.model.configuration.window)
        let groups = run.model.cacheLayout.groups
        let local = try #require(groups.first { $0.window == window })
        let global = try #require(groups.first { $0.window == nil })
        for step in 0..<200 {
            #expect(cache.reserve(1))
            workspace.scoped {
                _ = run.model.forward(
                    DecoderStep([DecoderSegment(cache: cache, tokens: [Int32(step % 300)], logits: .none)], resources))
            }
            cache.advance(by: 1)
            let pages = (step + CachePage.tokens) / CachePage.tokens
            let kept = (window + CachePage.tokens - 1) / CachePage.tokens + 1
            #expect(run.pages.usedBytes <= pages * global.pageBytes + min(pages, kept) * local.pageBytes)
        }
        cache.removeAll()
        #expect(run.pages.usedBytes == 0)
    }
}

import Architectures
import Checkpoints
import Compute

/// Runs a decoder on ids, in chunks of a given size, and keeps the logits of every position.
final class DecoderRun {
    let model: any CausalLanguageModel
    let backend: ComputeBackend
    let pool: ThreadPool
    let pages: KVPagePool

    convenience init(_ path: String, backend: ComputeBackend = ComputeBackend(), threads: Int = 2) throws {
        let pool = ThreadPool(threads: threads)
        try self.init(
            CausalModelFamily.model(GGUFCheckpoint(path: path), interleaver: { $0.interleaved(on: backend, pool) }),
            backend: backend, pool)
    }

    convenience init(_ model: any CausalLanguageModel, backend: ComputeBackend = ComputeBackend(), threads: Int = 2) {
        self.init(model, backend: backend, ThreadPool(threads: threads))
    }

    private init(_ model: any CausalLanguageModel, backend: ComputeBackend, _ pool: ThreadPool) {
        (self.model, self.backend, self.pool) = (model, backend, pool)
        pages = KVPagePool(layout: model.cacheLayout, limitBytes: 1 << 30)
    }

    deinit { pool.stop() }

    func cache() -> KVCache { KVCache(pool: pages, contextTokens: model.configuration.contextTokens) }

    /// `[position][vocabulary]`
    ///
    /// - Parameter promptTokens: how many of the ids count as a prompt; nil for all.
    func logits(_ ids: [Int32], chunk: Int, promptTokens: Int? = nil) -> [[Float]] {
        rows([ids], chunks: [chunk], promptTokens: promptTokens) { model.forward($0) }[0]
    }

    /// Several sequences at once, each with chunks of its own size: `[sequence][position][vocabulary]`.
    func logits(_ sequences: [[Int32]], chunks: [Int]) -> [[[Float]]] {
        rows(sequences, chunks: chunks) { model.forward($0) }
    }

    /// The states behind the last norm: `[position][feature]`.
    func hiddenStates(_ ids: [Int32], chunk: Int) -> [[Float]] {
        rows([ids], chunks: [chunk]) { model.hiddenStates($0) }[0]
    }

    private func rows(
        _ sequences: [[Int32]], chunks: [Int], promptTokens: Int? = nil, _ compute: (DecoderStep) -> MatrixView
    ) -> [[[Float]]] {
        let caches = sequences.map { _ in cache() }
        var result: [[[Float]]] = sequences.map { _ in [] }
        let workspace = Workspace()
        let resources = ComputeResources(backend: backend, pool: pool, workspace: workspace)
        while true {
            var segments: [DecoderSegment] = []
            var indices: [Int] = []
            for (index, ids) in sequences.enumerated() where caches[index].length < ids.count {
                let part = ids[caches[index].length...].prefix(chunks[index])
                guard caches[index].reserve(part.count) else { preconditionFailure("the pool is large enough") }
                segments.append(
                    DecoderSegment(
                        cache: caches[index], tokens: part, logits: .all, promptTokens: promptTokens ?? ids.count))
                indices.append(index)
            }
            if segments.isEmpty { return result }
            workspace.scoped {
                let rows = compute(DecoderStep(segments, resources))
                var row = 0
                for (index, segment) in zip(indices, segments) {
                    for _ in segment.tokens {
                        result[index].append(Array(UnsafeBufferPointer(start: rows.row(row), count: rows.columns)))
                        row += 1
                    }
                }
            }
            for segment in segments { segment.cache.advance(by: segment.tokens.count) }
        }
    }

    /// The ids with the largest logits after each prompt, all prompts side by side: at most `count`, an end included.
    func greedy(_ prompts: [[Int32]], count: Int, ends: [Int32], chunk: Int) -> [[Int32]] {
        let caches = prompts.map { _ in cache() }
        var ids = prompts
        let workspace = Workspace()
        let resources = ComputeResources(backend: backend, pool: pool, workspace: workspace)
        func isDone(_ index: Int) -> Bool {
            let generated = ids[index].count - prompts[index].count
            return generated == count || generated > 0 && ends.contains(ids[index].last ?? -1)
        }
        while true {
            let open = prompts.indices.filter { !isDone($0) }
            if open.isEmpty { return zip(ids, prompts).map { Array($0.dropFirst($1.count)) } }
            let segments = open.map { index in
                let part = ids[index][caches[index].length...].prefix(chunk)
                guard caches[index].reserve(part.count) else { preconditionFailure("the pool is large enough") }
                return DecoderSegment(
                    cache: caches[index], tokens: part, logits: part.endIndex == ids[index].count ? .last : .none,
                    promptTokens: prompts[index].count)
            }
            workspace.scoped {
                let logits = model.forward(DecoderStep(segments, resources))
                var row = 0
                for (index, segment) in zip(open, segments) {
                    segment.cache.advance(by: segment.tokens.count)
                    guard case .last = segment.logits else { continue }
                    ids[index].append(Int32(backend.argmax(logits.row(row), count: logits.columns)))
                    row += 1
                }
            }
        }
    }
}

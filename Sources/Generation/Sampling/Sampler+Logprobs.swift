package import Compute

extension Sampler {
    /// What the model thinks of a token, and of the most probable ones, at the place that the logits are for.
    ///
    /// - Parameters:
    ///   - id: the token, one of `count`.
    ///   - logits: as the model gave them; not changed.
    ///   - top: how many of the most probable ones are wanted.
    package static func logprobs(
        of id: Int32, logits: UnsafePointer<Float>, count: Int, top: Int, on backend: ComputeBackend
    ) -> SampledToken {
        var (blocks, candidates) = (LogitBlocks(), Candidates())
        return logprobs(
            of: id, logits: logits, count: count, top: top, blocks: &blocks, candidates: &candidates, on: backend)
    }

    /// The same with memory that stays.
    static func logprobs(
        of id: Int32, logits: UnsafePointer<Float>, count: Int, top: Int, blocks: inout LogitBlocks,
        candidates: inout Candidates, on backend: ComputeBackend
    ) -> SampledToken {
        precondition(id >= 0 && Int(id) < count, "the token \(id) has none of the \(count) logits")
        if LogitBlocks.hasImpossible(logits, count: count) {
            var possible = Array(UnsafeBufferPointer(start: logits, count: count))
            return possible.withUnsafeMutableBufferPointer { possible in
                guard let base = possible.baseAddress else { return SampledToken(id: id) }
                LogitBlocks.discardImpossible(base, count: count)
                return logprobs(
                    of: id, logits: base, count: count, top: top, blocks: &blocks, candidates: &candidates, on: backend)
            }
        }
        blocks.read(logits, count: count)
        guard blocks.top > -.infinity else { return SampledToken(id: id, logprob: SampledToken.leastLogprob) }
        let logSum = backend.logSumExp(logits, count: count)
        func logprob(_ logit: Float) -> Float { max(min(logit - logSum, 0), SampledToken.leastLogprob) }
        guard top > 0 else { return SampledToken(id: id, logprob: logprob(logits[Int(id)])) }
        let bound = max(blocks.bound(forLargest: min(top, count)), -Float.greatestFiniteMagnitude)
        candidates.gather(logits, count: count, from: bound, blocks: blocks, blockBound: bound)
        return SampledToken(
            id: id, logprob: logprob(logits[Int(id)]),
            top: candidates.largest(top).map { (id: $0.id, logprob: logprob($0.weight)) })
    }
}

package import Compute

/// The translation of one batch: the keys and values of the encoded sentences, and the pasts of all hypotheses.
package final class EncoderDecoderDecoding: Decoding {
    private let model: any EncoderDecoderNetwork
    private let sentences: Int
    private let candidates: [[Int32]?]
    private let maximumRows: Int
    /// `[layer][sentence]`
    private let memory: [[SequenceMemory]]
    private let cache: HypothesisCache

    /// Encodes the sources, and computes what every layer of the decoder will ask of them.
    init(
        _ model: any EncoderDecoderNetwork, sources: [[Int32]], candidates: [[Int32]?], maximumRows: Int,
        workspace: Workspace
    ) {
        precondition(sources.count == candidates.count, "candidates, or nil, for each source")
        (self.model, self.candidates, self.maximumRows) = (model, candidates, maximumRows)
        sentences = sources.count
        let decoder = model.configuration.decoder
        cache = HypothesisCache(
            layers: decoder.layers, heads: decoder.heads, headDim: decoder.headDim, sentences: sources.count,
            maximumRows: maximumRows)
        memory = model.memoryAttention.map { attention in
            sources.map { attention.memory(length: $0.count, in: workspace) }
        }
        workspace.scoped {
            let resources = ComputeResources(backend: model.backend, pool: model.pool, workspace: workspace)
            let batch = SourceBatch(sources, resources, of: model)
            guard batch.rowCount > 0 else { return }
            let states = model.encode(batch)
            for (attention, memory) in zip(model.memoryAttention, memory) {
                workspace.scoped { attention.remember(states, batch, in: memory) }
            }
        }
    }

    /// The bytes of the hypotheses' keys and values.
    package var cacheBytes: Int { cache.sizeBytes }

    package func step(_ rows: [DecoderRow], _ workspace: Workspace) -> [UnsafeMutableBufferPointer<Float>] {
        guard !rows.isEmpty else { return [] }
        let step = prepare(rows, nil, workspace)
        return model.output(model.decode(step), step, candidates: candidates)
    }

    package func sourceShares(_ rows: [DecoderRow], _ workspace: Workspace) -> [[Float]] {
        guard !rows.isEmpty else { return [] }
        let record = AttentionRecord(model.alignment)
        _ = model.decode(prepare(rows, record, workspace))
        return record.shares
    }

    private func prepare(_ rows: [DecoderRow], _ record: AttentionRecord?, _ workspace: Workspace) -> TargetStep {
        precondition(rows.count <= maximumRows, "\(rows.count) hypotheses where \(maximumRows) were announced")
        let step = TargetStep(
            rows, start: model.configuration.tokens.start, sentences: sentences, cache: cache, memory: memory,
            record: record, ComputeResources(backend: model.backend, pool: model.pool, workspace: workspace))
        precondition(
            step.tokens.allSatisfy { $0 >= 0 && Int($0) < model.targetVocabularySize }, "a token without embedding")
        cache.extend(step.groups, rows)
        return step
    }
}

/// One token of each of several hypotheses: one row each of one matrix.
struct TargetStep {
    /// Rows of one sentence at one position, which stand together.
    struct Group {
        var sentence: Int
        var rows: Range<Int>
        var position: Int
    }

    /// The token of each row that is read.
    let tokens: [Int32]
    /// The position of each row in its hypothesis.
    let positions: [Int]
    let groups: [Group]
    let cache: HypothesisCache
    /// `[layer][sentence]`
    let memory: [[SequenceMemory]]
    /// What notes how the rows attend to their sources, where that is wanted.
    let record: AttentionRecord?
    let resources: ComputeResources

    init(
        _ rows: [DecoderRow], start: Int32, sentences: Int, cache: HypothesisCache, memory: [[SequenceMemory]],
        record: AttentionRecord?, _ resources: ComputeResources
    ) {
        var groups: [Group] = []
        groups.reserveCapacity(rows.count)
        for (index, row) in rows.enumerated() {
            precondition((0..<sentences).contains(row.sentence) && row.position >= 0, "a row of no sentence")
            if let last = groups.last, last.sentence == row.sentence, last.position == row.position {
                groups[groups.count - 1].rows = last.rows.lowerBound..<index + 1
            } else {
                groups.append(Group(sentence: row.sentence, rows: index..<index + 1, position: row.position))
            }
        }
        self.groups = groups
        tokens = rows.map { $0.position == 0 ? start : $0.token }
        positions = rows.map(\.position)
        (self.cache, self.memory, self.record, self.resources) = (cache, memory, record, resources)
    }

    /// The number of hypotheses.
    var rowCount: Int { tokens.count }
    /// The number of tokens that the longest hypothesis consists of, this one included.
    var longest: Int { (groups.map(\.position).max() ?? 0) + 1 }

    /// Calls `body` for every group with ranges of heads that together are all heads, on the pool's threads: as many heads
    /// at once as make a piece of work worth sharing.
    ///
    /// - Parameter length: the most positions that a row of a group attends to.
    func forGroups(
        heads: Int, headDim: Int, length: (Group) -> Int, _ body: (Group, Range<Int>, Workspace) -> Void
    ) {
        let work = groups.reduce(0) { $0 + $1.rows.count * length($1) * headDim }
        let perHead = max(1, work / groups.count)
        let together = min(heads, max(1, 16_384 / perHead))
        let pieces = (heads + together - 1) / together
        let pool = resources.pool
        pool.forEach(groups.count * pieces) { piece, thread in
            let first = piece % pieces * together
            let workspace = pool.workspace(thread)
            workspace.scoped {
                body(groups[piece / pieces], first..<min(heads, first + together), workspace)
            }
        }
    }
}

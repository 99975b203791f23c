internal import Compute

/// What the three kinds of attention have in common (Vaswani et al., "Attention Is All You Need", 2017, §3.2):
///
///     q = W_q x + b_q, k = W_k m + b_k, v = W_v m + b_v
///     out = W_o · concat_heads softmax(scale · q kᵀ + bias) v + b_o
struct AttentionWeights: Sendable {
    /// `[heads · headDim, hiddenSize]`
    let query: Projection
    let key: Projection
    let value: Projection
    /// `[hiddenSize, heads · headDim]`
    let output: Projection
    let heads: Int
    let headDim: Int
    /// What scores are multiplied by.
    let scale: Float

    /// Features of all heads together.
    var innerSize: Int { heads * headDim }
}

/// Attention of the tokens of a source to one another.
struct SourceAttention: Sendable {
    /// Rows of a sentence that make a piece of work.
    private static let rowsPerPiece = 64

    let weights: AttentionWeights

    /// h `[rows, hiddenSize]` → `[rows, hiddenSize]`.
    func callAsFunction(_ h: MatrixView, _ batch: SourceBatch, bias: DistanceBias? = nil) -> MatrixView {
        let resources = batch.resources
        let workspace = resources.workspace
        let out = workspace.matrix(rows: h.rows, columns: weights.output.weights.outputs)
        workspace.scoped {
            let q = workspace.matrix(rows: h.rows, columns: weights.innerSize)
            let attended = workspace.matrix(rows: h.rows, columns: weights.innerSize)
            let memory = batch.sources.map {
                SequenceMemory.taken(length: $0.count, heads: weights.heads, headDim: weights.headDim, workspace)
            }
            workspace.scoped {
                let k = workspace.matrix(rows: h.rows, columns: weights.innerSize)
                let v = workspace.matrix(rows: h.rows, columns: weights.innerSize)
                Projection.applyAll([(weights.query, q), (weights.key, k), (weights.value, v)], to: h, resources)
                memory.store(keys: k, values: v, batch)
            }
            attend(q, memory, batch, bias, into: attended)
            weights.output.apply(attended, into: out, resources)
        }
        return out
    }

    private func attend(
        _ q: MatrixView, _ memory: [SequenceMemory], _ batch: SourceBatch, _ bias: DistanceBias?, into out: MatrixView
    ) {
        let pool = batch.resources.pool
        var pieces: [(sentence: Int, rows: Range<Int>)] = []
        for (sentence, rows) in batch.rows.enumerated() {
            for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.rowsPerPiece) {
                pieces.append((sentence, first..<min(first + Self.rowsPerPiece, rows.upperBound)))
            }
        }
        let scratchFloats = SequenceMemory.scratchFloats(length: batch.longest)
        pool.forEach(pieces.count * weights.heads) { index, thread in
            let (sentence, rows) = pieces[index / weights.heads]
            let head = index % weights.heads
            let position = rows.lowerBound - batch.rows[sentence].lowerBound
            let workspace = pool.workspace(thread)
            workspace.scoped {
                memory[sentence].attend(
                    q.slice(rows), head: head, scale: weights.scale, bias: bias?.biases(head: head, query: position),
                    into: out.slice(rows), scratch: workspace.take(Float.self, count: scratchFloats),
                    on: batch.resources.backend)
            }
        }
    }
}

/// Attention of a hypothesis' last token to all of its tokens.
struct TargetAttention: Sendable {
    let weights: AttentionWeights

    /// h `[rows, hiddenSize]` → `[rows, hiddenSize]`. Writes the rows' keys and values into the cache.
    func callAsFunction(_ h: MatrixView, layer: Int, _ step: TargetStep, bias: DistanceBias? = nil) -> MatrixView {
        let resources = step.resources
        let workspace = resources.workspace
        let q = workspace.matrix(rows: h.rows, columns: weights.innerSize)
        let k = workspace.matrix(rows: h.rows, columns: weights.innerSize)
        let v = workspace.matrix(rows: h.rows, columns: weights.innerSize)
        Projection.applyAll([(weights.query, q), (weights.key, k), (weights.value, v)], to: h, resources)
        step.cache.store(k, v, layer: layer, resources)
        let attended = workspace.matrix(rows: h.rows, columns: weights.innerSize)
        step.forGroups(heads: weights.heads, headDim: weights.headDim, length: { $0.position + 1 }) {
            group, heads, workspace in
            let scratch = workspace.take(
                Float.self, count: GatheredAttention.scratchFloats(length: group.position + 1))
            for head in heads {
                step.cache.attend(
                    q, group, layer: layer, head: head, scale: weights.scale,
                    bias: bias?.biases(head: head, query: group.position), into: attended, scratch: scratch,
                    on: resources.backend)
            }
        }
        return weights.output(attended, resources)
    }
}

/// Attention of hypotheses to the source: keys and values are computed once for a sentence, and all of its hypotheses
/// ask together.
struct MemoryAttention: Sendable {
    let weights: AttentionWeights

    /// Room for the keys and values of a sentence.
    func memory(length: Int, in workspace: Workspace) -> SequenceMemory {
        .taken(length: length, heads: weights.heads, headDim: weights.headDim, workspace)
    }

    /// Computes the keys and values of every sentence from the encoder's states.
    func remember(_ states: MatrixView, _ batch: SourceBatch, in memory: [SequenceMemory]) {
        let workspace = batch.resources.workspace
        let k = workspace.matrix(rows: states.rows, columns: weights.innerSize)
        let v = workspace.matrix(rows: states.rows, columns: weights.innerSize)
        Projection.applyAll([(weights.key, k), (weights.value, v)], to: states, batch.resources)
        memory.store(keys: k, values: v, batch)
    }

    /// h `[rows, hiddenSize]` → `[rows, hiddenSize]`.
    func callAsFunction(_ h: MatrixView, layer: Int, _ step: TargetStep) -> MatrixView {
        let resources = step.resources
        let q = weights.query(h, resources)
        let attended = resources.workspace.matrix(rows: h.rows, columns: weights.innerSize)
        let memory = step.memory[layer]
        if let record = step.record {
            let sources = step.groups.flatMap { group in group.rows.map { _ in memory[group.sentence] } }
            record.note(layer: layer, rows: h.rows, length: { sources[$0].length }) { row, head, shares in
                sources[row].share(
                    q.row(row), head: head, scale: weights.scale, into: shares, on: resources.backend)
            }
        }
        step.forGroups(heads: weights.heads, headDim: weights.headDim, length: { memory[$0.sentence].length }) {
            group, heads, workspace in
            let memory = memory[group.sentence]
            let scratch = workspace.take(Float.self, count: SequenceMemory.scratchFloats(length: memory.length))
            let (queries, out) = (q.slice(group.rows), attended.slice(group.rows))
            for head in heads {
                memory.attend(
                    queries, head: head, scale: weights.scale, into: out, scratch: scratch, on: resources.backend)
            }
        }
        return weights.output(attended, resources)
    }
}

extension SequenceMemory {
    /// Room in memory of a workspace.
    static func taken(length: Int, heads: Int, headDim: Int, _ workspace: Workspace) -> SequenceMemory {
        SequenceMemory(
            length: length, heads: heads, headDim: headDim,
            storage: workspace.take(Float.self, count: floats(length: length, heads: heads, headDim: headDim)))
    }
}

extension [SequenceMemory] {
    /// Stores every sentence's rows of keys and values, a head of a sentence at a time.
    fileprivate func store(keys: MatrixView, values: MatrixView, _ batch: SourceBatch) {
        let heads = first?.heads ?? 1
        batch.resources.pool.forEach(count * heads) { piece in
            let rows = batch.rows[piece / heads]
            self[piece / heads].store(
                head: piece % heads, keys: keys.slice(rows), values: values.slice(rows), on: batch.resources.backend)
        }
    }
}

extension Projection {
    /// `out ← W x + b`.
    func apply(_ x: MatrixView, into out: MatrixView, _ resources: ComputeResources) {
        weights.apply(x, into: out, on: resources.backend, resources.pool, resources.workspace)
        addBias(to: out, resources)
    }
}

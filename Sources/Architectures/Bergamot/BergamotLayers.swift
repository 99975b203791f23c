internal import Compute

// The building blocks of the Bergamot family, bottom up. A "row" is a token: `[rows, hiddenSize]`.

/// What stands around a sublayer f: `x ← post(f(pre(x)), x)`. The published small models are post-norm ("dan":
/// dropout, add, normalise): `x ← LN(x + f(x))`; pre-norm ones have "n" before and "da" after.
struct Sublayer: Sendable {
    private enum Step: Sendable {
        case addInput
        case normalize(LayerNorm)
    }

    private let before: LayerNorm?
    private let after: [Step]

    /// Binds `prefix_ln_{scale,bias}` after the sublayer, and `before_ln_{scale,bias}_pre` before it.
    init(_ prefix: String, before: String? = nil, _ configuration: BergamotConfiguration, _ binder: MarianBinder) throws
    {
        let count = configuration.hiddenSize
        self.before =
            configuration.preprocess.contains(.normalize)
            ? try binder.layerNorm(before ?? prefix, suffix: "_pre", count: count) : nil
        after = try configuration.postprocess.map {
            switch $0 {
            case .addInput: .addInput
            case .normalize: .normalize(try binder.layerNorm(prefix, count: count))
            }
        }
    }

    /// What the sublayer reads: x, or its normalisation in memory of the workspace.
    func prepare(_ x: MatrixView, on backend: ComputeBackend, _ workspace: Workspace) -> MatrixView {
        guard let before else { return x }
        let input = workspace.matrix(rows: x.rows, columns: x.columns)
        before.apply(x, into: input, on: backend)
        return input
    }

    /// `x ← post(y, x)`. y is overwritten.
    func finish(_ y: MatrixView, into x: MatrixView, on backend: ComputeBackend) {
        var steps = after[...]
        if steps.count == 2, case .addInput? = steps.first, case .normalize(let norm)? = steps.last {
            norm.apply(y, adding: x, into: x, on: backend)
            return
        }
        while let step = steps.popFirst() {
            switch step {
            case .addInput: backend.add(x, to: y)
            case .normalize(let norm): norm.apply(y, into: y, on: backend)
            }
        }
        x.copy(from: y)
    }
}

/// `FFN(x) = activation(x W₁ + b₁) W₂ + b₂`
struct FeedForward: Sendable {
    /// Rows that pass through both products together, so that what lies between them stays in the cache.
    private static let tileRows = 48

    private let first: Linear
    private let second: Linear
    private let activation: Activation
    private let sublayer: Sublayer

    init(_ prefix: String, _ configuration: BergamotConfiguration, _ binder: MarianBinder) throws {
        let (hidden, inner) = (configuration.hiddenSize, configuration.feedForwardSize)
        first = try binder.linear("\(prefix)_ffn_W1", bias: "\(prefix)_ffn_b1", inputs: hidden, outputs: inner)
        second = try binder.linear("\(prefix)_ffn_W2", bias: "\(prefix)_ffn_b2", inputs: inner, outputs: hidden)
        activation = configuration.activation
        sublayer = try Sublayer("\(prefix)_ffn_ffn", configuration, binder)
    }

    var sizeBytes: Int { first.sizeBytes + second.sizeBytes }

    /// x ← the layer's output. Rows that are quantised together pass together; all others in tiles.
    func apply(_ x: MatrixView, sequences: [Range<Int>]?, on backend: ComputeBackend, _ workspace: Workspace) {
        if let sequences, first.isDynamic || second.isDynamic {
            for rows in sequences { apply(x.slice(rows), isSequence: true, on: backend, workspace) }
            return
        }
        for start in stride(from: 0, to: x.rows, by: Self.tileRows) {
            let tile = x.slice(start..<min(start + Self.tileRows, x.rows))
            apply(tile, isSequence: false, on: backend, workspace)
        }
    }

    private func apply(_ tile: MatrixView, isSequence: Bool, on backend: ComputeBackend, _ workspace: Workspace) {
        let together = isSequence ? [0..<tile.rows] : nil
        workspace.scoped {
            let input = sublayer.prepare(tile, on: backend, workspace)
            let inner = first(input, sequences: together, on: backend, workspace)
            backend.activate(inner, activation)
            sublayer.finish(second(inner, sequences: together, on: backend, workspace), into: tile, on: backend)
        }
    }
}

/// Multi-head attention with its projections: `concat_h softmax(q_h k_hᵀ / √headDim) v_h · Wo + bo`
struct MultiHeadAttention: Sendable {
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let output: Linear
    private let heads: Int
    private let scale: Float
    private let sublayer: Sublayer

    init(_ prefix: String, _ configuration: BergamotConfiguration, _ binder: MarianBinder) throws {
        let size = configuration.hiddenSize
        func projection(_ letter: String) throws -> Linear {
            try binder.linear("\(prefix)_W\(letter)", bias: "\(prefix)_b\(letter)", inputs: size, outputs: size)
        }
        query = try projection("q")
        key = try projection("k")
        value = try projection("v")
        output = try projection("o")
        heads = configuration.attentionHeads
        scale = 1 / (Float(size) / Float(heads)).squareRoot()
        sublayer = try Sublayer("\(prefix)_Wo", configuration, binder)
    }

    var sizeBytes: Int { query.sizeBytes + key.sizeBytes + value.sizeBytes + output.sizeBytes }

    /// x ← the layer's output, each sequence of rows attending to itself.
    func apply(
        _ x: MatrixView, sequences: [Range<Int>], on backend: ComputeBackend, _ workspace: Workspace
    ) {
        workspace.scoped {
            let input = sublayer.prepare(x, on: backend, workspace)
            let queries = query(input, sequences: sequences, on: backend, workspace)
            // Marian normalises what asks before a pre-norm sublayer, and not what is asked.
            let memories = memories(of: x, sequences: sequences, on: backend, workspace)
            let context = workspace.matrix(rows: x.rows, columns: x.columns)
            for (rows, memory) in zip(sequences, memories) {
                backend.attend(
                    queries.slice(rows), to: memory, heads: heads, scale: scale, into: context.slice(rows), workspace)
            }
            sublayer.finish(output(context, sequences: sequences, on: backend, workspace), into: x, on: backend)
        }
    }

    /// The keys and values of each sequence of rows, in memory that stays taken from the workspace.
    func memories(
        of rows: MatrixView, sequences: [Range<Int>], on backend: ComputeBackend, _ workspace: Workspace
    ) -> [AttentionMemory] {
        let values = value(rows, sequences: sequences, on: backend, workspace)
        let storage = sequences.map {
            workspace.take(Float.self, count: AttentionMemory.keyCount(length: $0.count, hiddenSize: rows.columns))
        }
        return workspace.scoped {
            let keys = key(rows, sequences: sequences, on: backend, workspace)
            return zip(sequences, storage).map { sequence, storage in
                AttentionMemory(
                    keys: keys.slice(sequence), values: values.slice(sequence), storage: storage, on: backend)
            }
        }
    }

    /// x ← the layer's output, row r attending to `memory(r)`.
    func apply(
        _ x: MatrixView, layer: Int, to memory: (Int) -> AttentionMemory, record: AttentionRecord?,
        on backend: ComputeBackend, _ workspace: Workspace
    ) {
        workspace.scoped {
            let queries = query(sublayer.prepare(x, on: backend, workspace), on: backend, workspace)
            record?.note(layer: layer, rows: x.rows, length: { memory($0).length }) { row, head, shares in
                memory(row).share(
                    queries.row(row), head: head, headDim: queries.columns / heads, scale: scale, into: shares,
                    on: backend)
            }
            let context = workspace.matrix(rows: x.rows, columns: x.columns)
            for row in 0..<x.rows {
                backend.attend(
                    queries.slice(row..<(row + 1)), to: memory(row), heads: heads, scale: scale,
                    into: context.slice(row..<(row + 1)), workspace)
            }
            sublayer.finish(output(context, on: backend, workspace), into: x, on: backend)
        }
    }
}

/// The simpler simple recurrent unit, which stands where other decoders attend to themselves:
/// `f = σ(x Wf + bf); c ← f ⊙ c + (1 − f) ⊙ x W; h = relu(c)`
/// (Kim et al., "From Research to Production and Back: Ludicrously Fast Neural Machine Translation", 2019, §3).
struct RecurrentUnit: Sendable {
    private let candidate: Linear
    private let forget: Linear
    private let sublayer: Sublayer

    init(_ prefix: String, _ configuration: BergamotConfiguration, _ binder: MarianBinder) throws {
        let size = configuration.hiddenSize
        candidate = try binder.linear("\(prefix)_rnn_W", bias: nil, inputs: size, outputs: size)
        forget = try binder.linear("\(prefix)_rnn_Wf", bias: "\(prefix)_rnn_bf", inputs: size, outputs: size)
        sublayer = try Sublayer("\(prefix)_rnn_ffn", before: "\(prefix)_rnn", configuration, binder)
    }

    var sizeBytes: Int { candidate.sizeBytes + forget.sizeBytes }

    /// x ← the layer's output; cell, one row for each row of x, ← its next state.
    func apply(_ x: MatrixView, cell: MatrixView, on backend: ComputeBackend, _ workspace: Workspace) {
        workspace.scoped {
            let input = sublayer.prepare(x, on: backend, workspace)
            let gate = forget(input, on: backend, workspace)
            let candidate = candidate(input, on: backend, workspace)
            let hidden = workspace.matrix(rows: x.rows, columns: x.columns)
            backend.ssru(gate: gate, input: candidate, cell: cell, into: hidden)
            sublayer.finish(hidden, into: x, on: backend)
        }
    }
}

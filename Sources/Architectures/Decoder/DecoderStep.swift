package import Compute

/// Tokens of one sequence that a step reads: a chunk of its prompt, or the token it generated last.
package struct DecoderSegment {
    /// Which rows' logits are wanted.
    package enum Logits: Sendable, Equatable {
        case none, last, all
        /// The last row's, of which only the largest matter: others may be −∞.
        case largestOfLast(LargestValues)
    }

    /// The sequence's cache, with room reserved for the tokens.
    package let cache: KVCache
    /// The tokens, at the positions from `cache.length` on.
    package let tokens: ArraySlice<Int32>
    /// Which rows' logits are wanted.
    package let logits: Logits
    /// Tokens of the sequence's whole prompt, however it is cut. Where RoPE depends on the length of a sequence, each
    /// of them counts as read with the whole prompt, and a generated one as the last of what it ends.
    package let promptTokens: Int

    /// - Parameter promptTokens: nil for a prompt that ends with `tokens`, or one generated token.
    package init(cache: KVCache, tokens: ArraySlice<Int32>, logits: Logits, promptTokens: Int? = nil) {
        (self.cache, self.tokens, self.logits) = (cache, tokens, logits)
        self.promptTokens = promptTokens ?? cache.length + tokens.count
    }
}

/// One step over the tokens of several sequences. Their rows lie one after the other in one matrix: what works row by
/// row runs over the whole matrix, attention sequence by sequence, and no row's numbers depend on the others.
///
/// On processors with products for prompts (`ComputeBackend.splitsPrompts`) these are for a prompt's tokens but its last:
/// whether a row is one of them depends on its sequence alone, and what is computed once for each answer, the last token
/// of a prompt that is known otherwise, is not rounded.
package struct DecoderStep {
    let resources: ComputeResources
    let segments: [DecoderSegment]
    /// The rows of each segment.
    let rows: [Range<Int>]
    /// The position of each segment's first row in its sequence.
    let starts: [Int]
    /// The position of each row in its sequence.
    let positions: [Int]
    /// The length that the sequence of each row counts as, for a RoPE that depends on it.
    let lengths: [Int]

    /// A step over all tokens of the segments.
    package init(_ segments: [DecoderSegment], _ resources: ComputeResources) {
        self.init(segments, resources, counts: segments.map(\.tokens.count))
    }

    /// The last `counts` tokens of each segment.
    private init(_ segments: [DecoderSegment], _ resources: ComputeResources, counts: [Int]) {
        self.resources = resources
        self.segments = segments
        var rows: [Range<Int>] = []
        var starts: [Int] = []
        var positions: [Int] = []
        var lengths: [Int] = []
        for (segment, count) in zip(segments, counts) {
            let end = segment.cache.length + segment.tokens.count
            rows.append(positions.count..<positions.count + count)
            starts.append(end - count)
            positions += end - count..<end
            lengths += (end - count..<end).lazy.map { max(segment.promptTokens, $0 + 1) }
        }
        self.rows = rows
        self.starts = starts
        self.positions = positions
        self.lengths = lengths
    }

    /// The rows whose logits are wanted: in the last layer nobody looks at the others.
    struct Wanted {
        /// A step over the same segments with these rows alone.
        let step: DecoderStep
        /// Of their positions; nil where the last layer has none.
        let angles: RoPE.Angles?
    }

    /// Which logits matter, if they are the largest of one row and nothing else is wanted of the step.
    var largestWanted: LargestValues? {
        var wanted = segments.lazy.map(\.logits).filter { $0 != .none }.makeIterator()
        guard case .largestOfLast(let values)? = wanted.next(), wanted.next() == nil else { return nil }
        return values
    }

    /// The rows whose logits are wanted, or nil if that is all of them.
    ///
    /// - Parameter rope: of the last layer.
    func wanted(_ rope: RoPE?) -> Wanted? {
        let counts = segments.map { segment in
            switch segment.logits {
            case .none: 0
            case .last, .largestOfLast: min(1, segment.tokens.count)
            case .all: segment.tokens.count
            }
        }
        guard counts.reduce(0, +) < rowCount else { return nil }
        let step = DecoderStep(segments, resources, counts: counts)
        return Wanted(step: step, angles: rope.map { step.angles($0) })
    }

    /// The angles of the rows' positions.
    func angles(_ rope: RoPE) -> RoPE.Angles {
        let angles = RoPE.Angles(rope, rows: rowCount, resources.workspace)
        // A cosine takes as long as some fifty products.
        forRows(columns: 50 * rope.dimensions) { range in
            angles.fill(range, positions: positions[range], lengths: lengths[range])
        }
        return angles
    }

    /// The rows of x `[rowCount, features]` that `part`, a step over the same segments, has.
    func select(_ x: MatrixView, for part: DecoderStep) -> MatrixView {
        let out = part.matrix(columns: x.columns)
        for (from, to) in zip(rows, part.rows) {
            out.slice(to).copy(from: x.slice(from.upperBound - to.count..<from.upperBound))
        }
        return out
    }

    /// The number of rows.
    var rowCount: Int { positions.count }

    /// A matrix of scratch memory with the step's rows.
    func matrix(columns: Int) -> MatrixView { resources.workspace.matrix(rows: rowCount, columns: columns) }

    /// Runs `body` over ranges that together are all rows: on the caller alone where the work is too small to share.
    ///
    /// - Parameter columns: the features that are touched in a row, times what it costs to change one beside an addition.
    func forRows(columns: Int, _ body: (Range<Int>) -> Void) {
        resources.forRows(rowCount, columns: columns, body)
    }

    /// Rows that follow one another, and whether they are of prompts, but for the last token of each.
    private var runs: [(rows: Range<Int>, ofPrompts: Bool)] {
        var runs: [(rows: Range<Int>, ofPrompts: Bool)] = []
        for row in 0..<rowCount {
            let ofPrompts = lengths[row] > positions[row] + 1
            if let last = runs.last, last.ofPrompts == ofPrompts {
                runs[runs.count - 1].rows = last.rows.lowerBound..<row + 1
            } else {
                runs.append((row..<row + 1, ofPrompts))
            }
        }
        return runs
    }

    /// Several layers over the same x `[rowCount, inputs]`, each out `[rowCount, outputs]`.
    func apply(_ layers: [(layer: Projection, out: MatrixView)], to x: MatrixView) {
        guard resources.backend.splitsPrompts else { return Projection.applyAll(layers, to: x, resources) }
        for (rows, ofPrompts) in runs {
            let part = layers.map { (layer: $0.layer, out: $0.out.slice(rows)) }
            Projection.applyAll(part, to: x.slice(rows), resources, ofPrompts: ofPrompts)
        }
    }

    /// A layer over x, in scratch memory.
    func apply(_ layer: Projection, to x: MatrixView) -> MatrixView {
        let out = matrix(columns: layer.weights.outputs)
        apply([(layer, out)], to: x)
        return out
    }

    /// `norm(x)` in scratch memory.
    func norm(_ x: MatrixView, _ norm: Normalization) -> MatrixView {
        let out = matrix(columns: x.columns)
        forRows(columns: x.columns) { range in
            norm.apply(x.slice(range), into: out.slice(range), on: resources.backend)
        }
        return out
    }

    /// `x ← x + y`.
    func add(_ y: MatrixView, to x: MatrixView) {
        forRows(columns: x.columns) { range in resources.backend.add(y.slice(range), to: x.slice(range)) }
    }
}

package import Compute

/// What a step of a decoder computes with: who does the arithmetic, the threads, and scratch memory.
package struct DecoderResources {
    /// Who does the arithmetic.
    package let backend: ComputeBackend
    /// The threads that share each operation.
    package let pool: ThreadPool
    /// Scratch memory of the thread that runs the step.
    package let workspace: Workspace

    package init(backend: ComputeBackend, pool: ThreadPool, workspace: Workspace) {
        (self.backend, self.pool, self.workspace) = (backend, pool, workspace)
    }
}

/// Tokens of one sequence that a step reads: a chunk of its prompt, or the token it generated last.
package struct DecoderSegment {
    /// Which rows' logits are wanted.
    package enum Logits: Sendable {
        case none, last, all
    }

    /// The sequence's cache, with room reserved for the tokens.
    package let cache: KVCache
    /// The tokens, at the positions from `cache.length` on.
    package let tokens: ArraySlice<Int32>
    /// Which rows' logits are wanted.
    package let logits: Logits

    package init(cache: KVCache, tokens: ArraySlice<Int32>, logits: Logits) {
        (self.cache, self.tokens, self.logits) = (cache, tokens, logits)
    }
}

/// One step over the tokens of several sequences. Their rows lie one after the other in one matrix: what works row by
/// row runs over the whole matrix, attention sequence by sequence, and no row's numbers depend on the others.
package struct DecoderStep {
    let resources: DecoderResources
    let segments: [DecoderSegment]
    /// The rows of each segment.
    let rows: [Range<Int>]
    /// The position of each segment's first row in its sequence.
    let starts: [Int]
    /// The position of each row in its sequence.
    let positions: [Int]

    /// A step over all tokens of the segments.
    package init(_ segments: [DecoderSegment], _ resources: DecoderResources) {
        self.init(segments, resources, counts: segments.map(\.tokens.count))
    }

    /// The last `counts` tokens of each segment.
    private init(_ segments: [DecoderSegment], _ resources: DecoderResources, counts: [Int]) {
        self.resources = resources
        self.segments = segments
        var rows: [Range<Int>] = []
        var starts: [Int] = []
        var positions: [Int] = []
        for (segment, count) in zip(segments, counts) {
            rows.append(positions.count..<positions.count + count)
            starts.append(segment.cache.length + segment.tokens.count - count)
            positions +=
                segment.cache.length + segment.tokens.count - count..<segment.cache.length + segment.tokens.count
        }
        self.rows = rows
        self.starts = starts
        self.positions = positions
    }

    /// The rows whose logits are wanted: in the last layer nobody looks at the others.
    struct Wanted {
        /// A step over the same segments with these rows alone.
        let step: DecoderStep
        let angles: RoPE.Angles
    }

    /// The rows whose logits are wanted, or nil if that is all of them.
    func wanted(_ rope: RoPE) -> Wanted? {
        let counts = segments.map { segment in
            switch segment.logits {
            case .none: 0
            case .last: min(1, segment.tokens.count)
            case .all: segment.tokens.count
            }
        }
        guard counts.reduce(0, +) < rowCount else { return nil }
        let step = DecoderStep(segments, resources, counts: counts)
        return Wanted(step: step, angles: step.angles(rope))
    }

    /// The angles of the rows' positions.
    func angles(_ rope: RoPE) -> RoPE.Angles {
        let angles = RoPE.Angles(rope, rows: rowCount, resources.workspace)
        // A cosine takes as long as some fifty products.
        forRows(columns: 50 * rope.dimensions) { range in
            angles.fill(range, positions: positions[range])
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
    /// - Parameter columns: the features that are touched in a row.
    func forRows(columns: Int, _ body: (Range<Int>) -> Void) {
        let chunk = max(1, 32_768 / max(1, columns))
        guard rowCount > chunk else {
            body(0..<rowCount)
            return
        }
        let count = rowCount
        resources.pool.forEach((count + chunk - 1) / chunk) { piece in
            body(piece * chunk..<min(count, (piece + 1) * chunk))
        }
    }

    /// `RMSNorm(x)` in scratch memory.
    func norm(_ x: MatrixView, _ norm: RMSNorm) -> MatrixView {
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

internal import CKernels

/// The layout of a page of a key/value cache: a fixed number of positions, for each key/value head first the keys, then
/// the values (`cache_attention.inc` has the details).
package enum CachePage {
    /// Positions of a page.
    package static let tokens = Int(SVC_PAGE)

    /// Floats that one head takes in a page.
    package static func floats(headDim: Int) -> Int { 2 * tokens * headDim }

    /// Writes a position's key and value, `headDim` floats each.
    ///
    /// - Parameters:
    ///   - head: where the head begins in the page that holds the position.
    ///   - slot: the position's place in the page.
    package static func store(
        key: UnsafePointer<Float>, value: UnsafePointer<Float>, headDim: Int, slot: Int,
        head: UnsafeMutablePointer<Float>
    ) {
        let keys = head + slot / 16 * 16 * headDim + slot % 16
        for d in 0..<headDim { keys[16 * d] = key[d] }
        (head + tokens * headDim + slot * headDim).update(from: value, count: headDim)
    }
}

/// Queries of one sequence that share a key/value head of its cache.
package struct CachedAttention {
    /// The sequence's pages by page number; nil where no query looks.
    package var pages: UnsafePointer<UnsafePointer<Float>?>
    /// Floats from a page's start to the head.
    package var offset: Int
    /// Features of a head.
    package var headDim: Int
    /// What scores are multiplied by, usually 1/√headDim.
    package var scale: Float
    /// How many positions a query sees, its own included; nil for all up to its own.
    package var window: Int?

    /// One layer's head of a sequence's cache.
    package init(
        pages: UnsafePointer<UnsafePointer<Float>?>, offset: Int, headDim: Int, scale: Float, window: Int?
    ) {
        precondition(headDim > 0, "a head of \(headDim) features")
        self.pages = pages
        self.offset = offset
        self.headDim = headDim
        self.scale = scale
        self.window = window
    }

    /// Queries that the kernel takes at once.
    private static let tile = 8

    /// Floats of scratch memory for queries up to position `end`.
    package static func scratchFloats(end: Int) -> Int {
        tile * ((end + CachePage.tokens - 1) / CachePage.tokens + 1) * CachePage.tokens
    }

    /// Attention of rows `[rows, heads · headDim]` at positions `position`, `position + 1`, …: for each row and each of
    /// `heads`, `out ← Σ_t softmax_t(scale · q · k_t) v_t`.
    ///
    /// - Parameter scratch: `scratchFloats(end:)` floats for the last position.
    package func attend(
        _ queries: MatrixView, rows: Range<Int>, heads: Range<Int>, position: Int, into out: MatrixView,
        scratch: UnsafeMutablePointer<Float>, on backend: ComputeBackend
    ) {
        let kernel = backend.kernels.pointee.cached_attention
        withUnsafeTemporaryAllocation(of: svc_query.self, capacity: Self.tile) { tile in
            guard let tileBase = tile.baseAddress else { return }
            var count = 0
            for row in rows {
                let end = position + row + 1
                let first = window.map { max(0, end - $0) } ?? 0
                for head in heads {
                    (tileBase + count).initialize(
                        to: svc_query(
                            query: queries.row(row) + head * headDim, out: out.row(row) + head * headDim, first: first,
                            end: end))
                    count += 1
                    if count == Self.tile {
                        kernel?(tileBase, count, pages, offset, headDim, scale, scratch)
                        count = 0
                    }
                }
            }
            if count > 0 { kernel?(tileBase, count, pages, offset, headDim, scale, scratch) }
        }
    }
}

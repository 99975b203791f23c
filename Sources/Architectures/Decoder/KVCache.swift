internal import Compute

/// The keys and values of one sequence, in pages. Layers with a sliding window keep the pages that a coming query can
/// see and give the others back.
///
/// Not thread-safe: the thread that runs the model owns it. The model's threads read it while a step runs.
package final class KVCache {
    /// How keys and values lie in a page.
    package let layout: KVCacheLayout
    /// Positions whose keys and values are there.
    package private(set) var length = 0
    private let pool: KVPagePool
    /// By group and page number; nil where a window has passed.
    private var pages: [[KVPage?]]
    /// The same as pointers, for the kernels.
    private let tables: [UnsafeMutablePointer<UnsafePointer<Float>?>]
    private let tableCount: Int

    /// An empty cache for up to `contextTokens` positions.
    package init(pool: KVPagePool, contextTokens: Int) {
        self.pool = pool
        layout = pool.layout
        let count = (contextTokens + CachePage.tokens - 1) / CachePage.tokens + 1
        pages = layout.groups.map { _ in [] }
        tableCount = count
        tables = layout.groups.map { _ in
            let table = UnsafeMutablePointer<UnsafePointer<Float>?>.allocate(capacity: count)
            table.initialize(repeating: nil, count: count)
            return table
        }
    }

    deinit { for table in tables { table.deallocate() } }

    /// Makes room for `count` positions after `length`. False, and nothing taken, if the pool is at its bound.
    package func reserve(_ count: Int) -> Bool {
        let needed = (length + count + CachePage.tokens - 1) / CachePage.tokens
        precondition(
            needed <= tableCount, "\(length + count) positions in a cache for \(tableCount * CachePage.tokens)")
        var taken: [(group: Int, page: KVPage)] = []
        for group in pages.indices {
            for _ in pages[group].count..<max(needed, pages[group].count) {
                guard let page = pool.take(group: group) else { return false }
                taken.append((group, page))
            }
        }
        for (group, page) in taken { append(page, to: group) }
        return true
    }

    /// Notes that the keys and values of `count` more positions are there, and gives back the pages that no coming
    /// query sees.
    ///
    /// - Parameter whenFull: called with the number and the pages (one for each group) of every page that this filled:
    ///   from now on it does not change and may be shared.
    package func advance(by count: Int, whenFull: (Int, [KVPage]) -> Void = { _, _ in }) {
        let filled = length / CachePage.tokens..<(length + count) / CachePage.tokens
        length += count
        for index in filled { whenFull(index, pages.compactMap { $0[index] }) }
        for (group, window) in layout.groups.map(\.window).enumerated() {
            guard let window else { continue }
            // The next query, at position `length`, sees the positions from length − window + 1 on.
            let firstVisible = max(0, length - window + 1) / CachePage.tokens
            for index in stride(from: min(firstVisible, pages[group].count) - 1, through: 0, by: -1) {
                guard pages[group][index] != nil else { break }
                pages[group][index] = nil
                tables[group][index] = nil
            }
        }
    }

    /// Gives everything back.
    package func removeAll() {
        length = 0
        for group in pages.indices {
            pages[group] = []
            tables[group].update(repeating: nil, count: tableCount)
        }
    }

    /// Begins with full pages of another sequence that began with the same tokens. A group's window may have passed
    /// the first of them.
    ///
    /// - Parameter shared: for each page number a page for each group.
    package func adopt(_ shared: [[KVPage]]) {
        precondition(length == 0 && pages.allSatisfy(\.isEmpty), "only an empty cache can begin with shared pages")
        for number in shared { for (group, page) in number.enumerated() { append(page, to: group) } }
        advance(by: shared.count * CachePage.tokens)
    }

    private func append(_ page: KVPage, to group: Int) {
        tables[group][pages[group].count] = UnsafePointer(page.pointer)
        pages[group].append(page)
    }

    // MARK: For the model

    /// Writes keys and values `[rows, kvHeads · headDim]` of a layer at the positions from `length + skipped` on, which
    /// must be reserved.
    func store(_ keys: MatrixView, _ values: MatrixView, layer: Int, after skipped: Int) {
        let slot = layout.slots[layer], shape = layout.layers[layer]
        let headFloats = CachePage.floats(headDim: shape.headDim)
        for row in 0..<keys.rows {
            let position = length + skipped + row
            guard let page = pages[slot.group][position / CachePage.tokens] else {
                preconditionFailure("position \(position) is not reserved")
            }
            for head in 0..<shape.kvHeads {
                CachePage.store(
                    key: keys.row(row) + head * shape.headDim, value: values.row(row) + head * shape.headDim,
                    headDim: shape.headDim, slot: position % CachePage.tokens,
                    head: page.pointer + slot.offset + head * headFloats)
            }
        }
    }

    /// What attention over a layer's key/value head reads.
    func attention(layer: Int, kvHead: Int, scale: Float) -> CachedAttention {
        let slot = layout.slots[layer], shape = layout.layers[layer]
        return CachedAttention(
            pages: UnsafePointer(tables[slot.group]),
            offset: slot.offset + kvHead * CachePage.floats(headDim: shape.headDim), headDim: shape.headDim,
            scale: scale, window: shape.window)
    }
}

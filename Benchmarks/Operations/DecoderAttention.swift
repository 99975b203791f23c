internal import Compute

/// One token's attention over the pages of a key/value cache, at SmolLM2's shape: 9 heads of 64 features, of which three
/// share the keys and values of each of 3.
enum DecoderAttention {
    private static let (headDim, keyHeads, sharing) = (64, 3, 3)

    static var operations: [Operation] { [512, 4096].map(operation) }

    private static func operation(positions: Int) -> Operation {
        let work = Work(
            bytes: positions * keyHeads * headDim * 2 * 4, multiplyAdds: positions * keyHeads * sharing * headDim * 2)
        return Operation("attention over \(positions) cached positions, 9 heads of 64", work) {
            let backend = Backend.ofThisMachine
            let pages = (positions + CachePage.tokens - 1) / CachePage.tokens
            let headFloats = CachePage.floats(headDim: headDim)
            let pageFloats = headFloats * keyHeads
            let cache = Rotation<Float>(count: pages * pageFloats, Rotation<Float>.value)
            let columns = keyHeads * sharing * headDim
            let queries = Scratch.matrix(rows: 1, columns: columns), out = Scratch.matrix(rows: 1, columns: columns)
            let scratch = AlignedBuffer<Float>(count: CachedAttention.scratchFloats(end: positions))
            return { run in
                let base = cache.pointer(run)
                let addresses = (0..<pages).map { Optional(UnsafePointer(base + $0 * pageFloats)) }
                withExtendedLifetime((queries.owner, out.owner, cache.owner)) {
                    addresses.withUnsafeBufferPointer { addresses in
                        guard let first = addresses.baseAddress else { return }
                        for head in 0..<keyHeads {
                            CachedAttention(
                                pages: first, offset: head * headFloats, headDim: headDim, scale: 0.125, window: nil
                            ).attend(
                                queries.view, rows: 0..<1, heads: (head * sharing)..<((head + 1) * sharing),
                                position: positions - 1, into: out.view, scratch: scratch.pointer, on: backend)
                        }
                    }
                }
            }
        }
    }
}

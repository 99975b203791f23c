/// Finds the most probable segmentation of a text into pieces that are drawn independently: the Viterbi
/// algorithm over a lattice whose nodes are byte positions and whose edges are pieces.
///
/// The edges are walked in one pass and not kept. What is kept of each position is the last piece of the best
/// way to it, in 4 bytes; scores are kept only as far as the longest piece reaches, in a ring.
///
/// Ties, the order of the additions in 32-bit floats and the point where scores are rebased are those of the
/// SentencePiece library (`EncodeOptimized`), because they decide between segmentations that are equally good.
struct UnigramLattice: Sendable {
    /// What the unknown characters of the text become.
    enum UnknownPolicy: Sendable {
        /// A run of them becomes this id, once.
        case merge(into: Int32)
        /// Each of their bytes becomes the id at its index.
        case spell([Int32])
    }

    private let trie: PieceTrie
    private let scores: [Float]
    private let lengths: [UInt16]
    private let unknownScore: Float
    private let unknownPolicy: UnknownPolicy
    private let ringMask: Int

    /// Marks a position that no piece has reached.
    private static let unreached = Int32.min
    /// Beyond this, scores would lose their fraction; they are rebased to the current position.
    private static let rebaseThreshold: Float = 100_000

    /// - Parameters:
    ///   - trie: the pieces that may be found in a text.
    ///   - scores: for each id, what the piece adds to the score of a segmentation.
    ///   - lengths: for each id, the piece's length in bytes.
    ///   - unknownScore: what a character without a piece adds.
    init(
        trie: PieceTrie, scores: [Float], lengths: [UInt16], unknownScore: Float, unknownPolicy: UnknownPolicy
    ) {
        self.trie = trie
        self.scores = scores
        self.lengths = lengths
        self.unknownScore = unknownScore
        self.unknownPolicy = unknownPolicy
        var ringSize = 8
        while ringSize <= trie.maximumLength { ringSize *= 2 }
        ringMask = ringSize - 1
    }

    /// The ids of the best segmentation of `text`.
    func segment(_ text: UnsafeRawBufferPointer) -> [Int32] {
        guard text.count > 0 else { return [] }
        // One more than the positions, so that the ids can be written behind them from the end on.
        return withUnsafeTemporaryAllocation(of: Int32.self, capacity: text.count + 1) { lastPieces in
            lastPieces.initialize(repeating: Self.unreached)
            findBestPath(text, lastPieces)
            let start = writeIDs(text, lastPieces)
            return Array(lastPieces[start...])
        }
    }

    /// Sets, for every position that can be reached, the last piece on the best way there: its id, or minus
    /// its length for an unknown character.
    private func findBestPath(_ text: UnsafeRawBufferPointer, _ lastPieces: UnsafeMutableBufferPointer<Int32>) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: ringMask + 1) { ring in
            ring.initialize(repeating: 0)
            trie.units.withUnsafeBufferPointer { units in
                scores.withUnsafeBufferPointer { scores in
                    findBestPath(text, lastPieces, ring, units, scores)
                }
            }
        }
    }

    @inline(__always)
    private func findBestPath(
        _ text: UnsafeRawBufferPointer, _ lastPieces: UnsafeMutableBufferPointer<Int32>,
        _ ring: UnsafeMutableBufferPointer<Float>, _ units: UnsafeBufferPointer<UInt64>,
        _ scores: UnsafeBufferPointer<Float>
    ) {
        let (size, mask, rootBase) = (text.count, ringMask, trie.rootBase)
        var start = 0
        var frontier = 0
        while start < size {
            var scoreHere = ring[start & mask]
            if scoreHere < -Self.rebaseThreshold || scoreHere > Self.rebaseThreshold {
                for position in start...frontier where lastPieces[position] != Self.unreached {
                    ring[position & mask] -= scoreHere
                }
                scoreHere = 0
            }
            let characterEnd = min(start + UTF8Decoding.announcedLength(text[start]), size)
            var characterHasPiece = false

            var base = rootBase
            var end = start
            while end < size {
                let byte = Int(text[end])
                let unit = units[base ^ byte]
                guard PieceTrie.label(unit) == UInt64(byte) else { break }
                end += 1
                base = PieceTrie.base(unit)
                let id = PieceTrie.id(unit)
                guard id >= 0 else { continue }
                if end > frontier { frontier = end }
                let score = scores[id] + scoreHere
                if lastPieces[end] == Self.unreached || score > ring[end & mask] {
                    ring[end & mask] = score
                    lastPieces[end] = Int32(truncatingIfNeeded: id)
                }
                if end == characterEnd { characterHasPiece = true }
            }
            if !characterHasPiece {
                if characterEnd > frontier { frontier = characterEnd }
                let score = unknownScore + scoreHere
                if lastPieces[characterEnd] == Self.unreached || score > ring[characterEnd & mask] {
                    ring[characterEnd & mask] = score
                    lastPieces[characterEnd] = Int32(truncatingIfNeeded: start - characterEnd)
                }
            }
            start = characterEnd
        }
    }

    /// Walks the best path back from the end and writes its ids to the end of `lastPieces`, where nothing is
    /// needed any more: a piece has at least as many bytes as ids. Returns the index of the first id.
    private func writeIDs(_ text: UnsafeRawBufferPointer, _ lastPieces: UnsafeMutableBufferPointer<Int32>) -> Int {
        var end = text.count
        var write = lastPieces.count
        var nextIsUnknown = false
        while end > 0 {
            let last = lastPieces[end]
            if last >= 0 {
                end -= Int(lengths[Int(last)])
                write -= 1
                lastPieces[write] = last
                nextIsUnknown = false
                continue
            }
            let start = end + Int(last)
            switch unknownPolicy {
            case .spell(let byteIDs):
                for index in (start..<end).reversed() {
                    write -= 1
                    lastPieces[write] = byteIDs[Int(text[index])]
                }
            case .merge(let id):
                if !nextIsUnknown {
                    write -= 1
                    lastPieces[write] = id
                }
                nextIsUnknown = true
            }
            end = start
        }
        return write
    }
}

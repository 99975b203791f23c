/// Builds a `PieceTrie`. Nodes are placed depth first; the children of one go into the first of a few open
/// blocks of 256 units whose free places fit them all, which 256-bit sets decide without trying each place.
struct PieceTrieBuilder {
    /// Why a set of strings cannot be built, with the ids that are to blame.
    enum Failure: Error, Equatable {
        /// Two ids have the same string.
        case duplicate(Int, Int)
        /// There are more strings or bytes than a unit has bits for.
        case tooLarge
    }

    /// A string: its place in `bytes`, and its first bytes as a number that sorts alike.
    private struct Key {
        var prefix: UInt64
        var start: Int
        var end: Int
        var id: Int
    }

    /// A node whose children are not placed yet: the keys below it, how many of their bytes lead to it, and
    /// its unit.
    private struct Pending {
        var keys: Range<Int>
        var depth: Int
        var unit: Int
    }

    /// The places of a block, as sets of their low eight bits.
    private struct Block {
        var free = SIMD4<UInt64>(repeating: .max)
        var unusedBases = SIMD4<UInt64>(repeating: .max)
        var freeCount = 256
    }

    private var units = [UInt64](repeating: PieceTrie.emptyLabel, count: 256)
    private var blocks = [Block()]
    private var openBlocks: [Int] = []

    /// More open blocks waste fewer units and take longer to search.
    private static let maximumOpenBlocks = 16
    /// A block with fewer free units than this is not worth searching.
    private static let closedBelow = 4

    /// - Parameter strings: non-empty strings with ids of at least 0.
    /// - Throws: `Failure`.
    static func build(_ strings: some Sequence<(id: Int, bytes: [UInt8])>) throws(Failure) -> PieceTrie {
        var bytes: [UInt8] = []
        var keys: [Key] = []
        for (id, string) in strings {
            guard id <= PieceTrie.maximumID else { throw .tooLarge }
            var prefix: UInt64 = 0
            for index in 0..<8 { prefix = prefix << 8 | (index < string.count ? UInt64(string[index]) : 0) }
            keys.append(Key(prefix: prefix, start: bytes.count, end: bytes.count + string.count, id: id))
            bytes += string
        }
        sort(&keys, bytes)
        var builder = PieceTrieBuilder()
        let rootBase = try builder.place(keys, bytes)
        return PieceTrie(
            units: builder.units, rootBase: rootBase, maximumLength: keys.map { $0.end - $0.start }.max() ?? 0)
    }

    private static func sort(_ keys: inout [Key], _ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { bytes in
            keys.sort { left, right in
                if left.prefix != right.prefix { return left.prefix < right.prefix }
                // The prefixes cover the first bytes, or the strings differ in zero bytes behind their end.
                return bytes[left.start..<left.end].lexicographicallyPrecedes(bytes[right.start..<right.end])
            }
        }
    }

    /// Places every node and returns the base of the root's children.
    private mutating func place(_ keys: [Key], _ bytes: [UInt8]) throws(Failure) -> Int {
        var rootBase = 0
        var pending = [Pending(keys: 0..<keys.count, depth: 0, unit: -1)]
        var labels: [UInt8] = []
        var starts: [Int] = []
        while let node = pending.popLast() {
            var keyIndex = node.keys.lowerBound
            // The keys are sorted, so one that ends at this node comes before those that go on.
            if node.unit >= 0, keys[keyIndex].end - keys[keyIndex].start == node.depth {
                let id = keys[keyIndex].id
                units[node.unit] |= UInt64(id + 1) << 36
                keyIndex += 1
                if keyIndex < node.keys.upperBound, keys[keyIndex].end - keys[keyIndex].start == node.depth {
                    throw .duplicate(id, keys[keyIndex].id)
                }
            }
            guard keyIndex < node.keys.upperBound else { continue }
            labels.removeAll(keepingCapacity: true)
            starts.removeAll(keepingCapacity: true)
            for index in keyIndex..<node.keys.upperBound {
                let label = bytes[keys[index].start + node.depth]
                if label != labels.last {
                    labels.append(label)
                    starts.append(index)
                }
            }
            starts.append(node.keys.upperBound)

            let base = reserveBase(labels)
            guard base < PieceTrie.maximumUnits else { throw .tooLarge }
            if node.unit >= 0 {
                units[node.unit] |= UInt64(base) << 9
            } else {
                rootBase = base
            }
            for (index, label) in labels.enumerated() {
                let unit = base ^ Int(label)
                units[unit] = UInt64(label)
                pending.append(
                    Pending(keys: starts[index]..<starts[index + 1], depth: node.depth + 1, unit: unit))
            }
        }
        return rootBase
    }

    /// A base that no node has yet, whose places for all of `labels` are free; both are taken.
    private mutating func reserveBase(_ labels: [UInt8]) -> Int {
        for (position, block) in openBlocks.enumerated() {
            guard blocks[block].freeCount >= labels.count else { continue }
            guard let base = reserveBase(labels, inBlock: block) else { continue }
            if blocks[block].freeCount < Self.closedBelow { openBlocks.remove(at: position) }
            return base
        }
        if openBlocks.count == Self.maximumOpenBlocks { openBlocks.removeFirst() }
        openBlocks.append(blocks.count)
        blocks.append(Block())
        units.append(contentsOf: repeatElement(PieceTrie.emptyLabel, count: 256))
        let block = blocks.count - 1
        guard let base = reserveBase(labels, inBlock: block) else {
            preconditionFailure("an empty block fits any node")
        }
        return base
    }

    private mutating func reserveBase(_ labels: [UInt8], inBlock block: Int) -> Int? {
        var candidates = blocks[block].unusedBases
        for label in labels {
            candidates &= Self.permuted(blocks[block].free, by: label)
            if candidates == SIMD4(repeating: 0) { return nil }
        }
        guard let word = (0..<4).first(where: { candidates[$0] != 0 }) else { return nil }
        let low = UInt8(word * 64 + candidates[word].trailingZeroBitCount)
        Self.remove(low, from: &blocks[block].unusedBases)
        for label in labels { Self.remove(low ^ label, from: &blocks[block].free) }
        blocks[block].freeCount -= labels.count
        return block << 8 | Int(low)
    }

    private static func remove(_ element: UInt8, from set: inout SIMD4<UInt64>) {
        set[Int(element >> 6)] &= ~(1 << UInt64(element & 63))
    }

    /// The set of all `x` for which `x ^ byte` is in `set`: a swap of halves for each bit of `byte`.
    private static func permuted(_ set: SIMD4<UInt64>, by byte: UInt8) -> SIMD4<UInt64> {
        var words = set
        func swap(_ bit: UInt8, _ shift: UInt64, _ mask: UInt64) {
            guard byte & bit != 0 else { return }
            words = (words & mask) &<< shift | (words &>> shift) & mask
        }
        swap(1, 1, 0x5555_5555_5555_5555)
        swap(2, 2, 0x3333_3333_3333_3333)
        swap(4, 4, 0x0F0F_0F0F_0F0F_0F0F)
        swap(8, 8, 0x00FF_00FF_00FF_00FF)
        swap(16, 16, 0x0000_FFFF_0000_FFFF)
        swap(32, 32, 0x0000_0000_FFFF_FFFF)
        if byte & 64 != 0 { words = SIMD4(words[1], words[0], words[3], words[2]) }
        if byte & 128 != 0 { words = SIMD4(words[2], words[3], words[0], words[1]) }
        return words
    }
}

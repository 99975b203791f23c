/// The merges of a byte-pair encoding, found by the two ids that they join: a hash table with open addressing,
/// of one 64-bit number a slot. From the high bits: the left id (21), the right id (21), the merge's rank (22).
struct PairTable: Sendable {
    private var slots: [UInt64]
    private let shift: UInt64
    /// For each rank, the id of the merged token.
    private var merged: [Int32]

    /// As many ranks as a slot has bits for, less the last.
    static let maximumMerges = (1 << 22) - 1
    /// No vocabulary reaches these ids.
    private static let empty = UInt64.max

    /// - Parameter count: how many merges there will be.
    init(count: Int) {
        var bits: UInt64 = 4
        while 1 << bits < 2 * count { bits += 1 }
        slots = [UInt64](repeating: Self.empty, count: 1 << bits)
        shift = 64 - bits
        merged = []
        merged.reserveCapacity(count)
    }

    /// Appends the merge with the next rank; nil for `result` leaves the rank without a merge. A pair that
    /// already has a merge keeps its first, or with `replaces` has the new one instead.
    mutating func append(_ left: Int32, _ right: Int32, into result: Int32?, replaces: Bool = false) {
        let rank = UInt64(merged.count)
        merged.append(result ?? -1)
        guard result != nil else { return }
        let key = Self.key(left, right)
        var slot = Int(truncatingIfNeeded: Self.hash(key) >> shift)
        while slots[slot] != Self.empty {
            if slots[slot] >> 22 == key {
                if replaces { break }
                return
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = key << 22 | rank
    }

    /// Calls `body` with what looks merges up without going through arrays.
    func withReader<Result>(_ body: (Reader) -> Result) -> Result {
        slots.withUnsafeBufferPointer { slots in
            merged.withUnsafeBufferPointer { merged in
                body(Reader(slots: slots, merged: merged, shift: shift))
            }
        }
    }

    @inline(__always) private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 21 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always) private static func hash(_ key: UInt64) -> UInt64 {
        (key ^ key >> 21) &* 0x9E37_79B9_7F4A_7C15
    }

    /// The table with its memory at hand. It must not leave the closure that it is given to.
    struct Reader: MergeRules {
        let slots: UnsafeBufferPointer<UInt64>
        let merged: UnsafeBufferPointer<Int32>
        let shift: UInt64

        @inline(__always)
        func merge(_ left: Int32, _ right: Int32, from start: Int, middle: Int, to end: Int) -> PairMerge {
            let key = PairTable.key(left, right)
            var slot = Int(truncatingIfNeeded: PairTable.hash(key) >> shift)
            while slots[slot] != PairTable.empty {
                if slots[slot] >> 22 == key {
                    let rank = slots[slot] & 0x3F_FFFF
                    return PairMerge(rank: UInt32(rank), id: merged[Int(rank)])
                }
                slot = (slot + 1) & (slots.count - 1)
            }
            return .none
        }
    }
}

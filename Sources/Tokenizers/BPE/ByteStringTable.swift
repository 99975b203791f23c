/// Finds the id of a byte string: a hash table with open addressing, half empty.
///
/// The strings themselves stay where they are; a slot holds the upper half of a string's hash and its id, so
/// that nearly every comparison of bytes is one that succeeds.
struct ByteStringTable: Sendable {
    private let slots: [UInt64]
    private let mask: Int
    private let seed: UInt64
    private let strings: ByteStrings
    /// How many different strings there are in the table.
    let count: Int
    /// The length of the longest string, in bytes.
    let maximumLength: Int

    /// The id field of an empty slot.
    private static let empty: UInt64 = 0xFFFF_FFFF

    /// - Parameters:
    ///   - strings: what is looked up.
    ///   - includes: whether the string with this index is in the table. Of equal strings the last counts, as
    ///     it does where a vocabulary is read into a dictionary.
    init(_ strings: ByteStrings, where includes: (Int) -> Bool) {
        var capacity = 16
        while capacity < 2 * strings.count { capacity *= 2 }
        // A seed of its own for each table: nobody can prepare a vocabulary whose strings all collide.
        let (seed, mask) = (UInt64.random(in: .min ... .max), capacity - 1)
        var slots = [UInt64](repeating: Self.empty, count: capacity)
        var (maximumLength, count) = (0, 0)
        strings.bytes.withUnsafeBytes { bytes in
            for index in 0..<strings.count where includes(index) {
                let string = UnsafeRawBufferPointer(rebasing: bytes[strings.range(index)])
                maximumLength = max(maximumLength, string.count)
                let hash = ByteHash.hash(string, seed: seed)
                var slot = Int(truncatingIfNeeded: hash) & mask
                while slots[slot] != Self.empty {
                    let other = Int(slots[slot] & Self.empty)
                    if slots[slot] >> 32 == hash >> 32,
                        ByteHash.equal(string, UnsafeRawBufferPointer(rebasing: bytes[strings.range(other)]))
                    {
                        break
                    }
                    slot = (slot + 1) & mask
                }
                if slots[slot] == Self.empty { count += 1 }
                slots[slot] = hash & ~Self.empty | UInt64(index)
            }
        }
        (self.slots, self.mask, self.seed) = (slots, mask, seed)
        (self.strings, self.maximumLength, self.count) = (strings, maximumLength, count)
    }

    /// The id of `string`, or -1.
    func id(_ string: some Collection<UInt8>) -> Int32 {
        Array(string).withUnsafeBytes { string in
            withReader { $0.id(string) }
        }
    }

    /// Calls `body` with what looks strings up without going through arrays.
    func withReader<Result>(_ body: (Reader) -> Result) -> Result {
        slots.withUnsafeBufferPointer { slots in
            strings.bytes.withUnsafeBytes { bytes in
                strings.starts.withUnsafeBufferPointer { starts in
                    body(
                        Reader(
                            slots: slots, bytes: bytes, starts: starts, mask: mask, seed: seed,
                            maximumLength: maximumLength))
                }
            }
        }
    }

    /// The table with its memory at hand. It must not leave the closure that it is given to.
    struct Reader {
        let slots: UnsafeBufferPointer<UInt64>
        let bytes: UnsafeRawBufferPointer
        let starts: UnsafeBufferPointer<Int>
        let mask: Int
        let seed: UInt64
        let maximumLength: Int

        /// The id of `string`, or -1.
        @inline(__always) func id(_ string: UnsafeRawBufferPointer) -> Int32 {
            guard string.count <= maximumLength else { return -1 }
            let hash = ByteHash.hash(string, seed: seed)
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] != ByteStringTable.empty {
                if slots[slot] >> 32 == hash >> 32 {
                    let id = Int(slots[slot] & ByteStringTable.empty)
                    let found = UnsafeRawBufferPointer(rebasing: bytes[starts[id]..<starts[id + 1]])
                    if ByteHash.equal(string, found) { return Int32(truncatingIfNeeded: id) }
                }
                slot = (slot + 1) & mask
            }
            return -1
        }
    }
}

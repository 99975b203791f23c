/// Byte strings with ids, in a double array: a step along an edge is one 64-bit load.
///
/// A unit holds, from the low bits, the byte on the edge that leads to it (9 bits; 256 when the unit is
/// empty), the base of its children (27 bits) and one more than the id of the string that ends there
/// (28 bits; 0 when none does). The child along `byte` stands at `base ^ byte`. Bases are unique, so the byte
/// alone tells a child from a stranger. Base 0 is a block of empty units, for nodes without children.
struct PieceTrie: Sendable {
    /// The units, a multiple of 256 of them.
    let units: [UInt64]
    /// The base of the root's children.
    let rootBase: Int
    /// The length of the longest string, in bytes.
    let maximumLength: Int

    /// The mark of an empty unit, which no byte equals.
    static let emptyLabel: UInt64 = 256
    /// As many bases as a unit has bits for.
    static let maximumUnits = 1 << 27
    /// As many ids as a unit has bits for, less the one for "none".
    static let maximumID = (1 << 28) - 2

    /// The byte that leads to the unit.
    @inline(__always) static func label(_ unit: UInt64) -> UInt64 { unit & 0x1FF }
    /// Where the unit's children are.
    @inline(__always) static func base(_ unit: UInt64) -> Int { Int(truncatingIfNeeded: (unit >> 9) & 0x7FF_FFFF) }
    /// The id of the string that ends at the unit, or -1.
    @inline(__always) static func id(_ unit: UInt64) -> Int { Int(truncatingIfNeeded: unit >> 36) - 1 }

    /// The length of the longest string that `text` starts with, among the first `limit` such strings from
    /// the shortest on; 0 if there is none.
    func longestMatch(_ text: UnsafeRawBufferPointer.SubSequence, limit: Int) -> Int {
        var base = rootBase
        var (length, matches) = (0, 0)
        for index in text.indices {
            let unit = units[base ^ Int(text[index])]
            guard Self.label(unit) == UInt64(text[index]) else { break }
            base = Self.base(unit)
            guard Self.id(unit) >= 0 else { continue }
            length = index - text.startIndex + 1
            matches += 1
            if matches == limit { break }
        }
        return length
    }
}

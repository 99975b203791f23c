/// What characters are made of and what they can be put together to, of one Unicode version: the tables of the four
/// normalization forms. `UnicodeDecompositionData` holds them in short.
struct UnicodeDecompositions: Sendable {
    /// For each block of 128 scalars, its page.
    private let blocks: [UInt16]
    /// For each scalar of the pages, an index into `entries`; 0 for most.
    private let pages: [UInt16]
    private let entries: [Entry]
    private let parts: [UInt32]
    /// By both scalars of a pair, what they are together.
    private let compositions: [UInt64: UInt32]

    /// What is known of a scalar that the forms do not leave alone.
    struct Entry: Sendable {
        /// The canonical combining class.
        var combiningClass: UInt8 = 0
        /// Whether it can be the second of a pair.
        var composesBackwards = false
        /// Where its decompositions stand; empty for one without.
        var canonical: Range<UInt16> = 0..<0
        var compatible: Range<UInt16> = 0..<0
    }

    /// The tables, which are built when they are first needed.
    static let shared = UnicodeDecompositions()

    private init() {
        var entryOf: [UInt32: Entry] = [:]
        var parts: [UInt32] = []
        var compositions: [UInt64: UInt32] = [:]
        Self.forEachRecord { scalar, isCompatible, decomposition in
            let range = UInt16(parts.count)..<UInt16(parts.count + decomposition.count)
            parts += decomposition
            if isCompatible {
                entryOf[scalar, default: Entry()].compatible = range
            } else {
                entryOf[scalar, default: Entry()].canonical = range
                entryOf[scalar, default: Entry()].compatible = range
            }
        }
        // A decomposition is a full one; a pair's first is the character that the parts before the last make.
        var wholes: [[UInt32]: UInt32] = [:]
        for (scalar, entry) in entryOf where entry.canonical.count > 1 {
            let decomposition = Array(parts[Int(entry.canonical.lowerBound)..<Int(entry.canonical.upperBound)])
            if !Self.isExcluded(scalar) { wholes[decomposition] = scalar }
        }
        for (decomposition, scalar) in wholes {
            guard let last = decomposition.last else { continue }
            let rest = Array(decomposition.dropLast())
            guard let first = rest.count == 1 ? rest[0] : wholes[rest] else { continue }
            compositions[UInt64(first) << 32 | UInt64(last)] = scalar
            entryOf[last, default: Entry()].composesBackwards = true
        }
        for scalar: UInt32 in 0x1161...0x1175 { entryOf[scalar, default: Entry()].composesBackwards = true }
        for scalar: UInt32 in 0x11A8...0x11C2 { entryOf[scalar, default: Entry()].composesBackwards = true }
        for value: UInt32 in 0x300..<0x1F000 {
            guard let scalar = Unicode.Scalar(value), !(0x3400...0xA66E).contains(value) else { continue }
            let combiningClass = scalar.properties.canonicalCombiningClass.rawValue
            // The library's tables are those of Unicode 9, for which a later mark has no class.
            guard combiningClass > 0, let age = scalar.properties.age, age.major <= 9 else { continue }
            entryOf[value, default: Entry()].combiningClass = combiningClass
        }

        var (blocks, pages, entries) = (
            [UInt16](repeating: 0, count: 0x2200), [UInt16](repeating: 0, count: 128), [Entry()]
        )
        for (scalar, entry) in entryOf.sorted(by: { $0.key < $1.key }) {
            let block = Int(scalar >> 7)
            if blocks[block] == 0 {
                blocks[block] = UInt16(pages.count / 128)
                pages += repeatElement(0, count: 128)
            }
            pages[Int(blocks[block]) * 128 + Int(scalar & 127)] = UInt16(entries.count)
            entries.append(entry)
        }
        (self.blocks, self.pages, self.entries) = (blocks, pages, entries)
        (self.parts, self.compositions) = (parts, compositions)
    }

    /// Whether a character is never put together, which its parts' other uses forbid.
    private static func isExcluded(_ scalar: UInt32) -> Bool {
        Unicode.Scalar(scalar)?.properties.isFullCompositionExclusion ?? true
    }

    /// Calls `body` with what the data says: a character, whether it is only compatible with its parts, and the parts.
    private static func forEachRecord(_ body: (UInt32, Bool, [UInt32]) -> Void) {
        UnicodeDecompositionData.text.withUTF8Buffer { text in
            var index = 0
            func number() -> Int {
                var (value, shift) = (0, 0)
                while index < text.count {
                    let digit = Self.digit(text[index])
                    index += 1
                    value |= (digit & 31) << shift
                    if digit < 32 { break }
                    shift += 5
                }
                return value
            }
            var scalar = 0
            var previous = [Int](repeating: 0, count: 32)
            while index < text.count {
                scalar += number()
                let header = number()
                var parts: [UInt32] = []
                for place in 0..<min(header >> 1, 32) {
                    let distance = number()
                    let part = previous[place] + (distance & 1 == 0 ? distance >> 1 : -(distance + 1) >> 1)
                    parts.append(UInt32(truncatingIfNeeded: part))
                    previous[place] = place == 0 ? part + 1 : part
                }
                body(UInt32(truncatingIfNeeded: scalar), header & 1 != 0, parts)
            }
        }
    }

    private static func digit(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(byte) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(byte) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) + 4
        case UInt8(ascii: "+"): 62
        default: 63
        }
    }

    // MARK: - Reading

    /// What is known of a scalar.
    @inline(__always) func entry(_ scalar: UInt32) -> Entry {
        entries[Int(pages[Int(blocks[Int(scalar >> 7)]) << 7 | Int(scalar & 127)])]
    }

    /// The parts in a range of an entry.
    func parts(_ range: Range<UInt16>) -> ArraySlice<UInt32> { parts[Int(range.lowerBound)..<Int(range.upperBound)] }

    /// What two characters are together, if there is one character for it.
    func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        // Hangul is made by arithmetic: a leading consonant and a vowel, and such a syllable and a trailing consonant.
        if (0x1100...0x1112).contains(first), (0x1161...0x1175).contains(second) {
            return 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28
        }
        if (0xAC00...0xD7A3).contains(first), (first - 0xAC00) % 28 == 0, (0x11A8...0x11C2).contains(second) {
            return first + second - 0x11A7
        }
        return compositions[UInt64(first) << 32 | UInt64(second)]
    }
}

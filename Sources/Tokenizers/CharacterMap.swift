import Checkpoints

/// Rewriting rules for runs of characters, compiled by SentencePiece's trainer (`precompiled_charsmap`):
/// the keys in a double-array trie, their replacements in a blob of NUL-terminated strings.
///
/// The trie is that of Darts-clone: 32-bit units, where a node's children stand at `base ^ byte` and a key's
/// value at `base ^ 0`. Every unit is checked once when the map is read, so that lookups need not be.
struct CharacterMap: Sendable {
    /// A rule that matched.
    struct Match {
        /// How many bytes of the text it replaces.
        var length: Int
        /// Where its replacement begins in `replacements`.
        var replacement: Int
    }

    /// The trie's units.
    let units: [UInt32]
    /// The replacements, each ending with a NUL.
    let replacements: [UInt8]
    /// What becomes of an ASCII byte that another ASCII byte, or nothing, follows.
    let ascii: [ASCIIRule]

    /// The fate of one ASCII byte, worked out in advance because most text is made of them.
    enum ASCIIRule: Sendable, Equatable {
        /// It becomes this byte, possibly itself.
        case becomes(UInt8)
        /// It is dropped.
        case dropped
        /// The trie has to be asked.
        case lookUp
    }

    /// The longest replacement that is accepted. The longest in Unicode's own data has 33 bytes.
    static let maximumReplacementBytes = 1024

    /// As many matching keys as the SentencePiece library looks at from one place on.
    private static let maximumMatches = 32

    /// Reads a compiled map.
    ///
    /// - Parameter fileOffset: where `region` begins in the model file, for error messages.
    /// - Throws: `CheckpointError` if a unit, a value or the blob leads outside the map.
    init(_ region: ByteRegion, fileOffset: Int) throws {
        func invalid(_ offset: Int, _ reason: String) -> CheckpointError {
            .invalid(file: region.source, offset: fileOffset + offset, reason: "the character map: " + reason)
        }
        guard region.count >= 4 else { throw invalid(0, "has \(region.count) bytes, too few for its size") }
        let trieBytes = Int(UInt32(littleEndian: region.buffer.loadUnaligned(as: UInt32.self)))
        guard trieBytes > 0, trieBytes % 4 == 0 else { throw invalid(0, "\(trieBytes) is not the size of a trie") }
        guard trieBytes < region.count - 4 else {
            throw invalid(0, "its trie of \(trieBytes) bytes leaves no replacements in \(region.count) bytes")
        }
        guard region.buffer[region.count - 1] == 0 else { throw invalid(region.count - 1, "does not end with a NUL") }

        units = [UInt32](unsafeUninitializedCapacity: trieBytes / 4) { buffer, count in
            for index in 0..<(trieBytes / 4) {
                let unit = region.buffer.loadUnaligned(fromByteOffset: 4 + 4 * index, as: UInt32.self)
                buffer.initializeElement(at: index, to: UInt32(littleEndian: unit))
            }
            count = trieBytes / 4
        }
        replacements = Array(region.buffer[(4 + trieBytes)...])
        let check = CharacterMapCheck(units: units, replacements: replacements)
        if let (unit, reason) = check.firstFault() { throw invalid(4 + 4 * unit, reason) }

        let (units, replacements) = (units, replacements)
        ascii = (0..<128).map { Self.asciiRule(UInt8($0), units, replacements) }
    }

    /// The longest rule that matches at the start of `text`.
    static func longestMatch(
        _ units: UnsafeBufferPointer<UInt32>, _ text: UnsafeRawBufferPointer.SubSequence
    ) -> Match? {
        var match: Match?
        var matches = 0
        var position = offset(of: units[0])
        for index in text.indices {
            let byte = text[index]
            position ^= Int(byte)
            let unit = units[position]
            guard label(of: unit) == UInt32(byte) else { break }
            position ^= offset(of: unit)
            guard hasValue(unit) else { continue }
            match = Match(length: index - text.startIndex + 1, replacement: value(of: units[position]))
            matches += 1
            if matches == maximumMatches { break }
        }
        return match
    }

    /// The byte on the edge that leads to a node; of a value, a number above 255.
    @inline(__always) static func label(of unit: UInt32) -> UInt32 { unit & 0x8000_00FF }
    /// What to combine a node's place with to reach its children.
    @inline(__always) static func offset(of unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 0x200) >> 6)) }
    /// Whether a key ends at the node.
    @inline(__always) static func hasValue(_ unit: UInt32) -> Bool { unit & 0x100 != 0 }
    /// The value of a key: where its replacement begins.
    @inline(__always) static func value(of unit: UInt32) -> Int { Int(unit & 0x7FFF_FFFF) }

    private static func asciiRule(_ byte: UInt8, _ units: [UInt32], _ replacements: [UInt8]) -> ASCIIRule {
        let position = offset(of: units[0]) ^ Int(byte)
        let unit = units[position]
        guard label(of: unit) == UInt32(byte) else { return .becomes(byte) }
        let base = position ^ offset(of: unit)
        for next in 0..<128 where label(of: units[base ^ next]) == UInt32(next) { return .lookUp }
        guard hasValue(unit) else { return .becomes(byte) }
        let start = value(of: units[base])
        if replacements[start] == 0 { return .dropped }
        return replacements[start + 1] == 0 ? .becomes(replacements[start]) : .lookUp
    }
}

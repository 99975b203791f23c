import Checkpoints

/// Rewrites text into the form that a SentencePiece vocabulary was trained on, byte for byte as the
/// SentencePiece library's `Normalizer` does.
struct TextNormalizer: Sendable {
    private let charactersMap: CharacterMap?
    /// Strings that are left as they are, even where a rule would match.
    private let protected: PieceTrie?
    private let ascii: [CharacterMap.ASCIIRule]
    private let addsDummyPrefix: Bool
    private let removesExtraWhitespace: Bool
    private let treatsWhitespaceAsSuffix: Bool
    /// How a space is written: `▁` or itself.
    private let space: [UInt8]

    /// As many protected strings as the SentencePiece library looks at from one place on.
    private static let maximumProtectedMatches = 64

    /// - Parameter protected: the user-defined pieces, where there are any.
    /// - Throws: `CheckpointError` if the compiled rules are damaged.
    init(
        _ specification: SentencePieceModel.NormalizerSpecification, protected: PieceTrie? = nil,
        treatsWhitespaceAsSuffix: Bool = false
    ) throws {
        let map = try specification.charactersMap.map {
            try CharacterMap($0, fileOffset: specification.charactersMapFileOffset)
        }
        charactersMap = map
        self.protected = protected
        ascii = (0..<128).map { byte in
            if let protected, PieceTrie.label(protected.units[protected.rootBase ^ byte]) == UInt64(byte) {
                return .lookUp
            }
            return map?.ascii[byte] ?? .becomes(UInt8(byte))
        }
        addsDummyPrefix = specification.addsDummyPrefix
        removesExtraWhitespace = specification.removesExtraWhitespace
        self.treatsWhitespaceAsSuffix = treatsWhitespaceAsSuffix
        space = Array((specification.escapesWhitespace ? "\u{2581}" : " ").utf8)
    }

    /// Appends the normalised form of `text`, which need not be valid UTF-8, to `output`, which must be empty.
    func normalize(_ text: UnsafeRawBufferPointer, into output: inout ByteBuffer) {
        ascii.withUnsafeBufferPointer { ascii in
            guard let charactersMap else {
                let rules = Rules(units: nil, replacements: nil, protected: protected)
                normalize(text, ascii, rules, into: &output)
                return
            }
            charactersMap.units.withUnsafeBufferPointer { units in
                charactersMap.replacements.withUnsafeBufferPointer { replacements in
                    let rules = Rules(units: units, replacements: replacements.baseAddress, protected: protected)
                    normalize(text, ascii, rules, into: &output)
                }
            }
        }
    }

    private func normalize(
        _ text: UnsafeRawBufferPointer, _ ascii: UnsafeBufferPointer<CharacterMap.ASCIIRule>, _ rules: Rules,
        into output: inout ByteBuffer
    ) {
        var index = removesExtraWhitespace ? rules.indexAfterSpaces(text) : 0
        guard index < text.count else { return }
        output.reserve((text.count - index) / 2 * 3 + 2 * space.count)
        if addsDummyPrefix, !treatsWhitespaceAsSuffix { appendSpace(to: &output) }

        var followsSpace = removesExtraWhitespace
        while index < text.count {
            let byte = text[index]
            if byte < 0x80, index + 1 == text.count || text[index + 1] < 0x80 {
                switch ascii[Int(byte)] {
                case .dropped:
                    index += 1
                    continue
                case .becomes(let replacement):
                    index += 1
                    if replacement != 0x20 {
                        output.reserve(1)
                        output.appendReserved(replacement)
                        followsSpace = false
                    } else if !followsSpace {
                        appendSpace(to: &output)
                        followsSpace = removesExtraWhitespace
                    }
                    continue
                case .lookUp: break
                }
            }
            let rewrite = rules.rewrite(text, at: index)
            index += rewrite.consumed
            append(rewrite, to: &output, &followsSpace)
        }

        if removesExtraWhitespace { while output.removeSuffix(space) {} }
        if addsDummyPrefix, treatsWhitespaceAsSuffix { appendSpace(to: &output) }
    }

    private func append(_ rewrite: Rewrite, to output: inout ByteBuffer, _ followsSpace: inout Bool) {
        var start = 0
        if followsSpace { while start < rewrite.count, rewrite.bytes[start] == 0x20 { start += 1 } }
        // A rewrite of nothing, or of spaces that are dropped, does not change what went before.
        guard start < rewrite.count else { return }
        output.reserve((rewrite.count - start) * space.count)
        for index in start..<rewrite.count {
            if rewrite.bytes[index] == 0x20 {
                appendSpace(to: &output)
            } else {
                output.appendReserved(rewrite.bytes[index])
            }
        }
        followsSpace = removesExtraWhitespace && rewrite.bytes[rewrite.count - 1] == 0x20
    }

    @inline(__always) private func appendSpace(to output: inout ByteBuffer) {
        output.reserve(space.count)
        for byte in space { output.appendReserved(byte) }
    }

    /// What the bytes at one place of a text become.
    private struct Rewrite {
        var bytes: UnsafePointer<UInt8>
        var count: Int
        var consumed: Int
    }

    /// The rules with their memory at hand, for the length of one call.
    private struct Rules {
        var units: UnsafeBufferPointer<UInt32>?
        var replacements: UnsafePointer<UInt8>?
        var protected: PieceTrie?

        private static let replacementCharacter: StaticString = "\u{FFFD}"

        /// The first place of `text` that does not become a single space.
        func indexAfterSpaces(_ text: UnsafeRawBufferPointer) -> Int {
            var index = 0
            while index < text.count {
                let rewrite = rewrite(text, at: index)
                guard rewrite.count == 1, rewrite.bytes[0] == 0x20 else { break }
                index += rewrite.consumed
            }
            return index
        }

        /// The longest protected string, else the longest rule, else the character, else U+FFFD for a byte
        /// that is not part of one.
        func rewrite(_ text: UnsafeRawBufferPointer, at index: Int) -> Rewrite {
            let rest = text[index...]
            if let protected {
                let length = protected.longestMatch(rest, limit: TextNormalizer.maximumProtectedMatches)
                if length > 0 { return Self.copy(text, index, length) }
            }
            if let units, let replacements, let match = CharacterMap.longestMatch(units, rest) {
                let bytes = replacements + match.replacement
                var count = 0
                while bytes[count] != 0 { count += 1 }
                return Rewrite(bytes: bytes, count: count, consumed: match.length)
            }
            if let length = UTF8Decoding.characterLength(text, at: index) { return Self.copy(text, index, length) }
            return Rewrite(
                bytes: Self.replacementCharacter.utf8Start, count: Self.replacementCharacter.utf8CodeUnitCount,
                consumed: 1)
        }

        private static func copy(_ text: UnsafeRawBufferPointer, _ index: Int, _ length: Int) -> Rewrite {
            // A text with a byte at `index` has a base address.
            let bytes = text.assumingMemoryBound(to: UInt8.self).baseAddress.unsafelyUnwrapped + index
            return Rewrite(bytes: bytes, count: length, consumed: length)
        }
    }
}

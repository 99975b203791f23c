import Checkpoints
import Tokenizers

/// A SentencePiece model written field by field, so that a test can have any of them wrong.
struct HandMadeModel {
    struct Piece {
        var text: [UInt8]
        var score: Float
        var kind: UInt64

        init(_ text: String, score: Float = -1, kind: UInt64 = 1) {
            self.text = Array(text.utf8)
            self.score = score
            self.kind = kind
        }
    }

    /// An unknown piece and three letters.
    var pieces = [Piece("<unk>", score: 0, kind: 2), Piece("a"), Piece("b"), Piece("ab")]
    var modelKind: UInt64?
    var byteFallback = false
    var charactersMap: [UInt8]?
    /// Appended as it is.
    var extra: [UInt8] = []

    var bytes: [UInt8] {
        var result: [UInt8] = []
        for piece in pieces {
            let entry =
                Self.field(1, piece.text) + Self.field(2, piece.score) + Self.field(3, varint: piece.kind)
            result += Self.field(1, entry)
        }
        var trainer: [UInt8] = []
        if let modelKind { trainer += Self.field(3, varint: modelKind) }
        if byteFallback { trainer += Self.field(35, varint: 1) }
        if !trainer.isEmpty { result += Self.field(2, trainer) }
        // No dummy prefix, and white space stays.
        var normalizer = Self.field(3, varint: 0) + Self.field(4, varint: 0)
        if let charactersMap { normalizer += Self.field(2, charactersMap) }
        return result + Self.field(3, normalizer) + extra
    }

    func model() throws -> SentencePieceModel {
        try SentencePieceModel(ByteRegion(copying: bytes, source: "hand-made.spm"))
    }

    func tokenizer() throws -> UnigramTokenizer {
        try UnigramTokenizer(model())
    }

    static func varint(_ value: UInt64) -> [UInt8] {
        var (value, result) = (value, [UInt8]())
        while value >= 0x80 {
            result.append(UInt8(value & 0x7F) | 0x80)
            value >>= 7
        }
        return result + [UInt8(value)]
    }

    static func field(_ number: UInt64, varint value: UInt64) -> [UInt8] {
        varint(number << 3) + varint(value)
    }

    static func field(_ number: UInt64, _ value: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(UInt64(value.count)) + value
    }

    static func field(_ number: UInt64, _ value: Float) -> [UInt8] {
        varint(number << 3 | 5) + littleEndian(value.bitPattern)
    }

    static func littleEndian(_ value: UInt32) -> [UInt8] {
        [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    /// A character map of these units and replacements.
    static func charactersMap(_ units: [UInt32], replacements: [UInt8]) -> [UInt8] {
        littleEndian(UInt32(units.count * 4)) + units.flatMap(littleEndian) + replacements
    }

    /// The units of a map with one rule: `a` is replaced by what stands at `value`.
    static func oneRule(value: UInt32) -> [UInt32] {
        // The root's children are at 256, those of `a` at 512, where its value stands.
        // An empty unit has a label that does not lead to it from either base.
        var units = (0..<768).map { UInt32($0 & 0xFF) ^ 1 }
        units[0] = 256 << 10
        units[256 ^ 0x61] = UInt32(512 ^ (256 ^ 0x61)) << 10 | 0x100 | 0x61
        units[512] = 0x8000_0000 | value
        return units
    }
}

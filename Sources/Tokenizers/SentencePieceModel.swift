package import Checkpoints

/// What a SentencePiece `.spm` or `.model` file holds: the pieces with their scores, and how text is
/// prepared for them. This is the parsed file and no more; `UnigramTokenizer` makes it run.
///
/// The file is the protobuf message `ModelProto` of SentencePiece's `sentencepiece_model.proto`.
package struct SentencePieceModel: Sendable {
    /// The algorithm that the pieces were trained for.
    package enum ModelKind: UInt64, Sendable {
        /// The most probable segmentation under independent pieces.
        case unigram = 1
        /// Byte-pair encoding: merges in the order of their scores.
        case bytePairEncoding = 2
        /// Whole words.
        case word = 3
        /// Single characters.
        case character = 4
    }

    /// What a piece stands for.
    package enum PieceKind: UInt64, Sendable {
        /// Text, found in the input.
        case normal = 1
        /// The piece for what the vocabulary does not cover.
        case unknown = 2
        /// A mark such as the end of a sentence: never found in the input, never shown.
        case control = 3
        /// Text that is always kept in one piece, and that the normalizer leaves as it is.
        case userDefined = 4
        /// A place in the vocabulary that nothing uses.
        case unused = 5
        /// One byte of a character that the vocabulary does not cover, written `<0x00>` to `<0xFF>`.
        case byte = 6
    }

    /// One entry of the vocabulary. Its id is its index in `pieces`.
    package struct Piece: Sendable {
        /// The piece as UTF-8. Bytes and not a `String`, because two spellings that are canonically
        /// equivalent are different pieces.
        package let bytes: [UInt8]
        /// The logarithm of the piece's probability.
        package let score: Float
        /// What the piece stands for.
        package let kind: PieceKind
        /// Where the entry stands in the file, for error messages.
        package let fileOffset: Int
    }

    /// How text is rewritten before it is segmented, or after it is put together again.
    package struct NormalizerSpecification: Sendable {
        /// The name of the rules, such as `nmt_nfkc`.
        package var name = ""
        /// The compiled rules; nil rewrites nothing.
        package var charactersMap: ByteRegion?
        /// Where `charactersMap` begins in the file.
        package var charactersMapFileOffset = 0
        /// Whether a space is put before the text, so that a word is the same at the start and inside.
        package var addsDummyPrefix = true
        /// Whether spaces at both ends are dropped and runs inside become one.
        package var removesExtraWhitespace = true
        /// Whether a space is written `▁` (U+2581) in pieces.
        package var escapesWhitespace = true
    }

    /// What the model was read from.
    package let source: String
    /// The vocabulary in the order of its ids.
    package let pieces: [Piece]
    /// The algorithm that the pieces were trained for.
    package let modelKind: ModelKind
    /// Where the file says which algorithm it is for; 0 where it does not say.
    package let modelKindFileOffset: Int
    /// Whether characters without a piece are spelled in byte pieces.
    package let byteFallback: Bool
    /// Whether a word carries its space behind it, and not before it.
    package let treatsWhitespaceAsSuffix: Bool
    /// What the unknown piece is decoded to, as UTF-8.
    package let unknownSurface: [UInt8]
    /// How text is prepared before segmentation.
    package let normalizer: NormalizerSpecification
    /// How decoded text is rewritten, where the model asks for it.
    package let denormalizer: NormalizerSpecification?
    /// The id of the unknown piece. Only a model with byte fallback may do without.
    package let unknownID: Int32?
    /// The id of the control piece that begins a sentence.
    package let beginID: Int32?
    /// The id of the control piece that ends a sentence.
    package let endID: Int32?
    /// The id of the control piece that fills a batch up.
    package let padID: Int32?

    /// The pieces of `<0x00>` to `<0xFF>` by their byte; empty without `byteFallback`.
    let byteIDs: [Int32]

    /// The longest piece that is accepted, in bytes; one less than where the SentencePiece library refuses.
    static let maximumPieceBytes = 7999

    /// Parses a `.spm` file.
    ///
    /// - Throws: `CheckpointError` with the offset of what is truncated, malformed, contradictory or of a
    ///   kind that this reader does not know.
    package init(_ region: ByteRegion) throws {
        guard region.count <= Int(Int32.max) else {
            throw CheckpointError.unsupported(
                file: region.source, offset: 0, reason: "a SentencePiece model of \(region.count) bytes")
        }
        var message = SentencePieceModelMessage()
        try message.read(region)
        let vocabulary = try SentencePieceVocabularyCheck(message, source: region.source)

        source = region.source
        pieces = message.pieces
        modelKind = message.trainer.modelKind
        modelKindFileOffset = message.trainer.modelKindFileOffset
        byteFallback = message.trainer.byteFallback
        treatsWhitespaceAsSuffix = message.trainer.treatsWhitespaceAsSuffix
        unknownSurface = message.trainer.unknownSurface
        normalizer = message.normalizer
        denormalizer = message.denormalizer
        unknownID = vocabulary.unknownID
        beginID = vocabulary.controlID(message.trainer.beginPiece)
        endID = vocabulary.controlID(message.trainer.endPiece)
        padID = vocabulary.controlID(message.trainer.padPiece)
        byteIDs = message.trainer.byteFallback ? vocabulary.byteIDs : []
    }
}

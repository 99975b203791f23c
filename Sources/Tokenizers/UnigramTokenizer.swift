import Checkpoints

/// Turns text into the ids of a SentencePiece Unigram vocabulary and back, exactly as the SentencePiece
/// library (0.2) does. `models/tokenizers/MODEL.md` describes the algorithm.
///
/// A value is immutable; any number of threads may use it.
package final class UnigramTokenizer: Sendable {
    /// The number of ids, which are 0 up to this number, excluded.
    package let vocabularySize: Int
    /// The id of the unknown piece, or -1 if the model spells everything in bytes and has none.
    package let unknownID: Int32
    /// The id that ends a sentence, if the vocabulary has one. `encode` does not append it.
    package let endOfSequenceID: Int32?

    private let normalizer: TextNormalizer
    private let lattice: UnigramLattice
    private let decoder: PieceDecoder

    /// Builds the tables of a model: 32,000 pieces take about 20 milliseconds.
    ///
    /// - Throws: `CheckpointError.unsupported` for a model of another kind than Unigram, and
    ///   `CheckpointError.invalid` for pieces that are spelled alike and for damaged normalization rules.
    package convenience init(_ model: SentencePieceModel) throws {
        try self.init(
            model, unknown: model.byteFallback ? .spell(model.byteIDs) : .merge(into: model.unknownID ?? -1))
    }

    /// Builds the tables of a model, of which `unknown` says what becomes of characters without a piece.
    ///
    /// - Throws: as `init(_:)`.
    init(_ model: SentencePieceModel, unknown: UnigramLattice.UnknownPolicy) throws {
        guard model.modelKind == .unigram else {
            throw CheckpointError.unsupported(
                file: model.source, offset: model.modelKindFileOffset,
                reason: "a SentencePiece model of the kind \(model.modelKind); only unigram models are")
        }
        vocabularySize = model.pieces.count
        unknownID = model.unknownID ?? -1
        endOfSequenceID = model.endID

        let userDefined = model.pieces.contains { $0.kind == .userDefined }
        normalizer = try TextNormalizer(
            model.normalizer, protected: userDefined ? Self.trie(model, of: [.userDefined]) : nil,
            treatsWhitespaceAsSuffix: model.treatsWhitespaceAsSuffix)
        lattice = UnigramLattice(
            trie: try Self.trie(model, of: [.normal, .userDefined]), scores: model.pieces.map(Self.score),
            lengths: model.pieces.map { UInt16($0.bytes.count) }, unknownScore: Self.unknownScore(model),
            unknownPolicy: unknown)
        decoder = try PieceDecoder(model)
    }

    /// The ids of `text`, without an end-of-sentence id. Empty for text that is normalised to nothing.
    package func encode(_ text: String) -> [Int32] {
        var text = text
        return text.withUTF8 { encode(utf8: UnsafeRawBufferPointer($0)) }
    }

    /// The ids of UTF-8 text. Bytes that are not UTF-8 count as U+FFFD, one each.
    package func encode(utf8: UnsafeRawBufferPointer) -> [Int32] {
        var normalized = ByteBuffer(capacity: utf8.count + utf8.count / 2 + 16)
        normalizer.normalize(utf8, into: &normalized)
        return lattice.segment(normalized.bytes)
    }

    /// The text of `ids`: control pieces are left out, the unknown piece becomes the model's mark for it,
    /// byte pieces are put together to characters. Ids outside the vocabulary are left out.
    package func decode(_ ids: some Sequence<Int32>) -> String {
        decoder.decode(ids)
    }

    /// The piece as it stands in the model, with `▁` for a space; empty for an id outside the vocabulary.
    package func pieceBytes(_ id: Int32) -> [UInt8] {
        guard id >= 0, id < vocabularySize else { return [] }
        return Array(decoder.piece(Int(id)))
    }

    /// The pieces of some kinds, by their spelling.
    static func trie(
        _ model: SentencePieceModel, of kinds: Set<SentencePieceModel.PieceKind>
    ) throws -> PieceTrie {
        do {
            return try PieceTrieBuilder.build(
                model.pieces.enumerated().lazy
                    .filter { kinds.contains($0.element.kind) && $0.element.bytes != [0] }
                    .map { (id: $0.offset, bytes: $0.element.bytes) })
        } catch {
            switch error {
            case .duplicate(let first, let second):
                throw CheckpointError.invalid(
                    file: model.source, offset: model.pieces[max(first, second)].fileOffset,
                    reason: "piece \(max(first, second)) is spelled like piece \(min(first, second))")
            case .tooLarge:
                throw CheckpointError.unsupported(
                    file: model.source, offset: 0, reason: "a vocabulary of \(model.pieces.count) pieces")
            }
        }
    }

    /// What a piece adds to the score of a segmentation. A user-defined piece must always win over the pieces
    /// that it could be cut into, hence its bonus.
    private static func score(_ piece: SentencePieceModel.Piece) -> Float {
        piece.kind == .userDefined ? Float(0.1 * Double(piece.bytes.count - 1)) : piece.score
    }

    /// What a character without a piece adds: less than any piece.
    private static func unknownScore(_ model: SentencePieceModel) -> Float {
        var lowest = Float.greatestFiniteMagnitude
        for piece in model.pieces where piece.kind == .normal { lowest = min(lowest, piece.score) }
        return lowest - 10
    }
}

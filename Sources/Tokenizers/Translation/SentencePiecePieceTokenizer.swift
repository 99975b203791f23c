import Checkpoints

/// A SentencePiece model as the vocabulary of a translation model: with its own ids (T5), or with those of fairseq
/// (NLLB), which has four entries of its own before the pieces: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3; a piece
/// has its id in the model and one more.
package final class SentencePiecePieceTokenizer: PieceTokenizer {
    /// Which ids the pieces have.
    package enum Numbering: Sendable {
        /// Those of the SentencePiece model.
        case own
        /// Those of fairseq.
        case fairseq
    }

    package let vocabularySize: Int

    private let segmenter: SentencePieceSegmenter
    private let decoder: PieceDecoder
    private let spellings: ByteStrings
    private let spelled: ByteStringTable
    private let table: [Int32]
    private let unknownID: Int32
    /// How much higher an id is than that of the model.
    private let shift: Int32
    /// For each id, whether it is text.
    private let isText: [Bool]

    /// fairseq's entries by their id.
    private static let fairseqEntries = ["<s>", "<pad>", "</s>", "<unk>"]

    /// Builds the tables of a model.
    ///
    /// - Throws: `CheckpointError` for a model of a kind that is not known, with damaged rules, or, for fairseq, with
    ///   anything else than `<unk>`, `<s>` and `</s>` as its first three pieces.
    package init(_ model: SentencePieceModel, numbering: Numbering = .own) throws {
        segmenter = try SentencePieceSegmenter(model)
        decoder = try PieceDecoder(model)
        var isText = model.pieces.map { $0.kind != .unknown && $0.kind != .control }
        switch numbering {
        case .own:
            (shift, vocabularySize) = (0, model.pieces.count)
            // A model with bytes for everything may do without an unknown piece; nothing is unknown then.
            unknownID = model.unknownID ?? 0
            spellings = ByteStrings(model.pieces.lazy.map(\.bytes))
        case .fairseq:
            guard model.pieces.count > 3, !isText[0..<3].contains(true), model.unknownID == 0 else {
                throw CheckpointError.invalid(
                    file: model.source, offset: 0,
                    reason: "the first three of its \(model.pieces.count) pieces are not <unk>, <s> and </s>, as they "
                        + "are where ids begin with <s>, <pad>, </s> and <unk>")
            }
            (shift, vocabularySize, unknownID) = (1, model.pieces.count + 1, 3)
            isText = [false, false, false, false] + isText.dropFirst(3)
            var spellings = ByteStrings(Self.fairseqEntries.map { Array($0.utf8) })
            for piece in model.pieces.dropFirst(3) { spellings.append(piece.bytes) }
            self.spellings = spellings
        }
        self.isText = isText
        spelled = ByteStringTable(spellings) { _ in true }
        let shift = shift
        table = (0..<model.pieces.count).map { Int32($0) + shift }
    }

    package func pieces(_ text: String) -> [Int32] {
        segmenter.ids(text, table: table) { _ in unknownID }
    }

    package func decode(_ ids: [Int32]) -> String {
        decoder.decode(
            ids.lazy.filter { $0 >= 0 && Int($0) < self.vocabularySize && self.isText[Int($0)] }.map { $0 - self.shift }
        )
    }

    package func id(of piece: String) -> Int32? {
        let id = spelled.id(piece.utf8)
        return id < 0 ? nil : id
    }

    package func piece(of id: Int32) -> String? {
        guard id >= 0, Int(id) < vocabularySize else { return nil }
        return String(decoding: spellings[Int(id)], as: UTF8.self)
    }
}

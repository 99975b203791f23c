import Checkpoints

/// A SentencePiece model that cuts text, and dictionaries that say which id a piece has in the translation model
/// (M2M100, Marian): `vocab.json` for what is read, and another or the same for what is generated. The ids of the
/// SentencePiece model itself mean nothing here. Characters without a piece are looked up as they are spelled, a run of
/// them at once, because the dictionary has pieces of the other language too.
final class VocabularyPieceTokenizer: PieceTokenizer {
    let vocabularySize: Int
    /// The number of ids that can be generated, which are 0 up to this number, excluded.
    let targetVocabularySize: Int

    private let segmenter: SentencePieceSegmenter
    private let source: PieceVocabulary
    private let target: PieceVocabulary
    private let table: [Int32]
    private let unknownID: Int32
    /// For each id that can be generated, the bytes that it adds to a text.
    private let texts: ByteStrings
    /// Entries that no text becomes.
    private let hidden: Set<Int32>

    /// Entries that are marks in every such vocabulary.
    private static let marks = ["</s>", "<unk>", "<pad>", "<s>", "<mask>"]

    /// Builds the tables.
    ///
    /// - Parameters:
    /// - Throws: `CheckpointError` for an unusable model, `TranslationTokenizerError.missingEntry` if a dictionary
    init(
        _ model: SentencePieceModel, source: PieceVocabulary, target: PieceVocabulary, languageMarks: Set<Int32> = []
    ) throws {
        segmenter = try SentencePieceSegmenter(model)
        let unknownID = try source.required("<unk>")
        (self.source, self.target, self.unknownID) = (source, target, unknownID)
        (vocabularySize, targetVocabularySize) = (source.size, target.size)

        let hidden = languageMarks.union(Self.marks.compactMap { source.id($0.utf8) })
        self.hidden = hidden
        table = model.pieces.map { piece in
            source.id(piece.bytes).flatMap { hidden.contains($0) ? nil : $0 } ?? unknownID
        }
        let bytes = Dictionary(
            model.byteIDs.enumerated().map { (model.pieces[Int($0.element)].bytes, UInt8($0.offset)) },
            uniquingKeysWith: { first, _ in first })
        let silent = Set(Self.marks.compactMap { target.id($0.utf8) })
            .union(languageMarks.compactMap { target.id(source.spelling($0)) })
        var texts = ByteStrings()
        for id in 0..<Int32(target.size) {
            let spelling = target.spelling(id)
            if silent.contains(id) {
                texts.append(EmptyCollection())
            } else if let byte = bytes[Array(spelling)] {
                texts.append(CollectionOfOne(byte))
            } else {
                spelling.withUnsafeBytes { texts.append(unescaping: $0) }
            }
        }
        self.texts = texts
    }

    func pieces(_ text: String) -> [Int32] {
        segmenter.ids(text, table: table) { surface in
            guard let id = source.id(surface), !hidden.contains(id) else { return unknownID }
            return id
        }
    }

    /// The text of ids of the target's vocabulary, without white space at its ends.
    func decode(_ ids: [Int32]) -> String {
        var bytes: [UInt8] = []
        for id in ids where id >= 0 && Int(id) < texts.count { bytes += texts[Int(id)] }
        return Self.trimmed(String(decoding: bytes, as: UTF8.self))
    }

    func id(of piece: String) -> Int32? { source.id(piece.utf8) }

    func piece(of id: Int32) -> String? {
        source.contains(id) ? String(decoding: source.spelling(id), as: UTF8.self) : nil
    }

    /// A text without white space at its ends: that of Unicode, and the four ASCII separators.
    private static func trimmed(_ text: String) -> String {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
        }
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: { !isSpace($0) }),
            let last = scalars.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(scalars[first...last])
    }
}

import Checkpoints

/// Looks through a vocabulary once for what would contradict itself, and finds the special pieces in it.
///
/// The rules are those of the SentencePiece library's loader, so that a model is accepted here exactly when
/// it is there. (That no two pieces are spelled alike is found when the trie is built.)
struct SentencePieceVocabularyCheck {
    private(set) var unknownID: Int32?
    private(set) var byteIDs = [Int32](repeating: -1, count: 256)
    private var controls: [[UInt8]: Int32] = [:]

    /// - Throws: `CheckpointError.invalid` with the offset of the first piece that cannot be.
    init(_ message: SentencePieceModelMessage, source: String) throws {
        func invalid(_ piece: SentencePieceModel.Piece, _ reason: String) -> CheckpointError {
            .invalid(file: source, offset: piece.fileOffset, reason: reason)
        }
        guard !message.pieces.isEmpty else {
            throw CheckpointError.invalid(file: source, offset: 0, reason: "the model has no pieces")
        }
        let byteFallback = message.trainer.byteFallback
        for (index, piece) in message.pieces.enumerated() {
            let id = Int32(index)
            guard !piece.bytes.isEmpty else { throw invalid(piece, "piece \(id) is empty") }
            guard piece.bytes.count <= SentencePieceModel.maximumPieceBytes else {
                throw invalid(piece, "piece \(id) has \(piece.bytes.count) bytes, more than any vocabulary's")
            }
            guard piece.score.isFinite else { throw invalid(piece, "the score of piece \(id) is \(piece.score)") }
            // Some converters leave a raw NUL beside `<0x00>`; it is harmless because nothing can match it.
            let isStrayNUL = piece.bytes == [0] && (byteFallback || piece.kind == .unused)
            guard isStrayNUL || !piece.bytes.contains(0) else { throw invalid(piece, "piece \(id) contains a NUL") }

            switch piece.kind {
            case .unknown where !isStrayNUL:
                if let unknownID {
                    throw invalid(piece, "piece \(id) is a second unknown piece, after \(unknownID)")
                }
                unknownID = id
                try addSpecial(piece, id, invalid)
            case .control where !isStrayNUL:
                try addSpecial(piece, id, invalid)
            case .byte where !isStrayNUL:
                guard byteFallback else {
                    throw invalid(piece, "piece \(id) stands for a byte, but the model has no byte fallback")
                }
                guard let byte = Self.byteValue(piece.bytes) else {
                    throw invalid(piece, "piece \(id) stands for a byte, but is not spelled <0x00> to <0xFF>")
                }
                guard byteIDs[Int(byte)] < 0 else {
                    throw invalid(piece, "piece \(id) stands for the same byte as \(byteIDs[Int(byte)])")
                }
                try addSpecial(piece, id, invalid)
                byteIDs[Int(byte)] = id
            default: break
            }
        }
        if byteFallback, let missing = byteIDs.firstIndex(of: -1) {
            throw CheckpointError.invalid(
                file: source, offset: 0, reason: "the model has byte fallback, but no piece for the byte \(missing)")
        }
        guard unknownID != nil || byteFallback else {
            throw CheckpointError.invalid(file: source, offset: 0, reason: "the model has no unknown piece")
        }
        controls = controls.filter { message.pieces[Int($0.value)].kind == .control }
    }

    /// The id of the control piece of this name, if there is one.
    func controlID(_ name: [UInt8]) -> Int32? { controls[name] }

    private mutating func addSpecial(
        _ piece: SentencePieceModel.Piece, _ id: Int32,
        _ invalid: (SentencePieceModel.Piece, String) -> CheckpointError
    ) throws {
        if let earlier = controls.updateValue(id, forKey: piece.bytes) {
            throw invalid(piece, "piece \(id) is spelled like piece \(earlier)")
        }
    }

    /// The byte that a piece such as `<0x3F>` stands for. Only upper-case digits are valid.
    private static func byteValue(_ bytes: [UInt8]) -> UInt8? {
        guard bytes.count == 6, bytes.starts(with: Array("<0x".utf8)), bytes[5] == UInt8(ascii: ">") else { return nil }
        func digit(_ character: UInt8) -> UInt8? {
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
            case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
            default: nil
            }
        }
        guard let high = digit(bytes[3]), let low = digit(bytes[4]) else { return nil }
        return high << 4 | low
    }
}

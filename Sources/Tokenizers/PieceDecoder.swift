import Checkpoints

/// Puts the text of pieces together.
struct PieceDecoder: Sendable {
    private let bytes: [UInt8]
    /// Where each piece begins in `bytes`, and one more for where the last ends.
    private let starts: [Int]
    private let kinds: [SentencePieceModel.PieceKind]
    /// For each byte piece, its byte.
    private let byteValues: [Int32: UInt8]
    private let unknownSurface: [UInt8]
    private let dropsLeadingSpace: Bool
    private let removesExtraWhitespace: Bool
    private let denormalizer: TextNormalizer?

    private static let replacementCharacter: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// - Throws: `CheckpointError` if the model's denormalization rules are damaged.
    init(_ model: SentencePieceModel) throws {
        var bytes: [UInt8] = []
        var starts: [Int] = []
        starts.reserveCapacity(model.pieces.count + 1)
        for piece in model.pieces {
            starts.append(bytes.count)
            bytes += piece.bytes
        }
        starts.append(bytes.count)
        self.bytes = bytes
        self.starts = starts
        kinds = model.pieces.map(\.kind)
        byteValues = Dictionary(
            model.byteIDs.enumerated().map { ($0.element, UInt8($0.offset)) }, uniquingKeysWith: { first, _ in first })
        unknownSurface = model.unknownSurface
        removesExtraWhitespace = model.normalizer.removesExtraWhitespace
        dropsLeadingSpace = model.normalizer.addsDummyPrefix || model.normalizer.removesExtraWhitespace
        denormalizer = try model.denormalizer.flatMap { specification in
            specification.charactersMap == nil ? nil : try TextNormalizer(specification)
        }
    }

    /// The bytes of a piece of the vocabulary.
    func piece(_ id: Int) -> ArraySlice<UInt8> { bytes[starts[id]..<starts[id + 1]] }

    /// The text of `ids`. Ids outside the vocabulary are left out.
    func decode(_ ids: some Sequence<Int32>) -> String {
        var output = ByteBuffer(capacity: 8 * ids.underestimatedCount)
        var spelled: [UInt8] = []
        var expectsLeadingSpace = true
        for id in ids {
            guard id >= 0, id < kinds.count else { continue }
            let kind = kinds[Int(id)]
            if kind == .byte {
                if let byte = byteValues[id] { spelled.append(byte) }
                continue
            }
            Self.flush(&spelled, to: &output)
            if output.count > 0 { expectsLeadingSpace = false }
            if kind == .control { continue }

            var piece = piece(Int(id))
            var droppedSpace = false
            if expectsLeadingSpace, dropsLeadingSpace, Self.startsWithSpace(piece) {
                piece = piece.dropFirst(3)
                // Where extra white space is removed, so are the spaces of the pieces that follow.
                droppedSpace = !removesExtraWhitespace
            }
            if kind == .unknown {
                output.append(unknownSurface)
            } else {
                Self.append(piece, to: &output)
            }
            if droppedSpace || output.count > 0 { expectsLeadingSpace = false }
        }
        Self.flush(&spelled, to: &output)

        guard let denormalizer else { return String(decoding: output.bytes, as: UTF8.self) }
        var denormalized = ByteBuffer(capacity: output.count)
        denormalizer.normalize(output.bytes, into: &denormalized)
        return String(decoding: denormalized.bytes, as: UTF8.self)
    }

    /// Appends a piece with its `▁` as spaces.
    private static func append(_ piece: ArraySlice<UInt8>, to output: inout ByteBuffer) {
        output.reserve(piece.count)
        var rest = piece
        while let byte = rest.first {
            if startsWithSpace(rest) {
                output.appendReserved(0x20)
                rest = rest.dropFirst(3)
            } else {
                output.appendReserved(byte)
                rest = rest.dropFirst()
            }
        }
    }

    /// Whether `bytes` begin with `▁`, U+2581.
    private static func startsWithSpace(_ bytes: ArraySlice<UInt8>) -> Bool {
        let start = bytes.startIndex
        return bytes.count >= 3 && bytes[start] == 0xE2 && bytes[start + 1] == 0x96 && bytes[start + 2] == 0x81
    }

    /// Appends the characters that byte pieces spell, and U+FFFD for each byte that is not part of one.
    private static func flush(_ spelled: inout [UInt8], to output: inout ByteBuffer) {
        guard !spelled.isEmpty else { return }
        spelled.withUnsafeBytes { bytes in
            var index = 0
            while index < bytes.count {
                if let length = UTF8Decoding.characterLength(bytes, at: index) {
                    output.append(bytes[index..<(index + length)])
                    index += length
                } else {
                    output.append(replacementCharacter)
                    index += 1
                }
            }
        }
        spelled.removeAll(keepingCapacity: true)
    }
}

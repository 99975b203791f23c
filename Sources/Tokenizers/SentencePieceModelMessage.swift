import Checkpoints

/// The fields of `ModelProto` as they stand in the file, with the schema's defaults for those that do not.
/// The field numbers are those of SentencePiece's `sentencepiece_model.proto`.
struct SentencePieceModelMessage {
    /// `TrainerSpec`: of the trainer's many options, those that change how the model is used.
    struct Trainer {
        var modelKind = SentencePieceModel.ModelKind.unigram
        var modelKindFileOffset = 0
        var treatsWhitespaceAsSuffix = false
        var byteFallback = false
        var unknownSurface = Array(" \u{2047} ".utf8)
        var beginPiece = Array("<s>".utf8)
        var endPiece = Array("</s>".utf8)
        var padPiece = Array("<pad>".utf8)
    }

    var pieces: [SentencePieceModel.Piece] = []
    var trainer = Trainer()
    var normalizer = SentencePieceModel.NormalizerSpecification()
    var denormalizer: SentencePieceModel.NormalizerSpecification?

    /// Reads a whole file. A message that occurs twice adds to its first occurrence, as protobuf has it.
    mutating func read(_ region: ByteRegion) throws {
        var reader = ProtobufReader(region)
        // A guess from the size of a typical entry, so that the array seldom grows.
        pieces.reserveCapacity(region.count / 16)
        while let field = try reader.nextField() {
            switch field.number {
            case 1:
                var entry = try reader.message(field, "a piece")
                pieces.append(try Self.piece(&entry, region, field.offset))
            case 2:
                var entry = try reader.message(field, "the trainer's options")
                try trainer.read(&entry, region)
            case 3:
                var entry = try reader.message(field, "the normalizer's options")
                try normalizer.read(&entry, region)
            case 5:
                var entry = try reader.message(field, "the denormalizer's options")
                var specification = denormalizer ?? SentencePieceModel.NormalizerSpecification()
                try specification.read(&entry, region)
                denormalizer = specification
            default:
                try reader.skip(field)
            }
        }
    }

    private static func piece(
        _ reader: inout ProtobufReader, _ region: ByteRegion, _ fileOffset: Int
    ) throws -> SentencePieceModel.Piece {
        var bytes = 0..<0
        var score: Float = 0
        var kind = SentencePieceModel.PieceKind.normal
        while let field = try reader.nextField() {
            switch field.number {
            case 1: bytes = try reader.bytes(field, "a piece's text")
            case 2: score = try reader.float32(field, "a piece's score")
            case 3:
                let value = try reader.unsigned(field, "a piece's kind")
                guard let known = SentencePieceModel.PieceKind(rawValue: value) else {
                    throw reader.invalid("\(value) is not the kind of a piece", at: field.offset)
                }
                kind = known
            default: try reader.skip(field)
            }
        }
        return SentencePieceModel.Piece(
            bytes: Array(region.buffer[bytes]), score: score, kind: kind, fileOffset: fileOffset)
    }
}

extension SentencePieceModelMessage.Trainer {
    fileprivate mutating func read(_ reader: inout ProtobufReader, _ region: ByteRegion) throws {
        while let field = try reader.nextField() {
            switch field.number {
            case 3:
                let value = try reader.unsigned(field, "the model's kind")
                guard let known = SentencePieceModel.ModelKind(rawValue: value) else {
                    throw reader.invalid("\(value) is not the kind of a model", at: field.offset)
                }
                modelKind = known
                modelKindFileOffset = field.offset
            case 24: treatsWhitespaceAsSuffix = try reader.boolean(field, "treat_whitespace_as_suffix")
            case 35: byteFallback = try reader.boolean(field, "byte_fallback")
            case 44: unknownSurface = Array(region.buffer[try reader.bytes(field, "unk_surface")])
            case 46: beginPiece = try name(&reader, field, region, ifEmpty: "<s>")
            case 47: endPiece = try name(&reader, field, region, ifEmpty: "</s>")
            case 48: padPiece = try name(&reader, field, region, ifEmpty: "<pad>")
            default: try reader.skip(field)
            }
        }
    }

    private func name(
        _ reader: inout ProtobufReader, _ field: ProtobufReader.Field, _ region: ByteRegion, ifEmpty: String
    ) throws -> [UInt8] {
        let bytes = Array(region.buffer[try reader.bytes(field, "the name of a control piece")])
        return bytes.isEmpty ? Array(ifEmpty.utf8) : bytes
    }
}

extension SentencePieceModel.NormalizerSpecification {
    fileprivate mutating func read(_ reader: inout ProtobufReader, _ region: ByteRegion) throws {
        while let field = try reader.nextField() {
            switch field.number {
            case 1:
                let bytes = try reader.bytes(field, "the normalizer's name")
                name = String(decoding: region.buffer[bytes], as: UTF8.self)
            case 2:
                let bytes = try reader.bytes(field, "precompiled_charsmap")
                charactersMap =
                    bytes.isEmpty
                    ? nil
                    : try region.slice(offset: bytes.lowerBound, count: bytes.count, what: "precompiled_charsmap")
                charactersMapFileOffset = bytes.lowerBound
            case 3: addsDummyPrefix = try reader.boolean(field, "add_dummy_prefix")
            case 4: removesExtraWhitespace = try reader.boolean(field, "remove_extra_whitespaces")
            case 5: escapesWhitespace = try reader.boolean(field, "escape_whitespaces")
            default: try reader.skip(field)
            }
        }
    }
}

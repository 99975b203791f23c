import Checkpoints

/// A SentencePiece model of either kind that translation models have, Unigram or byte-pair encoding: text to pieces,
/// with what the pieces do not cover kept as it is spelled. A vocabulary of its own may have an entry for that.
final class SentencePieceSegmenter: Sendable {
    /// The number of the model's pieces.
    let pieceCount: Int

    private let method: Method

    private enum Method: Sendable {
        case unigram(UnigramTokenizer)
        case pairs(TextNormalizer, SentencePieceBPETokenizer)
    }

    /// Builds the tables of a model.
    ///
    /// - Throws: `CheckpointError` for a model of another kind and for damaged normalisation rules.
    init(_ model: SentencePieceModel) throws {
        pieceCount = model.pieces.count
        switch model.modelKind {
        case .unigram:
            let unknown = model.byteFallback ? model.byteIDs : (0..<256).map { Int32(model.pieces.count + $0) }
            method = .unigram(try UnigramTokenizer(model, unknown: .spell(unknown)))
        case .bytePairEncoding:
            guard model.normalizer.escapesWhitespace else {
                throw CheckpointError.unsupported(
                    file: model.source, offset: 0, reason: "a byte-pair encoding whose pieces have spaces, not ▁")
            }
            let protected = model.pieces.contains { $0.kind == .userDefined }
            let normalizer = try TextNormalizer(
                model.normalizer, protected: protected ? UnigramTokenizer.trie(model, of: [.userDefined]) : nil,
                treatsWhitespaceAsSuffix: model.treatsWhitespaceAsSuffix)
            method = .pairs(normalizer, try Self.pairTokenizer(model))
        case .word, .character:
            throw CheckpointError.unsupported(
                file: model.source, offset: model.modelKindFileOffset,
                reason: "a SentencePiece model of the kind \(model.modelKind); unigram and byte-pair models are")
        }
    }

    /// The ids of a text.
    ///
    /// - Parameters:
    func ids(_ text: String, table: [Int32], unknown: ([UInt8]) -> Int32) -> [Int32] {
        precondition(table.count == pieceCount, "\(table.count) ids for \(pieceCount) pieces")
        var ids = segment(text)
        var surface: [UInt8] = []
        var write = 0
        for read in ids.indices {
            let piece = Int(ids[read])
            if piece >= pieceCount {
                surface.append(UInt8(truncatingIfNeeded: piece - pieceCount))
                continue
            }
            if !surface.isEmpty {
                ids[write] = unknown(surface)
                write += 1
                surface.removeAll(keepingCapacity: true)
            }
            ids[write] = table[piece]
            write += 1
        }
        if !surface.isEmpty {
            ids[write] = unknown(surface)
            write += 1
        }
        ids.removeLast(ids.count - write)
        return ids
    }

    /// The pieces of a text. An id of `pieceCount` and more is a byte of a character that no piece covers.
    private func segment(_ text: String) -> [Int32] {
        switch method {
        case .unigram(let tokenizer): return tokenizer.encode(text)
        case .pairs(let normalizer, let tokenizer):
            var text = text
            let normalized = text.withUTF8 { utf8 in
                var normalized = ByteBuffer(capacity: utf8.count + utf8.count / 2 + 16)
                normalizer.normalize(UnsafeRawBufferPointer(utf8), into: &normalized)
                return String(decoding: normalized.bytes, as: UTF8.self)
            }
            return tokenizer.encode(normalized, allowSpecial: false)
        }
    }

    /// Merges pairs of a text that is normalised already. A model without bytes is given some behind its pieces.
    private static func pairTokenizer(_ model: SentencePieceModel) throws -> SentencePieceBPETokenizer {
        var spellings = ByteStrings(model.pieces.lazy.map(\.bytes))
        var kinds = try model.pieces.map { piece in
            guard let kind = TokenKind(rawValue: Int32(piece.kind.rawValue)) else {
                throw CheckpointError.invalid(
                    file: model.source, offset: piece.fileOffset, reason: "a piece of the kind \(piece.kind)")
            }
            return kind
        }
        var scores = model.pieces.map(\.score)
        if !model.byteFallback {
            for byte in 0..<256 {
                let digits = String(byte, radix: 16, uppercase: true)
                spellings.append("<0x\(byte < 16 ? "0" : "")\(digits)>".utf8)
                kinds.append(.byte)
                scores.append(0)
            }
        }
        do {
            let vocabulary = try TokenVocabulary(tokens: spellings, kinds: kinds, scores: scores)
            return try SentencePieceBPETokenizer(vocabulary: vocabulary, addsSpacePrefix: false)
        } catch {
            throw CheckpointError.invalid(file: model.source, offset: 0, reason: error.description)
        }
    }
}

package import Checkpoints

/// A lexical shortlist: for every source token the target tokens that often translate it. The output layer is computed
/// only for the tokens that a sentence's list names, a few hundred of tens of thousands.
///
/// The file is Marian's binary shortlist: a header of six 64-bit words, offsets per source token, and sorted target ids.
package struct Shortlist: Sendable {
    private static let magic: UInt64 = 0xF11A_48D5_0134_17F5
    private static let headerBytes = 48
    /// The published engine rounds a list up to this, which enters the softmax; so do we, to give the same scores.
    private static let multiple = 8

    /// Target ids below this are in every list: the most frequent tokens, and the end of the sentence.
    package let alwaysFirst: Int
    private let offsets: ByteRegion
    private let lists: ByteRegion
    private let targetVocabularySize: Int
    private let sharedVocabulary: Bool

    /// The number of source tokens that have a list.
    package var sourceTokens: Int { offsets.count / 8 - 1 }

    /// Reads a shortlist.
    ///
    /// - Parameters:
    ///   - sharedVocabulary: source and target tokens are the same, so that every source token is also a candidate.
    /// - Throws: `CheckpointError` if sizes, checksum, order or ids are wrong.
    package init(
        _ region: ByteRegion, sourceVocabularySize: Int, targetVocabularySize: Int, sharedVocabulary: Bool
    ) throws {
        var reader = ByteReader(region)
        let magic = try reader.integer(UInt64.self, "the shortlist's magic number")
        guard magic == Self.magic else { throw reader.invalid("not a binary shortlist", at: 0) }
        let checksum = try reader.integer(UInt64.self, "the shortlist's checksum")
        alwaysFirst = try reader.count64("the number of first tokens", limit: targetVocabularySize)
        _ = try reader.integer(UInt64.self, "the number of best tokens")
        let offsetCount = try reader.count64("the number of offsets", limit: reader.remaining / 8)
        let idCount = try reader.count64("the number of ids", limit: reader.remaining / 4)
        guard offsetCount == sourceVocabularySize + 1 else {
            throw reader.invalid(
                "a shortlist for \(offsetCount - 1) source tokens; the vocabulary has \(sourceVocabularySize)", at: 32)
        }
        offsets = try reader.bytes(offsetCount * 8, "the offsets")
        lists = try reader.bytes(idCount * 4, "the target ids")
        guard reader.remaining == 0 else { throw reader.invalid("\(reader.remaining) bytes follow the shortlist") }
        let computed = Self.checksum(region)
        guard computed == checksum else {
            throw reader.invalid("the shortlist's checksum does not match: the file is damaged", at: 8)
        }
        self.targetVocabularySize = targetVocabularySize
        self.sharedVocabulary = sharedVocabulary
        try validate(reader)
    }

    /// Over the 64-bit words after the checksum; up to 4 bytes at the end take no part.
    private static func checksum(_ region: ByteRegion) -> UInt64 {
        let words = (region.count - 16) / 8
        var hash: UInt64 = 0
        for index in 0..<words {
            let word = UInt64(
                littleEndian: region.buffer.loadUnaligned(fromByteOffset: 16 + index * 8, as: UInt64.self))
            hash ^= word &+ 0x9e37_79b9 &+ (hash << 6) &+ (hash >> 2)
        }
        return hash
    }

    private func validate(_ reader: ByteReader) throws {
        var previous = 0
        for token in 0...sourceTokens {
            let offset = self.offset(token)
            guard offset >= previous, offset <= lists.count / 4, token > 0 || offset == 0 else {
                throw reader.invalid(
                    "the list of source token \(token) begins at \(offset)", at: Self.headerBytes + token * 8)
            }
            previous = offset
        }
        for index in 0..<(lists.count / 4) where id(index) >= UInt32(targetVocabularySize) {
            throw reader.invalid(
                "target id \(id(index)) of a vocabulary of \(targetVocabularySize)",
                at: Self.headerBytes + offsets.count + index * 4)
        }
    }

    private func offset(_ token: Int) -> Int {
        Int(clamping: UInt64(littleEndian: offsets.buffer.loadUnaligned(fromByteOffset: token * 8, as: UInt64.self)))
    }

    private func id(_ index: Int) -> UInt32 {
        UInt32(littleEndian: lists.buffer.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
    }

    /// The target ids that may be generated for a source sentence, ascending.
    package func candidates(for source: [Int32]) -> [Int32] {
        var words = [UInt64](repeating: 0, count: (targetVocabularySize + 63) / 64)
        var count = 0
        func insert(_ id: Int) {
            let bit = UInt64(1) << UInt64(id & 63)
            if words[id >> 6] & bit == 0 {
                words[id >> 6] |= bit
                count += 1
            }
        }
        for id in 0..<alwaysFirst { insert(id) }
        for token in source where token >= 0 && Int(token) < sourceTokens {
            for index in offset(Int(token))..<offset(Int(token) + 1) { insert(Int(id(index))) }
            if sharedVocabulary { insert(Int(token)) }
        }
        var filler = alwaysFirst
        while count % Self.multiple != 0, filler < targetVocabularySize {
            insert(filler)
            filler += 1
        }
        var ids: [Int32] = []
        ids.reserveCapacity(count)
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                ids.append(Int32(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return ids
    }
}

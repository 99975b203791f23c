/// The tables of a SentencePiece vocabulary with their memory at hand, for the length of one call.
struct PieceTables {
    let pieces: ByteStringTable.Reader
    let ranks: UnsafeBufferPointer<UInt32>
    let kinds: UnsafeBufferPointer<TokenKind>
}

/// For each token that is not to be used, the length in bytes of the left one of the two parts that it was last
/// found in.
final class UnusedPieceSplits {
    var leftLengths: [Int32: Int] = [:]
}

/// SentencePiece's rule: neighbours whose text together is a token can be merged, and the highest score is first.
struct PieceMergeRules: MergeRules {
    let tables: PieceTables
    let word: UnsafeRawBufferPointer
    /// Where each character begins in `word`, and one more for where the last ends.
    let offsets: UnsafeMutablePointer<Int>
    let splits: UnusedPieceSplits?

    @inline(__always)
    func merge(_ left: Int32, _ right: Int32, from start: Int, middle: Int, to end: Int) -> PairMerge {
        let id = tables.pieces.id(UnsafeRawBufferPointer(rebasing: word[offsets[start]..<offsets[end]]))
        guard id >= 0 else { return .none }
        if let splits, tables.kinds[Int(id)] == .unused { splits.leftLengths[id] = offsets[middle] - offsets[start] }
        return PairMerge(rank: tables.ranks[Int(id)], id: id)
    }
}

/// Writes down what merging has led to: tokens as they are, those that are not to be used in parts, and what is
/// no token in bytes.
struct PieceWriter {
    let output: UnsafeMutablePointer<Int32>
    let tables: PieceTables
    let word: UnsafeRawBufferPointer
    let byteIDs: [Int32]
    let unknownID: Int32?
    private(set) var count = 0
    private var followsUnknown = false

    init(
        output: UnsafeMutablePointer<Int32>, tables: PieceTables, word: UnsafeRawBufferPointer, byteIDs: [Int32],
        unknownID: Int32?
    ) {
        self.output = output
        self.tables = tables
        self.word = word
        self.byteIDs = byteIDs
        self.unknownID = unknownID
    }

    /// Writes the token `id`, which stands for `word[range]`; -1 for text that is no token.
    mutating func write(_ id: Int32, _ range: Range<Int>, _ splits: UnusedPieceSplits?) {
        if id >= 0, tables.kinds[Int(id)] != .unused { return append(id) }
        // Parts are put on a list and not into recursion, whose depth would be the length of the text.
        var pending = [(id: id, range: range)]
        while let (id, range) = pending.popLast() {
            guard id >= 0 else {
                spell(range)
                continue
            }
            guard tables.kinds[Int(id)] == .unused, let length = splits?.leftLengths[id], length < range.count else {
                append(id)
                continue
            }
            let middle = range.lowerBound + length
            for part in [middle..<range.upperBound, range.lowerBound..<middle] {
                pending.append((tables.pieces.id(UnsafeRawBufferPointer(rebasing: word[part])), part))
            }
        }
    }

    /// One token for each byte; the unknown token, once for a run, where a byte has none.
    private mutating func spell(_ range: Range<Int>) {
        guard range.allSatisfy({ byteIDs[Int(word[$0])] >= 0 }) else {
            if let unknownID, !followsUnknown { append(unknownID) }
            followsUnknown = unknownID != nil
            return
        }
        for index in range { append(byteIDs[Int(word[index])]) }
    }

    private mutating func append(_ id: Int32) {
        output[count] = id
        count += 1
        followsUnknown = false
    }
}

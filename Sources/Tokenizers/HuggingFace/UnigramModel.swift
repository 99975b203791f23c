import Checkpoints

/// Unigram segmentation with the sums of the Hugging Face library, which are 64-bit floats and never rebased.
struct UnigramModel: Sendable {
    let vocabulary: HuggingFaceVocabulary
    private let trie: PieceTrie
    private let scores: [Double]
    private let unknownScore: Double
    private let unknownID: Int32
    /// For each byte its token, or -1; all -1 without byte fallback.
    private let byteIDs: [Int32]

    /// What a character without a piece adds to the score, below the lowest piece.
    private static let unknownPenalty = 10.0

    /// Reads `[["piece", score], …]`.
    ///
    /// - Throws: `CheckpointError` naming the byte.
    init(_ scanner: inout JSONScanner, unknownID: Int?, fallsBackToBytes: Bool) throws(CheckpointError) {
        var (entries, scores) = (ByteStrings(), [Double]())
        try scanner.array("the vocabulary") { scanner throws(CheckpointError) in
            try scanner.openArray("a piece")
            let piece = try scanner.string("the text of a piece")
            piece.withBytes { entries.append($0) }
            try scanner.comma("a piece")
            scores.append(try scanner.number("the score of piece \(scores.count)"))
            try scanner.closeArray("a piece")
            guard scores.count <= HuggingFaceVocabulary.maximumID + 1 else {
                throw scanner.invalid("more than \(HuggingFaceVocabulary.maximumID + 1) pieces")
            }
        }
        if let unknownID, unknownID >= scores.count {
            throw scanner.invalid("unk_id is \(unknownID), but the vocabulary has \(scores.count) pieces")
        }
        let vocabulary = try HuggingFaceVocabulary(
            entries, ids: scores.indices.map { Int32($0) }, scanner: scanner)
        do {
            trie = try PieceTrieBuilder.build(
                (0..<entries.count).lazy.filter { !entries[$0].isEmpty }.map { (id: $0, bytes: Array(entries[$0])) })
        } catch {
            throw scanner.invalid("the vocabulary does not fit a trie: \(error)")
        }
        self.vocabulary = vocabulary
        self.scores = scores
        unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
        self.unknownID = unknownID.map { Int32($0) } ?? -1
        byteIDs = fallsBackToBytes ? vocabulary.byteIDs : [Int32](repeating: -1, count: 256)
    }

    /// Appends the ids of the words of a text.
    func encode(_ text: PreTokenizedText, to output: inout [Int32]) {
        guard !text.words.isEmpty else { return }
        let ids = text.bytes.withUnsafeBytes { bytes in
            IDBuffer.collect(capacity: bytes.count) { buffer in
                trie.units.withUnsafeBufferPointer { units in
                    RecentWords.with(textCount: bytes.count) { recentWords in
                        for range in text.words {
                            recentWords.append(bytes, range, to: &buffer) { word, ids in encode(word, units, ids) }
                        }
                    }
                }
            }
        }
        output += ids
    }

    /// The best way to a place of a word.
    private struct Node {
        var score = 0.0
        /// The last piece of the way, or -1 for an unknown character.
        var id: Int32 = -1
        /// Where that begins; -1 while there is no way.
        var start: Int32 = -1
    }

    private func encode(
        _ word: UnsafeRawBufferPointer, _ units: UnsafeBufferPointer<UInt64>, _ ids: UnsafeMutablePointer<Int32>
    ) -> Int {
        withUnsafeTemporaryAllocation(of: Node.self, capacity: word.count + 1) { nodes in
            nodes.initialize(repeating: Node())
            var start = 0
            while start < word.count {
                let before = nodes[start].score
                let characterEnd = start + UTF8Decoding.announcedLength(word[start])
                var hasCharacter = false
                func reach(_ end: Int, _ id: Int32, _ score: Double) {
                    let sum = score + before
                    if nodes[end].start < 0 || sum > nodes[end].score {
                        nodes[end] = Node(score: sum, id: id, start: Int32(truncatingIfNeeded: start))
                    }
                }
                var (base, index) = (trie.rootBase, start)
                while index < word.count {
                    let unit = units[base ^ Int(word[index])]
                    guard PieceTrie.label(unit) == UInt64(word[index]) else { break }
                    index += 1
                    base = PieceTrie.base(unit)
                    let id = PieceTrie.id(unit)
                    guard id >= 0 else { continue }
                    reach(index, Int32(truncatingIfNeeded: id), scores[id])
                    if index == characterEnd { hasCharacter = true }
                }
                if !hasCharacter { reach(characterEnd, unknownID < 0 ? -1 : unknownID, unknownScore) }
                start = characterEnd
            }
            return write(word, nodes, ids)
        }
    }

    /// Writes the ids of the best way and returns how many they are.
    private func write(
        _ word: UnsafeRawBufferPointer, _ nodes: UnsafeMutableBufferPointer<Node>, _ ids: UnsafeMutablePointer<Int32>
    ) -> Int {
        // The way is found from its end on, so ids are written backwards and moved to the front.
        var write = word.count
        var end = word.count
        while end > 0 {
            var start = Int(nodes[end].start)
            let id = nodes[end].id
            guard id == unknownID || id < 0 else {
                write -= 1
                ids[write] = id
                end = start
                continue
            }
            // Neighbouring unknown characters are one piece.
            while start > 0, nodes[start].id == unknownID || nodes[start].id < 0 { start = Int(nodes[start].start) }
            let run = UnsafeRawBufferPointer(rebasing: word[start..<end])
            let known = vocabulary.spellings.withReader { $0.id(run) }
            if known >= 0 {
                write -= 1
                ids[write] = known
            } else if run.allSatisfy({ byteIDs[Int($0)] >= 0 }) {
                for byte in run.reversed() {
                    write -= 1
                    ids[write] = byteIDs[Int(byte)]
                }
            } else if unknownID >= 0 {
                write -= 1
                ids[write] = unknownID
            }
            end = start
        }
        let count = word.count - write
        for index in 0..<count { ids[index] = ids[write + index] }
        return count
    }
}

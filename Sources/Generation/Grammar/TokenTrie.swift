package import Tokenizers

/// The tokens of a vocabulary by their bytes, as a prefix tree in flat arrays: what a grammar walks to find the tokens
/// that may come next. Built once for a model.
///
/// Nodes are in the order of a depth-first walk, children by their bytes. Control tokens, the tokens that end an
/// answer, and tokens that add nothing to a text are not in it.
package final class TokenTrie: Sendable {
    /// The number of ids of the tokenizer.
    let vocabularySize: Int
    private let tokenizer: any TextTokenizer
    /// The ids that are in the tree.
    private let members: TokenMask
    /// For each node, the byte that leads to it. The root, node 0, has none.
    private let bytes: [UInt8]
    /// For each node, the node behind its subtree.
    private let ends: [Int32]
    /// For each node, the first of its tokens in `ids`; they end where the next node's begin.
    private let firstTokens: [Int32]
    /// The ids in the order of their bytes.
    private let ids: [Int32]

    /// Sorts the vocabulary: time and memory are in proportion to its bytes.
    package init(_ tokenizer: any TextTokenizer) {
        self.tokenizer = tokenizer
        vocabularySize = tokenizer.vocabularySize
        let texts = SortedTokens(tokenizer)
        var members = TokenMask(count: vocabularySize)
        var layout = Layout()
        texts.storage.withUnsafeBufferPointer { storage in
            layout.reserve(tokens: texts.tokens.count, bytes: storage.count)
            for token in texts.tokens {
                members.insert(token.id)
                let text = UnsafeBufferPointer(rebasing: storage[token.start..<(token.start + token.count)])
                layout.append(text, id: token.id)
            }
        }
        layout.finish()
        self.members = members
        (bytes, ends, firstTokens, ids) = (layout.bytes, layout.ends, layout.firstTokens, layout.ids)
    }

    /// The number of nodes.
    var nodeCount: Int { bytes.count }

    /// The bytes of a token that a grammar may allow; nil for the others.
    func bytes(of id: Int32) -> ArraySlice<UInt8>? { members.contains(id) ? tokenizer.bytes(of: id) : nil }

    /// The tree with its memory at hand.
    struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        let ends: UnsafeBufferPointer<Int32>
        let firstTokens: UnsafeBufferPointer<Int32>
        let ids: UnsafeBufferPointer<Int32>
    }

    func withReader<Result>(_ body: (Reader) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { bytes in
            ends.withUnsafeBufferPointer { ends in
                firstTokens.withUnsafeBufferPointer { firstTokens in
                    ids.withUnsafeBufferPointer { ids in
                        body(Reader(bytes: bytes, ends: ends, firstTokens: firstTokens, ids: ids))
                    }
                }
            }
        }
    }
}

/// The tokens of a vocabulary with their bytes, in the order of the bytes.
private struct SortedTokens {
    struct Token {
        /// The first eight bytes, the first one highest: most comparisons need no more.
        var prefix: UInt64
        var start: Int
        var count: Int
        var id: Int32
    }

    private(set) var storage: [UInt8] = []
    private(set) var tokens: [Token] = []

    init(_ tokenizer: any TextTokenizer) {
        let ends = tokenizer.endOfGeneration
        tokens.reserveCapacity(tokenizer.vocabularySize)
        storage.reserveCapacity(tokenizer.vocabularySize * 8)
        for id in 0..<Int32(tokenizer.vocabularySize) where !tokenizer.isControl(id) && !ends.contains(id) {
            let text = tokenizer.bytes(of: id)
            guard !text.isEmpty else { continue }
            var prefix: UInt64 = 0
            for (index, byte) in text.prefix(8).enumerated() { prefix |= UInt64(byte) << (56 - 8 * UInt64(index)) }
            tokens.append(Token(prefix: prefix, start: storage.count, count: text.count, id: id))
            storage.append(contentsOf: text)
        }
        storage.withUnsafeBufferPointer { storage in
            tokens.sort { left, right in
                guard left.prefix == right.prefix else { return left.prefix < right.prefix }
                let count = min(left.count, right.count)
                // The prefix does not tell a zero byte from the end.
                var index = 0
                while index < count {
                    let (one, another) = (storage[left.start + index], storage[right.start + index])
                    guard one == another else { return one < another }
                    index += 1
                }
                return left.count == right.count ? left.id < right.id : left.count < right.count
            }
        }
    }
}

/// The arrays of a tree while its texts are added in their order.
private struct Layout {
    private(set) var bytes: [UInt8] = [0]
    private(set) var ends: [Int32] = [0]
    private(set) var firstTokens: [Int32] = [0]
    private(set) var ids: [Int32] = []
    /// The nodes from the root to the last text.
    private var path: [Int32] = [0]

    mutating func reserve(tokens: Int, bytes: Int) {
        self.bytes.reserveCapacity(bytes + 1)
        ends.reserveCapacity(bytes + 1)
        firstTokens.reserveCapacity(bytes + 2)
        ids.reserveCapacity(tokens)
    }

    mutating func append(_ text: UnsafeBufferPointer<UInt8>, id: Int32) {
        var shared = 0
        while shared < text.count, shared + 1 < path.count, bytes[Int(path[shared + 1])] == text[shared] {
            shared += 1
        }
        close(to: shared + 1)
        for byte in text[shared...] {
            path.append(Int32(bytes.count))
            bytes.append(byte)
            ends.append(0)
            firstTokens.append(Int32(ids.count))
        }
        ids.append(id)
    }

    private mutating func close(to length: Int) {
        while path.count > length {
            ends[Int(path.removeLast())] = Int32(bytes.count)
        }
    }

    mutating func finish() {
        close(to: 0)
        firstTokens.append(Int32(ids.count))
    }
}

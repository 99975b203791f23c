/// The words that one call has encoded so far, with where their ids stand in its output: a word that comes
/// again is copied from there. A table of fixed size in which a word replaces the one that had its place; it
/// lives as long as the call, so nothing is shared between threads.
struct RecentWords {
    private struct Word {
        var hash: UInt64
        var start: Int
        var idStart: Int
        var length: UInt32
        /// 0 for a place without a word.
        var idCount: UInt32
    }

    private let words: UnsafeMutableBufferPointer<Word>

    /// Longer words, in bytes, do not come again often enough.
    static let maximumLength = 64

    /// Calls `body` with a table for a text of `textCount` bytes.
    static func with<Result>(textCount: Int, _ body: (RecentWords) -> Result) -> Result {
        var capacity = 16
        while capacity < 16384, capacity < textCount / 8 { capacity *= 2 }
        return withUnsafeTemporaryAllocation(of: Word.self, capacity: capacity) { words in
            words.initialize(repeating: Word(hash: 0, start: 0, idStart: 0, length: 0, idCount: 0))
            return body(RecentWords(words: words))
        }
    }

    /// Appends the ids of `text[range]` to `output`: those that the word had before, or what `encode` writes to
    /// the memory it is given and returns the number of.
    @inline(__always)
    func append(
        _ text: UnsafeRawBufferPointer, _ range: Range<Int>, to output: inout IDBuffer,
        encode: (UnsafeRawBufferPointer, UnsafeMutablePointer<Int32>) -> Int
    ) {
        let bytes = UnsafeRawBufferPointer(rebasing: text[range])
        guard range.count <= Self.maximumLength else {
            output.count += encode(bytes, output.start + output.count)
            return
        }
        let hash = ByteHash.hash(bytes, seed: 0)
        let place = Int(truncatingIfNeeded: hash) & (words.count - 1)
        let known = words[place]
        if known.hash == hash, known.idCount > 0, Int(known.length) == range.count,
            ByteHash.equal(bytes, UnsafeRawBufferPointer(rebasing: text[known.start..<(known.start + range.count)]))
        {
            // Forwards, one by one: the two never overlap.
            for index in 0..<Int(known.idCount) {
                output.start[output.count + index] = output.start[known.idStart + index]
            }
            output.count += Int(known.idCount)
            return
        }
        let count = encode(bytes, output.start + output.count)
        words[place] = Word(
            hash: hash, start: range.lowerBound, idStart: output.count, length: UInt32(range.count),
            idCount: UInt32(count))
        output.count += count
    }
}

/// Ids that are written one after the other into memory that has room for as many as there can be.
struct IDBuffer {
    let start: UnsafeMutablePointer<Int32>
    var count = 0

    /// Appends an id.
    @inline(__always) mutating func append(_ id: Int32) {
        start[count] = id
        count += 1
    }

    /// The ids that `body` writes, which are at most `capacity`.
    static func collect(capacity: Int, _ body: (inout IDBuffer) -> Void) -> [Int32] {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: max(capacity, 1)) { memory in
            // The memory has room for one id at least, so it has an address.
            var buffer = IDBuffer(start: memory.baseAddress.unsafelyUnwrapped)
            body(&buffer)
            return Array(memory[..<buffer.count])
        }
    }
}

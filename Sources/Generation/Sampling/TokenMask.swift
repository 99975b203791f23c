/// A set of token ids as bits: which tokens may come next.
package struct TokenMask: Sendable, Equatable {
    /// Ids are 0 up to this number, excluded.
    package let count: Int
    /// 64 ids a word, the lowest bit first. Bits beyond `count` are 0.
    package private(set) var words: [UInt64]

    /// No ids of a vocabulary of `count`.
    package init(count: Int) {
        precondition(count >= 0, "a vocabulary of \(count)")
        self.count = count
        words = Array(repeating: 0, count: (count + 63) / 64)
    }

    /// Whether an id is in it.
    package func contains(_ id: Int32) -> Bool {
        guard id >= 0, Int(id) < count else { return false }
        return words[Int(id) >> 6] >> (UInt64(id) & 63) & 1 == 1
    }

    /// Adds an id.
    package mutating func insert(_ id: Int32) {
        precondition(id >= 0 && Int(id) < count, "id \(id) in a vocabulary of \(count)")
        words[Int(id) >> 6] |= 1 << (UInt64(id) & 63)
    }

    /// Takes an id out.
    package mutating func remove(_ id: Int32) {
        guard id >= 0, Int(id) < count else { return }
        words[Int(id) >> 6] &= ~(1 << (UInt64(id) & 63))
    }

    /// Takes all ids out.
    package mutating func removeAll() {
        for index in words.indices { words[index] = 0 }
    }

    /// Whether no id is in it.
    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// How many ids are in it that are less than `limit`.
    func population(below limit: Int) -> Int {
        let limit = min(limit, count)
        guard limit > 0 else { return 0 }
        var population = 0
        for index in 0..<(limit >> 6) { population += words[index].nonzeroBitCount }
        if limit & 63 != 0 { population += (words[limit >> 6] & (1 << UInt64(limit & 63) - 1)).nonzeroBitCount }
        return population
    }

    /// Puts −∞ in the place of the logits of tokens that are not in it.
    func ban(in logits: UnsafeMutablePointer<Float>, count total: Int) {
        let known = min(total, count)
        words.withUnsafeBufferPointer { words in
            for start in stride(from: 0, to: known, by: 64) {
                let here = min(64, known - start)
                var banned = ~words[start >> 6]
                if here < 64 { banned &= 1 << UInt64(here) - 1 }
                if banned == .max {
                    (logits + start).update(repeating: -.infinity, count: 64)
                    continue
                }
                while banned != 0 {
                    logits[start + banned.trailingZeroBitCount] = -.infinity
                    banned &= banned - 1
                }
            }
        }
        if known < total { (logits + known).update(repeating: -.infinity, count: total - known) }
    }
}

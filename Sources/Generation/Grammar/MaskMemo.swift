import Synchronization

/// What matchers of one grammar and one vocabulary have found out about states, shared by all of them.
///
/// It is what a state allows while its rule lasts, whatever called the rule; where the rule ends within a token, the
/// rest of the token is looked at with the stack at hand.
final class MaskMemo: Sendable {
    /// What a state without a count allows.
    struct Entry: Sendable {
        var mask: TokenMask
        /// The nodes of the tree at which the rule ends and tokens go on.
        var exits: [Int32]
        /// The depth that some token would need, counted from the rule's call.
        var reach: Int32
    }

    private struct Contents {
        var entries: [Int32: Entry] = [:]
        var counted: [Int32: CountedTokens] = [:]
    }

    /// Entries of some 32 KB at the largest vocabularies.
    private static let capacity = 256
    /// Entries of some 1 MB there.
    private static let countedCapacity = 16

    private let contents = Mutex(Contents())

    /// What is known of a state; if nothing is, `make` finds it out.
    func entry(_ state: Int32, make: () -> Entry) -> Entry {
        if let entry = contents.withLock({ $0.entries[state] }) { return entry }
        // Outside the lock: others need not wait, and who looks at the same state finds the same.
        let entry = make()
        contents.withLock { contents in
            // All go at once: which ones will be met again is not known.
            if contents.entries.count >= Self.capacity { contents.entries.removeAll() }
            contents.entries[state] = entry
        }
        return entry
    }

    /// The same for a state that counts characters.
    func counted(_ state: Int32, make: () -> CountedTokens) -> CountedTokens {
        if let counted = contents.withLock({ $0.counted[state] }) { return counted }
        let counted = make()
        contents.withLock { contents in
            if contents.counted.count >= Self.countedCapacity { contents.counted.removeAll() }
            contents.counted[state] = counted
        }
        return counted
    }
}

/// The memos of a grammar, one for each vocabulary that is in use.
final class MaskMemos: Sendable {
    private struct Slot {
        weak var trie: TokenTrie?
        var memo: MaskMemo
    }

    private let slots = Mutex<[Slot]>([])

    func memo(for trie: TokenTrie) -> MaskMemo {
        slots.withLock { slots in
            slots.removeAll { $0.trie == nil }
            if let slot = slots.first(where: { $0.trie === trie }) { return slot.memo }
            let memo = MaskMemo()
            slots.append(Slot(trie: trie, memo: memo))
            return memo
        }
    }
}

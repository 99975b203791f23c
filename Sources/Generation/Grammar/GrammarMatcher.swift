/// Follows an answer through a grammar and says which tokens may come next. One for each answer; a copy goes its own
/// way from where it was made.
///
/// What is accepted can always be continued to a whole sentence of the grammar: states that lead nowhere are not
/// entered, nor those for which `GrammarLimits.depth` levels of objects and arrays would not be enough.
package struct GrammarMatcher: Sendable {
    private let tables: GrammarTables
    private let trie: TokenTrie
    private let memo: MaskMemo
    private var stack = GraphStack()
    private var configurations: [GrammarConfiguration] = []

    /// Whether what has been accepted is a whole sentence of the grammar, so that the end token may come.
    package private(set) var isComplete: Bool
    /// Whether it is, and nothing more may follow.
    package var isExhausted: Bool { isComplete && configurations.isEmpty }

    /// Nodes of the stacks that are kept before those no longer needed are dropped.
    private static let nodesBeforeCollection = 1024
    private var collectionThreshold = Self.nodesBeforeCollection

    init(_ tables: GrammarTables, _ trie: TokenTrie, _ memo: MaskMemo) {
        (self.tables, self.trie, self.memo) = (tables, trie, memo)
        var stack = GraphStack()
        var configurations: [GrammarConfiguration] = []
        tables.withReader { reader in
            stack.beginByte()
            stack.enter(
                GrammarConfiguration(state: tables.start, node: GraphStack.bottom, count: 0), reader, &configurations)
        }
        (self.stack, self.configurations) = (stack, configurations)
        isComplete = stack.isComplete
    }

    /// Sets `mask` to all tokens whose bytes keep the grammar alive. Control tokens and those that end an answer are
    /// never among them: see `isComplete`. Ids beyond the mask's `count` are left out.
    package mutating func allowed(into mask: inout TokenMask) {
        guard mask.count >= trie.vocabularySize else {
            var whole = TokenMask(count: trie.vocabularySize)
            allowed(into: &whole)
            mask.removeAll()
            mask.insert(contentsOf: whole)
            return
        }
        mask.removeAll()
        tables.withReader { tables in
            trie.withReader { tree in
                for configuration in configurations { insert(configuration, tables, tree, into: &mask) }
            }
        }
    }

    /// Adds the tokens that one configuration allows.
    private mutating func insert(
        _ configuration: GrammarConfiguration, _ tables: GrammarTables.Reader, _ tree: TokenTrie.Reader,
        into mask: inout TokenMask
    ) {
        let length = tables.states[Int(configuration.state)].length
        if length >= 0 {
            let bounds = tables.lengths[Int(length)]
            let counted = memo.counted(configuration.state) {
                CountedTokens(from: configuration.state, tables, tree, vocabularySize: trie.vocabularySize)
            }
            counted.insert(after: Int(configuration.count), bounds, into: &mask)
            let exits = counted.exits(after: Int(configuration.count), bounds)
            insert(beyond: exits, of: configuration.node, tables, tree, into: &mask)
            return
        }
        let entry = memo.entry(configuration.state) { findEntry(for: configuration.state, tables, tree) }
        guard entry.reach + stack.nodes[Int(configuration.node)].depth <= GrammarLimits.depth else {
            var walk = TrieWalk()
            walk.run(from: [configuration], root: 0, &stack, tables, tree, into: &mask)
            return
        }
        mask.insert(contentsOf: entry.mask)
        insert(beyond: entry.exits, of: configuration.node, tables, tree, into: &mask)
    }

    /// Adds the tokens that go on where the rule on top of a stack has ended.
    private mutating func insert(
        beyond exits: [Int32], of node: Int32, _ tables: GrammarTables.Reader, _ tree: TokenTrie.Reader,
        into mask: inout TokenMask
    ) {
        guard node != GraphStack.bottom, !exits.isEmpty else { return }
        let mark = stack.mark
        var walk = TrieWalk()
        var returned: [GrammarConfiguration] = []
        stack.beginByte()
        stack.leave(node, tables, &returned)
        for exit in exits where !returned.isEmpty {
            walk.run(from: returned, root: exit, &stack, tables, tree, into: &mask)
        }
        stack.cut(to: mark)
    }

    /// What a state allows until its rule ends.
    private func findEntry(
        for state: Int32, _ tables: GrammarTables.Reader, _ tree: TokenTrie.Reader
    ) -> MaskMemo.Entry {
        var walk = TrieWalk()
        var stack = GraphStack()
        var mask = TokenMask(count: trie.vocabularySize)
        let start = GrammarConfiguration(state: state, node: GraphStack.bottom, count: 0)
        walk.run(from: [start], root: 0, &stack, tables, tree, into: &mask)
        return MaskMemo.Entry(mask: mask, exits: walk.exits, reach: stack.reach)
    }

    /// Goes on by a token. False, and nothing is changed, if it is not allowed.
    package mutating func accept(_ id: Int32) -> Bool {
        guard let bytes = trie.bytes(of: id) else { return false }
        return accept(bytes: bytes)
    }

    /// Goes on by bytes, which need not be whole characters. False, and nothing is changed, if they are not allowed.
    package mutating func accept(bytes: some Sequence<UInt8>) -> Bool {
        let mark = stack.mark
        var current = configurations
        var complete = isComplete
        let accepted = tables.withReader { tables in
            var next: [GrammarConfiguration] = []
            for byte in bytes {
                next.removeAll(keepingCapacity: true)
                stack.beginByte()
                for configuration in current { stack.advance(configuration, byte, tables, &next) }
                complete = stack.isComplete
                guard complete || !next.isEmpty else { return false }
                swap(&current, &next)
            }
            return true
        }
        guard accepted else {
            stack.cut(to: mark)
            return false
        }
        (configurations, isComplete) = (current, complete)
        if stack.nodes.count > collectionThreshold {
            stack.collect(&configurations)
            collectionThreshold = max(Self.nodesBeforeCollection, 2 * stack.nodes.count)
        }
        return true
    }
}

extension TokenMask {
    /// Adds the ids of another mask that are below this one's `count`.
    mutating func insert(contentsOf other: TokenMask) {
        if other.count == count, isEmpty {
            self = other
            return
        }
        for index in 0..<min(words.count, other.words.count) {
            var missing = other.words[index] & ~words[index]
            while missing != 0 {
                let id = index << 6 + missing.trailingZeroBitCount
                missing &= missing - 1
                if id < count { insert(Int32(id)) }
            }
        }
    }
}

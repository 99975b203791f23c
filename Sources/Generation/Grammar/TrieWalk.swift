/// A depth-first walk through the tokens with the configurations of a grammar, which leaves each subtree as soon as no
/// configuration is left.
struct TrieWalk {
    /// The configurations that the bytes down to a node lead to.
    private struct Level {
        /// The only one, if there is but one, and then the list has none for the level.
        var single: GrammarConfiguration?
        /// Where they are in the list.
        var start: Int
        var end: Int
        /// Where the subtree of the node ends.
        var treeEnd: Int32
        /// What was on the stacks when the level began.
        var mark: GraphStack.Mark
    }

    private var configurations: [GrammarConfiguration] = []
    private var levels: [Level] = []

    /// The nodes at which the bottom of the stacks was reached and whose tokens go on.
    private(set) var exits: [Int32] = []

    /// Adds to `mask` the tokens below `root` that `start` allows.
    ///
    /// - Parameter stack: is left as it was, but for its `reach`.
    mutating func run(
        from start: [GrammarConfiguration], root: Int32, _ stack: inout GraphStack, _ tables: GrammarTables.Reader,
        _ tree: TokenTrie.Reader, into mask: inout TokenMask
    ) {
        let base = stack.mark
        configurations.removeAll(keepingCapacity: true)
        configurations += start
        levels.removeAll(keepingCapacity: true)
        var level = level(from: 0, treeEnd: tree.ends[Int(root)], mark: base)
        var node = root + 1
        while true {
            guard node < level.treeEnd else {
                configurations.removeLast(level.end - level.start)
                guard let upper = levels.popLast() else { break }
                level = upper
                continue
            }
            let byte = tree.bytes[Int(node)]
            let end = tree.ends[Int(node)]
            // The common case without the stacks: one configuration, which the byte leads to one state of its rule.
            if let single = level.single {
                let target = tables.target(tables.states[Int(single.state)], byte)
                guard target >= 0 else {
                    node = end
                    continue
                }
                if target <= GrammarTables.targetMask, tables.states[Int(target)].isPlain {
                    insertTokens(at: node, tree, into: &mask)
                    if end > node + 1 {
                        levels.append(level)
                        let configuration = GrammarConfiguration(state: target, node: single.node, count: 0)
                        level = Level(
                            single: configuration, start: level.end, end: level.end, treeEnd: end, mark: level.mark)
                    }
                    node += 1
                    continue
                }
            }
            stack.cut(to: level.mark)
            stack.beginByte()
            if let single = level.single {
                stack.advance(single, byte, tables, &configurations)
            } else {
                for index in level.start..<level.end {
                    stack.advance(configurations[index], byte, tables, &configurations)
                }
            }
            guard configurations.count > level.end || stack.isComplete else {
                node = end
                continue
            }
            insertTokens(at: node, tree, into: &mask)
            if end == node + 1 {
                configurations.removeLast(configurations.count - level.end)
            } else {
                if stack.isComplete { exits.append(node) }
                levels.append(level)
                level = self.level(from: level.end, treeEnd: end, mark: stack.mark)
            }
            node += 1
        }
        stack.cut(to: base)
    }

    /// The level of the configurations at the end of the list.
    private mutating func level(from start: Int, treeEnd: Int32, mark: GraphStack.Mark) -> Level {
        guard configurations.count == start + 1, let single = configurations.popLast() else {
            return Level(single: nil, start: start, end: configurations.count, treeEnd: treeEnd, mark: mark)
        }
        return Level(single: single, start: start, end: start, treeEnd: treeEnd, mark: mark)
    }

    @inline(__always) private func insertTokens(at node: Int32, _ tree: TokenTrie.Reader, into mask: inout TokenMask) {
        for token in tree.firstTokens[Int(node)]..<tree.firstTokens[Int(node) + 1] {
            mask.insert(tree.ids[Int(token)])
        }
    }
}

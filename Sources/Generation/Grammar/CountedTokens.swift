/// What the tokens do in a string whose characters are counted: how many each begins, and whether it ends the string.
/// One walk through the vocabulary serves all numbers of characters that have been read, as a token is allowed if
/// there is room for its characters.
///
/// Rules that count are strings without calls, with one state for what has been read and nothing after their end.
struct CountedTokens: Sendable {
    /// A node of the tree at which the string ends and tokens go on.
    struct Exit: Sendable {
        var node: Int32
        var count: Int32
    }

    /// All tokens that the string allows, were there no bounds.
    private var all: TokenMask
    /// Their ids by the number of characters that they begin, and for each number where its ids start.
    private var ids: [Int32] = []
    private var starts: [Int] = []
    /// Those that end the string with their last byte, and after how many characters.
    private var closing: [(id: Int32, count: Int32)] = []
    private var exits: [Exit] = []

    init(from state: Int32, _ tables: GrammarTables.Reader, _ tree: TokenTrie.Reader, vocabularySize: Int) {
        all = TokenMask(count: vocabularySize)
        struct Level {
            var state: Int32
            var count: Int32
            var treeEnd: Int32
        }
        var found: [(id: Int32, count: Int32)] = []
        var levels: [Level] = []
        var level = Level(state: state, count: 0, treeEnd: tree.ends[0])
        var node: Int32 = 1
        while true {
            guard node < level.treeEnd else {
                guard let upper = levels.popLast() else { break }
                level = upper
                continue
            }
            let end = tree.ends[Int(node)]
            let packed = tables.target(tables.states[Int(level.state)], tree.bytes[Int(node)])
            guard packed >= 0 else {
                node = end
                continue
            }
            let marks = EdgeMarks(rawValue: UInt8(packed >> 28))
            let target = packed & GrammarTables.targetMask
            let count = level.count + (marks.contains(.beginsCharacter) ? 1 : 0)
            let isEnd = tables.states[Int(target)].isAccepting
            for token in tree.firstTokens[Int(node)]..<tree.firstTokens[Int(node) + 1] {
                let id = tree.ids[Int(token)]
                all.insert(id)
                found.append((id, count))
                if isEnd { closing.append((id, count)) }
            }
            if isEnd {
                if end > node + 1 { exits.append(Exit(node: node, count: count)) }
                node = end
                continue
            }
            if end > node + 1 {
                levels.append(level)
                level = Level(state: target, count: count, treeEnd: end)
            }
            node += 1
        }
        sort(found)
    }

    /// Puts the ids into the order of their numbers by counting.
    private mutating func sort(_ found: [(id: Int32, count: Int32)]) {
        let most = found.reduce(0) { max($0, Int($1.count)) }
        starts = Array(repeating: 0, count: most + 2)
        for token in found { starts[Int(token.count) + 1] += 1 }
        for index in 1..<starts.count { starts[index] += starts[index - 1] }
        var next = starts
        ids = Array(repeating: 0, count: found.count)
        for token in found {
            ids[next[Int(token.count)]] = token.id
            next[Int(token.count)] += 1
        }
    }

    /// Adds the tokens that are allowed after `count` characters.
    func insert(after count: Int, _ bounds: LengthBounds, into mask: inout TokenMask) {
        let room = bounds.maximum.map { max($0 - count, 0) } ?? Int.max
        let fitting = room + 1 < starts.count ? starts[room + 1] : ids.count
        var allowed = all
        if fitting > ids.count / 2 {
            for id in ids[fitting...] { allowed.remove(id) }
        } else {
            allowed.removeAll()
            for id in ids[..<fitting] { allowed.insert(id) }
        }
        let lacking = bounds.minimum - count
        if lacking > 0 {
            for token in closing where Int(token.count) < lacking { allowed.remove(token.id) }
        }
        mask.insert(contentsOf: allowed)
    }

    /// The nodes at which the string may end after `count` characters.
    func exits(after count: Int, _ bounds: LengthBounds) -> [Int32] {
        exits.filter { exit in
            let whole = count + Int(exit.count)
            return whole >= bounds.minimum && whole <= bounds.maximum ?? Int.max
        }.map(\.node)
    }
}

internal import Architectures
internal import Compute

/// Keys and values of what has been computed before, by the tokens they stand for: a tree whose nodes are full pages, so
/// that prompts with a common beginning share the pages of it. Bounded; what was used least recently goes first.
///
/// Not thread-safe: the thread that runs the model owns it.
final class PrefixCache {
    /// A page of tokens after those of its parent.
    final class Node {
        fileprivate let tokens: [Int32]
        fileprivate let pages: [KVPage]
        fileprivate private(set) weak var parent: Node?
        fileprivate var children: [[Int32]: Node] = [:]
        fileprivate var lastUse = 0
        /// Sequences that have come to this node and may go on from it.
        fileprivate var users = 0
        fileprivate var isAttached = true

        fileprivate init(tokens: [Int32], pages: [KVPage], parent: Node?) {
            (self.tokens, self.pages, self.parent) = (tokens, pages, parent)
        }
    }

    private let limitBytes: Int
    private let nodeBytes: Int
    private let root = Node(tokens: [], pages: [], parent: nil)
    private var clock = 0
    /// Nodes in the tree.
    private(set) var count = 0

    /// An empty cache.
    ///
    /// - Parameters:
    ///   - nodeBytes: what the pages of a node take.
    init(limitBytes: Int, nodeBytes: Int) {
        self.limitBytes = limitBytes
        self.nodeBytes = max(1, nodeBytes)
    }

    /// Bytes of the pages that it holds.
    var usedBytes: Int { count * nodeBytes }

    /// The pages of the longest known beginning of `tokens` that leaves at least one token over, and the node it ends at.
    func match(_ tokens: [Int32]) -> (pages: [[KVPage]], node: Node) {
        var node = root
        var pages: [[KVPage]] = []
        clock += 1
        while (pages.count + 1) * CachePage.tokens < tokens.count {
            let start = pages.count * CachePage.tokens
            guard let child = node.children[Array(tokens[start..<start + CachePage.tokens])] else { break }
            child.lastUse = clock
            pages.append(child.pages)
            node = child
        }
        node.users += 1
        return (pages, node)
    }

    /// Adds a page after `node` and gives the node to go on from. If the same tokens are there already, theirs.
    func extend(_ node: Node, tokens: [Int32], pages: [KVPage]) -> Node {
        clock += 1
        let next: Node
        if let known = node.children[tokens] {
            next = known
        } else {
            next = Node(tokens: tokens, pages: pages, parent: node)
            if node.isAttached {
                while usedBytes + nodeBytes > limitBytes, evict() {}
            }
            if node.isAttached, usedBytes + nodeBytes <= limitBytes {
                node.children[tokens] = next
                count += 1
            } else {
                next.isAttached = false
            }
        }
        next.lastUse = clock
        next.users += 1
        node.users -= 1
        return next
    }

    /// A sequence that came to `node` has ended.
    func leave(_ node: Node) { node.users -= 1 }

    /// Drops the leaf that was used least recently and that no sequence stands at. False if there is none.
    func evict() -> Bool {
        var oldest: Node?
        var open = [root]
        while let node = open.popLast() {
            open += node.children.values
            guard node !== root, node.children.isEmpty, node.users == 0 else { continue }
            if node.lastUse < oldest?.lastUse ?? .max { oldest = node }
        }
        guard let oldest, let parent = oldest.parent else { return false }
        parent.children[oldest.tokens] = nil
        oldest.isAttached = false
        count -= 1
        return true
    }
}

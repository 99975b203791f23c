/// The prefixes of a list of strings as a tree of bytes, each with a link to its longest proper suffix in the tree.
struct StopAutomaton: Sendable {
    /// The empty prefix.
    static let root = 0

    /// A prefix of one or more stops.
    private struct Node: Sendable {
        /// The last byte of it.
        var byte: UInt8
        /// Bytes in it.
        var depth: Int
        /// The children as a list.
        var firstChild = -1
        var nextSibling = -1
        /// The longest proper suffix that is a prefix of a stop.
        var suffix = 0
        /// The longest suffix (itself included) that is a stop: its place in the list; −1 for none.
        var longestStop = -1
        /// The longest suffix (itself included) that a stop goes on from.
        var open = 0
        /// The first place in the list of the stops that go on from here.
        var firstBelow = Int.max
    }

    /// The strings.
    let stops: [String]
    private let lengths: [Int]
    private var nodes = [Node(byte: 0, depth: 0)]
    /// The root's children by their byte, since most text begins no stop; 0 for none.
    private var first: [Int]

    /// The automaton of the stops, none of which is empty.
    init(_ stops: [String]) {
        self.stops = stops
        lengths = stops.map(\.utf8.count)
        first = stops.isEmpty ? [] : Array(repeating: 0, count: 256)
        for (place, stop) in stops.enumerated() {
            precondition(!stop.isEmpty, "an empty stop string")
            insert(stop, place)
        }
        for child in nodes.indices where nodes[child].depth == 1 { first[Int(nodes[child].byte)] = child }
        link()
    }

    /// Whether there is nothing to find.
    var isEmpty: Bool { stops.isEmpty }

    /// Bytes in a stop.
    func length(ofStop stop: Int) -> Int { lengths[stop] }

    /// The longest suffix of the text that is a prefix of a stop, after one more byte.
    func next(_ node: Int, _ byte: UInt8) -> Int {
        var node = node
        while node != Self.root {
            if let child = child(node, byte) { return child }
            node = nodes[node].suffix
        }
        return first[Int(byte)]
    }

    /// The longest stop that ends here, the first of equal ones.
    func longestStop(_ node: Int) -> Int? { nodes[node].longestStop < 0 ? nil : nodes[node].longestStop }

    /// How many bytes at the end of the text a stop may yet go on from.
    func heldLength(_ node: Int) -> Int { nodes[nodes[node].open].depth }

    /// Whether a stop that is not complete at `position` may come before one that is.
    func mayPrecede(start: Int, stop: Int, _ node: Int, position: Int) -> Bool {
        let open = nodes[nodes[node].open]
        guard open.depth > 0 else { return false }
        let openStart = position - open.depth
        return openStart < start || (openStart == start && open.firstBelow < stop)
    }

    private func child(_ node: Int, _ byte: UInt8) -> Int? {
        var child = nodes[node].firstChild
        while child >= 0 {
            if nodes[child].byte == byte { return child }
            child = nodes[child].nextSibling
        }
        return nil
    }

    private mutating func insert(_ stop: String, _ place: Int) {
        var node = Self.root
        for byte in stop.utf8 {
            nodes[node].firstBelow = min(nodes[node].firstBelow, place)
            if let child = child(node, byte) {
                node = child
            } else {
                var new = Node(byte: byte, depth: nodes[node].depth + 1)
                new.nextSibling = nodes[node].firstChild
                nodes[node].firstChild = nodes.count
                node = nodes.count
                nodes.append(new)
            }
        }
        if nodes[node].longestStop < 0 { nodes[node].longestStop = place }
    }

    /// Links the nodes, the shorter prefixes first.
    private mutating func link() {
        var queue = [Self.root]
        var read = 0
        while read < queue.count {
            let node = queue[read]
            read += 1
            if node != Self.root {
                let suffix = nodes[node].suffix
                if nodes[node].longestStop < 0 { nodes[node].longestStop = nodes[suffix].longestStop }
                nodes[node].open = nodes[node].firstChild >= 0 ? node : nodes[suffix].open
            }
            var child = nodes[node].firstChild
            while child >= 0 {
                nodes[child].suffix = node == Self.root ? Self.root : next(nodes[node].suffix, nodes[child].byte)
                queue.append(child)
                child = nodes[child].nextSibling
            }
        }
    }
}

/// Where a matcher stands: a state of the tables, and the stack of calls to return from.
struct GrammarConfiguration: Equatable {
    var state: Int32
    /// A node of the graph of stacks.
    var node: Int32
    /// The characters of the string that is being read, in rules that count them.
    var count: Int32
}

/// The stacks of all configurations as one graph, after Tomita's graph-structured stack: what they have in common is
/// kept once, so that neither their number nor the time for a byte grows beyond the size of the grammar however
/// ambiguous it is.
///
/// A node is the state to return to; its parents are the stacks below. Nodes are made in the order of the text, and
/// changed only during the byte that made them, so that cutting the arrays back undoes what came later.
struct GraphStack {
    struct Node {
        var returnState: Int32
        /// Objects and arrays that are open where the call was made.
        var depth: Int32
        /// The first of the node's parents, or -1.
        var parents: Int32
    }

    struct Parent {
        var node: Int32
        var next: Int32
    }

    /// A place to cut the graph back to.
    struct Mark {
        var nodes: Int
        var parents: Int
    }

    /// The first node is the bottom: who returns from there is at the end of the grammar.
    private(set) var nodes = [Node(returnState: -1, depth: 0, parents: -1)]
    private(set) var parents: [Parent] = []
    /// Where the nodes of this byte begin.
    private var firstNew = 1
    /// What was entered for this byte.
    private var entered: [GrammarConfiguration] = []
    /// Whether the bottom was reached with this byte.
    private(set) var isComplete = false
    /// The largest depth that any configuration was found to need, met or not.
    private(set) var reach: Int32 = 0

    static let bottom: Int32 = 0

    var mark: Mark { Mark(nodes: nodes.count, parents: parents.count) }

    mutating func cut(to mark: Mark) {
        nodes.removeLast(nodes.count - mark.nodes)
        parents.removeLast(parents.count - mark.parents)
    }

    /// Forgets what belongs to the byte before.
    @inline(__always) mutating func beginByte() {
        firstNew = nodes.count
        entered.removeAll(keepingCapacity: true)
        isComplete = false
    }

    /// Adds to `output` the configurations that `byte` leads to.
    mutating func advance(
        _ configuration: GrammarConfiguration, _ byte: UInt8, _ tables: GrammarTables.Reader,
        _ output: inout [GrammarConfiguration]
    ) {
        let state = tables.states[Int(configuration.state)]
        let packed = tables.target(state, byte)
        guard packed >= 0 else { return }
        var count = configuration.count
        if state.length >= 0 {
            let marks = EdgeMarks(rawValue: UInt8(packed >> 28))
            let bounds = tables.lengths[Int(state.length)]
            if marks.contains(.beginsCharacter) {
                if let maximum = bounds.maximum, Int(count) >= maximum { return }
                // Beyond the minimum, and without a maximum, the number tells nothing.
                if bounds.maximum != nil || Int(count) < bounds.minimum { count += 1 }
            }
            if marks.contains(.endsString), Int(count) < bounds.minimum { return }
        }
        enter(
            GrammarConfiguration(
                state: packed & GrammarTables.targetMask, node: configuration.node, count: count),
            tables, &output)
    }

    /// Adds a configuration, what it calls and what it returns to.
    mutating func enter(
        _ configuration: GrammarConfiguration, _ tables: GrammarTables.Reader,
        _ output: inout [GrammarConfiguration]
    ) {
        let state = tables.states[Int(configuration.state)]
        let depth = nodes[Int(configuration.node)].depth + Int32(state.cost)
        guard isWithinDepth(depth + Int32(state.need)) else { return }
        guard !entered.contains(configuration), entered.count < GrammarLimits.configurations else { return }
        entered.append(configuration)
        if state.edges < state.edgeEnd { output.append(configuration) }
        for index in Int(state.calls)..<Int(state.callEnd) {
            let call = tables.calls[index]
            guard isWithinDepth(depth + Int32(tables.states[Int(call.next)].need)) else { continue }
            let node = push(call.next, depth: depth, on: configuration.node)
            enter(GrammarConfiguration(state: call.start, node: node, count: 0), tables, &output)
        }
        if state.isAccepting { leave(configuration.node, tables, &output) }
    }

    /// Returns from a call to all stacks below.
    mutating func leave(
        _ node: Int32, _ tables: GrammarTables.Reader, _ output: inout [GrammarConfiguration]
    ) {
        guard node != Self.bottom else {
            isComplete = true
            return
        }
        let returnState = nodes[Int(node)].returnState
        var link = nodes[Int(node)].parents
        while link >= 0 {
            let parent = parents[Int(link)]
            enter(GrammarConfiguration(state: returnState, node: parent.node, count: 0), tables, &output)
            link = parent.next
        }
    }

    private mutating func isWithinDepth(_ depth: Int32) -> Bool {
        reach = max(reach, depth)
        return depth <= GrammarLimits.depth
    }

    private mutating func push(_ returnState: Int32, depth: Int32, on parent: Int32) -> Int32 {
        for index in firstNew..<nodes.count
        where nodes[index].returnState == returnState && nodes[index].depth == depth {
            var link = nodes[index].parents
            while link >= 0 {
                if parents[Int(link)].node == parent { return Int32(index) }
                link = parents[Int(link)].next
            }
            parents.append(Parent(node: parent, next: nodes[index].parents))
            nodes[index].parents = Int32(parents.count - 1)
            return Int32(index)
        }
        parents.append(Parent(node: parent, next: -1))
        nodes.append(Node(returnState: returnState, depth: depth, parents: Int32(parents.count - 1)))
        return Int32(nodes.count - 1)
    }

    /// Drops all nodes that no configuration needs any more.
    mutating func collect(_ configurations: inout [GrammarConfiguration]) {
        var isNeeded = [Bool](repeating: false, count: nodes.count)
        isNeeded[Int(Self.bottom)] = true
        for configuration in configurations { isNeeded[Int(configuration.node)] = true }
        // A parent is older than its children.
        for index in nodes.indices.reversed() where isNeeded[index] {
            var link = nodes[index].parents
            while link >= 0 {
                isNeeded[Int(parents[Int(link)].node)] = true
                link = parents[Int(link)].next
            }
        }
        var places = [Int32](repeating: -1, count: nodes.count)
        var keptNodes: [Node] = []
        var keptParents: [Parent] = []
        for index in nodes.indices where isNeeded[index] {
            places[index] = Int32(keptNodes.count)
            var node = nodes[index]
            var link = node.parents
            node.parents = -1
            while link >= 0 {
                keptParents.append(Parent(node: places[Int(parents[Int(link)].node)], next: node.parents))
                node.parents = Int32(keptParents.count - 1)
                link = parents[Int(link)].next
            }
            keptNodes.append(node)
        }
        (nodes, parents) = (keptNodes, keptParents)
        for index in configurations.indices {
            configurations[index].node = places[Int(configurations[index].node)]
        }
    }
}

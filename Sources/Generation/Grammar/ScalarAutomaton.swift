/// A nondeterministic automaton over Unicode scalars: what a regular expression means, before it is spelled in JSON.
struct ScalarAutomaton {
    struct Edge {
        var set: ScalarSet
        var target: Int
    }

    private(set) var edges: [[Edge]] = [[], []]
    private(set) var epsilons: [[Int]] = [[], []]
    let start = 0
    let end = 1
    /// For messages.
    let pointer: String

    init(pointer: String) { self.pointer = pointer }

    mutating func addState() throws(GrammarError) -> Int {
        guard edges.count < GrammarLimits.states / 4 else {
            throw .tooLarge(pointer: pointer, what: "states of a pattern", limit: GrammarLimits.states / 4)
        }
        edges.append([])
        epsilons.append([])
        return edges.count - 1
    }

    mutating func epsilon(_ from: Int, _ to: Int) { epsilons[from].append(to) }

    mutating func edge(_ from: Int, _ set: ScalarSet, _ to: Int) {
        if !set.isEmpty { edges[from].append(Edge(set: set, target: to)) }
    }

    /// Adds what `node` matches between two states.
    mutating func add(_ node: PatternNode, _ from: Int, _ to: Int) throws(GrammarError) {
        switch node {
        case .set(let set): edge(from, set, to)
        case .sequence(let nodes):
            var state = from
            for node in nodes {
                let next = try addState()
                try add(node, state, next)
                state = next
            }
            epsilon(state, to)
        case .alternation(let nodes):
            for node in nodes { try add(node, from, to) }
        case .repetition(let node, let minimum, let maximum):
            var state = from
            for _ in 0..<minimum {
                let next = try addState()
                try add(node, state, next)
                state = next
            }
            guard let maximum else {
                let loop = try addState()
                epsilon(state, loop)
                let back = try addState()
                try add(node, loop, back)
                epsilon(back, loop)
                epsilon(loop, to)
                return
            }
            for _ in minimum..<maximum {
                epsilon(state, to)
                let next = try addState()
                try add(node, state, next)
                state = next
            }
            epsilon(state, to)
        }
    }

    /// The texts as the inside of a JSON string, with as many scalars as `bounds` allows, between two states.
    ///
    /// A character has one spelling: itself, or where JSON does not allow that, its escape. Only `/` may have one.
    func emitString(
        _ bounds: LengthBounds?, _ from: AutomatonBuilder.State, _ to: AutomatonBuilder.State,
        _ builder: AutomatonBuilder
    ) throws(GrammarError) {
        let bounds = bounds ?? LengthBounds(minimum: 0, maximum: nil)
        // Beyond the larger bound the number makes no difference.
        let limit = bounds.maximum ?? bounds.minimum
        struct Place: Hashable {
            var state: Int
            var count: Int
        }
        let first = Place(state: start, count: 0)
        var states = [first: from]
        var open = [first]
        while let place = open.popLast(), let state = states[place] {
            if place.state == end, place.count >= bounds.minimum { try builder.epsilon(state, to) }
            func target(_ target: Int, _ count: Int) throws(GrammarError) -> AutomatonBuilder.State {
                let next = Place(state: target, count: count)
                if let known = states[next] { return known }
                let state = try builder.addState()
                states[next] = state
                open.append(next)
                return state
            }
            for other in epsilons[place.state] { try builder.epsilon(state, try target(other, place.count)) }
            guard bounds.maximum == nil || place.count < limit else { continue }
            for edge in edges[place.state] {
                try JSONSpelling.emit(
                    edge.set, state, try target(edge.target, min(place.count + 1, limit)), builder)
            }
        }
    }

    /// The texts in UTF-8 between two states.
    func emitText(
        _ from: AutomatonBuilder.State, _ to: AutomatonBuilder.State, _ builder: AutomatonBuilder
    ) throws(GrammarError) {
        var states = [from]
        for _ in 1..<edges.count { states.append(try builder.addState()) }
        for state in edges.indices {
            for edge in edges[state] { try builder.scalar(states[state], of: edge.set, states[edge.target]) }
            for other in epsilons[state] { try builder.epsilon(states[state], states[other]) }
        }
        try builder.epsilon(states[end], to)
    }
}

/// How characters are written in JSON strings.
enum JSONSpelling {
    private static let escapes: [(Unicode.Scalar, Unicode.Scalar)] = [
        ("\"", "\""), ("\\", "\\"), ("/", "/"), ("\u{08}", "b"), ("\u{0C}", "f"), ("\n", "n"), ("\r", "r"),
        ("\t", "t"),
    ]

    /// One character of `set`.
    static func emit(
        _ set: ScalarSet, _ from: AutomatonBuilder.State, _ to: AutomatonBuilder.State, _ builder: AutomatonBuilder
    ) throws(GrammarError) {
        try builder.scalar(from, of: set.intersection(JSONRules.plainScalars), to)
        let special = set.intersection(JSONRules.plainScalars.complement.union(ScalarSet("/")))
        guard !special.isEmpty else { return }
        let escape = try builder.addState()
        try builder.byte(from, "\\", escape)
        for range in special.ranges {
            for value in range {
                if let short = escapes.first(where: { $0.0.value == value }) {
                    try builder.byte(escape, short.1, to)
                } else {
                    let last = try builder.literal(escape, "u00\(value >> 4)")
                    let digit = String(value & 15, radix: 16).unicodeScalars
                    let capital = String(value & 15, radix: 16, uppercase: true).unicodeScalars
                    for scalar in Set(digit).union(capital) { try builder.byte(last, scalar, to) }
                }
            }
        }
    }

    /// A string with its quotes.
    static func quoted(_ text: String) -> [UInt8] {
        var bytes = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            if let short = escapes.first(where: { $0.0.value == UInt32(byte) }), byte != UInt8(ascii: "/") {
                bytes += [UInt8(ascii: "\\"), UInt8(ascii: short.1)]
            } else if byte < 0x20 {
                bytes += "\\u00\(byte >> 4)\(String(byte & 15, radix: 16))".utf8
            } else {
                bytes.append(byte)
            }
        }
        return bytes + [UInt8(ascii: "\"")]
    }
}

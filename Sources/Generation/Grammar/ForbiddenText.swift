/// Free text without certain strings in it, after Aho and Corasick: a state is the longest end of the text that begins
/// one of the strings.
enum ForbiddenText {
    static func automaton(without strings: [String]) throws(GrammarError) -> ScalarAutomaton {
        var automaton = ScalarAutomaton(pointer: "#")
        var children: [[Unicode.Scalar: Int]] = [[:]]
        var isForbidden = [false]
        for string in strings {
            guard !string.isEmpty else { throw .invalidPart("text until the empty string") }
            var node = 0
            for scalar in string.unicodeScalars {
                if let child = children[node][scalar] {
                    node = child
                    continue
                }
                guard children.count < GrammarLimits.states / 100 else {
                    throw .tooLarge(
                        pointer: "#", what: "characters of strings to stop at", limit: GrammarLimits.states / 100)
                }
                children[node][scalar] = children.count
                node = children.count
                children.append([:])
                isForbidden.append(false)
            }
            isForbidden[node] = true
        }
        let (order, moves) = moves(children, &isForbidden)
        var states: [Int: Int] = [0: automaton.start]
        for node in order where node != 0 && !isForbidden[node] { states[node] = try automaton.addState() }
        for node in order where !isForbidden[node] {
            guard let state = states[node] else { continue }
            var named: [ClosedRange<UInt32>] = []
            for (scalar, target) in moves[node] {
                named.append(scalar.value...scalar.value)
                if let target = states[target] { automaton.edge(state, ScalarSet(scalar), target) }
            }
            automaton.edge(state, ScalarSet(named).complement, automaton.start)
            automaton.epsilon(state, automaton.end)
        }
        return automaton
    }

    /// The nodes by their depth, and for each where the characters lead that do not lead back to the root.
    private static func moves(
        _ children: [[Unicode.Scalar: Int]], _ isForbidden: inout [Bool]
    ) -> (order: [Int], moves: [[Unicode.Scalar: Int]]) {
        var moves = children
        var failures = [Int](repeating: 0, count: children.count)
        var order = [0]
        var index = 0
        while index < order.count {
            let node = order[index]
            index += 1
            if node != 0 {
                if isForbidden[failures[node]] { isForbidden[node] = true }
                // What the shorter end does, where this one does nothing of its own.
                moves[node].merge(moves[failures[node]]) { own, _ in own }
            }
            for (scalar, child) in children[node] {
                failures[child] = node == 0 ? 0 : moves[failures[node]][scalar] ?? 0
                order.append(child)
            }
        }
        return (order, moves)
    }
}

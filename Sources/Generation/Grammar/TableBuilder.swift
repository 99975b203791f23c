/// Lays out deterministic rules as the tables that a matcher runs on.
struct TableBuilder {
    private var states: [GrammarTables.State] = []
    private var edges: [GrammarTables.Edge] = []
    private var calls: [GrammarTables.Call] = []
    private var rows: [Int32] = []
    private var lengths: [LengthBounds] = []
    /// For each rule, where it starts; -1 if it cannot end.
    private var starts: [Int32] = []

    /// States with more ranges than this get a row of 256 targets, as long as there are few rows.
    private static let rangesWithoutRow = 4
    private static let maximumRows = 2048
    /// Stands for a need that is more than any depth.
    private static let endless: UInt8 = 255

    /// The tables of all rules.
    ///
    /// - Throws: `GrammarError`, if the rules are too large, endless, or `root` cannot be satisfied.
    static func tables(
        _ builder: AutomatonBuilder, root: AutomatonBuilder.Rule
    ) throws(GrammarError) -> GrammarTables {
        let analysis = try RuleAnalysis(builder, root: root)
        var tables = TableBuilder()
        var budget = SubsetConstruction.Budget(stateCount: builder.stateCount)
        for index in builder.rules.indices {
            guard analysis.isProductive[index] else {
                tables.starts.append(-1)
                continue
            }
            var construction = SubsetConstruction(
                builder, isProductive: analysis.isProductive, rule: AutomatonBuilder.Rule(index))
            try construction.run(from: builder.rules[index].start, &budget)
            tables.append(construction, builder.rules[index])
        }
        for index in tables.calls.indices {
            // Until here a call names its rule.
            tables.calls[index].start = tables.starts[Int(tables.calls[index].start)]
        }
        tables.findNeeds()
        let start = tables.starts[Int(root)]
        let first = tables.states[Int(start)]
        guard Int(first.cost) + Int(first.need) <= GrammarLimits.depth else {
            throw .tooLarge(
                pointer: builder.rules[Int(root)].pointer, what: "levels of objects and arrays",
                limit: GrammarLimits.depth)
        }
        tables.finish()
        return GrammarTables(
            states: tables.states, edges: tables.edges, calls: tables.calls, rows: tables.rows,
            lengths: tables.lengths, start: start)
    }

    private mutating func append(_ rule: SubsetConstruction, _ record: AutomatonBuilder.RuleRecord) {
        var places = [Int32](repeating: -1, count: rule.states.count)
        var next = Int32(states.count)
        for index in rule.states.indices where rule.isLive[index] {
            places[index] = next
            next += 1
        }
        starts.append(places[0])
        var length: Int32 = -1
        if let bounds = record.length {
            length = Int32(lengths.count)
            lengths.append(bounds)
        }
        for (index, state) in rule.states.enumerated() where rule.isLive[index] {
            var entry = GrammarTables.State()
            entry.edges = Int32(edges.count)
            for transition in state.transitions where rule.isLive[transition.target] {
                let marks = Int32(transition.marks.rawValue) << 28
                edges.append(
                    GrammarTables.Edge(
                        low: transition.low, high: transition.high, target: places[transition.target] | marks))
            }
            entry.edgeEnd = Int32(edges.count)
            entry.calls = Int32(calls.count)
            for call in state.calls where rule.isLive[call.next] {
                calls.append(GrammarTables.Call(start: call.rule, next: places[call.next]))
            }
            entry.callEnd = Int32(calls.count)
            entry.isAccepting = state.isAccepting
            entry.cost = record.isContainer ? 1 : 0
            entry.length = length
            states.append(entry)
        }
    }

    /// Lowers the needs from endless until nothing changes, forwards and backwards in turn, which settles chains of
    /// rules of either direction soon.
    private mutating func findNeeds() {
        for index in states.indices { states[index].need = states[index].isAccepting ? 0 : Self.endless }
        var isForward = false
        var changed = true
        while changed {
            changed = false
            for step in states.indices {
                let index = isForward ? step : states.count - 1 - step
                let need = need(of: states[index])
                if need < states[index].need {
                    states[index].need = need
                    changed = true
                }
            }
            isForward.toggle()
        }
    }

    private func need(of state: GrammarTables.State) -> UInt8 {
        var least = state.need
        for index in state.edges..<state.edgeEnd {
            least = min(least, states[Int(edges[Int(index)].target & GrammarTables.targetMask)].need)
        }
        for index in state.calls..<state.callEnd {
            let call = calls[Int(index)]
            let callee = states[Int(call.start)]
            let inside = callee.need >= Self.endless - 1 ? Self.endless : callee.need + callee.cost
            least = min(least, max(inside, states[Int(call.next)].need))
        }
        return least
    }

    private mutating func finish() {
        for index in states.indices {
            let state = states[index]
            states[index].isPlain =
                state.edges < state.edgeEnd && state.calls == state.callEnd && !state.isAccepting
                && state.length < 0 && state.need == 0
            guard Int(state.edgeEnd - state.edges) > Self.rangesWithoutRow, rows.count >> 8 < Self.maximumRows else {
                continue
            }
            states[index].row = Int32(rows.count >> 8)
            let base = rows.count
            rows.append(contentsOf: repeatElement(-1, count: 256))
            for edge in edges[Int(state.edges)..<Int(state.edgeEnd)] {
                for byte in edge.low...edge.high { rows[base + Int(byte)] = edge.target }
            }
        }
    }
}

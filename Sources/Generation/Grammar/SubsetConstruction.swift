/// Makes one rule deterministic: a state of the result is the set of states that the rule can be in.
///
/// A call counts as a symbol: all calls of one rule from a set are one call. States from which the rule cannot end
/// are left out, so that a matcher that is alive can always finish.
struct SubsetConstruction {
    struct Transition {
        var low: UInt8
        var high: UInt8
        var marks: EdgeMarks
        /// An index of `states`.
        var target: Int
    }

    struct Call {
        var rule: AutomatonBuilder.Rule
        var next: Int
    }

    struct State {
        var transitions: [Transition] = []
        var calls: [Call] = []
        var isAccepting = false
    }

    /// What all constructions of a grammar have left.
    struct Budget {
        var states = GrammarLimits.tableStates
        var edges = GrammarLimits.tableEdges
        var members = GrammarLimits.subsetMembers
        var stamps: Stamps

        init(stateCount: Int) { stamps = Stamps(count: stateCount) }
    }

    /// A set of states that is emptied in no time: each state has the number of the last set that it was put into.
    struct Stamps {
        private var marks: [Int32]
        private var last: Int32 = 0

        init(count: Int) { marks = Array(repeating: 0, count: count) }

        mutating func next() -> Int32 {
            last += 1
            return last
        }

        /// Whether the state was not in the set.
        mutating func insert(_ state: AutomatonBuilder.State, _ mark: Int32) -> Bool {
            guard marks[Int(state)] != mark else { return false }
            marks[Int(state)] = mark
            return true
        }
    }

    /// The states, the first being the start. Some may be dead.
    private(set) var states: [State] = []
    /// Whether the rule can end from a state.
    private(set) var isLive: [Bool] = []

    private let builder: AutomatonBuilder
    private let isProductive: [Bool]
    private let pointer: String
    private let end: AutomatonBuilder.State
    private var places: [[AutomatonBuilder.State]: Int] = [:]
    private var sets: [[AutomatonBuilder.State]] = []

    init(_ builder: AutomatonBuilder, isProductive: [Bool], rule: AutomatonBuilder.Rule) {
        self.builder = builder
        self.isProductive = isProductive
        let record = builder.rules[Int(rule)]
        (pointer, end) = (record.pointer, record.end)
    }

    /// - Throws: `GrammarError.tooLarge`.
    mutating func run(from start: AutomatonBuilder.State, _ budget: inout Budget) throws(GrammarError) {
        _ = try place(of: [start], &budget)
        var index = 0
        while index < sets.count {
            let set = sets[index]
            var state = State()
            state.isAccepting = set.contains(end)
            try addTransitions(of: set, to: &state, &budget)
            try addCalls(of: set, to: &state, &budget)
            budget.edges -= state.transitions.count + state.calls.count
            guard budget.edges >= 0 else { throw tooLarge("transitions", GrammarLimits.tableEdges) }
            states[index] = state
            index += 1
        }
        findLiveStates()
    }

    private func tooLarge(_ what: String, _ limit: Int) -> GrammarError {
        .tooLarge(pointer: pointer, what: what, limit: limit)
    }

    /// The state for what `seeds` and their empty transitions reach.
    private mutating func place(
        of seeds: [AutomatonBuilder.State], _ budget: inout Budget
    ) throws(GrammarError) -> Int {
        let mark = budget.stamps.next()
        var set: [AutomatonBuilder.State] = []
        for seed in seeds where budget.stamps.insert(seed, mark) { set.append(seed) }
        var index = 0
        while index < set.count {
            var link = builder.epsilonHeads[Int(set[index])]
            while link >= 0 {
                let epsilon = builder.epsilons[Int(link)]
                if budget.stamps.insert(epsilon.target, mark) { set.append(epsilon.target) }
                link = epsilon.next
            }
            index += 1
        }
        budget.members -= set.count
        guard budget.members >= 0 else { throw tooLarge("members of sets of states", GrammarLimits.subsetMembers) }
        // Only states with something to do tell sets apart.
        set.removeAll {
            $0 != end && builder.byteHeads[Int($0)] < 0 && builder.callHeads[Int($0)] < 0
        }
        set.sort()
        if let place = places[set] { return place }
        budget.states -= 1
        guard budget.states >= 0 else { throw tooLarge("states", GrammarLimits.tableStates) }
        places[set] = sets.count
        sets.append(set)
        states.append(State())
        return sets.count - 1
    }

    private mutating func addTransitions(
        of set: [AutomatonBuilder.State], to state: inout State, _ budget: inout Budget
    ) throws(GrammarError) {
        var transitions: [AutomatonBuilder.ByteTransition] = []
        for member in set {
            var link = builder.byteHeads[Int(member)]
            while link >= 0 {
                transitions.append(builder.byteTransitions[Int(link)])
                link = builder.byteTransitions[Int(link)].next
            }
        }
        guard !transitions.isEmpty else { return }
        var isBoundary = [Bool](repeating: false, count: 257)
        for transition in transitions {
            isBoundary[Int(transition.low)] = true
            isBoundary[Int(transition.high) + 1] = true
        }
        transitions.sort { $0.low < $1.low }
        var low = Int(transitions[0].low)
        var active: [AutomatonBuilder.ByteTransition] = []
        var upcoming = 0
        while low < 256 {
            var high = low
            while high < 255, !isBoundary[high + 1] { high += 1 }
            active.removeAll { Int($0.high) < low }
            while upcoming < transitions.count, Int(transitions[upcoming].low) <= low {
                active.append(transitions[upcoming])
                upcoming += 1
            }
            if !active.isEmpty {
                var marks: EdgeMarks = []
                for transition in active { marks.formUnion(transition.marks) }
                let target = try place(of: active.map(\.target), &budget)
                if let last = state.transitions.last, last.target == target, last.marks == marks,
                    Int(last.high) + 1 == low
                {
                    state.transitions[state.transitions.count - 1].high = UInt8(high)
                } else {
                    state.transitions.append(
                        Transition(low: UInt8(low), high: UInt8(high), marks: marks, target: target))
                }
            }
            low = high + 1
        }
    }

    private mutating func addCalls(
        of set: [AutomatonBuilder.State], to state: inout State, _ budget: inout Budget
    ) throws(GrammarError) {
        var targets: [AutomatonBuilder.Rule: [AutomatonBuilder.State]] = [:]
        for member in set {
            var link = builder.callHeads[Int(member)]
            while link >= 0 {
                let call = builder.calls[Int(link)]
                if isProductive[Int(call.rule)] { targets[call.rule, default: []].append(call.target) }
                link = call.next
            }
        }
        for (rule, seeds) in targets.sorted(by: { $0.key < $1.key }) {
            state.calls.append(Call(rule: rule, next: try place(of: seeds, &budget)))
        }
    }

    private mutating func findLiveStates() {
        isLive = states.map(\.isAccepting)
        var sources: [[Int32]] = Array(repeating: [], count: states.count)
        for (index, state) in states.enumerated() {
            for transition in state.transitions { sources[transition.target].append(Int32(index)) }
            for call in state.calls { sources[call.next].append(Int32(index)) }
        }
        var open = states.indices.filter { isLive[$0] }
        while let index = open.popLast() {
            for source in sources[index] where !isLive[Int(source)] {
                isLive[Int(source)] = true
                open.append(Int(source))
            }
        }
    }
}

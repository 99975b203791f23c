/// The rules of a grammar while they are put together: nondeterministic automata over bytes, whose transitions may
/// also be calls of other rules (a recursive transition network). All rules have their states in one array.
final class AutomatonBuilder {
    typealias State = Int32
    typealias Rule = Int32

    struct ByteTransition {
        var low: UInt8
        var high: UInt8
        var marks: EdgeMarks
        var target: State
        /// The next transition of the same state, or -1; the other lists are chained likewise.
        var next: Int32
    }

    struct Call {
        var rule: Rule
        var target: State
        var next: Int32
    }

    struct Epsilon {
        var target: State
        var next: Int32
    }

    struct RuleRecord {
        var start: State
        var end: State
        /// The place in the schema, for messages.
        var pointer: String
        /// Whether it is an object or an array, which count towards the depth of an answer.
        var isContainer: Bool
        /// The bounds that the marks of the rule's transitions are held against.
        var length: LengthBounds?
    }

    private(set) var byteHeads: [Int32] = []
    private(set) var callHeads: [Int32] = []
    private(set) var epsilonHeads: [Int32] = []
    private(set) var byteTransitions: [ByteTransition] = []
    private(set) var calls: [Call] = []
    private(set) var epsilons: [Epsilon] = []
    private(set) var rules: [RuleRecord] = []
    /// The place in the schema that is being compiled.
    var pointer = "#"

    var stateCount: Int { byteHeads.count }

    func addState() throws(GrammarError) -> State {
        guard stateCount < GrammarLimits.states else {
            throw .tooLarge(pointer: pointer, what: "states", limit: GrammarLimits.states)
        }
        byteHeads.append(-1)
        callHeads.append(-1)
        epsilonHeads.append(-1)
        return State(stateCount - 1)
    }

    /// A rule with nothing between its first and its last state.
    func addRule(
        pointer: String, isContainer: Bool = false, length: LengthBounds? = nil
    ) throws(GrammarError) -> Rule {
        guard rules.count < GrammarLimits.rules else {
            throw .tooLarge(pointer: pointer, what: "places", limit: GrammarLimits.rules)
        }
        let (start, end) = (try addState(), try addState())
        rules.append(
            RuleRecord(start: start, end: end, pointer: pointer, isContainer: isContainer, length: length))
        return Rule(rules.count - 1)
    }

    func markContainer(_ rule: Rule) { rules[Int(rule)].isContainer = true }

    func start(_ rule: Rule) -> State { rules[Int(rule)].start }
    func end(_ rule: Rule) -> State { rules[Int(rule)].end }

    private func checkTransitions() throws(GrammarError) {
        guard byteTransitions.count + calls.count + epsilons.count < GrammarLimits.transitions else {
            throw .tooLarge(pointer: pointer, what: "transitions", limit: GrammarLimits.transitions)
        }
    }

    func epsilon(_ from: State, _ to: State) throws(GrammarError) {
        try checkTransitions()
        epsilons.append(Epsilon(target: to, next: epsilonHeads[Int(from)]))
        epsilonHeads[Int(from)] = Int32(epsilons.count - 1)
    }

    func byte(
        _ from: State, _ range: ClosedRange<UInt8>, _ to: State, marks: EdgeMarks = []
    ) throws(GrammarError) {
        try checkTransitions()
        byteTransitions.append(
            ByteTransition(
                low: range.lowerBound, high: range.upperBound, marks: marks, target: to, next: byteHeads[Int(from)]))
        byteHeads[Int(from)] = Int32(byteTransitions.count - 1)
    }

    func byte(
        _ from: State, _ character: Unicode.Scalar, _ to: State, marks: EdgeMarks = []
    ) throws(GrammarError) {
        let byte = UInt8(ascii: character)
        try self.byte(from, byte...byte, to, marks: marks)
    }

    func call(_ from: State, _ rule: Rule, _ to: State) throws(GrammarError) {
        try checkTransitions()
        calls.append(Call(rule: rule, target: to, next: callHeads[Int(from)]))
        callHeads[Int(from)] = Int32(calls.count - 1)
    }

    /// `bytes`, one after the other; the state behind them.
    func literal(_ from: State, _ bytes: some Sequence<UInt8>) throws(GrammarError) -> State {
        var state = from
        for value in bytes {
            let next = try addState()
            try byte(state, value...value, next)
            state = next
        }
        return state
    }

    func literal(_ from: State, _ text: String) throws(GrammarError) -> State { try literal(from, text.utf8) }

    /// One scalar of a set in UTF-8. The first byte carries `marks`.
    func scalar(
        _ from: State, of set: ScalarSet, _ to: State, marks: EdgeMarks = []
    ) throws(GrammarError) {
        for sequence in set.utf8Sequences {
            var state = from
            for (index, range) in sequence.enumerated() {
                let next = index == sequence.count - 1 ? to : try addState()
                try byte(state, range, next, marks: index == 0 ? marks : [])
                state = next
            }
        }
    }
}

/// What a transition does to the number of characters of a string with bounds.
struct EdgeMarks: OptionSet, Sendable {
    let rawValue: UInt8
    /// A character begins here: there must be room for it.
    static let beginsCharacter = EdgeMarks(rawValue: 1)
    /// The string ends here: it must have enough.
    static let endsString = EdgeMarks(rawValue: 2)
}

/// How many Unicode scalars a string may have.
struct LengthBounds: Sendable, Hashable {
    var minimum: Int
    var maximum: Int?
}

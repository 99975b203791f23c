/// A compiled grammar: deterministic automata over bytes, one for each rule, that call one another.
///
/// A state with calls goes on in the called rules as well as by its own bytes, so that a matcher may be in several
/// states at once; within a rule there is one state for what has been read.
final class GrammarTables: Sendable {
    struct State: Sendable {
        var edges: Int32 = 0
        var edgeEnd: Int32 = 0
        var calls: Int32 = 0
        var callEnd: Int32 = 0
        /// Where the state's row of 256 targets is, in rows; -1 if only its list of ranges is there.
        var row: Int32 = -1
        /// An index of `lengths`, or -1.
        var length: Int32 = -1
        /// Whether the rule may end here.
        var isAccepting = false
        /// No calls, no end, no bounds, no need of depth: such a state is entered without ado.
        var isPlain = false
        /// 1 in the rules of objects and arrays, which is what they add to the depth.
        var cost: UInt8 = 0
        /// How many further objects and arrays must lie in one another for the rule to end.
        var need: UInt8 = 0
    }

    /// A range of bytes and what they lead to: the state in the lower 28 bits, the marks above.
    struct Edge: Sendable {
        var low: UInt8
        var high: UInt8
        var target: Int32
    }

    struct Call: Sendable {
        var start: Int32
        var next: Int32
    }

    static let targetMask: Int32 = (1 << 28) - 1

    let states: [State]
    let edges: [Edge]
    let calls: [Call]
    let rows: [Int32]
    let lengths: [LengthBounds]
    let start: Int32

    init(
        states: [State], edges: [Edge], calls: [Call], rows: [Int32], lengths: [LengthBounds], start: Int32
    ) {
        (self.states, self.edges, self.calls) = (states, edges, calls)
        (self.rows, self.lengths, self.start) = (rows, lengths, start)
    }

    /// The tables with their memory at hand.
    struct Reader {
        let states: UnsafeBufferPointer<State>
        let edges: UnsafeBufferPointer<Edge>
        let calls: UnsafeBufferPointer<Call>
        let rows: UnsafeBufferPointer<Int32>
        let lengths: UnsafeBufferPointer<LengthBounds>

        /// What `byte` leads to from a state, with its marks; negative for nothing.
        @inline(__always) func target(_ state: State, _ byte: UInt8) -> Int32 {
            if state.row >= 0 { return rows[Int(state.row) << 8 | Int(byte)] }
            var index = Int(state.edges)
            let end = Int(state.edgeEnd)
            while index < end {
                let edge = edges[index]
                if byte <= edge.high { return byte >= edge.low ? edge.target : -1 }
                index += 1
            }
            return -1
        }
    }

    func withReader<Result>(_ body: (Reader) -> Result) -> Result {
        states.withUnsafeBufferPointer { states in
            edges.withUnsafeBufferPointer { edges in
                calls.withUnsafeBufferPointer { calls in
                    rows.withUnsafeBufferPointer { rows in
                        lengths.withUnsafeBufferPointer { lengths in
                            body(Reader(states: states, edges: edges, calls: calls, rows: rows, lengths: lengths))
                        }
                    }
                }
            }
        }
    }
}

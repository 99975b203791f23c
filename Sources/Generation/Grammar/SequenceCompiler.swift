/// Turns the parts of a sequence into one rule, in which free text and literals stand as they are and schemas are
/// calls.
struct SequenceCompiler {
    private let builder = AutomatonBuilder()
    private var json: JSONRules

    static func compile(_ parts: [Grammar.Part]) throws(GrammarError) -> GrammarTables {
        var compiler = SequenceCompiler()
        let root = try compiler.builder.addRule(pointer: "#")
        let end = try compiler.emit(parts, compiler.builder.start(root), depth: 0)
        try compiler.builder.epsilon(end, compiler.builder.end(root))
        return try TableBuilder.tables(compiler.builder, root: root)
    }

    private init() { json = JSONRules(builder) }

    /// The parts one after the other; the state behind them.
    private mutating func emit(
        _ parts: [Grammar.Part], _ from: AutomatonBuilder.State, depth: Int
    ) throws(GrammarError) -> AutomatonBuilder.State {
        guard depth <= GrammarLimits.nesting else {
            throw .tooLarge(pointer: "#", what: "parts in one another", limit: GrammarLimits.nesting)
        }
        var state = from
        for part in parts { state = try emit(part, state, depth: depth) }
        return state
    }

    private mutating func emit(
        _ part: Grammar.Part, _ from: AutomatonBuilder.State, depth: Int
    ) throws(GrammarError) -> AutomatonBuilder.State {
        switch part {
        case .literal(let text): return try builder.literal(from, text)
        case .schema(let schema):
            let end = try builder.addState()
            try builder.call(from, try SchemaCompiler.compile(schema, &json), end)
            return end
        case .anyOf(let alternatives):
            guard !alternatives.isEmpty else { throw .invalidPart("a choice of nothing") }
            let end = try builder.addState()
            for alternative in alternatives {
                // A state of its own: a loop at the start of one alternative must not lead into another.
                let start = try builder.addState()
                try builder.epsilon(from, start)
                try builder.epsilon(try emit(alternative, start, depth: depth + 1), end)
            }
            return end
        case .text(let strings):
            let automaton = try ForbiddenText.automaton(without: strings)
            let (start, end) = (try builder.addState(), try builder.addState())
            try builder.epsilon(from, start)
            try automaton.emitText(start, end, builder)
            return end
        case .optional(let parts):
            let end = try builder.addState()
            let start = try builder.addState()
            try builder.epsilon(from, start)
            try builder.epsilon(try emit(parts, start, depth: depth + 1), end)
            try builder.epsilon(from, end)
            return end
        case .repeated(let parts, let separator, let minimum, let maximum):
            return try emit(parts, separator, minimum, maximum, from, depth: depth + 1)
        }
    }

    private mutating func emit(
        _ parts: [Grammar.Part], _ separator: String, _ minimum: Int, _ maximum: Int?,
        _ from: AutomatonBuilder.State, depth: Int
    ) throws(GrammarError) -> AutomatonBuilder.State {
        guard minimum >= 0, maximum ?? minimum >= minimum else {
            throw .invalidPart("\(minimum) to \(maximum ?? minimum) repetitions")
        }
        let end = try builder.addState()
        if minimum == 0 { try builder.epsilon(from, end) }
        let places = maximum ?? max(minimum, 1)
        var start = try builder.addState()
        try builder.epsilon(from, start)
        for index in 0..<places {
            let after = try emit(parts, start, depth: depth)
            if index + 1 >= minimum { try builder.epsilon(after, end) }
            let next = try builder.literal(after, separator)
            if maximum == nil, index == places - 1 {
                try builder.epsilon(next, start)
            }
            start = try builder.addState()
            try builder.epsilon(next, start)
        }
        return end
    }
}

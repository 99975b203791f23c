/// A regular expression as instructions for `RegexMatcher`.
struct RegexProgram: Sendable {
    /// A step of a match. Numbers named `next` and `other` are indices of instructions.
    enum Instruction: Sendable {
        /// One character of a set.
        case set(Int)
        /// As many characters of a set as there are, up to `maximum`; fewer if what follows wants some back.
        case greedySpan(Int, minimum: Int, maximum: Int)
        /// As few characters of a set as what follows allows.
        case lazySpan(Int, minimum: Int, maximum: Int)
        /// As many characters of a set as there are, for good.
        case possessiveSpan(Int, minimum: Int, maximum: Int)
        /// Goes on with the next instruction, or else with the other.
        case preferNext(other: Int)
        /// Goes on with the other instruction, or else with the next.
        case preferOther(Int)
        /// Goes on elsewhere.
        case jump(Int)
        /// What stands up to `end` must match here, or must not; then goes on behind it from the same place.
        case look(end: Int, negative: Bool)
        /// What stands up to `end` must match; goes on behind it where it first did.
        case atomic(end: Int)
        /// The character before must be, or not be, of a set.
        case behind(Int, negative: Bool)
        case assertion(RegexNode.Assertion)
        /// The expression, or a part of it that is looked at by itself, has matched.
        case match
    }

    /// A set as a match needs it.
    struct FlatSet: Sendable {
        /// The ASCII members, one bit each.
        var low: UInt64 = 0
        var high: UInt64 = 0
        /// The kinds of the other members.
        var kinds: UInt32 = 0
        /// Where the ranges of the other members stand in `ranges`.
        var ranges: Range<Int> = 0..<0
        var isNegated = false
        /// The index in `nested` of a set that kinds and ranges do not describe, or -1.
        var nested = -1
    }

    private(set) var instructions: [Instruction] = []
    private(set) var sets: [FlatSet] = []
    private(set) var ranges: [ClosedRange<UInt32>] = []
    private(set) var nested: [RegexSet] = []
    /// For each byte, whether a match can begin with it; empty if a match can be empty.
    let firstBytes: [Bool]
    /// The set of word characters, if a boundary of words is asked for.
    private(set) var wordSet = -1

    private var knownSets: [RegexSet] = []
    private static let maximumInstructions = 1 << 14

    /// - Throws: `RegexParser.Failure` for what is not read, and for expressions that are too large.
    init(_ pattern: String) throws(RegexParser.Failure) {
        let root = try RegexParser.parse(pattern)
        var firstBytes = [Bool](repeating: false, count: 256)
        self.firstBytes = root.addFirstBytes(to: &firstBytes) ? [] : firstBytes
        try append(root)
        try emit(.match)
    }

    private mutating func emit(_ instruction: Instruction) throws(RegexParser.Failure) {
        guard instructions.count < Self.maximumInstructions else {
            throw RegexParser.Failure(description: "it needs more than \(Self.maximumInstructions) steps")
        }
        instructions.append(instruction)
    }

    private mutating func append(_ node: RegexNode) throws(RegexParser.Failure) {
        switch node {
        case .set(let set): try emit(.set(number(of: set)))
        case .sequence(let nodes): for node in nodes { try append(node) }
        case .alternation(let nodes):
            var jumps: [Int] = []
            for node in nodes.dropLast() {
                let fork = instructions.count
                try emit(.preferNext(other: 0))
                try append(node)
                jumps.append(instructions.count)
                try emit(.jump(0))
                instructions[fork] = .preferNext(other: instructions.count)
            }
            if let last = nodes.last { try append(last) }
            for jump in jumps { instructions[jump] = .jump(instructions.count) }
        case .repetition(let node, let minimum, let maximum, let greed):
            try append(node, minimum, maximum, greed)
        case .atomic(let node):
            try part(node) { .atomic(end: $0) }
        case .lookahead(let node, let negative):
            try part(node) { .look(end: $0, negative: negative) }
        case .lookbehind(let set, let negative): try emit(.behind(number(of: set), negative: negative))
        case .assertion(let assertion):
            if assertion == .wordBoundary || assertion == .noWordBoundary { wordSet = number(of: .word) }
            try emit(.assertion(assertion))
        }
    }

    /// A part that is matched by itself.
    private mutating func part(
        _ node: RegexNode, _ instruction: (Int) -> Instruction
    ) throws(RegexParser.Failure) {
        let start = instructions.count
        try emit(.match)
        try append(node)
        try emit(.match)
        instructions[start] = instruction(instructions.count)
    }

    private mutating func append(
        _ node: RegexNode, _ minimum: Int, _ maximum: Int?, _ greed: RegexNode.Greed
    ) throws(RegexParser.Failure) {
        if case .set(let set) = node {
            let (number, most) = (number(of: set), maximum ?? .max)
            switch greed {
            case .greedy: try emit(.greedySpan(number, minimum: minimum, maximum: most))
            case .lazy: try emit(.lazySpan(number, minimum: minimum, maximum: most))
            case .possessive: try emit(.possessiveSpan(number, minimum: minimum, maximum: most))
            }
            return
        }
        if greed == .possessive {
            try part(.repetition(node, minimum: minimum, maximum: maximum, .greedy)) { .atomic(end: $0) }
            return
        }
        for _ in 0..<minimum { try append(node) }
        func fork(_ end: Int) -> Instruction { greed == .lazy ? .preferOther(end) : .preferNext(other: end) }
        guard let maximum else {
            let start = instructions.count
            try emit(.jump(0))
            try append(node)
            try emit(.jump(start))
            instructions[start] = fork(instructions.count)
            return
        }
        var forks: [Int] = []
        for _ in minimum..<maximum {
            forks.append(instructions.count)
            try emit(.jump(0))
            try append(node)
        }
        for index in forks { instructions[index] = fork(instructions.count) }
    }

    private mutating func number(of set: RegexSet) -> Int {
        if let known = knownSets.firstIndex(of: set) { return known }
        knownSets.append(set)
        var flat = FlatSet(kinds: set.kinds, isNegated: set.isNegated)
        ScalarTraits.shared.withReader { traits in
            for value: UInt32 in 0..<128 where set.contains(value, kind: traits.kind(value)) {
                if value < 64 { flat.low |= 1 << UInt64(value) } else { flat.high |= 1 << UInt64(value - 64) }
            }
        }
        if set.isFlat {
            let start = ranges.count
            ranges += set.ranges.filter { $0.upperBound >= 0x80 }
            flat.ranges = start..<ranges.count
        } else {
            flat.nested = nested.count
            nested.append(set)
        }
        sets.append(flat)
        return sets.count - 1
    }
}

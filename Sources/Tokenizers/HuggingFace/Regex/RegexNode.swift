/// A regular expression as a tree.
indirect enum RegexNode: Equatable {
    /// One character out of a set.
    case set(RegexSet)
    /// One after the other; nothing at all if there is none.
    case sequence([RegexNode])
    /// The first of several that leads to a match.
    case alternation([RegexNode])
    /// From `minimum` to `maximum` times, or without an end.
    case repetition(RegexNode, minimum: Int, maximum: Int?, Greed)
    /// What it matches, with no second thought.
    case atomic(RegexNode)
    /// Whether it would match from here on.
    case lookahead(RegexNode, negative: Bool)
    /// Whether the character before is one of a set.
    case lookbehind(RegexSet, negative: Bool)
    /// A place in the text.
    case assertion(Assertion)

    /// How much a repetition takes.
    enum Greed { case greedy, lazy, possessive }

    /// Places that an expression can ask for.
    enum Assertion { case startOfLine, endOfLine, startOfText, endOfText, wordBoundary, noWordBoundary }

    /// Whether it can match without taking a character.
    var canBeEmpty: Bool {
        switch self {
        case .set: false
        case .sequence(let nodes): nodes.allSatisfy(\.canBeEmpty)
        case .alternation(let nodes): nodes.contains(where: \.canBeEmpty)
        case .repetition(let node, let minimum, _, _): minimum == 0 || node.canBeEmpty
        case .atomic(let node): node.canBeEmpty
        case .lookahead, .lookbehind, .assertion: true
        }
    }

    /// Adds the bytes that a match can begin with; returns whether there need not be any.
    func addFirstBytes(to bytes: inout [Bool]) -> Bool {
        switch self {
        case .set(let set):
            set.addFirstBytes(to: &bytes)
            return false
        case .sequence(let nodes):
            for node in nodes where !node.addFirstBytes(to: &bytes) { return false }
            return true
        case .alternation(let nodes):
            var canBeEmpty = false
            for node in nodes where node.addFirstBytes(to: &bytes) { canBeEmpty = true }
            return canBeEmpty
        case .repetition(let node, let minimum, let maximum, _):
            guard maximum != 0 else { return true }
            return node.addFirstBytes(to: &bytes) || minimum == 0
        case .atomic(let node): return node.addFirstBytes(to: &bytes)
        case .lookahead, .lookbehind, .assertion: return true
        }
    }
}

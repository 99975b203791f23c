/// What a schema may take to compile. All work is in proportion to these, so no schema takes longer than a few seconds.
enum GrammarLimits {
    /// States of all rules before they are made deterministic.
    static let states = 200_000
    /// Transitions of them.
    static let transitions = 1_000_000
    /// States of the finished tables.
    static let tableStates = 150_000
    /// Transitions of the finished tables.
    static let tableEdges = 1_000_000
    /// The sum of the sizes of all sets of states that were looked at on the way.
    static let subsetMembers = 6_000_000
    /// Places in a schema.
    static let rules = 20_000
    /// Places that lead to one another by `$ref` and alternatives alone.
    static let chain = 200
    /// Objects and arrays in one another in an answer.
    static let depth = 64
    /// Groups in one another in a pattern.
    static let patternDepth = 50
    /// Parts in one another in a sequence, and values in one another in an `enum` or `const`.
    static let nesting = 64
    /// States that a matcher is in at once. Only grammars made to be ambiguous come near it; what is beyond is
    /// dropped, after which the matcher allows less than the grammar, and nothing more.
    static let configurations = 2048
    /// White space after a line break.
    static let indentation = 20
    /// Digits of a number before and after the point, and in its exponent.
    static let integerDigits = 20
    static let fractionDigits = 20
    /// Two digits, so that no number is too large for a double.
    static let exponentDigits = 2
    /// Digits after the point of a number with bounds: so few that a reader's rounding cannot carry it onto one.
    static let boundedFractionDigits = 10
    /// Digits that a bound may have before or after its point.
    static let boundDigits = 40
}

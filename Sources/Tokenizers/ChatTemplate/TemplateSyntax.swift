/// An expression of a template, and where it stands.
struct TemplateExpression: Sendable {
    indirect enum Kind: Sendable {
        case literal(TemplateValue)
        case name(String)
        case list([TemplateExpression])
        case tuple([TemplateExpression])
        case dictionary([(key: TemplateExpression, value: TemplateExpression)])
        case attribute(TemplateExpression, String)
        case subscripted(TemplateExpression, TemplateExpression)
        case slice(TemplateExpression, from: TemplateExpression?, to: TemplateExpression?, by: TemplateExpression?)
        case call(TemplateExpression, TemplateArguments)
        case filter(TemplateExpression, String, TemplateArguments)
        case test(TemplateExpression, String, TemplateArguments)
        case negative(TemplateExpression)
        case positive(TemplateExpression)
        case not(TemplateExpression)
        case and(TemplateExpression, TemplateExpression)
        case or(TemplateExpression, TemplateExpression)
        case arithmetic(TemplateArithmetic, TemplateExpression, TemplateExpression)
        case concatenation([TemplateExpression])
        /// `a < b <= c`: every comparison must hold.
        case comparison(TemplateExpression, [(operation: TemplateComparison, value: TemplateExpression)])
        case conditional(TemplateExpression, if: TemplateExpression, else: TemplateExpression?)
        /// What a filter block filters: the text of its body.
        case body([TemplateStatement])
    }

    let kind: Kind
    /// A byte of the source.
    let offset: Int
    /// How many expressions lie in one another here.
    let depth: Int
}

/// The arguments of a call, a filter or a test.
struct TemplateArguments: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []
}

enum TemplateArithmetic: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
}

enum TemplateComparison: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case contained = "in"
    case notContained = "not in"
}

/// What can be assigned to.
indirect enum TemplateTarget: Sendable {
    case name(String)
    /// An attribute of a namespace.
    case attribute(of: String, String)
    case tuple([TemplateTarget])
}

/// A statement of a template, and where it stands.
struct TemplateStatement: Sendable {
    indirect enum Kind: Sendable {
        case text(String)
        case output(TemplateExpression)
        case conditional([(condition: TemplateExpression, body: [TemplateStatement])], else: [TemplateStatement])
        case loop(TemplateLoop)
        case set(TemplateTarget, TemplateExpression)
        /// `{% set x %}…{% endset %}`; the value is the body's text, filtered.
        case setBlock(TemplateTarget, TemplateExpression)
        case macro(TemplateMacro)
        /// `{% call f(x) %}…{% endcall %}`: the body is the macro `caller`.
        case callBlock(TemplateExpression, TemplateMacro)
        /// A filter block, or a `generation` block, which marks what the model wrote and prints its body.
        case scoped(TemplateExpression)
        case with([(target: TemplateTarget, value: TemplateExpression)], body: [TemplateStatement])
        case breakLoop
        case continueLoop
    }

    let kind: Kind
    let offset: Int
}

struct TemplateLoop: Sendable {
    var target: TemplateTarget
    var items: TemplateExpression
    var condition: TemplateExpression?
    var body: [TemplateStatement]
    var otherwise: [TemplateStatement]
}

struct TemplateMacro: Sendable {
    var name: String
    var parameters: [(name: String, fallback: TemplateExpression?)]
    var body: [TemplateStatement]
}

/// Reads a template's tokens into statements and expressions.
struct TemplateParser {
    /// How many expressions or statements may lie in one another.
    static let maximumDepth = 100

    var tokens: [TemplateToken]
    var index = 0
    var depth = 0
    /// The loops around the statement being read, within the innermost macro.
    var loops = 0

    static func parse(_ source: TemplateSource) throws -> [TemplateStatement] {
        var parser = TemplateParser(tokens: try TemplateLexer.tokens(of: source))
        let statements = try parser.statements(until: [], opened: 0)
        return statements
    }

    private init(tokens: [TemplateToken]) { self.tokens = tokens }

    // MARK: Tokens

    var current: TemplateToken { tokens[index] }
    var next: TemplateToken { tokens[min(index + 1, tokens.count - 1)] }

    @discardableResult mutating func advance() -> TemplateToken {
        let token = tokens[index]
        if index + 1 < tokens.count { index += 1 }
        return token
    }

    func isName(_ name: String) -> Bool { current.kind == .name(name) }
    func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }

    mutating func skipName(_ name: String) -> Bool {
        guard isName(name) else { return false }
        advance()
        return true
    }

    mutating func skipSymbol(_ symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func expectSymbol(_ symbol: String) throws {
        guard skipSymbol(symbol) else { throw fault("expected '\(symbol)' but found \(current.text)") }
    }

    mutating func expectName() throws -> String {
        guard case .name(let name) = current.kind else {
            throw fault("expected a name but found \(current.text)")
        }
        advance()
        return name
    }

    mutating func expect(_ kind: TemplateToken.Kind) throws {
        guard current.kind == kind else {
            throw fault("expected \(TemplateToken(kind: kind, offset: 0).text) but found \(current.text)")
        }
        advance()
    }

    func fault(_ message: String, at offset: Int? = nil) -> TemplateSyntaxFault {
        TemplateSyntaxFault(message: message, offset: offset ?? current.offset)
    }

    /// Reads something that can lie in itself.
    mutating func nested<Result>(_ read: (inout TemplateParser) throws -> Result) throws -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw tooDeep(at: current.offset) }
        return try read(&self)
    }

    func tooDeep(at offset: Int) -> TemplateSyntaxFault {
        fault("more than \(Self.maximumDepth) expressions or blocks lie in one another here", at: offset)
    }

    // MARK: Statements

    /// Statements up to a tag whose name is in `ends`, whose `{%` is skipped and whose name is next. Without `ends`,
    /// up to the end of the template.
    mutating func statements(until ends: [String], opened: Int) throws -> [TemplateStatement] {
        var statements: [TemplateStatement] = []
        while true {
            let token = current
            switch token.kind {
            case .data(let text):
                advance()
                statements.append(TemplateStatement(kind: .text(text), offset: token.offset))
            case .variableBegin:
                advance()
                let value = try tuple()
                try expect(.variableEnd)
                statements.append(TemplateStatement(kind: .output(value), offset: token.offset))
            case .blockBegin:
                advance()
                guard case .name(let name) = current.kind else {
                    throw fault("expected the name of a tag but found \(current.text)")
                }
                if ends.contains(name) { return statements }
                statements.append(try nested { try $0.statement(name, at: token.offset) })
            default:
                guard ends.isEmpty else {
                    throw fault("the block that begins here has no '\(ends[ends.count - 1])'", at: opened)
                }
                return statements
            }
        }
    }

    /// The body of a block up to `end`, whose tag is skipped too; the tag that opens it ends here.
    mutating func body(until end: String, opened: Int) throws -> [TemplateStatement] {
        try expect(.blockEnd)
        let body = try statements(until: [end], opened: opened)
        advance()
        // A macro's name may be repeated.
        if end == "endmacro", case .name = current.kind { advance() }
        try expect(.blockEnd)
        return body
    }

    private mutating func statement(_ name: String, at offset: Int) throws -> TemplateStatement {
        advance()
        let kind: TemplateStatement.Kind
        switch name {
        case "if": kind = try conditional(at: offset)
        case "for": kind = try loop(at: offset)
        case "set": kind = try assignment(at: offset)
        case "macro": kind = .macro(try macro(at: offset))
        case "call": kind = try callBlock(at: offset)
        case "filter": kind = .scoped(try filterBlock(at: offset))
        case "generation":
            kind = .scoped(try expression(.body(try body(until: "endgeneration", opened: offset)), offset, []))
        case "with": kind = try with(at: offset)
        case "break", "continue":
            guard loops > 0 else { throw fault("'\(name)' stands outside of a loop", at: offset) }
            try expect(.blockEnd)
            kind = name == "break" ? .breakLoop : .continueLoop
        case "include", "import", "from", "extends", "block":
            throw fault("'\(name)' is refused: a chat template is one text and cannot reach others", at: offset)
        case _ where name.hasPrefix("end") || name == "else" || name == "elif":
            throw fault("'\(name)' ends no block that is open here", at: offset)
        default: throw fault("there is no tag '\(name)'", at: offset)
        }
        return TemplateStatement(kind: kind, offset: offset)
    }

    private mutating func conditional(at offset: Int) throws -> TemplateStatement.Kind {
        var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
        var otherwise: [TemplateStatement] = []
        while true {
            let condition = try tuple(withConditional: false)
            try expect(.blockEnd)
            branches.append((condition, try statements(until: ["elif", "else", "endif"], opened: offset)))
            if skipName("elif") { continue }
            if skipName("else") {
                otherwise = try body(until: "endif", opened: offset)
            } else {
                advance()
                try expect(.blockEnd)
            }
            return .conditional(branches, else: otherwise)
        }
    }

    private mutating func loop(at offset: Int) throws -> TemplateStatement.Kind {
        let target = try target(end: "in")
        guard skipName("in") else { throw fault("expected 'in' but found \(current.text)") }
        let items = try tuple(withConditional: false, end: "recursive")
        let condition = skipName("if") ? try conditionalExpression() : nil
        if isName("recursive") { throw fault("a recursive loop is refused") }
        try expect(.blockEnd)
        loops += 1
        let body = try statements(until: ["else", "endfor"], opened: offset)
        loops -= 1
        var otherwise: [TemplateStatement] = []
        if skipName("else") {
            otherwise = try self.body(until: "endfor", opened: offset)
        } else {
            advance()
            try expect(.blockEnd)
        }
        return .loop(
            TemplateLoop(target: target, items: items, condition: condition, body: body, otherwise: otherwise))
    }

    private mutating func assignment(at offset: Int) throws -> TemplateStatement.Kind {
        let target = try target(end: nil)
        if skipSymbol("=") {
            let value = try tuple()
            try expect(.blockEnd)
            return .set(target, value)
        }
        return .setBlock(target, try filteredBody(until: "endset", opened: offset))
    }

    /// `| f | g %} … {% end %}`.
    private mutating func filteredBody(until end: String, opened: Int) throws -> TemplateExpression {
        // The filters are read first, and applied to a body that is only read then.
        var filters: [(name: String, arguments: TemplateArguments, offset: Int)] = []
        while isSymbol("|") {
            let offset = current.offset
            advance()
            filters.append((try expectName(), isSymbol("(") ? try arguments() : TemplateArguments(), offset))
            guard filters.count <= 16 else { throw fault("more than 16 filters stand in one row", at: offset) }
        }
        var value = try expression(.body(try body(until: end, opened: opened)), opened, [])
        for filter in filters {
            let arguments = filter.arguments
            value = try expression(
                .filter(value, filter.name, arguments), filter.offset,
                [value] + arguments.positional + arguments.named.map(\.value))
        }
        return value
    }

    private mutating func filterBlock(at offset: Int) throws -> TemplateExpression {
        // As if the tag's name were the bar before the first filter.
        index -= 1
        tokens[index].kind = .symbol("|")
        return try filteredBody(until: "endfilter", opened: offset)
    }

    private mutating func parameters() throws -> [(name: String, fallback: TemplateExpression?)] {
        var parameters: [(name: String, fallback: TemplateExpression?)] = []
        try expectSymbol("(")
        while !isSymbol(")") {
            if !parameters.isEmpty { try expectSymbol(",") }
            if isSymbol(")") { break }
            let name = try expectName()
            parameters.append((name, skipSymbol("=") ? try conditionalExpression() : nil))
        }
        try expectSymbol(")")
        return parameters
    }

    private mutating func macro(at offset: Int) throws -> TemplateMacro {
        let name = try expectName()
        let parameters = try parameters()
        return try macro(name, parameters, until: "endmacro", at: offset)
    }

    private mutating func macro(
        _ name: String, _ parameters: [(name: String, fallback: TemplateExpression?)], until end: String, at offset: Int
    ) throws -> TemplateMacro {
        let outerLoops = loops
        loops = 0
        defer { loops = outerLoops }
        return TemplateMacro(name: name, parameters: parameters, body: try body(until: end, opened: offset))
    }

    private mutating func callBlock(at offset: Int) throws -> TemplateStatement.Kind {
        let parameters = isSymbol("(") ? try parameters() : []
        let call = try conditionalExpression()
        guard case .call = call.kind else { throw fault("a call block needs a call", at: offset) }
        return .callBlock(call, try macro("caller", parameters, until: "endcall", at: offset))
    }

    private mutating func with(at offset: Int) throws -> TemplateStatement.Kind {
        var assignments: [(target: TemplateTarget, value: TemplateExpression)] = []
        while current.kind != .blockEnd {
            if !assignments.isEmpty { try expectSymbol(",") }
            let target = try target(end: nil, allowsTuple: false)
            try expectSymbol("=")
            assignments.append((target, try conditionalExpression()))
        }
        return .with(assignments, body: try body(until: "endwith", opened: offset))
    }

    /// What is assigned to, up to the name `end`.
    private mutating func target(end: String?, allowsTuple: Bool = true) throws -> TemplateTarget {
        var targets: [TemplateTarget] = []
        var isTuple = false
        while true {
            if let end, isName(end), isTuple { break }
            if isSymbol("=") || isSymbol(")"), isTuple { break }
            if skipSymbol("(") {
                targets.append(try nested { try $0.target(end: nil) })
                try expectSymbol(")")
            } else {
                let offset = current.offset
                let name = try expectName()
                guard !["true", "false", "none", "True", "False", "None"].contains(name), end == nil || name != "loop"
                else {
                    throw fault("'\(name)' cannot be assigned to", at: offset)
                }
                targets.append(skipSymbol(".") ? .attribute(of: name, try expectName()) : .name(name))
            }
            guard allowsTuple, skipSymbol(",") else { break }
            isTuple = true
        }
        return isTuple ? .tuple(targets) : targets[0]
    }
}

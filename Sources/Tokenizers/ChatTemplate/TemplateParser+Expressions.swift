/// Expressions, from the loosest operator to the tightest.
extension TemplateParser {
    /// An expression around `parts`, refused if that is one too many in one another.
    func expression(
        _ kind: TemplateExpression.Kind, _ offset: Int, _ parts: [TemplateExpression]
    ) throws -> TemplateExpression {
        let depth = 1 + (parts.lazy.map(\.depth).max() ?? 0)
        guard depth <= Self.maximumDepth else { throw tooDeep(at: offset) }
        return TemplateExpression(kind: kind, offset: offset, depth: depth)
    }

    /// One expression, or several with commas between them, which are a tuple.
    mutating func tuple(
        withConditional: Bool = true, end: String? = nil, inParentheses: Bool = false
    ) throws -> TemplateExpression {
        let offset = current.offset
        var items: [TemplateExpression] = []
        var isTuple = false
        while true {
            if case .variableEnd = current.kind { break }
            if case .blockEnd = current.kind { break }
            if isSymbol(")") { break }
            if let end, isName(end) { break }
            items.append(withConditional ? try conditionalExpression() : try nested { try $0.or() })
            guard skipSymbol(",") else { break }
            isTuple = true
        }
        if !isTuple {
            if let item = items.first { return item }
            guard inParentheses else { throw fault("expected an expression but found \(current.text)") }
        }
        return try expression(.tuple(items), offset, items)
    }

    /// `a if b else c`, or an expression without a condition.
    mutating func conditionalExpression() throws -> TemplateExpression {
        try nested { parser in
            let offset = parser.current.offset
            var value = try parser.or()
            while parser.skipName("if") {
                let condition = try parser.or()
                let otherwise = parser.skipName("else") ? try parser.conditionalExpression() : nil
                value = try parser.expression(
                    .conditional(value, if: condition, else: otherwise), offset,
                    [value, condition] + (otherwise.map { [$0] } ?? []))
            }
            return value
        }
    }

    mutating func or() throws -> TemplateExpression {
        var left = try and()
        while isName("or") {
            let offset = advance().offset
            let right = try and()
            left = try expression(.or(left, right), offset, [left, right])
        }
        return left
    }

    private mutating func and() throws -> TemplateExpression {
        var left = try not()
        while isName("and") {
            let offset = advance().offset
            let right = try not()
            left = try expression(.and(left, right), offset, [left, right])
        }
        return left
    }

    private mutating func not() throws -> TemplateExpression {
        guard isName("not") else { return try comparison() }
        let offset = advance().offset
        let operand = try nested { try $0.not() }
        return try expression(.not(operand), offset, [operand])
    }

    private mutating func comparison() throws -> TemplateExpression {
        let offset = current.offset
        let first = try sum()
        var rest: [(operation: TemplateComparison, value: TemplateExpression)] = []
        while true {
            if case .symbol(let symbol) = current.kind, let operation = TemplateComparison(rawValue: symbol) {
                advance()
                rest.append((operation, try sum()))
            } else if skipName("in") {
                rest.append((.contained, try sum()))
            } else if isName("not"), next.kind == .name("in") {
                advance()
                advance()
                rest.append((.notContained, try sum()))
            } else {
                break
            }
        }
        return rest.isEmpty
            ? first : try expression(.comparison(first, rest), offset, [first] + rest.map(\.value))
    }

    private mutating func sum() throws -> TemplateExpression {
        try chain([.add, .subtract]) { try $0.concatenation() }
    }

    private mutating func concatenation() throws -> TemplateExpression {
        let offset = current.offset
        var parts = [try product()]
        while skipSymbol("~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try expression(.concatenation(parts), offset, parts)
    }

    private mutating func product() throws -> TemplateExpression {
        try chain([.multiply, .divide, .floorDivide, .modulo]) { parser in
            try parser.chain([.power]) { try $0.unary() }
        }
    }

    private mutating func chain(
        _ operations: [TemplateArithmetic], _ operand: (inout TemplateParser) throws -> TemplateExpression
    ) throws -> TemplateExpression {
        var left = try operand(&self)
        while case .symbol(let symbol) = current.kind, let operation = TemplateArithmetic(rawValue: symbol),
            operations.contains(operation)
        {
            let offset = advance().offset
            let right = try operand(&self)
            left = try expression(.arithmetic(operation, left, right), offset, [left, right])
        }
        return left
    }

    private mutating func unary(withFilters: Bool = true) throws -> TemplateExpression {
        let offset = current.offset
        var value: TemplateExpression
        if skipSymbol("-") {
            let operand = try nested { try $0.unary(withFilters: false) }
            value = try expression(.negative(operand), offset, [operand])
        } else if skipSymbol("+") {
            let operand = try nested { try $0.unary(withFilters: false) }
            value = try expression(.positive(operand), offset, [operand])
        } else {
            value = try primary()
        }
        value = try postfix(value)
        while withFilters {
            let offset = current.offset
            if skipSymbol("|") {
                let name = try expectName()
                let arguments = isSymbol("(") ? try arguments() : TemplateArguments()
                value = try expression(
                    .filter(value, name, arguments), offset,
                    [value] + arguments.positional + arguments.named.map(\.value))
            } else if skipName("is") {
                value = try test(value, at: offset)
            } else if isSymbol("(") {
                value = try call(value)
            } else {
                break
            }
        }
        return value
    }

    private mutating func test(_ value: TemplateExpression, at offset: Int) throws -> TemplateExpression {
        let isNegated = skipName("not")
        let name = try expectName()
        var arguments = TemplateArguments()
        switch current.kind {
        case .symbol("("): arguments = try self.arguments()
        case .name("else"), .name("or"), .name("and"), .name("if"): break
        case .name("is"): throw fault("tests cannot be chained with 'is'")
        case .name, .string, .integer, .float, .symbol("["), .symbol("{"):
            let argument = try primary()
            arguments.positional = [try postfix(argument)]
        default: break
        }
        let test = try expression(
            .test(value, name, arguments), offset, [value] + arguments.positional + arguments.named.map(\.value))
        return isNegated ? try expression(.not(test), offset, [test]) : test
    }

    private mutating func primary() throws -> TemplateExpression {
        let token = current
        switch token.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return try expression(.literal(.bool(true)), token.offset, [])
            case "false", "False": return try expression(.literal(.bool(false)), token.offset, [])
            case "none", "None": return try expression(.literal(.none), token.offset, [])
            default: return try expression(.name(name), token.offset, [])
            }
        case .string:
            var text = ""
            while case .string(let part) = current.kind {
                text += part
                advance()
            }
            return try expression(.literal(.string(text)), token.offset, [])
        case .integer(let value):
            advance()
            return try expression(.literal(.int(value)), token.offset, [])
        case .float(let value):
            advance()
            return try expression(.literal(.float(value)), token.offset, [])
        case .symbol("("):
            advance()
            let value = try nested { try $0.tuple(inParentheses: true) }
            try expectSymbol(")")
            return value
        case .symbol("["):
            advance()
            let items = try items(until: "]") { try $0.conditionalExpression() }
            return try expression(.list(items), token.offset, items)
        case .symbol("{"):
            advance()
            let pairs = try items(until: "}") { parser in
                let key = try parser.conditionalExpression()
                try parser.expectSymbol(":")
                return (key: key, value: try parser.conditionalExpression())
            }
            return try expression(.dictionary(pairs), token.offset, pairs.map(\.key) + pairs.map(\.value))
        default: throw fault("expected an expression but found \(token.text)")
        }
    }

    private mutating func items<Item>(
        until end: String, _ item: (inout TemplateParser) throws -> Item
    ) throws -> [Item] {
        var items: [Item] = []
        while !isSymbol(end) {
            if !items.isEmpty { try expectSymbol(",") }
            if isSymbol(end) { break }
            items.append(try item(&self))
        }
        try expectSymbol(end)
        return items
    }

    private mutating func postfix(_ base: TemplateExpression) throws -> TemplateExpression {
        var value = base
        while true {
            let offset = current.offset
            if skipSymbol(".") {
                if case .integer(let number) = current.kind {
                    advance()
                    let key = try expression(.literal(.int(number)), offset, [])
                    value = try expression(.subscripted(value, key), offset, [value, key])
                } else {
                    value = try expression(.attribute(value, try expectName()), offset, [value])
                }
            } else if skipSymbol("[") {
                value = try subscripted(value, at: offset)
                try expectSymbol("]")
            } else if isSymbol("(") {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    private mutating func subscripted(_ base: TemplateExpression, at offset: Int) throws -> TemplateExpression {
        var bounds: [TemplateExpression?] = [nil]
        while !isSymbol("]") {
            if skipSymbol(":") {
                bounds.append(nil)
                guard bounds.count <= 3 else { throw fault("a slice has at most three parts") }
            } else {
                guard bounds[bounds.count - 1] == nil else { throw fault("expected ']' but found \(current.text)") }
                bounds[bounds.count - 1] = try conditionalExpression()
            }
        }
        let parts = [base] + bounds.compactMap(\.self)
        if bounds.count == 1 {
            guard let key = bounds[0] else { throw fault("expected an expression but found \(current.text)") }
            return try expression(.subscripted(base, key), offset, parts)
        }
        let step = bounds.count == 3 ? bounds[2] : nil
        return try expression(.slice(base, from: bounds[0], to: bounds[1], by: step), offset, parts)
    }

    private mutating func call(_ callee: TemplateExpression) throws -> TemplateExpression {
        let offset = current.offset
        let arguments = try arguments()
        return try expression(
            .call(callee, arguments), offset, [callee] + arguments.positional + arguments.named.map(\.value))
    }

    mutating func arguments() throws -> TemplateArguments {
        try expectSymbol("(")
        var arguments = TemplateArguments()
        _ = try items(until: ")") { parser in
            if parser.isSymbol("*") || parser.isSymbol("**") {
                throw parser.fault("arguments cannot be unpacked with '*' here")
            }
            if case .name(let name) = parser.current.kind, parser.next.kind == .symbol("=") {
                parser.advance()
                parser.advance()
                arguments.named.append((name, try parser.conditionalExpression()))
            } else {
                guard arguments.named.isEmpty else {
                    throw parser.fault("an argument without a name stands behind one with a name")
                }
                arguments.positional.append(try parser.conditionalExpression())
            }
        }
        return arguments
    }
}

extension TemplateInterpreter {
    func evaluate(_ expression: TemplateExpression) throws -> TemplateValue {
        if case .literal(let value) = expression.kind { return value }
        return try deeper {
            offset = expression.offset
            return try evaluateParts(of: expression)
        }
    }

    private func evaluateParts(of expression: TemplateExpression) throws -> TemplateValue {
        switch expression.kind {
        case .literal(let value): return value
        case .name(let name):
            if let value = scope.value(name) { return value }
            return Self.functionNames.contains(name) ? .object(.function(name)) : .undefined
        case .list(let items): return try checkedNesting(.list(items.map { try evaluate($0) }))
        case .tuple(let items): return try checkedNesting(.tuple(items.map { try evaluate($0) }))
        case .dictionary(let pairs): return try dictionary(pairs)
        case .attribute(let base, let name):
            let value = try evaluate(base)
            offset = expression.offset
            try requireDefined(value, base)
            return attribute(name, of: value)
        case .subscripted(let base, let key): return try subscripted(base, key, at: expression.offset)
        case .slice(let base, let from, let to, let step):
            return try slice(base, from: from, to: to, by: step, at: expression.offset)
        case .call(let callee, let arguments):
            let function = try evaluate(callee)
            let values = try evaluate(arguments)
            offset = expression.offset
            return try call(function, callee, values)
        case .filter(let base, let name, let arguments):
            let value = try evaluate(base)
            let values = try evaluate(arguments)
            offset = expression.offset
            return try filter(name, value, values)
        case .test(let base, let name, let arguments):
            let value = try evaluate(base)
            let values = try evaluate(arguments)
            offset = expression.offset
            return .bool(try test(name, value, values))
        case .not(let operand): return .bool(try !evaluate(operand).isTrue)
        case .and(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? try evaluate(right) : value
        case .or(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? value : try evaluate(right)
        case .conditional(let value, let condition, let otherwise):
            if try evaluate(condition).isTrue { return try evaluate(value) }
            return try otherwise.map { try evaluate($0) } ?? .undefined
        case .body(let statements):
            return .string(try capture(statements, in: TemplateScope(outer: scope)))
        default: return try evaluateOperation(expression)
        }
    }

    private func evaluateOperation(_ expression: TemplateExpression) throws -> TemplateValue {
        switch expression.kind {
        case .negative(let operand), .positive(let operand):
            let value = try evaluate(operand)
            offset = expression.offset
            try requireDefined(value, operand)
            guard let number = value.number else { throw TemplateFault("\(value.kindName) has no sign") }
            guard case .negative = expression.kind else { return TemplateValue(number) }
            return try arithmetic(.subtract, .int(0), TemplateValue(number))
        case .arithmetic(let operation, let left, let right):
            let one = try evaluate(left)
            let another = try evaluate(right)
            offset = expression.offset
            try requireDefined(one, left)
            try requireDefined(another, right)
            return try arithmetic(operation, one, another)
        case .concatenation(let parts):
            var text = ""
            for part in parts {
                text += try string(evaluate(part))
                try chargeString(bytes: text.utf8.count)
            }
            return .string(text)
        case .comparison(let first, let rest):
            var left = (value: try evaluate(first), expression: first)
            for (operation, expression) in rest {
                let right = (value: try evaluate(expression), expression: expression)
                offset = expression.offset
                guard try compare(operation, left, right) else { return .bool(false) }
                left = right
            }
            return .bool(true)
        default: preconditionFailure("an operation is evaluated here")
        }
    }

    // MARK: Undefined values

    /// Throws if `value`, of `expression`, is undefined.
    func requireDefined(_ value: TemplateValue, _ expression: TemplateExpression) throws {
        guard case .undefined = value else { return }
        throw TemplateFault("\(Self.describe(expression)) is undefined")
    }

    /// What an expression is called in a message.
    static func describe(_ expression: TemplateExpression) -> String {
        path(expression).map { "'\($0)'" } ?? "this value"
    }

    private static func path(_ expression: TemplateExpression) -> String? {
        switch expression.kind {
        case .name(let name): name
        case .attribute(let base, let name): path(base).map { "\($0).\(name)" } ?? name
        case .subscripted(let base, let key):
            if case .literal(.string(let name)) = key.kind {
                path(base).map { "\($0)['\(name)']" } ?? name
            } else {
                path(base).map { "\($0)[…]" }
            }
        default: nil
        }
    }

    // MARK: Parts of values

    private func dictionary(
        _ pairs: [(key: TemplateExpression, value: TemplateExpression)]
    ) throws -> TemplateValue {
        var entries = TemplateDictionary()
        for (key, value) in pairs {
            let key = try evaluate(key)
            guard TemplateDictionary.isKey(key) else { throw TemplateFault("\(key.kindName) cannot be a key") }
            entries[key] = try evaluate(value)
        }
        return try checkedNesting(.dictionary(entries))
    }

    /// `value.name`: a method if there is one, then a key.
    func attribute(_ name: String, of value: TemplateValue) -> TemplateValue {
        switch value {
        case .dictionary(let entries):
            if TemplateMethods.ofDictionaries.contains(name) { return .object(.method(value, name)) }
            return entries[name] ?? .undefined
        case .string: return TemplateMethods.ofStrings.contains(name) ? .object(.method(value, name)) : .undefined
        case .list, .tuple: return TemplateMethods.ofLists.contains(name) ? .object(.method(value, name)) : .undefined
        case .object(let object):
            switch object.kind {
            case .namespace(let index): return namespaces[index][name] ?? .undefined
            case .loop(let index): return loopAttribute(name, of: index, value)
            case .macro(let index): return name == "name" ? .string(macros[index].macro.name) : .undefined
            default: return .undefined
            }
        default: return .undefined
        }
    }

    private func loopAttribute(_ name: String, of state: Int, _ value: TemplateValue) -> TemplateValue {
        let loop = loops[state]
        switch name {
        case "index": return .int(loop.index + 1)
        case "index0": return .int(loop.index)
        case "revindex": return .int(loop.items.count - loop.index)
        case "revindex0": return .int(loop.items.count - loop.index - 1)
        case "first": return .bool(loop.index == 0)
        case "last": return .bool(loop.index == loop.items.count - 1)
        case "length": return .int(loop.items.count)
        // Counts the levels of a recursive loop, of which there is none here.
        case "depth": return 1
        case "depth0": return 0
        case "previtem": return loop.index > 0 ? loop.items[loop.index - 1] : .undefined
        case "nextitem": return loop.index + 1 < loop.items.count ? loop.items[loop.index + 1] : .undefined
        case "cycle", "changed": return .object(.method(value, name))
        default: return .undefined
        }
    }

    private func subscripted(
        _ base: TemplateExpression, _ key: TemplateExpression, at offset: Int
    ) throws -> TemplateValue {
        let value = try evaluate(base)
        let key = try evaluate(key)
        self.offset = offset
        try requireDefined(value, base)
        return try item(key, of: value)
    }

    /// `value[key]`: a key or an index, then a method.
    func item(_ key: TemplateValue, of value: TemplateValue) throws -> TemplateValue {
        switch value {
        case .dictionary(let entries):
            if let found = entries[key] { return found }
        case .list(let items), .tuple(let items):
            if case .int(let index)? = key.number {
                let place = index < 0 ? index + items.count : index
                return items.indices.contains(place) ? items[place] : .undefined
            }
        case .string(let text):
            if case .int(let index)? = key.number {
                try charge(bytes: text.utf8.count)
                let scalars = text.unicodeScalars
                let place = index < 0 ? index + scalars.count : index
                guard place >= 0,
                    let at = scalars.index(scalars.startIndex, offsetBy: place, limitedBy: scalars.endIndex),
                    at < scalars.endIndex
                else { return .undefined }
                return .string(String(scalars[at]))
            }
        default: break
        }
        guard case .string(let name) = key else { return .undefined }
        return attribute(name, of: value)
    }

    private func slice(
        _ base: TemplateExpression, from: TemplateExpression?, to: TemplateExpression?, by step: TemplateExpression?,
        at offset: Int
    ) throws -> TemplateValue {
        func bound(_ expression: TemplateExpression?) throws -> Int? {
            guard let expression else { return nil }
            switch try evaluate(expression) {
            case .none: return nil
            case .int(let value): return value
            case .bool(let value): return value ? 1 : 0
            case let other: throw TemplateFault("\(other.kindName) cannot bound a slice")
            }
        }
        let value = try evaluate(base)
        let bounds = (try bound(from), try bound(to), try bound(step) ?? 1)
        self.offset = offset
        try requireDefined(value, base)
        guard bounds.2 != 0 else { throw TemplateFault("a slice cannot have a step of 0") }
        switch value {
        case .list, .tuple, .string: break
        default: return .undefined
        }
        let length = try length(of: value)
        // Clipped before it is negated or added to, which an extreme number would not survive.
        let reach = limits.stringBytes + 1
        func clip(_ bound: Int?) -> Int? { bound.map { min(max($0, -reach), reach) } }
        let indices = TemplateText.sliceIndices(
            count: length, from: clip(bounds.0), to: clip(bounds.1), by: min(max(bounds.2, -reach), reach))
        try charge(indices.count / 8)
        switch value {
        case .list(let items): return .list(indices.map { items[$0] })
        case .tuple(let items): return .tuple(indices.map { items[$0] })
        case .string(let text):
            let scalars = Array(text.unicodeScalars)
            return .string(String(String.UnicodeScalarView(indices.map { scalars[$0] })))
        default: throw TemplateFault("\(value.kindName) cannot be sliced")
        }
    }
}

extension TemplateInterpreter {
    /// `value is name(arguments)`.
    func test(_ name: String, _ value: TemplateValue, _ values: TemplateCallValues) throws -> Bool {
        if let answer = try testWithArgument(name, value, values) { return answer }
        guard values.positional.isEmpty, values.named.isEmpty else {
            throw TemplateFault("there is no test '\(name)' with an argument")
        }
        switch (name, value) {
        case ("defined", _):
            if case .undefined = value { return false }
            return true
        case ("undefined", .undefined), ("none", .none), ("boolean", .bool), ("integer", .int), ("float", .float),
            ("string", .string), ("mapping", .dictionary), ("number", .int), ("number", .float), ("number", .bool),
            ("true", .bool(true)), ("false", .bool(false)):
            return true
        case ("undefined", _), ("none", _), ("boolean", _), ("integer", _), ("float", _), ("string", _),
            ("mapping", _), ("number", _), ("true", _), ("false", _):
            return false
        case ("callable", .object(let object)): return object.isCallable
        case ("callable", _): return false
        case ("iterable", _), ("sequence", _):
            switch value {
            case .string, .list, .tuple, .dictionary, .undefined: return true
            case .object(let object):
                if case .iterator = object.kind { return name == "iterable" }
                return false
            default: return false
            }
        case ("even", _), ("odd", _):
            guard let number = value.number else { throw TemplateFault("\(value.kindName) is neither even nor odd") }
            let remainder = try arithmetic(.modulo, TemplateValue(number), 2)
            return remainder == (name == "odd" ? 1 : 0)
        case ("lower", _), ("upper", _):
            let text = try string(value)
            return try callMethod(name == "lower" ? "islower" : "isupper", of: .string(text), TemplateCallValues())
                .isTrue
        case ("filter", .string(let filter)): return Self.filterNames.contains(filter)
        case ("escaped", _): return false
        default: throw TemplateFault("there is no test '\(name)'")
        }
    }

    /// The tests that compare with another value; nil for any other name.
    private func testWithArgument(
        _ name: String, _ value: TemplateValue, _ values: TemplateCallValues
    ) throws -> Bool? {
        let names = [
            "==", "eq", "equalto", "!=", "ne", "<", "lt", "lessthan", "<=", "le", ">", "gt", "greaterthan", ">=", "ge",
            "in", "sameas", "divisibleby",
        ]
        guard names.contains(name) else { return nil }
        guard let other = try values.bound(to: ["other"], of: "the test '\(name)'")[0] else {
            throw TemplateFault("the test '\(name)' needs something to compare with")
        }
        switch name {
        case "==", "eq", "equalto": return try areEqual(value, other)
        case "!=", "ne": return try !areEqual(value, other)
        case "in": return try contains(other, value)
        case "sameas":
            switch (value, other) {
            case (.bool, .bool), (.none, .none), (.int, .int), (.string, .string), (.object, .object):
                return try areEqual(value, other)
            default: return false
            }
        case "divisibleby": return try arithmetic(.modulo, value, other) == 0
        case "<", "lt", "lessthan": return try isOrdered(.less, value, other)
        case "<=", "le": return try isOrdered(.lessOrEqual, value, other)
        case ">", "gt", "greaterthan": return try isOrdered(.greater, value, other)
        default: return try isOrdered(.greaterOrEqual, value, other)
        }
    }
}

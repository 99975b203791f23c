/// Arguments with their values.
struct TemplateCallValues {
    var positional: [TemplateValue] = []
    var named: [(name: String, value: TemplateValue)] = []

    /// The values by parameter, nil where none was given. `owner` is what messages call the callee.
    func bound(to parameters: [String], of owner: String) throws -> [TemplateValue?] {
        guard positional.count <= parameters.count else {
            throw TemplateFault("\(owner) takes at most \(parameters.count) arguments, not \(positional.count)")
        }
        var values: [TemplateValue?] = positional + Array(repeating: nil, count: parameters.count - positional.count)
        for (name, value) in named {
            guard let place = parameters.firstIndex(of: name) else {
                throw TemplateFault("\(owner) has no parameter '\(name)'")
            }
            guard values[place] == nil else { throw TemplateFault("\(owner) is given '\(name)' twice") }
            values[place] = value
        }
        return values
    }
}

extension TemplateInterpreter {
    func evaluate(_ arguments: TemplateArguments) throws -> TemplateCallValues {
        TemplateCallValues(
            positional: try arguments.positional.map { try evaluate($0) },
            named: try arguments.named.map { ($0.name, try evaluate($0.value)) })
    }

    /// Calls `function`, which is the value of `callee`.
    func call(
        _ function: TemplateValue, _ callee: TemplateExpression, _ values: TemplateCallValues
    ) throws -> TemplateValue {
        guard case .object(let object) = function, object.isCallable else {
            if case .undefined = function {
                throw TemplateFault("\(Self.describe(callee)) is undefined, and is called")
            }
            throw TemplateFault("\(function.kindName) cannot be called")
        }
        switch object.kind {
        case .macro(let index): return try callMacro(macros[index], values)
        case .method(let receiver, let name): return try callMethod(name, of: receiver, values)
        case .joiner(let index):
            defer { joiners[index].isUsed = true }
            return .string(joiners[index].isUsed ? joiners[index].separator : "")
        case .function(let name): return try callFunction(name, values)
        default: throw TemplateFault("\(function.kindName) cannot be called")
        }
    }

    private func callMacro(_ state: MacroState, _ values: TemplateCallValues) throws -> TemplateValue {
        let macro = state.macro
        let inner = TemplateScope(outer: state.scope)
        var values = values
        if let caller = values.named.firstIndex(where: { $0.name == "caller" }),
            !macro.parameters.contains(where: { $0.name == "caller" })
        {
            inner.variables["caller"] = values.named.remove(at: caller).value
        }
        let given = try values.bound(to: macro.parameters.map(\.name), of: "the macro '\(macro.name)'")
        let saved = scope
        defer { scope = saved }
        scope = inner
        for (parameter, value) in zip(macro.parameters, given) {
            inner.variables[parameter.name] = try value ?? parameter.fallback.map { try evaluate($0) } ?? .undefined
        }
        return try checked(try deeper { try capture(macro.body, in: inner) })
    }

    private func callFunction(_ name: String, _ values: TemplateCallValues) throws -> TemplateValue {
        switch name {
        case "range": return try range(values)
        case "namespace", "dict":
            var entries = TemplateDictionary()
            if let first = values.positional.first {
                if case .dictionary(let given) = first {
                    entries = given
                } else {
                    for pair in try items(of: first) {
                        let parts = try items(of: pair)
                        guard parts.count == 2, TemplateDictionary.isKey(parts[0]) else {
                            throw TemplateFault("\(name)() needs pairs of a key and a value")
                        }
                        entries[parts[0]] = parts[1]
                    }
                }
            }
            guard values.positional.count <= 1 else { throw TemplateFault("\(name)() takes at most one argument") }
            for (key, value) in values.named { entries[key] = value }
            guard name == "namespace" else { return try checkedNesting(.dictionary(entries)) }
            namespaces.append(entries)
            return .object(.namespace(namespaces.count - 1))
        case "raise_exception":
            let message = try values.bound(to: ["message"], of: "raise_exception()")[0] ?? TemplateValue.none
            throw TemplateFault(.refused, try string(message))
        case "strftime_now":
            guard case .string(let format)? = try values.bound(to: ["format"], of: "strftime_now()")[0] else {
                throw TemplateFault("strftime_now() needs a format")
            }
            return try checked(try time().formatted(format))
        default:
            let separator = try values.bound(to: ["sep"], of: "joiner()")[0]
            joiners.append((try separator.map { try string($0) } ?? ", ", false))
            return .object(.joiner(joiners.count - 1))
        }
    }

    private func range(_ values: TemplateCallValues) throws -> TemplateValue {
        let bounds = try values.positional.map { value in
            guard case .int(let bound)? = value.number else { throw TemplateFault("range() needs integers") }
            return bound
        }
        guard (1...3).contains(bounds.count), values.named.isEmpty else {
            throw TemplateFault("range() takes one to three integers")
        }
        let (start, end) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw TemplateFault("range() cannot have a step of 0") }
        // In floating-point numbers, because the distance of two integers may not fit one.
        let count = max(0, ((Double(end) - Double(start)) / Double(step)).rounded(.up))
        try chargeItems(count < 1e15 ? Int(count) : .max)
        return .list(stride(from: start, to: end, by: step).map { .int($0) })
    }
}

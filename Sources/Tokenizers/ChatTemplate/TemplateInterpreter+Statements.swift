extension TemplateInterpreter {
    /// How a row of statements ended.
    enum Flow {
        case normal
        case leavesLoop
        case nextTurn
    }

    func execute(_ statements: [TemplateStatement]) throws -> Flow {
        for statement in statements {
            let flow = try deeper { try execute(statement) }
            if flow != .normal { return flow }
        }
        return .normal
    }

    private func execute(_ statement: TemplateStatement) throws -> Flow {
        offset = statement.offset
        switch statement.kind {
        case .text(let text): try write(text)
        case .output(let value): try write(string(evaluate(value)))
        case .conditional(let branches, let otherwise):
            for branch in branches where try evaluate(branch.condition).isTrue { return try execute(branch.body) }
            return try execute(otherwise)
        case .loop(let loop): try run(loop)
        case .set(let target, let value): try assign(evaluate(value), to: target)
        case .setBlock(let target, let value): try assign(evaluate(value), to: target)
        case .macro(let macro): scope.variables[macro.name] = define(macro)
        case .callBlock(let call, let body):
            guard case .call(let callee, let arguments) = call.kind else { break }
            let function = try evaluate(callee)
            var values = try evaluate(arguments)
            values.named.append(("caller", define(body)))
            offset = call.offset
            try write(string(self.call(function, callee, values)))
        case .scoped(let value): try write(string(evaluate(value)))
        case .with(let assignments, let body):
            let values = try assignments.map { try evaluate($0.value) }
            let saved = scope
            scope = TemplateScope(outer: saved)
            defer { scope = saved }
            for (assignment, value) in zip(assignments, values) { try assign(value, to: assignment.target) }
            return try execute(body)
        case .breakLoop: return .leavesLoop
        case .continueLoop: return .nextTurn
        }
        return .normal
    }

    private func define(_ macro: TemplateMacro) -> TemplateValue {
        macros.append(MacroState(macro: macro, scope: scope))
        return .object(.macro(macros.count - 1))
    }

    func assign(_ value: TemplateValue, to target: TemplateTarget) throws {
        switch target {
        case .name(let name): scope.variables[name] = value
        case .attribute(let name, let attribute):
            guard case .object(let object) = scope.value(name) ?? .undefined, case .namespace(let index) = object.kind
            else { throw TemplateFault("'\(name)' is not a namespace: only a namespace's attributes can be set") }
            namespaces[index][attribute] = value
        case .tuple(let targets):
            let values = try items(of: value)
            guard values.count == targets.count else {
                throw TemplateFault("\(values.count) values cannot be assigned to \(targets.count) names")
            }
            for (target, value) in zip(targets, values) { try assign(value, to: target) }
        }
    }

    private func run(_ loop: TemplateLoop) throws {
        let outer = scope
        defer { scope = outer }
        var items = try items(of: evaluate(loop.items))
        if let condition = loop.condition {
            items = try items.filter { item in
                scope = TemplateScope(outer: outer)
                try charge()
                try assign(item, to: loop.target)
                return try evaluate(condition).isTrue
            }
        }
        guard !items.isEmpty else {
            scope = TemplateScope(outer: outer)
            _ = try execute(loop.otherwise)
            return
        }
        let state = loops.count
        let count = items.count
        loops.append(LoopState(items: items))
        defer {
            // What the loop held is let go; whoever kept `loop` still sees where it ended.
            loops[state].items = Array(items.suffix(1))
            loops[state].index = 0
        }
        for index in 0..<count {
            try charge()
            loops[state].index = index
            scope = TemplateScope(outer: outer)
            scope.variables["loop"] = .object(.loop(state))
            try assign(items[index], to: loop.target)
            if try execute(loop.body) == .leavesLoop { break }
        }
    }
}

/// The variables of a block, a loop's turn or a macro's call; what it does not have is looked for around it.
final class TemplateScope {
    var variables: [String: TemplateValue] = [:]
    let outer: TemplateScope?

    init(outer: TemplateScope? = nil) { self.outer = outer }

    func value(_ name: String) -> TemplateValue? {
        var scope: TemplateScope? = self
        while let here = scope {
            if let value = here.variables[name] { return value }
            scope = here.outer
        }
        return nil
    }
}

/// One rendering: walks through the statements, with all its state in tables of its own. There is nothing here that
/// reads a file, an environment or a type: a template reaches the values it was given and the functions named in
/// `functionNames`, and no more.
final class TemplateInterpreter {
    struct LoopState {
        var items: [TemplateValue]
        var index = 0
        var lastChanged: [TemplateValue]?
    }

    struct MacroState {
        var macro: TemplateMacro
        /// Where the macro was defined, whose variables it sees.
        var scope: TemplateScope
    }

    /// What every template may call.
    static let functionNames: Set<String> = [
        "range", "namespace", "dict", "raise_exception", "strftime_now", "joiner",
    ]

    let limits: ChatTemplateLimits
    let time: () -> TemplateTime
    var scope: TemplateScope
    var output = ""
    var namespaces: [TemplateDictionary] = []
    var loops: [LoopState] = []
    var macros: [MacroState] = []
    var iterators: [[TemplateValue]] = []
    var joiners: [(separator: String, isUsed: Bool)] = []
    /// The part of the source that is being evaluated: where an error is.
    var offset = 0
    private var steps = 0
    private var written = 0
    private var depth = 0

    init(variables: [String: TemplateValue], limits: ChatTemplateLimits, time: @escaping () -> TemplateTime) {
        self.limits = limits
        self.time = time
        scope = TemplateScope()
        scope.variables = variables
    }

    // MARK: Limits

    /// Counts `count` steps of work.
    func charge(_ count: Int = 1) throws {
        steps += count
        guard steps <= limits.steps else {
            throw TemplateFault(.limit(.steps), "rendering takes more than \(limits.steps) steps")
        }
    }

    /// Counts work on `bytes` bytes of text.
    func charge(bytes: Int) throws { try charge(1 + bytes / 64) }

    /// `text`, if a string may have its size.
    func checked(_ text: String) throws -> TemplateValue {
        try chargeString(bytes: text.utf8.count)
        return .string(text)
    }

    func chargeString(bytes: Int) throws {
        guard bytes <= limits.stringBytes else {
            throw TemplateFault(
                .limit(.stringBytes), "a string would have \(bytes) bytes, and \(limits.stringBytes) are allowed")
        }
        try charge(bytes: bytes)
    }

    func chargeItems(_ count: Int) throws {
        guard count <= limits.items else {
            throw TemplateFault(.limit(.items), "there would be \(count) items, and \(limits.items) are allowed")
        }
        try charge(count)
    }

    /// `value`, a container around others, if not too many lie in one another: what is deeper could not be
    /// compared, printed or taken apart on a small stack.
    func checkedNesting(_ value: TemplateValue) throws -> TemplateValue {
        let limit = min(limits.nesting, TemplateJSONReader.maximumDepth + 28)
        guard try value.nesting(limit: limit, visit: { try charge() }) < limit else {
            throw TemplateFault(.limit(.nesting), "\(limit) lists or dictionaries lie in one another")
        }
        return value
    }

    /// Runs `work` one level deeper.
    func deeper<Result>(_ work: () throws -> Result) throws -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= limits.nesting else {
            throw TemplateFault(
                .limit(.nesting), "more than \(limits.nesting) calls and expressions lie in one another")
        }
        try charge()
        return try work()
    }

    // MARK: Output

    func write(_ text: String) throws {
        let bytes = text.utf8.count
        written += bytes
        guard written <= limits.outputBytes else {
            throw TemplateFault(.limit(.outputBytes), "the output exceeds \(limits.outputBytes) bytes")
        }
        try charge(bytes: bytes)
        output += text
    }

    /// What `statements` print, in a scope of their own inside of `outer`.
    func capture(_ statements: [TemplateStatement], in inner: TemplateScope) throws -> String {
        let saved = (output, scope)
        output = ""
        scope = inner
        defer { (output, scope) = saved }
        _ = try execute(statements)
        return output
    }

    // MARK: Values

    /// The items that a loop over `value` visits.
    func items(of value: TemplateValue) throws -> [TemplateValue] {
        switch value {
        case .list(let items), .tuple(let items): return items
        case .dictionary(let entries): return entries.keys
        case .string(let text):
            try chargeItems(text.unicodeScalars.count)
            return text.unicodeScalars.map { .string(String($0)) }
        case .undefined: return []
        case .object(let object):
            if case .iterator(let index) = object.kind {
                defer { iterators[index] = [] }
                return iterators[index]
            }
        default: break
        }
        throw TemplateFault("\(value.kindName) has no items to go through")
    }

    /// An iterator over `items`, as filters give it.
    func iterator(_ items: [TemplateValue]) throws -> TemplateValue {
        try chargeItems(items.count)
        iterators.append(items)
        return .object(.iterator(iterators.count - 1))
    }

    /// `value` as it is printed.
    func string(_ value: TemplateValue) throws -> String {
        switch value {
        case .string(let text): return text
        case .undefined: return ""
        default:
            var text = ""
            try describe(value, to: &text)
            return text
        }
    }

    private func describe(_ value: TemplateValue, to text: inout String) throws {
        func addItems<Items: Sequence>(
            _ items: Items, _ open: String, _ close: String, _ add: (Items.Element) throws -> Void
        ) throws {
            text += open
            var isFirst = true
            for item in items {
                if !isFirst { text += ", " }
                isFirst = false
                try add(item)
            }
            text += close
        }
        try charge()
        switch value {
        case .undefined: text += "Undefined"
        case .none: text += "None"
        case .bool(let value): text += value ? "True" : "False"
        case .int(let value): text += String(value)
        case .float(let value): text += TemplateText.describe(value)
        case .string(let value): text += TemplateText.quoted(value)
        case .list(let items): try addItems(items, "[", "]") { try describe($0, to: &text) }
        case .tuple(let items):
            try addItems(items, "(", items.count == 1 ? ",)" : ")") { try describe($0, to: &text) }
        case .dictionary(let entries):
            try addItems(entries, "{", "}") { key, value in
                try describe(key, to: &text)
                text += ": "
                try describe(value, to: &text)
            }
        case .object: throw TemplateFault("\(value.kindName) cannot be printed")
        }
        guard text.utf8.count <= limits.stringBytes else { return try chargeString(bytes: text.utf8.count) }
    }

    func areEqual(_ left: TemplateValue, _ right: TemplateValue) throws -> Bool {
        try left.equals(right) { try charge() }
    }

    /// The number of items or characters.
    func length(of value: TemplateValue) throws -> Int {
        switch value {
        case .string(let text):
            try charge(bytes: text.utf8.count)
            return text.unicodeScalars.count
        case .list(let items), .tuple(let items): return items.count
        case .dictionary(let entries): return entries.count
        case .undefined: return 0
        default: throw TemplateFault("\(value.kindName) has no length")
        }
    }
}

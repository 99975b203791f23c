import Tokenizers

/// Turns a JSON schema into rules: one for each of its places, so that a `$ref` is a call and may recur.
///
/// Where the schema leaves open how a value is written, or what is in it, one way is taken, so that a weak model
/// finds its way; whatever is written is valid:
/// - properties come in the order of `properties`; those that are not required may be left out;
/// - without `additionalProperties`, an object with `properties` has no others, and without `items`, an array with
///   `prefixItems` has no others; `true` or a schema allows them, behind the declared ones;
/// - names of additional properties beside declared ones are written without escapes;
/// - without `type`, the keywords of a type stand for it; with none of them, the value is any;
/// - integers have no point and no exponent; `oneOf` is read as `anyOf`;
/// - strings with `pattern`, `format`, `enum` or `const` are written without needless escapes;
/// - a `format` that `StringFormat` does not have is an annotation and ignored.
struct SchemaCompiler {
    let builder: AutomatonBuilder
    var json: JSONRules
    private let root: TemplateValue
    private var rules: [String: AutomatonBuilder.Rule] = [:]
    private var pending: [(rule: AutomatonBuilder.Rule, schema: TemplateValue, pointer: String)] = []

    /// Adds the rules of a schema to a builder.
    ///
    /// - Returns: the rule of the whole schema.
    static func compile(
        _ schema: TemplateValue, _ json: inout JSONRules
    ) throws(GrammarError) -> AutomatonBuilder.Rule {
        var compiler = SchemaCompiler(builder: json.builder, json: json, root: schema)
        defer { json = compiler.json }
        let rule = try compiler.rule(schema, "#")
        while let next = compiler.pending.popLast() {
            compiler.builder.pointer = next.pointer
            try compiler.emit(next.schema, next.pointer, next.rule)
        }
        compiler.builder.pointer = "#"
        return rule
    }

    private init(builder: AutomatonBuilder, json: JSONRules, root: TemplateValue) {
        (self.builder, self.json, self.root) = (builder, json, root)
    }

    /// The rule of the schema at a place, which is compiled later if it is new.
    mutating func rule(_ schema: TemplateValue, _ pointer: String) throws(GrammarError) -> AutomatonBuilder.Rule {
        if let rule = rules[pointer] { return rule }
        let rule = try builder.addRule(pointer: pointer)
        rules[pointer] = rule
        pending.append((rule, schema, pointer))
        return rule
    }

    private mutating func emit(
        _ schema: TemplateValue, _ pointer: String, _ rule: AutomatonBuilder.Rule
    ) throws(GrammarError) {
        switch schema {
        case .bool(true): try builder.call(builder.start(rule), try json.anyValue(), builder.end(rule))
        case .bool(false): break
        case .dictionary(let entries):
            let keywords = try SchemaKeywords(entries, pointer: pointer)
            try emit(keywords, rule)
        default: throw .invalidValue(pointer: pointer, keyword: "schema", expected: "an object, true or false")
        }
    }

    private mutating func emit(_ keywords: SchemaKeywords, _ rule: AutomatonBuilder.Rule) throws(GrammarError) {
        var keywords = keywords
        if keywords.values["allOf"] != nil { keywords = try merged(keywords, depth: 0) }
        let (start, end) = (builder.start(rule), builder.end(rule))
        if keywords.values["$ref"] != nil {
            let (schema, pointer) = try target(of: keywords)
            try builder.call(start, try self.rule(schema, pointer), end)
        } else if keywords.values["anyOf"] != nil || keywords.values["oneOf"] != nil {
            try emitAlternatives(keywords, start, end)
        } else if keywords.values["enum"] != nil || keywords.values["const"] != nil {
            try emitValues(keywords, start, end)
        } else {
            try emitTypes(keywords, rule)
        }
    }

    /// Refuses keywords beside one that must stand alone.
    private func requireAlone(_ keyword: String, _ keywords: SchemaKeywords, besides: Set<String> = [])
        throws(GrammarError)
    {
        if let other = keywords.names.first(where: { $0 != keyword && !besides.contains($0) }) {
            throw keywords.unsupported(
                other, "beside \"\(keyword)\" only annotations such as \"description\" are; put it into that schema")
        }
    }

    private func target(of keywords: SchemaKeywords) throws(GrammarError) -> (TemplateValue, String) {
        try requireAlone("$ref", keywords)
        guard case .string(let reference)? = keywords.values["$ref"] else {
            throw keywords.invalid("$ref", "a string")
        }
        guard let (schema, pointer) = JSONPointer.resolve(reference, in: root) else {
            throw .unresolvedReference(pointer: keywords.pointer, reference: reference)
        }
        return (schema, pointer)
    }

    private mutating func emitAlternatives(
        _ keywords: SchemaKeywords, _ start: AutomatonBuilder.State, _ end: AutomatonBuilder.State
    ) throws(GrammarError) {
        let keyword = keywords.values["anyOf"] != nil ? "anyOf" : "oneOf"
        try requireAlone(keyword, keywords)
        guard case .list(let items)? = keywords.values[keyword], !items.isEmpty else {
            throw keywords.invalid(keyword, "a list of at least one schema")
        }
        for (index, item) in items.enumerated() {
            try builder.call(start, try rule(item, "\(keywords.pointer)/\(keyword)/\(index)"), end)
        }
    }

    /// One schema of all that `allOf` lists and of what stands beside it.
    private func merged(_ keywords: SchemaKeywords, depth: Int) throws(GrammarError) -> SchemaKeywords {
        guard case .list(let items)? = keywords.values["allOf"], !items.isEmpty else {
            throw keywords.invalid("allOf", "a list of at least one schema")
        }
        guard depth < GrammarLimits.nesting else { throw .endlessReference(pointer: keywords.pointer) }
        var result = keywords.removing("allOf")
        for (index, item) in items.enumerated() {
            var (schema, pointer) = (item, "\(keywords.pointer)/allOf/\(index)")
            for _ in 0...GrammarLimits.nesting {
                guard case .dictionary(let entries) = schema, entries["$ref"] != nil else { break }
                (schema, pointer) = try target(of: SchemaKeywords(entries, pointer: pointer))
            }
            guard case .dictionary(let entries) = schema else {
                if schema.isTrueValue { continue }
                throw schema.isFalse
                    ? .unsatisfiable(pointer: pointer)
                    : .invalidValue(pointer: pointer, keyword: "schema", expected: "an object, true or false")
            }
            var member = try SchemaKeywords(entries, pointer: pointer)
            if member.values["$ref"] != nil { throw .endlessReference(pointer: pointer) }
            if member.values["allOf"] != nil { member = try merged(member, depth: depth + 1) }
            try result.merge(member)
        }
        return result
    }

    private static let typeNames = ["null", "boolean", "integer", "number", "string", "array", "object"]

    /// The types that a schema names or means; nil for any.
    func types(_ keywords: SchemaKeywords) throws(GrammarError) -> [String]? {
        let expected = "one of \(Self.typeNames.joined(separator: ", ")), or a list of them"
        switch keywords.values["type"] {
        case nil: return impliedTypes(keywords)
        case .string(let name)?:
            guard Self.typeNames.contains(name) else { throw keywords.invalid("type", expected) }
            return [name]
        case .list(let items)?:
            var names: [String] = []
            for item in items {
                guard case .string(let name) = item, Self.typeNames.contains(name) else {
                    throw keywords.invalid("type", expected)
                }
                if !names.contains(name) { names.append(name) }
            }
            guard !names.isEmpty else { throw keywords.invalid("type", expected) }
            return names.contains("number") ? names.filter { $0 != "integer" } : names
        default: throw keywords.invalid("type", expected)
        }
    }

    private func impliedTypes(_ keywords: SchemaKeywords) -> [String]? {
        var names: Set<String> = []
        for keyword in keywords.names {
            switch keyword {
            case "properties", "required", "additionalProperties": names.insert("object")
            case "items", "prefixItems", "minItems", "maxItems": names.insert("array")
            case "minLength", "maxLength", "pattern", "format": names.insert("string")
            case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum": names.insert("number")
            default: break
            }
        }
        return names.isEmpty ? nil : names.sorted()
    }

    private mutating func emitTypes(_ keywords: SchemaKeywords, _ rule: AutomatonBuilder.Rule) throws(GrammarError) {
        let (start, end) = (builder.start(rule), builder.end(rule))
        guard let types = try types(keywords) else {
            try builder.call(start, try json.anyValue(), end)
            return
        }
        for type in types {
            switch type {
            case "null": try builder.epsilon(try builder.literal(start, "null"), end)
            case "boolean":
                try builder.epsilon(try builder.literal(start, "true"), end)
                try builder.epsilon(try builder.literal(start, "false"), end)
            case "integer", "number":
                try builder.call(start, try json.number(try range(keywords, isInteger: type == "integer")), end)
            case "string": try emitString(keywords, start, end)
            default:
                // A rule of its own where other types are beside it: only objects and arrays count as a level.
                let container = types.count == 1 ? rule : try builder.addRule(pointer: keywords.pointer)
                builder.markContainer(container)
                if types.count > 1 { try builder.call(start, container, end) }
                if type == "object" {
                    try emitObject(keywords, builder.start(container), builder.end(container))
                } else {
                    try emitArray(keywords, builder.start(container), builder.end(container))
                }
            }
        }
    }

    private mutating func emitValues(
        _ keywords: SchemaKeywords, _ start: AutomatonBuilder.State, _ end: AutomatonBuilder.State
    ) throws(GrammarError) {
        let keyword = keywords.values["enum"] != nil ? "enum" : "const"
        try requireAlone(keyword, keywords, besides: ["type"])
        var values: [TemplateValue] = []
        if let value = keywords.values["const"] {
            values = [value]
        } else {
            guard case .list(let items)? = keywords.values["enum"], !items.isEmpty else {
                throw keywords.invalid("enum", "a list of at least one value")
            }
            values = items
        }
        let types = keywords.values["type"] == nil ? nil : try types(keywords)
        var isEmpty = true
        for value in values where types.map({ value.hasType(in: $0) }) ?? true {
            try JSONLiteral.emit(value, start, end, json, keywords, keyword)
            isEmpty = false
        }
        if isEmpty { throw .unsatisfiable(pointer: keywords.pointer) }
    }
}

extension SchemaKeywords {
    /// The same without a keyword.
    func removing(_ keyword: String) -> SchemaKeywords {
        var copy = self
        copy.remove(keyword)
        return copy
    }
}

import Tokenizers

extension SchemaCompiler {
    /// What members beyond the declared ones may be.
    private enum Others {
        case none
        case any
        case schema(TemplateValue, String)
    }

    private func others(
        _ keyword: String, _ keywords: SchemaKeywords, isOpenByDefault: Bool
    ) throws(GrammarError) -> Others {
        switch keywords.values[keyword] {
        case nil: isOpenByDefault ? .any : .none
        case .bool(let isAllowed)?: isAllowed ? .any : .none
        case .dictionary?:
            .schema(keywords.values[keyword] ?? .bool(true), "\(keywords.pointer)/\(keyword)")
        default:
            throw keywords.invalid(
                keyword, keyword == "items" ? "a schema; for a list of schemas use \"prefixItems\"" : "a schema")
        }
    }

    private mutating func rule(_ others: Others) throws(GrammarError) -> AutomatonBuilder.Rule? {
        switch others {
        case .none: nil
        case .any: try json.anyValue()
        case .schema(let schema, let pointer): try rule(schema, pointer)
        }
    }

    private struct Member {
        var name: String
        var rule: AutomatonBuilder.Rule
        var isRequired: Bool
    }

    /// The declared properties, and behind them those that are only required.
    private mutating func members(
        _ keywords: SchemaKeywords, _ others: Others
    ) throws(GrammarError) -> [Member] {
        let required = Set(keywords.required.map { Array($0.utf8) })
        var members: [Member] = []
        for property in keywords.properties {
            members.append(
                Member(
                    name: property.name, rule: try rule(property.schema, property.pointer),
                    isRequired: required.contains(Array(property.name.utf8))))
        }
        let declared = Set(keywords.properties.map { Array($0.name.utf8) })
        for name in keywords.required where !declared.contains(Array(name.utf8)) {
            // Without a word about other properties, what is required is meant to be there.
            let isUnsaid = keywords.values["additionalProperties"] == nil
            guard let rule = try rule(isUnsaid ? .any : others) else {
                throw .unsatisfiable(pointer: keywords.pointer)
            }
            members.append(Member(name: name, rule: rule, isRequired: true))
        }
        return members
    }

    /// An object. `choices[i]` is where the next member, if any, is `members[i]` or a later one.
    mutating func emitObject(
        _ keywords: SchemaKeywords, _ start: AutomatonBuilder.State, _ end: AutomatonBuilder.State
    ) throws(GrammarError) {
        let others = try others(
            "additionalProperties", keywords,
            isOpenByDefault: keywords.properties.isEmpty && keywords.required.isEmpty)
        let members = try members(keywords, others)
        let open = try builder.addState()
        try builder.byte(start, "{", open)
        var choice = try json.whitespace(open)
        // An object without a member.
        if !members.contains(where: \.isRequired) { try builder.byte(choice, "}", end) }
        let lastRequired = members.lastIndex(where: \.isRequired) ?? -1
        for (index, member) in members.enumerated() {
            let next = try builder.addState()
            if !member.isRequired { try builder.epsilon(choice, next) }
            let after = try builder.addState()
            let colon = try builder.literal(try builder.literal(choice, JSONSpelling.quoted(member.name)), ":")
            try builder.call(try json.whitespace(colon), member.rule, after)
            try emitEnd(of: after, next, isLast: index >= lastRequired, end)
            choice = next
        }
        guard let rule = try rule(others) else { return }
        // A state of its own: an object may end without a member, but not behind a comma.
        let other = try builder.addState()
        try builder.epsilon(choice, other)
        let after = try builder.addState()
        try builder.call(try emitOtherName(other, excluding: members.map(\.name)), rule, after)
        try emitEnd(of: after, other, isLast: true, end)
    }

    /// What follows a member: a comma and the next, or the end.
    private func emitEnd(
        of member: AutomatonBuilder.State, _ next: AutomatonBuilder.State, isLast: Bool,
        _ end: AutomatonBuilder.State
    ) throws(GrammarError) {
        let comma = try builder.addState()
        try builder.byte(member, ",", comma)
        try builder.epsilon(try json.whitespace(comma), next)
        if isLast { try json.close(member, "}", end) }
    }

    /// A name that is not one of the declared, with its quotes, its colon and white space; the state behind them.
    private mutating func emitOtherName(
        _ start: AutomatonBuilder.State, excluding names: [String]
    ) throws(GrammarError) -> AutomatonBuilder.State {
        let quoted = try builder.addState()
        try builder.byte(start, "\"", quoted)
        let colon = try builder.addState()
        let named = try builder.addState()
        try builder.byte(named, ":", colon)
        if names.isEmpty {
            try builder.call(quoted, try json.stringTail(nil), named)
            return try json.whitespace(colon)
        }
        // The names as a tree; who leaves it has another name.
        var children: [[Unicode.Scalar: Int]] = [[:]]
        var isName = [false]
        for name in names {
            var node = 0
            for scalar in name.unicodeScalars {
                let child = children[node][scalar] ?? children.count
                if child == children.count {
                    children[node][scalar] = child
                    children.append([:])
                    isName.append(false)
                }
                node = child
            }
            isName[node] = true
        }
        let tail = try builder.addRule(pointer: keywordsPointer)
        let free = try builder.addState()
        try builder.scalar(free, of: JSONRules.plainScalars, free)
        try builder.byte(free, "\"", builder.end(tail))
        var states = [builder.start(tail)]
        for _ in 1..<children.count { states.append(try builder.addState()) }
        for (node, scalars) in children.enumerated() {
            if !isName[node] { try builder.byte(states[node], "\"", builder.end(tail)) }
            var named: [ClosedRange<UInt32>] = []
            for (scalar, child) in scalars {
                let set = ScalarSet(scalar).intersection(JSONRules.plainScalars)
                try builder.scalar(states[node], of: set, states[child])
                named.append(scalar.value...scalar.value)
            }
            let rest = JSONRules.plainScalars.subtracting(ScalarSet(named))
            try builder.scalar(states[node], of: rest, free)
        }
        try builder.call(quoted, tail, named)
        return try json.whitespace(colon)
    }

    private var keywordsPointer: String { builder.pointer }

    /// An array: so many items one by one as have a place of their own, and then a loop.
    mutating func emitArray(
        _ keywords: SchemaKeywords, _ start: AutomatonBuilder.State, _ end: AutomatonBuilder.State
    ) throws(GrammarError) {
        var prefix: [AutomatonBuilder.Rule] = []
        if let value = keywords.values["prefixItems"] {
            guard case .list(let schemas) = value else { throw keywords.invalid("prefixItems", "a list of schemas") }
            for (index, schema) in schemas.enumerated() {
                prefix.append(try rule(schema, "\(keywords.pointer)/prefixItems/\(index)"))
            }
        }
        let rest = try rule(try others("items", keywords, isOpenByDefault: prefix.isEmpty))
        let minimum = try keywords.count("minItems") ?? 0
        var maximum = try keywords.count("maxItems")
        if rest == nil { maximum = min(maximum ?? prefix.count, prefix.count) }
        if let maximum, maximum < minimum { throw .unsatisfiable(pointer: keywords.pointer) }
        let open = try builder.addState()
        try builder.byte(start, "[", open)
        var item = try json.whitespace(open)
        if minimum == 0 { try builder.byte(item, "]", end) }
        let places = maximum ?? max(prefix.count, minimum, 1)
        for index in 0..<places {
            guard let rule = index < prefix.count ? prefix[index] : rest else { return }
            let after = try builder.addState()
            try builder.call(item, rule, after)
            if index + 1 >= minimum { try json.close(after, "]", end) }
            let isLoop = maximum == nil && index == places - 1
            guard isLoop || index < places - 1 else { break }
            let comma = try builder.addState()
            try builder.byte(after, ",", comma)
            let next = try json.whitespace(comma)
            if isLoop, let rest {
                try builder.call(next, rest, after)
            }
            item = next
        }
    }
}

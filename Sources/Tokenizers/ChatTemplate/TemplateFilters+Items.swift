/// The filters on lists and dictionaries.
extension TemplateInterpreter {
    static let itemFilters: Set<String> = [
        "join", "first", "last", "list", "items", "dictsort", "map", "select", "reject", "selectattr", "rejectattr",
        "unique", "sort", "reverse", "sum", "min", "max", "batch", "attr",
    ]

    func itemFilter(_ name: String, _ value: TemplateValue, _ values: TemplateCallValues) throws -> TemplateValue {
        let owner = "the filter '\(name)'"
        switch name {
        case "join":
            let arguments = try values.bound(to: ["d", "attribute"], of: owner)
            var joined = value
            if let path = arguments[1] { joined = .list(try items(of: value).map { try part(path, of: $0) }) }
            return .string(try join(joined, try string(arguments[0] ?? ""), stringsOnly: false))
        case "map": return try map(value, values)
        case "select", "reject", "selectattr", "rejectattr": return try select(name, value, values)
        case "sort", "unique", "min", "max": return try ordered(name, value, values)
        case "sum":
            let arguments = try values.bound(to: ["attribute", "start"], of: owner)
            return try items(of: value).reduce(arguments[1] ?? 0) { total, item in
                try arithmetic(.add, total, arguments[0].map { try part($0, of: item) } ?? item)
            }
        case "batch":
            let arguments = try values.bound(to: ["linecount", "fill_with"], of: owner)
            guard case .int(let count)? = arguments[0]?.number, count > 0 else {
                throw TemplateFault("\(owner) needs a size")
            }
            return try batches(of: items(of: value), count, fill: arguments[1])
        case "attr":
            guard case .string(let name)? = try values.bound(to: ["name"], of: owner)[0] else { return .undefined }
            if case .dictionary = value, !TemplateMethods.ofDictionaries.contains(name) { return .undefined }
            return attribute(name, of: value)
        case "dictsort":
            return try sortedPairs(value, values.bound(to: ["case_sensitive", "by", "reverse"], of: owner))
        default: break
        }
        _ = try values.bound(to: [], of: owner)
        switch name {
        case "first": return try items(of: value).first ?? .undefined
        case "last":
            if case .object = value { throw TemplateFault("\(value.kindName) has no last item; make it a list first") }
            return try items(of: value).last ?? .undefined
        case "list": return .list(try items(of: value))
        case "items":
            if case .undefined = value { return try iterator([]) }
            guard case .dictionary(let entries) = value else { throw TemplateFault("\(value.kindName) has no keys") }
            return try iterator(entries.map { .tuple([$0, $1]) })
        default:
            if case .string(let text) = value {
                try charge(bytes: text.utf8.count)
                return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
            }
            return try iterator(items(of: value).reversed())
        }
    }

    /// The items as text, with `separator` between them. With `stringsOnly`, what is not a string is refused.
    func join(_ value: TemplateValue, _ separator: String, stringsOnly: Bool) throws -> String {
        var result = ""
        for (index, item) in try items(of: value).enumerated() {
            if stringsOnly, case .string = item {
            } else if stringsOnly {
                throw TemplateFault("'join' needs strings, not \(item.kindName)")
            }
            if index > 0 { result += separator }
            let text = try string(item)
            result += text
            try charge(bytes: text.utf8.count + separator.utf8.count)
            guard result.utf8.count <= limits.stringBytes else {
                try chargeString(bytes: result.utf8.count)
                break
            }
        }
        return result
    }

    /// The part of `item` that `path` names: an attribute, an index, or several with dots between them.
    private func part(_ path: TemplateValue, of item: TemplateValue) throws -> TemplateValue {
        guard case .string(let text) = path else { return try self.item(path, of: item) }
        return try text.splitting(".", limit: .max, fromEnd: false).reduce(item) { value, name in
            if case .undefined = value { throw TemplateFault("'\(text)' looks into something undefined") }
            return try self.item(Int(name).map { .int($0) } ?? .string(name), of: value)
        }
    }

    private func map(_ value: TemplateValue, _ values: TemplateCallValues) throws -> TemplateValue {
        let items = try items(of: value)
        try charge(items.count)
        if values.positional.isEmpty {
            guard let path = values.named.first(where: { $0.name == "attribute" })?.value else {
                throw TemplateFault("'map' needs a filter's name, or an attribute")
            }
            let fallback = values.named.first { $0.name == "default" }?.value
            return try iterator(
                items.map { item in
                    let found = try part(path, of: item)
                    if let fallback, case .undefined = found { return fallback }
                    return found
                })
        }
        guard case .string(let name) = values.positional[0] else { throw TemplateFault("'map' needs a filter's name") }
        var rest = values
        rest.positional.removeFirst()
        return try iterator(items.map { try filter(name, $0, rest) })
    }

    private func select(_ name: String, _ value: TemplateValue, _ values: TemplateCallValues) throws -> TemplateValue {
        var rest = values
        var path: TemplateValue?
        if name.hasSuffix("attr") {
            guard !rest.positional.isEmpty else { throw TemplateFault("'\(name)' needs an attribute") }
            path = rest.positional.removeFirst()
        }
        var test: String?
        if let first = rest.positional.first {
            guard case .string(let name) = first else { throw TemplateFault("'\(name)' needs a test's name") }
            test = name
            rest.positional.removeFirst()
        }
        let keeps = name.hasPrefix("select")
        return try iterator(
            items(of: value).filter { item in
                try charge()
                let tested = try path.map { try part($0, of: item) } ?? item
                return try (test.map { try self.test($0, tested, rest) } ?? tested.isTrue) == keeps
            })
    }

    /// What two values are compared by: strings without their case unless it counts.
    private func key(_ value: TemplateValue, isCaseSensitive: Bool) -> TemplateValue {
        if !isCaseSensitive, case .string(let text) = value { return .string(text.lowercased()) }
        return value
    }

    private func ordered(_ name: String, _ value: TemplateValue, _ values: TemplateCallValues) throws -> TemplateValue {
        let parameters = name == "sort" ? ["reverse", "case_sensitive", "attribute"] : ["case_sensitive", "attribute"]
        var arguments = try values.bound(to: parameters, of: "the filter '\(name)'")
        let isReversed = name == "sort" ? arguments.removeFirst()?.isTrue ?? false : false
        let isCaseSensitive = arguments[0]?.isTrue ?? false
        let items = try items(of: value)
        try charge(items.count)
        let keys = try items.map { item in
            key(try arguments[1].map { try part($0, of: item) } ?? item, isCaseSensitive: isCaseSensitive)
        }
        func isLess(_ left: Int, _ right: Int) throws -> Bool {
            try TemplateOrder.isLess(keys[left], keys[right]) { try charge() }
        }
        switch name {
        case "unique":
            var seen: [TemplateValue] = []
            return try iterator(
                zip(items, keys).filter { _, key in
                    if try seen.contains(where: { try areEqual($0, key) }) { return false }
                    seen.append(key)
                    return true
                }.map(\.0))
        case "min": return try items.indices.min(by: isLess).map { items[$0] } ?? .undefined
        case "max":
            // The first of equals.
            var best: Int?
            for index in items.indices where try best.map({ try isLess($0, index) }) ?? true { best = index }
            return best.map { items[$0] } ?? .undefined
        default:
            // Equals stay in their order, forwards and backwards.
            let order = try items.indices.sorted { try isReversed ? isLess($1, $0) : isLess($0, $1) }
            return .list(order.map { items[$0] })
        }
    }

    private func sortedPairs(_ value: TemplateValue, _ arguments: [TemplateValue?]) throws -> TemplateValue {
        guard case .dictionary(let entries) = value else {
            throw TemplateFault("\(value.kindName) has no keys to sort")
        }
        let isCaseSensitive = arguments[0]?.isTrue ?? false
        let sorted = arguments[1] == "value" ? entries.values : entries.keys
        let keys = sorted.map { key($0, isCaseSensitive: isCaseSensitive) }
        let isReversed = arguments[2]?.isTrue ?? false
        let order = try keys.indices.sorted { left, right in
            try TemplateOrder.isLess(keys[isReversed ? right : left], keys[isReversed ? left : right]) { try charge() }
        }
        return .list(order.map { .tuple([entries.keys[$0], entries.values[$0]]) })
    }

    private func batches(of items: [TemplateValue], _ count: Int, fill: TemplateValue?) throws -> TemplateValue {
        var batches: [TemplateValue] = []
        var rest = items[...]
        while !rest.isEmpty {
            var batch = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            if let fill, batch.count < count {
                try chargeItems(count)
                batch += Array(repeating: fill, count: count - batch.count)
            }
            batches.append(.list(batch))
        }
        _ = try checkedNesting(.list(batches))
        return try iterator(batches)
    }
}

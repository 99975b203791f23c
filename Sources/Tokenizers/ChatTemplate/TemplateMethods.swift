/// The methods of values. What is not in these lists does not exist.
enum TemplateMethods {
    static let ofDictionaries = changingDictionaries.union(["items", "keys", "values", "get", "copy"])
    static let ofLists = changingLists.union(["index", "count"])
    static let ofStrings: Set<String> = [
        "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "replace", "upper",
        "lower", "title", "capitalize", "join", "format", "find", "rfind", "index", "count", "removeprefix",
        "removesuffix", "isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower", "partition", "rpartition",
        "zfill",
    ]
    /// Those that would change a value, which a template must not: they exist, and fail when called.
    static let changingLists: Set<String> = ["append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse"]
    static let changingDictionaries: Set<String> = ["update", "pop", "popitem", "clear", "setdefault"]
}

extension TemplateInterpreter {
    func callMethod(_ name: String, of receiver: TemplateValue, _ values: TemplateCallValues) throws -> TemplateValue {
        switch receiver {
        case .string(let text):
            try charge(bytes: text.utf8.count)
            return try callMethod(name, of: text, values)
        case .dictionary(let entries): return try callMethod(name, of: entries, values)
        case .list(let items), .tuple(let items):
            guard !TemplateMethods.changingLists.contains(name) else {
                throw TemplateFault("'\(name)' is refused: a template cannot change a list; add lists with '+'")
            }
            let wanted = try values.bound(to: ["value"], of: "'\(name)'")[0] ?? .undefined
            let places = try items.indices.filter { try areEqual(items[$0], wanted) }
            if name == "count" { return .int(places.count) }
            guard let first = places.first else { throw TemplateFault("the list does not have this value") }
            return .int(first)
        case .object(let object):
            guard case .loop(let index) = object.kind else { break }
            if name == "cycle" {
                guard !values.positional.isEmpty else { throw TemplateFault("'cycle' needs values") }
                return values.positional[loops[index].index % values.positional.count]
            }
            let last = loops[index].lastChanged
            loops[index].lastChanged = values.positional
            guard let last, last.count == values.positional.count else { return true }
            return .bool(try zip(last, values.positional).contains { try !areEqual($0, $1) })
        default: break
        }
        throw TemplateFault("\(receiver.kindName) has no method '\(name)'")
    }

    private func callMethod(
        _ name: String, of entries: TemplateDictionary, _ values: TemplateCallValues
    ) throws -> TemplateValue {
        try charge(entries.count / 4)
        switch name {
        case "items":
            _ = try values.bound(to: [], of: "'items'")
            return .list(entries.map { .tuple([$0, $1]) })
        case "keys": return .list(entries.keys)
        case "values": return .list(entries.values)
        case "copy": return .dictionary(entries)
        case "get":
            let arguments = try values.bound(to: ["key", "default"], of: "'get'")
            guard let key = arguments[0] else { throw TemplateFault("'get' needs a key") }
            return entries[key] ?? arguments[1] ?? TemplateValue.none
        default: throw TemplateFault("'\(name)' is refused: a template cannot change a dictionary")
        }
    }

    private func callMethod(
        _ name: String, of text: String, _ values: TemplateCallValues
    ) throws -> TemplateValue {
        switch name {
        case "strip", "lstrip", "rstrip":
            let side: String.Side = name == "strip" ? .both : name == "lstrip" ? .leading : .trailing
            let characters = try optionalString(values.bound(to: ["chars"], of: "'\(name)'")[0], "'\(name)'")
            return .string(text.stripping(side, characters))
        case "split", "rsplit": return try split(text, values, name)
        case "splitlines":
            let keeps = try values.bound(to: ["keepends"], of: "'splitlines'")[0]?.isTrue ?? false
            return try strings(text.splittingLines(keepingEnds: keeps))
        case "partition", "rpartition":
            let separator = try string(values, "'\(name)'")
            guard !separator.isEmpty else { throw TemplateFault("'\(name)' needs a separator") }
            let parts = text.splitting(separator, limit: 1, fromEnd: name == "rpartition")
            if parts.count == 2 { return .tuple([.string(parts[0]), .string(separator), .string(parts[1])]) }
            return name == "partition" ? .tuple([.string(text), "", ""]) : .tuple(["", "", .string(text)])
        case "startswith", "endswith":
            let wanted = try values.bound(to: ["prefix"], of: "'\(name)'")[0] ?? .undefined
            var candidates = [wanted]
            if case .tuple(let several) = wanted { candidates = several }
            return .bool(
                try candidates.contains { candidate in
                    guard case .string(let part) = candidate else {
                        throw TemplateFault("'\(name)' needs a string, not \(candidate.kindName)")
                    }
                    return name == "startswith" ? text.utf8.starts(with: part.utf8) : hasSuffix(text, part)
                })
        case "removeprefix", "removesuffix":
            let part = try string(values, "'\(name)'")
            if name == "removeprefix" {
                return .string(
                    text.utf8.starts(with: part.utf8) ? String(text.utf8.dropFirst(part.utf8.count)) ?? "" : text)
            }
            return .string(hasSuffix(text, part) ? String(text.utf8.dropLast(part.utf8.count)) ?? "" : text)
        case "replace":
            let arguments = try values.bound(to: ["old", "new", "count"], of: "'replace'")
            return try replace(text, arguments)
        case "upper": return try checked(text.uppercased())
        case "lower": return try checked(text.lowercased())
        case "title": return try checked(text.titlecased)
        case "capitalize": return try checked(text.capitalizedFirst)
        case "join": return .string(try join(values.positional.first ?? .undefined, text, stringsOnly: true))
        case "format": return try checked(try format(text, values))
        case "find", "rfind", "index", "count": return try find(name, text, values)
        case "zfill":
            guard case .int(let width)? = values.positional.first?.number else {
                throw TemplateFault("'zfill' needs a width")
            }
            let padding = max(0, width - text.unicodeScalars.count)
            try chargeString(bytes: padding)
            let hasSign = text.hasPrefix("-") || text.hasPrefix("+")
            return .string(
                text.prefix(hasSign ? 1 : 0) + String(repeating: "0", count: padding) + text.dropFirst(hasSign ? 1 : 0))
        default: return .bool(try classify(name, text))
        }
    }

    private func hasSuffix(_ text: String, _ part: String) -> Bool {
        text.utf8.count >= part.utf8.count && text.utf8.suffix(part.utf8.count).elementsEqual(part.utf8)
    }

    private func classify(_ name: String, _ text: String) throws -> Bool {
        let scalars = text.unicodeScalars
        switch name {
        case "isdigit":
            return !scalars.isEmpty
                && scalars.allSatisfy { $0.properties.numericType != nil && $0.properties.numericType != .numeric }
        case "isalpha": return !scalars.isEmpty && scalars.allSatisfy(Self.isLetter)
        case "isalnum":
            return !scalars.isEmpty && scalars.allSatisfy { Self.isLetter($0) || $0.properties.numericType != nil }
        case "isspace": return !scalars.isEmpty && scalars.allSatisfy(\.isTemplateWhitespace)
        case "isupper":
            return scalars.contains { $0.properties.isUppercase } && !scalars.contains { $0.properties.isLowercase }
        case "islower":
            return scalars.contains { $0.properties.isLowercase } && !scalars.contains { $0.properties.isUppercase }
        default: throw TemplateFault("a string has no method '\(name)'")
        }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    // MARK: Arguments

    private func optionalString(_ value: TemplateValue?, _ owner: String) throws -> String? {
        switch value {
        case nil, .some(.none): return nil
        case .string(let text): return text
        case let other?: throw TemplateFault("\(owner) needs a string, not \(other.kindName)")
        }
    }

    private func string(_ values: TemplateCallValues, _ owner: String) throws -> String {
        guard let text = try optionalString(values.bound(to: ["text"], of: owner)[0], owner) else {
            throw TemplateFault("\(owner) needs a string")
        }
        return text
    }

    private func strings(_ parts: [String]) throws -> TemplateValue {
        try chargeItems(parts.count)
        return .list(parts.map { .string($0) })
    }

    // MARK: Longer ones

    private func split(_ text: String, _ values: TemplateCallValues, _ name: String) throws -> TemplateValue {
        let arguments = try values.bound(to: ["sep", "maxsplit"], of: "'\(name)'")
        var limit = Int.max
        if let count = arguments[1] {
            guard case .int(let count)? = count.number else { throw TemplateFault("'\(name)' needs a number of cuts") }
            if count >= 0 { limit = count }
        }
        guard let separator = try optionalString(arguments[0], "'\(name)'") else {
            return try strings(text.splittingWhitespace(limit: limit, fromEnd: name == "rsplit"))
        }
        guard !separator.isEmpty else { throw TemplateFault("'\(name)' needs a separator that is not empty") }
        return try strings(text.splitting(separator, limit: limit, fromEnd: name == "rsplit"))
    }

    /// `old`, `new`, and how often.
    func replace(_ text: String, _ arguments: [TemplateValue?]) throws -> TemplateValue {
        guard let old = try optionalString(arguments[0], "'replace'"),
            let new = try optionalString(arguments[1], "'replace'")
        else { throw TemplateFault("'replace' needs two strings") }
        var limit = Int.max
        if case .int(let count)? = arguments[2]?.number, count >= 0 { limit = count }
        // The most that it can become, before it does.
        let places = old.isEmpty ? text.unicodeScalars.count + 1 : text.utf8.count / old.utf8.count
        let (growth, overflows) = min(places, limit).multipliedReportingOverflow(
            by: max(0, new.utf8.count - old.utf8.count))
        if overflows || growth > limits.stringBytes {
            let found = old.isEmpty ? places : text.splitting(old, limit: limit, fromEnd: false).count - 1
            let (size, overflows) = found.multipliedReportingOverflow(by: new.utf8.count)
            try chargeString(bytes: overflows ? .max : size)
        }
        return try checked(text.replacing(old, with: new, limit: limit))
    }

    private func find(_ name: String, _ text: String, _ values: TemplateCallValues) throws -> TemplateValue {
        let part = try string(values, "'\(name)'")
        if name == "count" {
            if part.isEmpty { return .int(text.unicodeScalars.count + 1) }
            return .int(text.splitting(part, limit: .max, fromEnd: false).count - 1)
        }
        var found = text.bytePosition(of: part)
        if name == "rfind" {
            var next = found
            while let place = next {
                found = place
                next = text.bytePosition(of: part, from: place + 1)
                try charge()
            }
        }
        guard let found else {
            guard name == "index" else { return -1 }
            throw TemplateFault("the string does not have what 'index' looks for")
        }
        return .int(text.utf8.prefix(found).count { $0 & 0xC0 != 0x80 })
    }

    /// `{}`, `{0}` and `{name}`; anything more is refused.
    private func format(_ text: String, _ values: TemplateCallValues) throws -> String {
        var result = ""
        var field: String?
        var automatic = 0
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            if field == nil, scalar == "{" || scalar == "}", scalars.first == scalar {
                scalars.removeFirst()
                result.unicodeScalars.append(scalar)
            } else if scalar == "{", field == nil {
                field = ""
            } else if scalar == "}", let name = field {
                field = nil
                let value: TemplateValue?
                if name.isEmpty || Int(name) != nil {
                    let place = Int(name) ?? automatic
                    if name.isEmpty { automatic += 1 }
                    value = values.positional.indices.contains(place) ? values.positional[place] : nil
                } else {
                    value = values.named.first { $0.name == name }?.value
                }
                guard let value else { throw TemplateFault("'format' has no value for '{\(name)}'") }
                result += try string(value)
                try chargeString(bytes: result.utf8.count)
            } else if field != nil {
                field?.unicodeScalars.append(scalar)
            } else if scalar == "}" {
                throw TemplateFault("'format' finds a '}' that closes nothing")
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        guard field == nil else { throw TemplateFault("'format' finds a '{' that is never closed") }
        return result
    }
}

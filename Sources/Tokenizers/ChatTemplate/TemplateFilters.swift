/// The filters on single values; `TemplateFilters+Items.swift` has those on lists.
extension TemplateInterpreter {
    static let filterNames: Set<String> = textFilters.union(numberFilters).union(itemFilters)

    private static let textFilters: Set<String> = [
        "trim", "strip", "upper", "lower", "capitalize", "title", "replace", "string", "safe", "indent", "e", "escape",
        "wordcount", "tojson", "default", "d", "length", "count", "center",
    ]
    private static let numberFilters: Set<String> = ["int", "float", "abs", "round"]

    /// `value|name(arguments)`.
    func filter(_ name: String, _ value: TemplateValue, _ values: TemplateCallValues) throws -> TemplateValue {
        if Self.textFilters.contains(name) { return try textFilter(name, value, values) }
        if Self.numberFilters.contains(name) { return try numberFilter(name, value, values) }
        if Self.itemFilters.contains(name) { return try itemFilter(name, value, values) }
        throw TemplateFault("there is no filter '\(name)'")
    }

    private func textFilter(
        _ name: String, _ value: TemplateValue, _ values: TemplateCallValues
    ) throws -> TemplateValue {
        let owner = "the filter '\(name)'"
        switch name {
        case "default", "d":
            let arguments = try values.bound(to: ["default_value", "boolean"], of: owner)
            let isMissing = if case .undefined = value { true } else { false }
            let replaces = isMissing || (arguments[1]?.isTrue ?? false) && !value.isTrue
            return replaces ? arguments[0] ?? "" : value
        case "length", "count": return .int(try length(of: value))
        case "tojson":
            return try json(value, values.bound(to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: owner))
        default: break
        }
        let text = try string(value)
        try charge(bytes: text.utf8.count)
        switch name {
        case "trim", "strip":
            let characters = try values.bound(to: ["chars"], of: owner)[0]
            if case .string(let characters)? = characters { return .string(text.stripping(.both, characters)) }
            return .string(text.stripping(.both))
        case "replace": return try replace(text, values.bound(to: ["old", "new", "count"], of: owner))
        case "indent": return try checked(try indent(text, values.bound(to: ["width", "first", "blank"], of: owner)))
        case "center":
            guard case .int(let width)? = try (values.bound(to: ["width"], of: owner)[0] ?? 80).number else {
                throw TemplateFault("\(owner) needs a width")
            }
            let padding = max(0, width - text.unicodeScalars.count)
            try chargeString(bytes: padding)
            let left = padding / 2 + (padding & width & 1)
            return .string(String(repeating: " ", count: left) + text + String(repeating: " ", count: padding - left))
        default: break
        }
        _ = try values.bound(to: [], of: owner)
        switch name {
        case "upper": return try checked(text.uppercased())
        case "lower": return try checked(text.lowercased())
        case "capitalize": return try checked(text.capitalizedFirst)
        case "title": return try checked(text.titledWords)
        case "wordcount":
            let words = text.unicodeScalars.split {
                !($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "_")
            }
            return .int(words.count)
        case "e", "escape":
            var result = ""
            for scalar in text.unicodeScalars {
                switch scalar {
                case "&": result += "&amp;"
                case "<": result += "&lt;"
                case ">": result += "&gt;"
                case "\"": result += "&#34;"
                case "'": result += "&#39;"
                default: result.unicodeScalars.append(scalar)
                }
            }
            return try checked(result)
        default: return try checked(text)
        }
    }

    private func indent(_ text: String, _ arguments: [TemplateValue?]) throws -> String {
        var margin = "    "
        switch arguments[0] {
        case .string(let text)?: margin = text
        case let width?:
            guard case .int(let count)? = width.number else { throw TemplateFault("'indent' needs a width") }
            try chargeString(bytes: max(0, count))
            margin = String(repeating: " ", count: max(0, count))
        case nil: break
        }
        let indentsBlank = arguments[2]?.isTrue ?? false
        // What ends in a line end has an empty line behind it.
        let lines = (text + "\n").splittingLines(keepingEnds: false)
        try chargeString(bytes: lines.count.multipliedReportingOverflow(by: margin.utf8.count).partialValue)
        var result = ""
        for (index, line) in lines.enumerated() {
            if index > 0 { result += "\n" }
            let indents = index > 0 ? indentsBlank || !line.isEmpty : arguments[1]?.isTrue ?? false
            result += (indents ? margin : "") + line
        }
        return result
    }

    private func json(_ value: TemplateValue, _ arguments: [TemplateValue?]) throws -> TemplateValue {
        var writer = TemplateJSONWriter()
        writer.escapesNonASCII = arguments[0]?.isTrue ?? false
        writer.sortsKeys = arguments[3]?.isTrue ?? false
        switch arguments[1] {
        case nil, .some(.none): break
        case .string(let text)?: writer.indent = text
        case let width?:
            guard case .int(let count)? = width.number, count <= 64 else {
                throw TemplateFault("'tojson' needs a width of at most 64 to indent by")
            }
            writer.indent = String(repeating: " ", count: max(0, count))
        }
        if writer.indent != nil { writer.itemSeparator = "," }
        if let separators = arguments[2], case let parts = try items(of: separators), !parts.isEmpty {
            guard parts.count == 2, case .string(let item) = parts[0], case .string(let key) = parts[1] else {
                throw TemplateFault("'tojson' needs two separators")
            }
            (writer.itemSeparator, writer.keySeparator) = (item, key)
        }
        var text = ""
        var size = 0
        try writer.write(value, to: &text) { bytes in
            size += bytes
            guard size <= limits.stringBytes else { return try chargeString(bytes: size) }
            try charge(bytes: bytes)
        }
        return try checked(text)
    }

    // MARK: Numbers

    private func numberFilter(
        _ name: String, _ value: TemplateValue, _ values: TemplateCallValues
    ) throws -> TemplateValue {
        let owner = "the filter '\(name)'"
        if case .undefined = value { throw TemplateFault("\(owner) is given an undefined value") }
        switch name {
        case "int":
            let fallback = try values.bound(to: ["default", "base"], of: owner)[0] ?? 0
            return toInteger(value) ?? fallback
        case "float":
            let fallback = try values.bound(to: ["default"], of: owner)[0] ?? 0.0
            if let number = value.number { return .float(number.double) }
            guard case .string(let text) = value, let number = Self.double(text) else { return fallback }
            return .float(number)
        case "abs":
            guard let number = value.number else { throw TemplateFault("\(value.kindName) has no absolute value") }
            switch number {
            case .int(let value): return value < 0 ? try arithmetic(.subtract, 0, .int(value)) : .int(value)
            case .float(let value): return .float(value.magnitude)
            }
        default: return try round(value, values.bound(to: ["precision", "method"], of: owner))
        }
    }

    private static func double(_ text: String) -> Double? {
        Double(text.stripping(.both).replacing("_", with: "", limit: .max))
    }

    private func toInteger(_ value: TemplateValue) -> TemplateValue? {
        switch value {
        case .bool(let value): return .int(value ? 1 : 0)
        case .int: return value
        case .float(let value): return Int(exactly: value.rounded(.towardZero)).map { .int($0) }
        case .string(let text):
            let digits = text.stripping(.both)
            if let number = Int(digits) { return .int(number) }
            return Self.double(digits).flatMap { Int(exactly: $0.rounded(.towardZero)) }.map { .int($0) }
        default: return nil
        }
    }

    private func round(_ value: TemplateValue, _ arguments: [TemplateValue?]) throws -> TemplateValue {
        guard let number = value.number else { throw TemplateFault("\(value.kindName) cannot be rounded") }
        guard case .int(let precision)? = (arguments[0] ?? 0).number, (0...15).contains(precision) else {
            throw TemplateFault("'round' needs 0 to 15 digits")
        }
        var method = "common"
        if case .string(let name)? = arguments[1] { method = name }
        if method == "common", case .int = number { return value }
        let scale = try TemplateMath.power(10, Double(precision))
        let scaled = number.double * scale
        switch method {
        case "common": return .float(TemplateMath.rounded(number.double, digits: precision))
        case "ceil": return .float(scaled.rounded(.up) / scale)
        case "floor": return .float(scaled.rounded(.down) / scale)
        default: throw TemplateFault("'round' knows 'common', 'ceil' and 'floor'")
        }
    }
}

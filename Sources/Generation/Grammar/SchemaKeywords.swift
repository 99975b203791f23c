import Tokenizers

/// The keywords of one schema, or of several that `allOf` merged into one, checked for being known.
struct SchemaKeywords {
    struct Property {
        var name: String
        var schema: TemplateValue
        var pointer: String
    }

    /// The place of the schema.
    let pointer: String
    /// What is neither an annotation nor one of the following.
    private(set) var values: [String: TemplateValue] = [:]
    /// `properties`, in their order.
    private(set) var properties: [Property] = []
    /// `required`, without repetitions.
    private(set) var required: [String] = []

    /// Keywords that say nothing about which values are valid.
    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "$schema",
        "$id", "id", "$comment", "$anchor", "$defs", "definitions", "contentEncoding", "contentMediaType",
        "contentSchema",
    ]
    private static let supported: Set<String> = [
        "type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "minLength", "maxLength", "pattern", "format",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "items", "prefixItems", "minItems", "maxItems",
        "additionalProperties",
    ]
    /// What to do instead of keywords that are often met.
    private static let hints: [String: String] = [
        "multipleOf": "use \"type\": \"integer\" for whole numbers",
        "not": "say what is allowed, as with \"enum\" or \"anyOf\"",
        "if": "use \"anyOf\" with a schema for each case", "then": "use \"anyOf\" with a schema for each case",
        "else": "use \"anyOf\" with a schema for each case",
        "patternProperties": "name the keys in \"properties\", or give \"additionalProperties\" a schema",
        "propertyNames": "name the keys in \"properties\"",
        "dependentSchemas": "use \"anyOf\" with a schema for each case",
        "dependentRequired": "use \"anyOf\" with a schema for each case",
        "unevaluatedProperties": "use \"additionalProperties\"",
        "unevaluatedItems": "use \"items\" with \"prefixItems\"",
        "additionalItems": "use \"items\" with \"prefixItems\"",
        "contains": "use \"prefixItems\" or \"items\"", "uniqueItems": "repeated items cannot be excluded",
        "minProperties": "use \"required\"", "maxProperties": "use \"properties\" and \"additionalProperties\": false",
        "$dynamicRef": "use \"$ref\"", "$recursiveRef": "use \"$ref\"",
    ]

    init(_ entries: TemplateDictionary, pointer: String) throws(GrammarError) {
        self.pointer = pointer
        for (key, value) in entries {
            guard case .string(let keyword) = key else {
                throw .invalidValue(pointer: pointer, keyword: "\(key)", expected: "a keyword")
            }
            if Self.annotations.contains(keyword) || keyword.hasPrefix("x-") { continue }
            switch keyword {
            case "properties": try read(properties: value)
            case "required": try read(required: value)
            case "uniqueItems" where value.isFalse: continue
            case "propertyNames" where value == ["type": "string"] || value.isTrueValue: continue
            case _ where Self.supported.contains(keyword): values[keyword] = value
            default: throw unsupported(keyword)
            }
        }
    }

    func unsupported(_ keyword: String, _ hint: String? = nil) -> GrammarError {
        .unsupportedKeyword(
            pointer: pointer, keyword: keyword,
            hint: hint ?? Self.hints[keyword]
                ?? "supported are " + (Self.supported.sorted() + ["properties", "required"]).joined(separator: ", "))
    }

    func invalid(_ keyword: String, _ expected: String) -> GrammarError {
        .invalidValue(pointer: pointer, keyword: keyword, expected: expected)
    }

    /// The keywords that are there.
    var names: [String] {
        values.keys.sorted() + (properties.isEmpty ? [] : ["properties"]) + (required.isEmpty ? [] : ["required"])
    }

    private mutating func read(properties value: TemplateValue) throws(GrammarError) {
        guard case .dictionary(let entries) = value else { throw invalid("properties", "an object of schemas") }
        for (key, schema) in entries {
            guard case .string(let name) = key else { throw invalid("properties", "an object of schemas") }
            properties.append(
                Property(
                    name: name, schema: schema, pointer: "\(pointer)/properties/\(JSONPointer.escape(name))"))
        }
    }

    private mutating func read(required value: TemplateValue) throws(GrammarError) {
        guard case .list(let items) = value else { throw invalid("required", "a list of names") }
        var seen: Set<[UInt8]> = []
        for item in items {
            guard case .string(let name) = item else { throw invalid("required", "a list of names") }
            if seen.insert(Array(name.utf8)).inserted { required.append(name) }
        }
    }

    /// Takes over the keywords of another schema that must hold as well.
    ///
    /// - Throws: `GrammarError.unsupportedKeyword`, if the two cannot be told as one schema.
    mutating func merge(_ other: SchemaKeywords) throws(GrammarError) {
        let hint = "schemas can be merged that share no property and no keyword but \"type\" and \"required\""
        for (keyword, value) in other.values {
            if let own = values[keyword], own != value { throw unsupported("allOf", hint) }
            values[keyword] = value
        }
        let isClosed = values["additionalProperties"].map { !$0.isTrueValue } ?? false
        if isClosed, !properties.isEmpty, !other.properties.isEmpty {
            throw unsupported("allOf", "\"additionalProperties\" knows only the properties of its own schema")
        }
        var names = Set(properties.map { Array($0.name.utf8) })
        for property in other.properties {
            guard names.insert(Array(property.name.utf8)).inserted else { throw unsupported("allOf", hint) }
            properties.append(property)
        }
        names = Set(required.map { Array($0.utf8) })
        required += other.required.filter { !names.contains(Array($0.utf8)) }
    }

    mutating func remove(_ keyword: String) { values[keyword] = nil }

    /// What `keyword` holds, which must be a whole number that is not negative.
    func count(_ keyword: String) throws(GrammarError) -> Int? {
        guard let value = values[keyword] else { return nil }
        if case .int(let count) = value, count >= 0 { return count }
        if case .float(let number) = value, let count = Int(exactly: number), count >= 0 { return count }
        throw invalid(keyword, "a whole number that is not negative")
    }
}

/// Paths into a schema (RFC 6901).
enum JSONPointer {
    static func escape(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// The value at a `$ref` into `root`, and its place in one spelling; nil if there is none.
    static func resolve(_ reference: String, in root: TemplateValue) -> (value: TemplateValue, pointer: String)? {
        guard reference.utf8.first == UInt8(ascii: "#"), let text = percentDecoded(reference.dropFirst()) else {
            return nil
        }
        guard !text.isEmpty else { return (root, "#") }
        guard text.utf8.first == UInt8(ascii: "/") else { return nil }
        var (value, pointer) = (root, "#")
        for part in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            let name = unescape(part)
            switch value {
            case .dictionary(let entries):
                guard let next = entries[name] else { return nil }
                value = next
            case .list(let items):
                guard let index = Int(name), items.indices.contains(index) else { return nil }
                value = items[index]
            default: return nil
            }
            pointer += "/" + escape(name)
        }
        return (value, pointer)
    }

    private static func unescape(_ part: Substring) -> String {
        var text = ""
        var isEscape = false
        for scalar in part.unicodeScalars {
            if isEscape {
                text += scalar == "0" ? "~" : scalar == "1" ? "/" : "~\(scalar)"
                isEscape = false
            } else if scalar == "~" {
                isEscape = true
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return isEscape ? text + "~" : text
    }

    private static func percentDecoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = Substring(rest.prefix(2))
            guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension TemplateValue {
    /// Whether it is the truth value false, and not merely equal to it.
    var isFalse: Bool {
        if case .bool(false) = self { true } else { false }
    }

    /// Whether it is the truth value true.
    var isTrueValue: Bool {
        if case .bool(true) = self { true } else { false }
    }
}

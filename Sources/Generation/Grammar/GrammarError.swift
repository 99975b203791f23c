/// Why a schema or a list of parts is not a grammar. `pointer` is the place in the schema, as a `$ref` would name it:
/// `#/properties/name`. The messages are shown to clients as they are.
package enum GrammarError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A keyword that is not supported there; `hint` says what is.
    case unsupportedKeyword(pointer: String, keyword: String, hint: String)
    /// A keyword whose value is not what JSON Schema wants there.
    case invalidValue(pointer: String, keyword: String, expected: String)
    /// A `$ref` to what does not exist, or lies outside the schema.
    case unresolvedReference(pointer: String, reference: String)
    /// A regular expression with something that is not supported.
    case unsupportedPattern(pointer: String, pattern: String, reason: String)
    /// A schema that leads back to itself before anything is written.
    case endlessReference(pointer: String)
    /// No value can satisfy the schema.
    case unsatisfiable(pointer: String)
    /// More than a limit allows.
    case tooLarge(pointer: String, what: String, limit: Int)
    /// A part of a sequence that makes no sense.
    case invalidPart(String)

    package var description: String {
        switch self {
        case .unsupportedKeyword(let pointer, let keyword, let hint):
            "the schema at \(pointer) uses \"\(keyword)\", which is not supported there; \(hint)"
        case .invalidValue(let pointer, let keyword, let expected):
            "the schema at \(pointer) has a \"\(keyword)\" that is not \(expected)"
        case .unresolvedReference(let pointer, let reference):
            "the schema at \(pointer) has the \"$ref\" \"\(reference)\", which is not a place in this schema; "
                + "references are like \"#\", \"#/$defs/name\" or \"#/definitions/name\""
        case .unsupportedPattern(let pointer, let pattern, let reason):
            "the schema at \(pointer) has the \"pattern\" \"\(pattern.prefix(200))\", which is not supported: "
                + "\(reason); supported are literals, ., classes, \\d \\w \\s and their complements, groups, |, * + ? "
                + "{m,n}, and ^ and $ at the ends"
        case .endlessReference(let pointer):
            "the schema at \(pointer) leads back to itself by \"$ref\", \"anyOf\", \"oneOf\" or \"allOf\" alone, so "
                + "that nothing is ever written; put a property or an item in between"
        case .unsatisfiable(let pointer):
            "the schema at \(pointer) can be satisfied by no value"
        case .tooLarge(let pointer, let what, let limit):
            "the schema at \(pointer) is too large: more than \(limit) \(what); use smaller bounds, fewer "
                + "alternatives or a simpler pattern"
        case .invalidPart(let reason): "a part of the grammar cannot be: \(reason)"
        }
    }
}

/// A value that a chat template computes with: JSON's kinds, and those that exist only while a template runs.
///
/// Equality is the template language's: `1`, `1.0` and `true` are equal, and strings are compared by their bytes,
/// because two spellings of one character are different tokens.
package enum TemplateValue: Sendable {
    /// What a name or an attribute that does not exist gives: prints as nothing, and is an error to look into.
    case undefined
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case list([TemplateValue])
    case tuple([TemplateValue])
    case dictionary(TemplateDictionary)
    /// Something of the running template: a namespace, a macro, a function, a method, `loop`.
    case object(TemplateObject)

    /// Whether a condition holds: not for what is undefined, none, false, zero or empty.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .float(let value): value != 0
        case .string(let value): !value.isEmpty
        case .list(let items), .tuple(let items): !items.isEmpty
        case .dictionary(let entries): !entries.isEmpty
        case .object: true
        }
    }

    /// The number that this is, if it is one. A truth value counts as 0 or 1.
    var number: TemplateNumber? {
        switch self {
        case .bool(let value): .int(value ? 1 : 0)
        case .int(let value): .int(value)
        case .float(let value): .float(value)
        default: nil
        }
    }

    /// What the kind is called in a message.
    var kindName: String {
        switch self {
        case .undefined: "an undefined value"
        case .none: "none"
        case .bool: "a truth value"
        case .int: "an integer"
        case .float: "a number"
        case .string: "a string"
        case .list: "a list"
        case .tuple: "a tuple"
        case .dictionary: "a dictionary"
        case .object(let object): object.kindName
        }
    }

    /// Whether the two are equal; `visit` is called for every pair looked at, and may stop it by throwing.
    func equals(_ other: TemplateValue, visit: () throws -> Void) rethrows -> Bool {
        try visit()
        switch (self, other) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let left), .string(let right)): return left.hasSameBytes(as: right)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            guard left.count == right.count else { return false }
            for (one, another) in zip(left, right) where try !one.equals(another, visit: visit) { return false }
            return true
        case (.dictionary(let left), .dictionary(let right)):
            guard left.count == right.count else { return false }
            for (key, value) in left {
                guard let another = right[key], try value.equals(another, visit: visit) else { return false }
            }
            return true
        case (.object(let left), .object(let right)): return left.isSame(as: right)
        default:
            guard let left = number, let right = other.number else { return false }
            return left == right
        }
    }

    /// How many containers lie in one another, looked for no deeper than `limit`; `visit` as for `equals`.
    func nesting(limit: Int, visit: () throws -> Void) rethrows -> Int {
        try visit()
        guard limit > 0 else { return 0 }
        var deepest = 0
        switch self {
        case .list(let items), .tuple(let items):
            for item in items { deepest = max(deepest, try item.nesting(limit: limit - 1, visit: visit)) }
        case .dictionary(let entries):
            for (_, value) in entries { deepest = max(deepest, try value.nesting(limit: limit - 1, visit: visit)) }
        default: return 0
        }
        return deepest + 1
    }
}

extension TemplateValue: Equatable {
    package static func == (left: TemplateValue, right: TemplateValue) -> Bool {
        left.equals(right) {}
    }
}

extension TemplateValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .int(value) }
    package init(floatLiteral value: Double) { self = .float(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: TemplateValue...) { self = .list(elements) }
    package init(dictionaryLiteral elements: (String, TemplateValue)...) {
        var entries = TemplateDictionary()
        for (key, value) in elements { entries[key] = value }
        self = .dictionary(entries)
    }
}

/// An integer or a floating-point number.
enum TemplateNumber: Equatable {
    case int(Int)
    case float(Double)

    var double: Double {
        switch self {
        case .int(let value): Double(value)
        case .float(let value): value
        }
    }

    static func == (left: TemplateNumber, right: TemplateNumber) -> Bool {
        if case .int(let one) = left, case .int(let another) = right { return one == another }
        return left.double == right.double
    }

    static func < (left: TemplateNumber, right: TemplateNumber) -> Bool {
        if case .int(let one) = left, case .int(let another) = right { return one < another }
        return left.double < right.double
    }
}

extension String {
    /// Whether the UTF-8 of both is the same. `==` would also take another spelling of the same character.
    func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}

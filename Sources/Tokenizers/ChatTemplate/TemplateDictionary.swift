/// A dictionary that keeps the order in which its keys came, as templates print tools and arguments in that order.
///
/// A key is a string, a number, a truth value or none; equal numbers are one key.
package struct TemplateDictionary: Sendable, Sequence, Equatable {
    private enum Lookup: Hashable {
        case none
        case integer(Int)
        case float(Double)
        case string(Bytes)
    }

    /// A string by its UTF-8, not by what Unicode holds to be the same.
    private struct Bytes: Hashable {
        var string: String

        static func == (left: Bytes, right: Bytes) -> Bool { left.string.hasSameBytes(as: right.string) }

        func hash(into hasher: inout Hasher) {
            for byte in string.utf8 { hasher.combine(byte) }
        }
    }

    private(set) var keys: [TemplateValue] = []
    private(set) var values: [TemplateValue] = []
    private var places: [Lookup: Int] = [:]

    /// An empty dictionary.
    package init() {}

    /// The number of keys.
    package var count: Int { keys.count }
    /// Whether there is no key.
    package var isEmpty: Bool { keys.isEmpty }

    /// Whether `value` can be a key: none, a truth value, a number or a string.
    static func isKey(_ value: TemplateValue) -> Bool { lookup(value) != nil }

    /// The value of a string key; setting nil leaves the dictionary as it is.
    package subscript(key: String) -> TemplateValue? {
        get { self[.string(key)] }
        set { self[.string(key)] = newValue }
    }

    /// The value of `key`, nil if it is not there or cannot be a key. Setting it keeps the place of a key that is
    /// there and appends another; what cannot be a key, and a nil, change nothing.
    subscript(key: TemplateValue) -> TemplateValue? {
        get { Self.lookup(key).flatMap { places[$0] }.map { values[$0] } }
        set {
            guard let newValue, let lookup = Self.lookup(key) else { return }
            if let place = places[lookup] {
                values[place] = newValue
            } else {
                places[lookup] = keys.count
                keys.append(key)
                values.append(newValue)
            }
        }
    }

    /// Whether both have the same keys with equal values, in whatever order.
    package static func == (left: TemplateDictionary, right: TemplateDictionary) -> Bool {
        TemplateValue.dictionary(left) == .dictionary(right)
    }

    /// Keys and values, in their order.
    package func makeIterator() -> Zip2Sequence<[TemplateValue], [TemplateValue]>.Iterator {
        zip(keys, values).makeIterator()
    }

    private static func lookup(_ key: TemplateValue) -> Lookup? {
        switch key {
        case .none: Lookup.none
        case .bool(let value): .integer(value ? 1 : 0)
        case .int(let value): .integer(value)
        case .float(let value): Int(exactly: value).map(Lookup.integer) ?? .float(value)
        case .string(let value): .string(Bytes(string: value))
        default: nil
        }
    }
}

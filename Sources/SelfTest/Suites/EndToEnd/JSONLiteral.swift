/// A JSON value to be sent, written as a Swift literal; `raw` for what Swift cannot write, or what is no JSON.
struct JSONLiteral: Sendable, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    private let own: String
    /// Of an object, its keys and values; empty for anything else.
    private let members: [(key: String, value: JSONLiteral)]

    /// The value as it is sent.
    var text: String {
        guard own.isEmpty else { return own }
        return "{" + members.map { "\(Self.quoted($0.key)):\($0.value.text)" }.joined(separator: ",") + "}"
    }

    private init(own: String) { (self.own, members) = (own, []) }
    private init(members: [(key: String, value: JSONLiteral)]) { (own, self.members) = ("", members) }

    /// A text that is sent as it is.
    static func raw(_ text: String) -> JSONLiteral { JSONLiteral(own: text) }

    /// A string that is not a literal.
    static func string(_ text: String) -> JSONLiteral { JSONLiteral(own: quoted(text)) }

    /// Strings that are not literals.
    static func strings(_ texts: [String]) -> JSONLiteral {
        JSONLiteral(own: "[" + texts.map(quoted).joined(separator: ",") + "]")
    }

    /// A whole number that is not a literal.
    static func int(_ number: Int) -> JSONLiteral { JSONLiteral(own: "\(number)") }

    /// An object with one key that is not a literal.
    static func member(_ key: String, _ value: JSONLiteral) -> JSONLiteral { JSONLiteral(members: [(key, value)]) }

    /// This object with the keys of another, which stand in place of its own.
    func with(_ more: JSONLiteral) -> JSONLiteral {
        let replaced = Set(more.members.map(\.key))
        return JSONLiteral(members: members.filter { !replaced.contains($0.key) } + more.members)
    }

    init(stringLiteral value: String) { self.init(own: Self.quoted(value)) }
    init(integerLiteral value: Int) { self.init(own: "\(value)") }
    init(floatLiteral value: Double) { self.init(own: "\(value)") }
    init(booleanLiteral value: Bool) { self.init(own: "\(value)") }
    init(nilLiteral: ()) { self.init(own: "null") }

    init(arrayLiteral elements: JSONLiteral...) {
        self.init(own: "[" + elements.map(\.text).joined(separator: ",") + "]")
    }

    init(dictionaryLiteral elements: (String, JSONLiteral)...) {
        self.init(members: elements.map { (key: $0.0, value: $0.1) })
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

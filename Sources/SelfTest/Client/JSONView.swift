internal import Foundation

/// A JSON value as cases look at it: every value knows where it came from, and whatever is not as it should be is a
/// failure that says where, what was expected, and what is there.
package struct JSONView: Sendable, Equatable, CustomStringConvertible {
    /// A text that is no JSON.
    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// What the reader says of it.
        package var reason: String
        package var description: String { "not JSON: \(reason)" }
    }

    /// What a value is.
    fileprivate enum Value: Sendable, Equatable {
        case missing, null
        case bool(Bool)
        case int(Int)
        case double(Double)
        case string(String)
        case array([Value])
        case object([String: Value])
    }

    fileprivate let value: Value
    /// Where it is: `choices[0].text`; `$` for the whole.
    package let path: String

    fileprivate init(_ value: Value, path: String) { (self.value, self.path) = (value, path) }

    /// Reads a JSON text, which has to be one value and nothing else.
    ///
    /// - Throws: `Failure`.
    package init(parsing bytes: [UInt8]) throws {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw Failure(reason: "it is not UTF-8") }
        if bytes.allSatisfy(Self.isSpace) { throw Failure(reason: "it is empty") }
        if let reason = Self.laxity(bytes) { throw Failure(reason: reason) }
        do {
            value = try JSONDecoder().decode(Value.self, from: Data(bytes))
            path = "$"
        } catch DecodingError.dataCorrupted(let context) {
            let detail = (context.underlyingError as? NSError)?.userInfo["NSDebugDescription"] as? String
            throw Failure(reason: detail ?? context.debugDescription)
        } catch {
            throw Failure(reason: "\(error)")
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0a, 0x0d].contains(byte) }

    /// What Foundation reads and other readers refuse: a byte order mark, and a comma before the end of an array or an
    /// object.
    private static func laxity(_ bytes: [UInt8]) -> String? {
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { return "it begins with a byte order mark" }
        var isInString = false, isEscaped = false
        var comma: Int?
        for (index, byte) in bytes.enumerated() where isInString || !isSpace(byte) {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            if let comma, byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") {
                return "the comma at byte \(comma) is followed by nothing"
            }
            comma = byte == UInt8(ascii: ",") ? index : nil
            isInString = byte == UInt8(ascii: "\"")
        }
        return nil
    }

    /// Reads a JSON text.
    package init(parsing text: String) throws { try self.init(parsing: Array(text.utf8)) }

    /// The value of a key; a value that is missing where there is none, whose `exists` is false.
    package subscript(key: String) -> JSONView {
        let path = path == "$" ? key : "\(path).\(key)"
        guard case .object(let members) = value, let member = members[key] else {
            return JSONView(.missing, path: path)
        }
        return JSONView(member, path: path)
    }

    /// The value at a place; a value that is missing where there is none.
    package subscript(index: Int) -> JSONView {
        let path = "\(path)[\(index)]"
        guard case .array(let elements) = value, elements.indices.contains(index) else {
            return JSONView(.missing, path: path)
        }
        return JSONView(elements[index], path: path)
    }

    /// Whether it is there and not null.
    package var exists: Bool { value != .missing && value != .null }
    /// Whether it is there and null.
    package var isNull: Bool { value == .null }
    /// Whether there is no such key or place.
    package var isMissing: Bool { value == .missing }

    /// The text of a string. Throws `CaseFailure` with the path where it is none, as all of these do.
    package var string: String {
        get throws {
            guard case .string(let text) = value else { throw mismatch("a string") }
            return text
        }
    }

    /// A whole number.
    package var int: Int {
        get throws {
            guard case .int(let number) = value else { throw mismatch("a whole number") }
            return number
        }
    }

    /// A number.
    package var double: Double {
        get throws {
            switch value {
            case .int(let number): return Double(number)
            case .double(let number): return number
            default: throw mismatch("a number")
            }
        }
    }

    /// True or false.
    package var bool: Bool {
        get throws {
            guard case .bool(let flag) = value else { throw mismatch("true or false") }
            return flag
        }
    }

    /// The elements of an array.
    package var array: [JSONView] {
        get throws {
            guard case .array(let elements) = value else { throw mismatch("an array") }
            return elements.indices.map { JSONView(elements[$0], path: "\(path)[\($0)]") }
        }
    }

    /// The keys of an object.
    package var keys: Set<String> {
        get throws {
            guard case .object(let members) = value else { throw mismatch("an object") }
            return Set(members.keys)
        }
    }

    /// The members of an object.
    package var object: [String: JSONView] {
        get throws {
            var members: [String: JSONView] = [:]
            for key in try keys { members[key] = self[key] }
            return members
        }
    }

    /// The value as JSON, keys sorted, cut where it is long.
    package var description: String {
        let text = Self.text(value)
        return text.count > 200 ? text.prefix(200) + "…" : text
    }

    /// The failure of a value that is not what it should be.
    package func mismatch(_ expected: String) -> CaseFailure {
        CaseFailure("\(path): expected \(expected), found \(value == .missing ? "nothing" : description)")
    }

    /// Values are equal wherever they stand.
    package static func == (left: JSONView, right: JSONView) -> Bool { left.value == right.value }

    private static func text(_ value: Value) -> String {
        switch value {
        case .missing: return "nothing"
        case .null: return "null"
        case .bool(let flag): return "\(flag)"
        case .int(let number): return "\(number)"
        case .double(let number): return "\(number)"
        case .string(let text): return quoted(text)
        case .array(let elements): return "[" + elements.map(Self.text).joined(separator: ",") + "]"
        case .object(let members):
            return "{"
                + members.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(Self.text($0.value))" }
                .joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension JSONView.Value: Decodable {
    init(from decoder: any Decoder) throws {
        let single = try decoder.singleValueContainer()
        if single.decodeNil() {
            self = .null
        } else if let flag = try? single.decode(Bool.self) {
            self = .bool(flag)
        } else if let number = try? single.decode(Int.self) {
            self = .int(number)
        } else if let number = try? single.decode(Double.self) {
            self = .double(number)
        } else if let text = try? single.decode(String.self) {
            self = .string(text)
        } else if let elements = try? single.decode([Self].self) {
            self = .array(elements)
        } else {
            self = .object(try single.decode([String: Self].self))
        }
    }
}

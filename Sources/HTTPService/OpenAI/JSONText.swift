internal import Hummingbird
internal import Tokenizers

/// JSON in the order of its keys, without spaces: OpenAI's answers.
enum JSONText {
    static func write(_ value: TemplateValue) -> ByteBuffer {
        var output = ""
        append(value, to: &output)
        return ByteBuffer(string: output)
    }

    static func append(_ value: TemplateValue, to output: inout String) {
        switch value {
        case .undefined, .none, .object: output += "null"
        case .bool(let flag): output += flag ? "true" : "false"
        case .int(let number): output += String(number)
        case .float(let number): output += number.isFinite ? "\(number)" : "null"
        case .string(let text): append(text, to: &output)
        case .list(let items), .tuple(let items):
            output += "["
            for (index, item) in items.enumerated() {
                if index > 0 { output += "," }
                append(item, to: &output)
            }
            output += "]"
        case .dictionary(let entries):
            output += "{"
            var isFirst = true
            for (key, value) in entries {
                guard case .string(let name) = key else { continue }
                if !isFirst { output += "," }
                isFirst = false
                append(name, to: &output)
                output += ":"
                append(value, to: &output)
            }
            output += "}"
        }
    }

    /// A text in quotes, with what JSON wants escaped.
    static func append(_ text: String, to output: inout String) {
        output += "\""
        defer { output += "\"" }
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
            output += text
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
    }
}

extension APIError {
    /// `{"error": {…}}`, for an event of a stream that has begun.
    var value: TemplateValue {
        [
            "error": [
                "message": .string(message), "type": .string(type), "param": param.map { .string($0) } ?? .none,
                "code": code.map { .string($0) } ?? .none,
            ]
        ]
    }
}

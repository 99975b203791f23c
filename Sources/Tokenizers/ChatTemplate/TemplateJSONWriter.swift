/// Values into JSON, as Python's `json.dumps` writes it.
struct TemplateJSONWriter {
    var escapesNonASCII = false
    /// What one level is indented by; nil writes one line.
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false

    /// Writes `value` behind what is in `output`; `charge` is told the bytes written.
    func write(
        _ value: TemplateValue, to output: inout String, level: Int = 0, charge: (Int) throws -> Void
    ) throws {
        let before = output.utf8.count
        switch value {
        case .none: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .int(let value): output += String(value)
        case .float(let value): output += Self.number(value)
        case .string(let text): writeString(text, to: &output)
        case .list(let items), .tuple(let items):
            try writeItems(items.count, "[", "]", to: &output, level: level) { index, output in
                try write(items[index], to: &output, level: level + 1, charge: charge)
            }
        case .dictionary(let entries):
            let order = try sortsKeys ? sorted(entries) : Array(entries.keys.indices)
            try writeItems(order.count, "{", "}", to: &output, level: level) { index, output in
                try writeKey(entries.keys[order[index]], to: &output)
                try write(entries.values[order[index]], to: &output, level: level + 1, charge: charge)
            }
        case .undefined, .object: throw TemplateFault("\(value.kindName) cannot be written as JSON")
        }
        switch value {
        case .list, .tuple, .dictionary: try charge(1)
        default: try charge(output.utf8.count - before)
        }
    }

    private func writeItems(
        _ count: Int, _ open: String, _ close: String, to output: inout String, level: Int,
        _ item: (Int, inout String) throws -> Void
    ) throws {
        output += open
        for index in 0..<count {
            if index > 0 { output += itemSeparator }
            breakLine(&output, level: level + 1)
            try item(index, &output)
        }
        if count > 0 { breakLine(&output, level: level) }
        output += close
    }

    private func breakLine(_ output: inout String, level: Int) {
        guard let indent else { return }
        output += "\n" + String(repeating: indent, count: level)
    }

    private func sorted(_ entries: TemplateDictionary) throws -> [Int] {
        try entries.keys.indices.sorted { left, right in
            try TemplateOrder.isLess(entries.keys[left], entries.keys[right]) {}
        }
    }

    private func writeKey(_ key: TemplateValue, to output: inout String) throws {
        switch key {
        case .string(let text): writeString(text, to: &output)
        case .none: output += "\"null\""
        case .bool(let value): output += value ? "\"true\"" : "\"false\""
        case .int(let value): output += "\"\(value)\""
        case .float(let value): output += "\"\(Self.number(value))\""
        default: throw TemplateFault("\(key.kindName) cannot be a key in JSON")
        }
        output += keySeparator
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return TemplateText.describe(value)
    }

    private func writeString(_ text: String, to output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case "\u{08}": output += "\\b"
            case "\u{0C}": output += "\\f"
            case _ where scalar.value < 0x20 || (escapesNonASCII && scalar.value > 0x7E):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}

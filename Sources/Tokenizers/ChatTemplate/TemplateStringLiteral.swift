/// A string literal of a template, with the escapes that Jinja takes from Python.
enum TemplateStringLiteral {
    /// The literal whose quote is at `start`, and where it ends.
    static func read(_ source: TemplateSource, at start: Int) throws -> (text: String, end: Int) {
        let bytes = source.bytes
        let quote = bytes[start]
        var end = start + 1
        var hasEscape = false
        while end < bytes.count, bytes[end] != quote {
            if bytes[end] == UInt8(ascii: "\\") {
                hasEscape = true
                end += 1
            }
            end += 1
        }
        guard end < bytes.count else {
            throw TemplateSyntaxFault(message: "the string that begins here has no closing quote", offset: start)
        }
        let text = source.text(start + 1..<end)
        return (hasEscape ? try unescape(text, at: start) : text, end + 1)
    }

    private static func unescape(_ text: String, at offset: Int) throws -> String {
        var result = String.UnicodeScalarView()
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            guard scalar == "\\", let escape = scalars.popFirst() else {
                result.append(scalar)
                continue
            }
            switch escape {
            case "\n": break
            case "\\", "'", "\"": result.append(escape)
            case "n": result.append("\n")
            case "t": result.append("\t")
            case "r": result.append("\r")
            case "a": result.append("\u{07}")
            case "b": result.append("\u{08}")
            case "f": result.append("\u{0C}")
            case "v": result.append("\u{0B}")
            case "x": result.append(try hexadecimal(&scalars, digits: 2, at: offset))
            case "u": result.append(try hexadecimal(&scalars, digits: 4, at: offset))
            case "U": result.append(try hexadecimal(&scalars, digits: 8, at: offset))
            case "0"..."7":
                var value = escape.value - 0x30
                for _ in 0..<2 {
                    guard let digit = scalars.first, ("0"..."7").contains(digit) else { break }
                    value = value * 8 + digit.value - 0x30
                    scalars.removeFirst()
                }
                result.append(Unicode.Scalar(value) ?? "\u{FFFD}")
            default:
                result.append("\\")
                result.append(escape)
            }
        }
        return String(result)
    }

    private static func hexadecimal(
        _ scalars: inout ArraySlice<Unicode.Scalar>, digits: Int, at offset: Int
    ) throws -> Unicode.Scalar {
        let text = String(String.UnicodeScalarView(scalars.prefix(digits)))
        guard text.utf8.count == digits, text.utf8.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
            let value = UInt32(text, radix: 16), let scalar = Unicode.Scalar(value)
        else {
            throw TemplateSyntaxFault(
                message: "the string that begins here has an escape of no character", offset: offset)
        }
        scalars.removeFirst(digits)
        return scalar
    }
}

/// Strings as templates see them, which is as Python does: sequences of Unicode scalars.
extension String {
    enum Side {
        case leading, trailing, both

        var isLeading: Bool { self != .trailing }
        var isTrailing: Bool { self != .leading }
    }

    /// Without the white space, or the characters of `characters`, at the given ends.
    func stripping(_ side: Side, _ characters: String? = nil) -> String {
        let set = characters.map { Set($0.unicodeScalars) }
        func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.isTemplateWhitespace }
        var rest = unicodeScalars[...]
        if side.isLeading { rest = rest.drop(while: goes) }
        if side.isTrailing { while let last = rest.last, goes(last) { rest.removeLast() } }
        return String(rest)
    }

    /// Where `needle` begins, from the byte `start` on, as a distance in bytes.
    func bytePosition(of needle: String, from start: Int = 0) -> Int? {
        TemplateText.withBytes(self) { text in
            TemplateText.withBytes(needle) { needle in TemplateText.find(needle, in: text, from: start) }
        }
    }

    func containsBytes(of needle: String) -> Bool { bytePosition(of: needle) != nil }

    /// The parts between the places of `separator`, which is not empty; at most `limit` cuts.
    func splitting(_ separator: String, limit: Int, fromEnd: Bool) -> [String] {
        TemplateText.withBytes(self) { text in
            TemplateText.withBytes(separator) { separator in
                var cuts: [Int] = []
                var position = 0
                while let cut = TemplateText.find(separator, in: text, from: position) {
                    cuts.append(cut)
                    position = cut + separator.count
                }
                // From the end, overlapping places are told apart the other way round; such separators are of equal
                // characters, and give the same number of parts.
                cuts = fromEnd ? Array(cuts.suffix(limit)) : Array(cuts.prefix(limit))
                var parts: [String] = []
                var start = 0
                for cut in cuts {
                    parts.append(String(decoding: text[start..<cut], as: UTF8.self))
                    start = cut + separator.count
                }
                parts.append(String(decoding: text[start...], as: UTF8.self))
                return parts
            }
        }
    }

    /// The words between white space; at most `limit` cuts, and then the rest as it is.
    func splittingWhitespace(limit: Int, fromEnd: Bool) -> [String] {
        var words: [String] = []
        var rest = unicodeScalars[...]
        func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar.isTemplateWhitespace }
        if fromEnd {
            while true {
                while let last = rest.last, isBlank(last) { rest.removeLast() }
                guard !rest.isEmpty else { break }
                guard words.count < limit else {
                    words.append(String(rest))
                    break
                }
                let start = rest.lastIndex(where: isBlank).map { rest.index(after: $0) } ?? rest.startIndex
                words.append(String(rest[start...]))
                rest = rest[..<start]
            }
            return words.reversed()
        }
        while true {
            rest = rest.drop(while: isBlank)
            guard !rest.isEmpty else { return words }
            guard words.count < limit else { return words + [String(rest)] }
            let end = rest.firstIndex(where: isBlank) ?? rest.endIndex
            words.append(String(rest[..<end]))
            rest = rest[end...]
        }
    }

    /// The lines, without or with what ends them.
    func splittingLines(keepingEnds: Bool) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var scalars = unicodeScalars.makeIterator()
        var pending = scalars.next()
        while let scalar = pending {
            pending = scalars.next()
            switch scalar.value {
            case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
                if keepingEnds { line.append(scalar) }
                if scalar == "\r", pending == "\n" {
                    if keepingEnds { line.append("\n") }
                    pending = scalars.next()
                }
                lines.append(String(line))
                line = String.UnicodeScalarView()
            default: line.append(scalar)
            }
        }
        if !line.isEmpty { lines.append(String(line)) }
        return lines
    }

    /// With every `old` replaced, or the first `limit` of them.
    func replacing(_ old: String, with new: String, limit: Int) -> String {
        guard old.isEmpty else { return splitting(old, limit: limit, fromEnd: false).joined(separator: new) }
        // Nothing is found before every character and at the end.
        var result = String.UnicodeScalarView()
        var left = limit
        for scalar in unicodeScalars {
            if left > 0 { result.append(contentsOf: new.unicodeScalars) }
            left -= 1
            result.append(scalar)
        }
        if left > 0 { result.append(contentsOf: new.unicodeScalars) }
        return String(result)
    }

    /// The first character as a capital, the rest in lowercase.
    var capitalizedFirst: String {
        guard let first = unicodeScalars.first else { return "" }
        return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
    }

    /// Every first letter of a run of letters as a capital, the others in lowercase: Python's `str.title`.
    var titlecased: String {
        var result = ""
        var isInside = false
        for scalar in unicodeScalars {
            result += isInside ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            isInside = scalar.properties.isCased
        }
        return result
    }

    /// Every word's first character as a capital, the others in lowercase: Jinja's filter `title`, to which white
    /// space, hyphens and opening brackets separate words.
    var titledWords: String {
        var result = ""
        var isInside = false
        for scalar in unicodeScalars {
            let separates = scalar.isTemplateWhitespace || "-({[<".unicodeScalars.contains(scalar)
            result += isInside ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
            isInside = !separates
        }
        return result
    }
}

extension Unicode.Scalar {
    /// What Python's `str.isspace` takes for white space.
    var isTemplateWhitespace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }
}

enum TemplateText {
    /// Calls `body` with the UTF-8 of `text`.
    static func withBytes<Result>(
        _ text: String, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result {
        var text = text
        return try text.withUTF8 { try body($0) }
    }

    /// Where `needle` is in `text` from `start` on.
    static func find(_ needle: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int?
    {
        guard let first = needle.first else { return start <= text.count ? start : nil }
        var index = start
        let last = text.count - needle.count
        while index <= last {
            if text[index] == first {
                var length = 1
                while length < needle.count, text[index + length] == needle[length] { length += 1 }
                if length == needle.count { return index }
            }
            index += 1
        }
        return nil
    }

    /// The indices that `from:to:step` takes of `count` items, as Python clips them.
    static func sliceIndices(count: Int, from: Int?, to: Int?, by step: Int) -> [Int] {
        func clip(_ bound: Int, _ low: Int, _ high: Int) -> Int {
            min(max(bound < 0 ? bound + count : bound, low), high)
        }
        if step > 0 {
            let start = from.map { clip($0, 0, count) } ?? 0
            let end = to.map { clip($0, 0, count) } ?? count
            return Array(stride(from: start, to: max(start, end), by: step))
        }
        let start = from.map { clip($0, -1, count - 1) } ?? count - 1
        let end = to.map { clip($0, -1, count - 1) } ?? -1
        return Array(stride(from: start, to: min(start, end), by: step))
    }

    /// A floating-point number as Python prints it: the fewest digits that read back the same.
    static func describe(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
        // Swift's digits are the shortest too, but it changes to an exponent elsewhere.
        let parts = value.magnitude.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".")
        let whole = mantissa[0] == "0" ? "" : String(mantissa[0])
        var digits = whole + (mantissa.count > 1 ? String(mantissa[1]) : "")
        var point = whole.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        let leadingZeros = digits.prefix { $0 == "0" }.count
        digits.removeFirst(leadingZeros)
        point -= leadingZeros
        while digits.hasSuffix("0") { digits.removeLast() }
        let sign = value < 0 ? "-" : ""
        if point > 16 || point < -3 {
            let fraction = digits.dropFirst()
            let exponent = abs(point - 1)
            return sign + digits.prefix(1) + (fraction.isEmpty ? "" : "." + fraction) + "e" + (point > 0 ? "+" : "-")
                + (exponent < 10 ? "0" : "") + String(exponent)
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if digits.count <= point { return sign + digits + String(repeating: "0", count: point - digits.count) + ".0" }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// A string as Python shows it inside of a list: quoted, with escapes.
    static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
        var result = String.UnicodeScalarView([quote])
        for scalar in scalars {
            switch scalar {
            case quote, "\\":
                result.append("\\")
                result.append(scalar)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            case _ where isPrintable(scalar): result.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                let padding = String(repeating: "0", count: max(0, width - digits.count))
                result.append(contentsOf: ("\\" + letter + padding + digits).unicodeScalars)
            }
        }
        result.append(quote)
        return String(result)
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7F { return scalar.value >= 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }
}

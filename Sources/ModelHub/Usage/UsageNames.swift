/// What may be written down of the strings in an observation. Each is cut down to its form, which has no room for a
/// sentence or an address, so that a caller's mistake does not become a record of somebody's words. A single word can
/// pass for a model's name: only the list of known models keeps that out.
enum UsageNames {
    /// Stands for what may not be written, or for more kinds than are kept.
    static let other = "other"
    /// Stands for all language pairs of a model of which there were too many to tell apart.
    static let any = "*"

    /// A model's name: up to 128 letters, digits, `.`, `_` and `-` of ASCII, the first a letter or digit, one of them a
    /// letter, which a numeric address has not. Anything else is `other`.
    static func model(_ text: String, isKnown: (@Sendable (String) -> Bool)?) -> String {
        guard (1...128).contains(text.utf8.count) else { return other }
        var isFirst = true, hasLetter = false
        for byte in text.utf8 {
            let isLetter = isLetter(byte)
            guard isLetter || isDigit(byte) || (!isFirst && (byte == 0x2e || byte == 0x5f || byte == 0x2d)) else {
                return other
            }
            hasLetter = hasLetter || isLetter
            isFirst = false
        }
        return hasLetter && isKnown?(text) != false ? text : other
    }

    /// A language tag in its usual spelling with at most a script and a region: `pt`, `zh-Hant`, `pt-BR`, `por-Latn`.
    /// What follows those is dropped, because its form is free. Empty for nil and for what does not begin as a tag.
    static func language(_ text: String?) -> String {
        guard let text, text.utf8.count <= 64 else { return "" }
        var parts = text.utf8.split(omittingEmptySubsequences: false) { $0 == 0x2d || $0 == 0x5f }[...]
        guard let first = parts.popFirst(), (2...3).contains(first.count), first.allSatisfy(isLetter) else { return "" }
        var tag = spelled(first, upper: 0)
        if let script = parts.first, script.count == 4, script.allSatisfy(isLetter) {
            tag += "-" + spelled(script, upper: 1)
            parts = parts.dropFirst()
        }
        if let region = parts.first {
            if region.count == 2, region.allSatisfy(isLetter) { tag += "-" + spelled(region, upper: 2) }
            if region.count == 3, region.allSatisfy(isDigit) { tag += "-" + spelled(region, upper: 0) }
        }
        return tag
    }

    /// A failure's code: up to 40 lower-case letters, digits and `_` of ASCII, the first a letter.
    static func failure(_ text: String) -> String {
        guard (1...40).contains(text.utf8.count), let first = text.utf8.first, isLower(first),
            text.utf8.allSatisfy({ isLower($0) || isDigit($0) || $0 == 0x5f })
        else { return other }
        return text
    }

    private static func spelled(_ part: Substring.UTF8View, upper: Int) -> String {
        let text = String(Substring(part)).lowercased()
        return text.prefix(upper).uppercased() + text.dropFirst(upper)
    }

    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { isLower(byte | 0x20) }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

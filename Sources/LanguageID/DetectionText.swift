import Foundation

/// A text as it is shown to the model, and its letters. What is done here, and nothing else, stands between the
/// text and fastText's own prediction:
///
/// 1. Only the first `scalarLimit` Unicode scalars are read.
/// 2. Runs of white space and control characters, newlines and the ideographic space among them, become one
///    space: the model knows ASCII white space only, and a newline would end the line.
/// 3. Web addresses, e-mail addresses and @names are left out, by runs of printable ASCII characters: they are in
///    no language, and to the model mostly English. So are the words that mark labels and the end of a line.
/// 4. Decomposed characters are composed (NFC), as they are in the text that models are trained on.
/// 5. A text without a lowercase letter is lowercased: capitals hide its words from the model.
struct DetectionText {
    /// How much of a text is read: a few pages, after which an answer hardly changes and the time still grows.
    static let scalarLimit = 10_000

    let text: String
    let letters: ScriptCounts

    init(_ original: String) {
        var isDecomposed = false
        var composed = Self.cleaned(original, isDecomposed: &isDecomposed)
        if isDecomposed { composed = composed.precomposedStringWithCanonicalMapping }

        var letters = ScriptCounts()
        var hasLowercase = false
        var hasUppercase = false
        for scalar in composed.unicodeScalars {
            guard let script = Script(letter: scalar) else { continue }
            letters.add(script)
            // Most scripts have no case; asking is slow, so only while it matters.
            guard !hasLowercase else { continue }
            if scalar.properties.isLowercase { hasLowercase = true }
            if scalar.properties.isUppercase { hasUppercase = true }
        }
        self.letters = letters
        text = hasUppercase && !hasLowercase ? composed.lowercased() : composed
    }

    private static func cleaned(_ original: String, isDecomposed: inout Bool) -> String {
        var kept: [UInt8] = []
        kept.reserveCapacity(min(original.utf8.count, 4 * scalarLimit))
        var runStart = 0  // of the printable ASCII characters that `kept` ends with
        func endRun() {
            if isLeftOut(kept[runStart...]) { kept.removeSubrange(runStart...) }
        }
        for scalar in original.unicodeScalars.prefix(scalarLimit) {
            let value = scalar.value
            if value > 0x20, value < 0x7F {
                kept.append(UInt8(value))
                continue
            }
            endRun()
            if isSpace(scalar) {
                if let last = kept.last, last != UInt8(ascii: " ") { kept.append(UInt8(ascii: " ")) }
            } else {
                isDecomposed = isDecomposed || mayCompose(value)
                kept.append(contentsOf: scalar.utf8)
            }
            runStart = kept.count
        }
        endRun()
        return String(decoding: kept, as: UTF8.self)
    }

    /// White space, and what is no text either: control characters and the byte order mark.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x20, 0x7F...0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF: true
        default: false
        }
    }

    /// Whether a run of printable ASCII characters says nothing about the language.
    private static func isLeftOut(_ run: ArraySlice<UInt8>) -> Bool {
        // All that is left out has one of these, and few words do.
        guard run.contains(where: { "./@_".utf8.contains($0) }) else { return false }
        let text = String(decoding: run, as: UTF8.self)
        return text.contains("://") || text.lowercased().hasPrefix("www.") || text.hasPrefix("@")
            || isMailAddress(text) || text == FastTextDictionary.endOfLine
            || text.hasPrefix(FastTextDictionary.labelPrefix)
    }

    /// Something, an at sign, and a name with a dot inside.
    private static func isMailAddress(_ text: String) -> Bool {
        guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")) else { return false }
        return text[at...].split(separator: ".", omittingEmptySubsequences: false).dropFirst().contains {
            $0.first?.isLetter == true
        }
    }

    /// Combining diacritics, conjoining Hangul, and the Japanese voicing marks.
    private static func mayCompose(_ value: UInt32) -> Bool {
        (0x300...0x36F).contains(value) || (0x1100...0x11FF).contains(value) || value == 0x3099 || value == 0x309A
    }
}

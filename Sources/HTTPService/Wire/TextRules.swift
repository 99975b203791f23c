internal import Hummingbird

/// What a text in a request may hold.
enum TextRules {
    /// Checks texts against the limits, and for characters that belong in no text.
    ///
    /// - Throws: `APIError` naming the text, the character and its place, or the two numbers of a limit.
    static func check(_ texts: [String], name: String, isArray: Bool, _ configuration: ServiceConfiguration) throws {
        guard texts.count <= configuration.maximumTexts else {
            throw APIError(
                .contentTooLarge, "\(name) has \(texts.count) texts; at most \(configuration.maximumTexts) are taken",
                param: name, code: "too_many_texts")
        }
        var characters = 0
        for (index, text) in texts.enumerated() {
            let place = isArray ? "\(name)[\(index)]" : name
            characters += text.unicodeScalars.count
            if let (offset, scalar) = firstControlCharacter(text) {
                let code = String(scalar.value, radix: 16, uppercase: true)
                throw APIError(
                    .badRequest,
                    "Invalid request: \(place) has the control character U+\(String(repeating: "0", count: 4 - code.count))\(code) "
                        + "at character \(offset); remove it",
                    param: name, code: "control_character")
            }
        }
        guard characters <= configuration.maximumCharacters else {
            throw APIError(
                .contentTooLarge,
                "\(name) has \(characters) characters; at most \(configuration.maximumCharacters) are taken in one request",
                param: name, code: "text_too_long")
        }
    }

    /// The first character below U+0020 that is not white space, or U+007F, and how many characters stand before it.
    private static func firstControlCharacter(_ text: String) -> (Int, Unicode.Scalar)? {
        let bytes = text.utf8
        guard bytes.contains(where: { $0 < 0x20 && !(0x09...0x0d).contains($0) || $0 == 0x7f }) else { return nil }
        for (offset, scalar) in text.unicodeScalars.enumerated() {
            if scalar.value < 0x20 && !(0x09...0x0d).contains(scalar.value) || scalar.value == 0x7f {
                return (offset, scalar)
            }
        }
        return nil
    }
}

internal import Hummingbird
internal import Tokenizers

/// Reads the JSON object that a request's body is to be. RFC 8259 to the letter: no leading zeros, no half of a surrogate
/// pair, no control characters in strings.
enum JSONBody {
    /// The members, in their order; of several with one name the last.
    ///
    /// - Throws: `APIError` 400 that says at which byte the text is not JSON, or which number does not fit.
    static func object(_ body: ByteBuffer) throws -> TemplateDictionary {
        let text = try RequestFields.text(body)
        let value: TemplateValue
        do {
            value = try TemplateValue(json: text)
        } catch {
            if let parameter = JSONNumberCheck.firstUnusable(in: text) {
                throw APIError.invalidValue(parameter, "a finite number that fits 64 bits")
            }
            // The position in the message is the byte of the body.
            let detail = "\(error)".split(separator: "JSON, ", maxSplits: 1).last.map(String.init) ?? "\(error)"
            throw APIError(.badRequest, "the body is not valid JSON: \(detail)", code: "invalid_json")
        }
        guard case .dictionary(let entries) = value else {
            throw APIError(.badRequest, "the body is not a JSON object", code: "invalid_json")
        }
        return entries
    }
}

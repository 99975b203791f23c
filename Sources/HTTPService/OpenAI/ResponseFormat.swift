internal import Generation
internal import Hummingbird
internal import Tokenizers

/// `response_format`: what an answer has to be.
enum ResponseFormat {
    /// The grammar for it; nil for free text.
    ///
    /// - Throws: `APIError` 400 that names the field, or the keyword of the schema.
    static func grammar(_ parameters: RequestParameters) throws -> Grammar? {
        guard let format = try parameters.object("response_format") else { return nil }
        guard let type = try format.string("type") else { throw APIError.missing("response_format.type") }
        switch type {
        case "text": return nil
        case "json_object": return Grammar.json()
        case "json_schema": return try schema(format)
        default: throw APIError.invalidValue("response_format.type", "text, json_object or json_schema")
        }
    }

    private static func schema(_ format: RequestParameters) throws -> Grammar {
        guard let described = try format.object("json_schema") else {
            throw APIError.missing("response_format.json_schema")
        }
        guard let name = try described.string("name") else {
            throw APIError.missing("response_format.json_schema.name")
        }
        guard ToolParameters.isName(name) else {
            throw APIError.invalidValue(
                "response_format.json_schema.name", "1 to 64 of the letters a-z, A-Z, 0-9, _ and -")
        }
        _ = try described.string("description")
        _ = try described.bool("strict")
        guard let schema = try described.object("schema") else {
            throw APIError.missing("response_format.json_schema.schema")
        }
        do {
            return try Grammar(jsonSchema: .dictionary(schema.dictionary))
        } catch {
            throw APIError(
                .badRequest, "the schema cannot be enforced: \(error)", param: "response_format.json_schema.schema",
                code: "unsupported_schema")
        }
    }
}

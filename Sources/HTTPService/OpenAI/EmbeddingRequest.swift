internal import Engine
internal import Tokenizers

/// The body of POST /v1/embeddings.
struct EmbeddingRequest: Sendable {
    /// How vectors are written.
    enum Encoding: String, CaseIterable, Sendable {
        /// An array of numbers.
        case float
        /// Little-endian 32-bit floats in base64, which OpenAI's own client asks for unless told otherwise.
        case base64
    }

    /// The texts of one request, at most.
    private static let mostInputs = 2048

    var model: String
    var inputs: [EmbeddingInput]
    var encoding: Encoding
    /// The length that vectors shall have; nil for the model's own.
    var dimensions: Int?
    /// Whether another model may answer.
    var fallback: FallbackPolicy

    /// - Throws: `APIError` 400 naming the parameter.
    init(_ parameters: RequestParameters) throws {
        guard let model = try parameters.string("model") else { throw APIError.missing("model") }
        self.model = model
        fallback = try FallbackPolicy(parameter: parameters.string("fallback"))
        inputs = try Self.inputs(parameters)
        let name = try parameters.string("encoding_format") ?? Encoding.float.rawValue
        guard let encoding = Encoding(rawValue: name) else {
            let known = Encoding.allCases.map(\.rawValue).joined(separator: " or ")
            throw APIError.invalidValue("encoding_format", known)
        }
        self.encoding = encoding
        dimensions = try parameters.integer("dimensions", in: 1...(1 << 20))
    }

    /// A string, several, the ids of one text, or those of several.
    private static func inputs(_ parameters: RequestParameters) throws -> [EmbeddingInput] {
        let inputs: [EmbeddingInput]
        switch parameters.value("input") {
        case nil: throw APIError.missing("input")
        case .string(let text): inputs = [.text(text)]
        case .list(let items):
            switch items.first {
            case nil: throw APIError.invalidValue("input", "at least one text, and no empty array")
            case .string, .list: inputs = try items.enumerated().map { try input($1, "input[\($0)]") }
            default: inputs = [.tokens(try tokens(items, "input"))]
            }
        default:
            throw APIError.invalidType(
                "input", "a string, an array of strings, an array of token ids, or an array of such arrays")
        }
        guard inputs.count <= mostInputs else { throw APIError.invalidValue("input", "at most \(mostInputs) texts") }
        if let index = inputs.firstIndex(of: .text("")) {
            throw APIError.invalidValue(inputs.count == 1 ? "input" : "input[\(index)]", "a text that is not empty")
        }
        return inputs
    }

    private static func input(_ item: TemplateValue, _ path: String) throws -> EmbeddingInput {
        switch item {
        case .string(let text): .text(text)
        case .list(let ids): .tokens(try tokens(ids, path))
        default: throw APIError.invalidType(path, "a string or an array of token ids, as the first is")
        }
    }

    private static func tokens(_ items: [TemplateValue], _ path: String) throws -> [Int32] {
        guard !items.isEmpty else { throw APIError.invalidValue(path, "at least one token id") }
        return try items.enumerated().map { index, item in
            guard let id = RequestParameters.integer(item).flatMap(Int32.init(exactly:)), id >= 0 else {
                throw APIError.invalidType("\(path)[\(index)]", "a token id, a whole number from 0 on")
            }
            return id
        }
    }
}

internal import Engine
internal import Foundation
internal import Hummingbird
internal import NIOCore
internal import Tokenizers

/// POST /v1/embeddings.
struct EmbeddingController: Sendable {
    let engine: Engine
    let configuration: ServiceConfiguration
    let work: RequestWork

    func embed(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let parameters = try await RequestParameters.read(request, maximumBytes: configuration.maximumBodyBytes)
        let asked = try EmbeddingRequest(parameters)
        let result = try await work.run(on: context.channel) { [engine] in
            try await engine.embed(model: asked.model, asked.inputs, fallback: asked.fallback)
        }
        if let dimensions = asked.dimensions, dimensions != result.vectors.first?.count {
            throw APIError.unsupported(
                "dimensions", "the vectors of \(asked.model) have \(result.vectors.first?.count ?? 0) numbers")
        }
        var response = JSONResponse.raw(Self.body(asked, result))
        response.note([result.fallback].compactMap(\.self))
        return response
    }

    /// Written straight into the buffer: a request can have two thousand vectors.
    private static func body(_ request: EmbeddingRequest, _ result: EmbeddingResult) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeString(#"{"object":"list","data":["#)
        for (index, vector) in result.vectors.enumerated() {
            if index > 0 { buffer.writeString(",") }
            buffer.writeString(#"{"object":"embedding","index":\#(index),"embedding":"#)
            switch request.encoding {
            case .float:
                buffer.writeString("[")
                for (position, value) in vector.enumerated() {
                    if position > 0 { buffer.writeString(",") }
                    buffer.writeString("\(value)")
                }
                buffer.writeString("]}")
            case .base64:
                var bytes = Data(capacity: vector.count * 4)
                for value in vector {
                    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
                }
                buffer.writeString("\"\(bytes.base64EncodedString())\"}")
            }
        }
        let tokens = result.tokens
        let model = JSONText.write(.string(result.model))
        buffer.writeString(#"],"model":"#)
        buffer.writeImmutableBuffer(model)
        buffer.writeString(#","usage":{"prompt_tokens":\#(tokens),"total_tokens":\#(tokens)}"#)
        if let fallback = result.fallback {
            buffer.writeString(#","fallback":"#)
            buffer.writeImmutableBuffer(
                JSONText.write(["from": .string(fallback.from), "reason": .string(fallback.reason)]))
        }
        buffer.writeString("}")
        return buffer
    }
}

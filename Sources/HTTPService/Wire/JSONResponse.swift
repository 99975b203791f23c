internal import Foundation
internal import Hummingbird

/// Answers in JSON.
enum JSONResponse {
    /// How Swift names become keys.
    enum Keys {
        /// `sizeBytes` becomes `size_bytes`: our own vocabulary.
        case snakeCase
        /// As they are: LibreTranslate's vocabulary.
        case asWritten
    }

    /// A value as it stands in answers.
    ///
    /// - Throws: `EncodingError` for a value that JSON cannot hold.
    static func encode(_ value: some Encodable, keys: Keys = .snakeCase) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if keys == .snakeCase { encoder.keyEncodingStrategy = .convertToSnakeCase }
        encoder.dateEncodingStrategy = .iso8601
        return try encoder.encode(value)
    }

    static func make(_ value: some Encodable, status: HTTPResponse.Status = .ok, keys: Keys = .snakeCase) -> Response {
        do {
            return raw(ByteBuffer(bytes: try encode(value, keys: keys)), status: status)
        } catch {
            // Only a value that JSON cannot hold (NaN) gets here; that is ours to repair, and the client's to know.
            return raw(
                ByteBuffer(
                    string:
                        #"{"error":{"message":"the answer could not be written","type":"server_error","param":null,"code":null}}"#
                ),
                status: .internalServerError)
        }
    }

    static func raw(_ buffer: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json; charset=utf-8", .contentLength: "\(buffer.readableBytes)"],
            body: ResponseBody(byteBuffer: buffer))
    }
}

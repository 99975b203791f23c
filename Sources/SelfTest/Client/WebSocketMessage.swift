/// What comes over a WebSocket, its frames put together.
package enum WebSocketMessage: Sendable, Equatable {
    case text(String)
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    /// The end: its code (1005 where the frame has none) and its reason.
    case close(code: Int, reason: String)
}

/// Puts frames together into messages (RFC 6455, 5.4): control frames may come in between.
package struct WebSocketAssembler: Sendable {
    private let limit: Int
    private var opcode: WebSocketFrame.Opcode?
    private var payload: [UInt8] = []

    /// An assembler at the start of a connection.
    ///
    /// - Parameter limit: the most bytes of a message.
    package init(limit: Int = 16 << 20) { self.limit = limit }

    /// Takes a frame. Returns the message that it completes.
    ///
    /// - Throws: `WebSocketFailure`.
    package mutating func append(_ frame: WebSocketFrame) throws -> WebSocketMessage? {
        switch frame.opcode {
        case .ping: return .ping(frame.payload)
        case .pong: return .pong(frame.payload)
        case .close: return try Self.close(frame.payload)
        case .text, .binary:
            if let opcode { throw WebSocketFailure.badOrder("a \(frame.opcode) frame within a \(opcode) message") }
            opcode = frame.opcode
            payload = frame.payload
        case .continuation:
            guard opcode != nil else { throw WebSocketFailure.badOrder("a continuation of nothing") }
            payload += frame.payload
        }
        guard payload.count <= limit else {
            throw WebSocketFailure.tooLong(bytes: UInt64(payload.count), limit: limit)
        }
        guard frame.isFinal, let opcode else { return nil }
        defer { (self.opcode, payload) = (nil, []) }
        guard opcode == .text else { return .binary(payload) }
        guard let text = String(validating: payload, as: UTF8.self) else { throw WebSocketFailure.invalidUTF8 }
        return .text(text)
    }

    private static func close(_ payload: [UInt8]) throws -> WebSocketMessage {
        guard !payload.isEmpty else { return .close(code: 1005, reason: "") }
        guard payload.count >= 2 else { throw WebSocketFailure.badControlFrame }
        let code = Int(payload[0]) << 8 | Int(payload[1])
        // 1004, 1005, 1006 and 1015 are never on the wire; below 1000 and from 1016 to 2999 nothing is defined.
        guard (1000...1014).contains(code) || (3000...4999).contains(code), !(1004...1006).contains(code) else {
            throw WebSocketFailure.badCloseCode(code)
        }
        guard let reason = String(validating: payload.dropFirst(2), as: UTF8.self) else {
            throw WebSocketFailure.invalidUTF8
        }
        return .close(code: code, reason: reason)
    }
}

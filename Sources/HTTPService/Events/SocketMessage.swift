internal import NIOCore
internal import NIOWebSocket

/// What is wrong with what a client sent over a socket, as the code and the words of the close frame.
struct SocketFault: Error, Equatable {
    var code: WebSocketErrorCode
    var reason: String

    static func protocolError(_ reason: String) -> SocketFault { SocketFault(code: .protocolError, reason: reason) }

    static let tooLarge = SocketFault(code: .messageTooLarge, reason: "the message is too large")
    static let notText = SocketFault(code: .dataInconsistentWithMessage, reason: "the text is not valid UTF-8")
}

/// Follows the messages that a client sends, of which nothing is wanted but that they keep to the rules: their frames
/// come in order, they are no larger than allowed, and texts are UTF-8.
struct SocketMessage {
    private let limitBytes: Int
    /// The frames of a message that is not whole yet.
    private var begun: (isText: Bool, count: Int, text: ByteBuffer)?

    init(limitBytes: Int) { self.limitBytes = limitBytes }

    /// Takes a frame of a message.
    ///
    /// - Throws: `SocketFault`.
    mutating func take(_ frame: WebSocketFrame) throws(SocketFault) {
        let isContinuation = frame.opcode == .continuation
        switch (isContinuation, begun != nil) {
        case (true, false): throw .protocolError("a message goes on that has not begun")
        case (false, true): throw .protocolError("a message begins before the last one has ended")
        default: break
        }
        var message = begun ?? (frame.opcode == .text, 0, ByteBuffer())
        message.count += frame.length
        guard message.count <= limitBytes else { throw .tooLarge }
        if message.isText { message.text.writeImmutableBuffer(frame.unmaskedData) }
        begun = frame.fin ? nil : message
        if frame.fin, String(validating: message.text.readableBytesView, as: UTF8.self) == nil { throw .notText }
    }
}

/// A close frame's payload.
enum SocketClosure {
    /// The payload for a code and words, which have to be short.
    static func payload(_ code: WebSocketErrorCode, _ reason: String) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.write(webSocketErrorCode: code)
        payload.writeString(reason)
        return payload
    }

    /// The code to answer a client's close frame with.
    ///
    /// - Throws: `SocketFault` where the payload breaks the rules of RFC 6455, 5.5.1 and 7.4.
    static func answer(to payload: ByteBuffer) throws(SocketFault) -> WebSocketErrorCode {
        var payload = payload
        guard payload.readableBytes > 0 else { return .normalClosure }
        guard let number = payload.readInteger(as: UInt16.self) else {
            throw .protocolError("a close frame has no code of one byte")
        }
        switch number {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw .protocolError("\(number) is no code of a close frame")
        }
        guard String(validating: payload.readableBytesView, as: UTF8.self) != nil else { throw .notText }
        return WebSocketErrorCode(codeNumber: Int(number))
    }
}

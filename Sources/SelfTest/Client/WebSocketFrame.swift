/// A frame of a WebSocket (RFC 6455, 5.2).
package struct WebSocketFrame: Sendable, Equatable {
    /// What a frame is.
    package enum Opcode: UInt8, Sendable {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xa

        /// Whether it is about the connection, and may come between the frames of a message.
        package var isControl: Bool { rawValue >= 0x8 }
    }

    /// Whether it is the last one of its message.
    package var isFinal: Bool
    /// What it is.
    package var opcode: Opcode
    /// What it carries, without a mask.
    package var payload: [UInt8]

    /// A frame.
    package init(_ opcode: Opcode, _ payload: [UInt8] = [], isFinal: Bool = true) {
        (self.opcode, self.payload, self.isFinal) = (opcode, payload, isFinal)
    }

    /// Its bytes.
    ///
    /// - Parameter mask: what a client masks the payload with; nil as a server sends it.
    package func bytes(mask: [UInt8]?) -> [UInt8] {
        precondition(mask.map { $0.count == 4 } ?? true, "a mask has four bytes")
        var bytes = [(isFinal ? 0x80 : 0) | opcode.rawValue]
        let flag: UInt8 = mask == nil ? 0 : 0x80
        switch payload.count {
        case ...125: bytes.append(flag | UInt8(payload.count))
        case ...0xffff: bytes += [flag | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
        default:
            bytes.append(flag | 127)
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(payload.count >> shift & 0xff)) }
        }
        guard let mask else { return bytes + payload }
        bytes += mask
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ mask[index & 3]) }
        return bytes
    }
}

/// What is wrong with what a server sends over a WebSocket.
package enum WebSocketFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Bits are set that no extension has given a meaning.
    case reservedBits(UInt8)
    /// A kind of frame that there is not.
    case unknownOpcode(UInt8)
    /// A server does not mask.
    case masked
    /// A control frame that is cut or longer than 125 bytes.
    case badControlFrame
    /// A length that is written longer than it has to be, or beyond what there can be.
    case badLength(UInt64)
    /// A frame, or a message, longer than what is taken.
    case tooLong(bytes: UInt64, limit: Int)
    /// A continuation of nothing, or a message within a message.
    case badOrder(String)
    /// A text, or a reason, that is no UTF-8.
    case invalidUTF8
    /// A close frame whose code may not be sent.
    case badCloseCode(Int)

    package var description: String {
        switch self {
        case .reservedBits(let bits): "a frame has reserved bits set: \(bits)"
        case .unknownOpcode(let opcode): "a frame has the unknown opcode \(opcode)"
        case .masked: "a frame of the server is masked"
        case .badControlFrame: "a control frame is cut, or has more than 125 bytes"
        case .badLength(let length): "a frame's length \(length) is not written in its shortest form"
        case .tooLong(let bytes, let limit): "a message has \(bytes) bytes; the limit is \(limit)"
        case .badOrder(let text): "the frames are in the wrong order: \(text)"
        case .invalidUTF8: "a text is not UTF-8"
        case .badCloseCode(let code): "the close code \(code) may not be sent"
        }
    }
}

/// Reads frames as a server sends them, from pieces that may be cut anywhere.
package struct WebSocketFrameParser: Sendable {
    private let limit: Int
    private var bytes: [UInt8] = []

    /// A parser at the start of a connection.
    ///
    /// - Parameter limit: the most bytes of a frame.
    package init(limit: Int = 16 << 20) { self.limit = limit }

    /// Whether bytes are there of a frame that is not whole.
    package var isWithinFrame: Bool { !bytes.isEmpty }

    /// Reads on. Returns the frames that the bytes complete.
    ///
    /// - Throws: `WebSocketFailure`.
    package mutating func append(_ more: some Sequence<UInt8>) throws -> [WebSocketFrame] {
        bytes += more
        var frames: [WebSocketFrame] = []
        while let frame = try next() { frames.append(frame) }
        return frames
    }

    private mutating func next() throws -> WebSocketFrame? {
        guard let first = bytes.first else { return nil }
        guard first & 0x70 == 0 else { throw WebSocketFailure.reservedBits(first >> 4 & 0x7) }
        guard let opcode = WebSocketFrame.Opcode(rawValue: first & 0x0f) else {
            throw WebSocketFailure.unknownOpcode(first & 0x0f)
        }
        guard bytes.count >= 2 else { return nil }
        guard bytes[1] & 0x80 == 0 else { throw WebSocketFailure.masked }
        let isFinal = first & 0x80 != 0
        let short = bytes[1] & 0x7f
        if opcode.isControl, !isFinal || short > 125 { throw WebSocketFailure.badControlFrame }
        let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
        guard bytes.count >= 2 + lengthBytes else { return nil }
        var length = UInt64(short)
        if lengthBytes > 0 {
            length = bytes[2..<(2 + lengthBytes)].reduce(0) { $0 << 8 | UInt64($1) }
            guard length > (lengthBytes == 2 ? 125 : 0xffff), length >> 63 == 0 else {
                throw WebSocketFailure.badLength(length)
            }
        }
        guard length <= UInt64(limit) else { throw WebSocketFailure.tooLong(bytes: length, limit: limit) }
        let start = 2 + lengthBytes, end = start + Int(length)
        guard bytes.count >= end else { return nil }
        defer { bytes.removeFirst(end) }
        return WebSocketFrame(opcode, Array(bytes[start..<end]), isFinal: isFinal)
    }
}

internal import Crypto
internal import Foundation
internal import Synchronization

/// A client's end of a WebSocket (RFC 6455), without extensions and subprotocols. Pings of the service are answered as
/// long as somebody reads.
package final class WebSocketClient: Sendable {
    /// A handshake that the service has refused, or not done right.
    package struct Refusal: Error, Sendable, CustomStringConvertible, ExplainedFailure {
        /// What is wrong.
        package var reason: String
        /// What the service has answered.
        package var answer: ServiceClient.Answer

        package var description: String { reason }
        package var evidence: [String] { answer.evidence }
    }

    private struct Reading: Sendable {
        var parser = WebSocketFrameParser()
        var assembler = WebSocketAssembler()
        var messages: [WebSocketMessage] = []
    }

    /// The connection below, for bytes that no client should send.
    package let connection: RawConnection
    /// The headers of the service's part of the handshake, names in lower case.
    package let headers: [String: String]
    private let reading = Mutex(Reading())

    private init(_ connection: RawConnection, headers: [String: String]) {
        (self.connection, self.headers) = (connection, headers)
    }

    /// Opens a WebSocket.
    ///
    /// - Throws: `Refusal`, `RawConnection.Failure`, `CancellationError`.
    static func open(_ request: SentRequest, path: String, timeoutSeconds: Double) async throws -> WebSocketClient {
        let connection = try await RawConnection.open(to: request.url, timeoutSeconds: timeoutSeconds)
        var generator = SystemRandomNumberGenerator()
        let nonce = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let key = Data(nonce).base64EncodedString()
        var fields = [
            "Host": connection.host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
        ]
        // A caller's header goes before; an empty one leaves it out.
        for (name, value) in request.headers {
            if let same = fields.keys.first(where: { $0.lowercased() == name.lowercased() }) { fields[same] = nil }
            fields[name] = value
        }
        let lines = fields.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }.map { "\($0): \($1)\r\n" }
        var sent = request
        sent.headers = fields
        try await connection.send("\(request.method) \(path) HTTP/1.1\r\n\(lines.joined())\r\n")
        let answer = try await connection.answer(to: sent, timeoutSeconds: timeoutSeconds)
        func refuse(_ reason: String) -> Refusal { Refusal(reason: reason, answer: answer) }
        guard answer.status == 101 else {
            throw refuse("expected status 101 for the WebSocket \(path), found \(answer.status)")
        }
        guard answer.headers["upgrade"]?.lowercased() == "websocket" else {
            throw refuse("expected the header upgrade: websocket, found \(answer.headers["upgrade"] ?? "none")")
        }
        let connectionOptions = answer.headers["connection"]?.lowercased().split(separator: ",") ?? []
        guard connectionOptions.contains(where: { $0.trimmingCharacters(in: .whitespaces) == "upgrade" }) else {
            throw refuse("expected the header connection: upgrade, found \(answer.headers["connection"] ?? "none")")
        }
        let expected = Self.accept(key: fields["Sec-WebSocket-Key"] ?? key)
        guard answer.headers["sec-websocket-accept"] == expected else {
            let found = answer.headers["sec-websocket-accept"] ?? "none"
            throw refuse("expected the header sec-websocket-accept: \(expected), found \(found)")
        }
        for name in ["sec-websocket-extensions", "sec-websocket-protocol"] where answer.headers[name] != nil {
            throw refuse("the service has chosen \(name), which nobody offered")
        }
        return WebSocketClient(connection, headers: answer.headers)
    }

    /// What a service answers to a key.
    static func accept(key: String) -> String {
        let digest = Insecure.SHA1.hash(data: Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        return Data(digest).base64EncodedString()
    }

    // MARK: Sending

    /// Sends a frame, masked as a client has to.
    package func send(_ frame: WebSocketFrame) async throws {
        var generator = SystemRandomNumberGenerator()
        try await connection.send(frame.bytes(mask: (0..<4).map { _ in UInt8.random(in: 0...255, using: &generator) }))
    }

    /// Sends a text as one message.
    package func send(_ text: String) async throws { try await send(WebSocketFrame(.text, Array(text.utf8))) }

    // MARK: Receiving

    /// The next message of any kind; nil where the connection ends without a close frame.
    ///
    /// - Throws: `WebSocketFailure` where what comes is wrong, `RawConnection.Failure`, `CancellationError`.
    package func next(timeoutSeconds: Double = 30) async throws -> WebSocketMessage? {
        let message: WebSocketMessage? = try await connection.wait(timeoutSeconds: timeoutSeconds) { inbox in
            try self.reading.withLock { reading in
                for frame in try reading.parser.append(inbox) {
                    if let message = try reading.assembler.append(frame) { reading.messages.append(message) }
                }
                inbox.removeAll(keepingCapacity: true)
                return reading.messages.isEmpty ? nil : reading.messages.removeFirst()
            }
        }
        if case .ping(let payload) = message { try await send(WebSocketFrame(.pong, payload)) }
        return message
    }

    /// The next text; pings and pongs in between are passed over. Nil where the service ends the socket before.
    package func text(timeoutSeconds: Double = 30) async throws -> String? {
        let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
        while let message = try await next(timeoutSeconds: max(0, (deadline - .now) / .seconds(1))) {
            switch message {
            case .text(let text): return text
            case .ping, .pong, .binary: continue
            case .close: return nil
            }
        }
        return nil
    }

    /// Sends a ping and waits for its pong. Texts in between are kept for `text`.
    ///
    /// - Returns: the seconds it took.
    /// - Throws: `CaseFailure` where another pong comes, or the end.
    @discardableResult package func ping(_ payload: [UInt8] = [], timeoutSeconds: Double = 10) async throws -> Double {
        let started = ContinuousClock.now
        let deadline = started + .seconds(timeoutSeconds)
        try await send(WebSocketFrame(.ping, payload))
        var kept: [WebSocketMessage] = []
        defer { reading.withLock { $0.messages = kept + $0.messages } }
        while let message = try await next(timeoutSeconds: max(0, (deadline - .now) / .seconds(1))) {
            switch message {
            case .pong(let found):
                guard found == payload else {
                    throw CaseFailure(
                        "pong: expected \"\(Evidence.text(payload))\", found \"\(Evidence.text(found))\"")
                }
                return (.now - started) / .seconds(1)
            case .text, .binary: kept.append(message)
            case .ping: continue
            case .close(let code, let reason):
                throw CaseFailure("expected a pong, found the close code \(code) \"\(reason)\"")
            }
        }
        throw CaseFailure("expected a pong, found the end of the connection")
    }

    /// Closes the socket, and waits for the service to do so too. What else comes until then is dropped.
    ///
    /// - Returns: the service's code and reason; 1006 where it ends without a close frame.
    @discardableResult package func close(
        code: Int = 1000, reason: String = "", timeoutSeconds: Double = 10
    ) async throws -> (code: Int, reason: String) {
        defer { connection.close() }
        let payload = [UInt8(code >> 8 & 0xff), UInt8(code & 0xff)] + Array(reason.utf8)
        try await send(WebSocketFrame(.close, payload))
        return try await closed(timeoutSeconds: timeoutSeconds)
    }

    /// Waits for the service to close the socket.
    ///
    /// - Returns: its code and reason; 1006 where it ends without a close frame.
    package func closed(timeoutSeconds: Double = 10) async throws -> (code: Int, reason: String) {
        let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
        while let message = try await next(timeoutSeconds: max(0, (deadline - .now) / .seconds(1))) {
            if case .close(let code, let reason) = message { return (code, reason) }
        }
        return (1006, "")
    }
}

extension ServiceClient {
    /// Opens a WebSocket.
    ///
    /// - Parameter headers: further headers of the handshake, or others in place of its own; an empty one is left out.
    /// - Throws: `WebSocketClient.Refusal` where the service does not agree, `RawConnection.Failure`.
    package func socket(
        _ path: String, headers: [String: String] = [:], timeoutSeconds: Double = 10
    ) async throws -> WebSocketClient {
        let request = sent("GET", path, headers: headers, body: nil)
        return try await WebSocketClient.open(
            request, path: target(path), timeoutSeconds: min(timeoutSeconds, self.timeoutSeconds))
    }

    /// Opens a connection to the service on which nothing has been sent.
    package func rawConnection(timeoutSeconds: Double = 10) async throws -> RawConnection {
        try await RawConnection.open(to: baseURL, timeoutSeconds: timeoutSeconds)
    }

    /// What stands in a request's line: the path, after the one that the service's address may have.
    package func target(_ path: String) -> String {
        let rest = baseURL.split(separator: "//", maxSplits: 1).last ?? ""
        return rest.drop { $0 != "/" } + path
    }
}

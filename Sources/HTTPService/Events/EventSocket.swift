internal import NIOCore
internal import NIOWebSocket

/// The service's side of a WebSocket that tells events (RFC 6455).
///
/// One message at a time is on its way to the client, and the next is taken from the bus when the connection has taken
/// that: a client that does not read makes nothing pile up, and hears later how much it has missed.
final class EventSocket: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// What a client may do, and how long it may take.
    struct Limits: Sendable {
        /// Between pings; one that has not been answered by the next ends the connection.
        var pingSeconds = 20.0
        /// For the client's part in closing.
        var closeSeconds = 2.0
        /// The largest message of a client.
        var messageBytes = 64 << 10
    }

    private enum Phase {
        case open
        /// The close frame is on its way or has been sent.
        case closing
        case closed
    }

    private let reader: EventReader
    private let limits: Limits
    private var phase = Phase.open
    private var context: ChannelHandlerContext?
    private var pump: Task<Void, Never>?
    private var pings: RepeatedTask?
    private var deadline: Scheduled<Void>?
    private var message: SocketMessage
    /// The number of the last ping, and whether the client has answered it.
    private var ping: (number: UInt64, isAnswered: Bool) = (0, true)
    /// A pong is on its way; what the one after it has to say.
    private var pong: (isPending: Bool, next: ByteBuffer?) = (false, nil)

    init(_ reader: EventReader, _ limits: Limits) {
        (self.reader, self.limits) = (reader, limits)
        message = SocketMessage(limitBytes: limits.messageBytes)
    }

    // MARK: Beginning and end

    func handlerAdded(context: ChannelHandlerContext) {
        guard context.channel.isActive else { return phase = .closed }
        self.context = context
        let eventLoop = context.eventLoop
        let socket = NIOLoopBound(self, eventLoop: eventLoop)
        pump = Task { [reader] in
            var reader = reader
            while let message = await reader.next() {
                let text = ByteBuffer(string: message.json)
                do { try await eventLoop.flatSubmit { socket.value.tell(text, on: eventLoop) }.get() } catch { return }
            }
            // No more events: the service stops. Or this task was told to, and the socket is closed already.
            eventLoop.execute { socket.value.close(.goingAway, "the service is stopping") }
        }
        let interval = TimeAmount.nanoseconds(Int64(limits.pingSeconds * 1e9))
        pings = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            socket.value.sendPing()
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        phase = .closed
        stop()
        deadline?.cancel()
        context = nil
    }

    private func stop() {
        pump?.cancel()
        pings?.cancel()
        (pump, pings) = (nil, nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: close(.goingAway, "the service is stopping")
        // Nothing more can come of the client, not even its part in closing.
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOWebSocketError.invalidFrameLength: fail(.tooLarge)
        case NIOWebSocketError.fragmentedControlFrame: fail(.protocolError("a control frame is in pieces"))
        case NIOWebSocketError.multiByteControlFrameLength: fail(.protocolError("a control frame is too long"))
        // What comes behind a frame that could not be read.
        case is ByteToMessageDecoderError where phase != .open: break
        default: context.close(promise: nil)
        }
    }

    // MARK: What the client sends

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch phase {
        case .open:
            do throws(SocketFault) { try take(frame) } catch { fail(error) }
        // The client has done its part.
        case .closing where frame.opcode == .connectionClose: context.close(promise: nil)
        case .closing, .closed: break
        }
    }

    private func take(_ frame: WebSocketFrame) throws(SocketFault) {
        guard frame.maskKey != nil else { throw .protocolError("a client's frames have to be masked") }
        guard frame.reservedBits.isEmpty else { throw .protocolError("no extension has been agreed on") }
        switch frame.opcode {
        case .text, .binary, .continuation: try message.take(frame)
        case .ping: answerPing(frame.unmaskedData)
        case .pong: takePong(frame.unmaskedData)
        case .connectionClose: answerClose(try SocketClosure.answer(to: frame.unmaskedData))
        default: throw .protocolError("there is no such opcode")
        }
    }

    private func takePong(_ payload: ByteBuffer) {
        if payload == ByteBuffer(integer: ping.number) { ping.isAnswered = true }
    }

    /// One pong at a time, for the newest ping: pings of a client that reads nothing do not pile up either.
    private func answerPing(_ payload: ByteBuffer) {
        guard !pong.isPending else { return pong.next = payload }
        pong.isPending = true
        send(.pong, payload)?.assumeIsolated().whenComplete { _ in
            let next = self.pong.next
            self.pong = (false, nil)
            if let next, self.phase == .open { self.answerPing(next) }
        }
    }

    // MARK: What the client is sent

    private func send(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) -> EventLoopFuture<Void>? {
        guard let context else { return nil }
        return context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: payload)))
    }

    /// Sends a message; the future is done when the connection has taken it.
    private func tell(_ text: ByteBuffer, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let sent = phase == .open ? send(.text, text) : nil
        return sent ?? eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
    }

    private func sendPing() {
        guard phase == .open else { return }
        guard ping.isAnswered else { return close(.unexpectedServerError, "no answer to a ping") }
        ping = (ping.number + 1, false)
        _ = send(.ping, ByteBuffer(integer: ping.number))
    }

    // MARK: Closing

    private func fail(_ fault: SocketFault) { close(fault.code, fault.reason) }

    /// Begins to close: the client gets a close frame and the end of the stream, and has a while to do the same.
    private func close(_ code: WebSocketErrorCode, _ reason: String) {
        beginClosing(SocketClosure.payload(code, reason)) { $0.close(mode: .output, promise: nil) }
    }

    /// Ends what the client has begun to close.
    private func answerClose(_ code: WebSocketErrorCode) {
        beginClosing(SocketClosure.payload(code, "")) { $0.close(promise: nil) }
    }

    private func beginClosing(_ payload: ByteBuffer, _ whenSent: @escaping (ChannelHandlerContext) -> Void) {
        guard phase == .open, let context else { return }
        phase = .closing
        stop()
        let channel = context.channel
        let wait = TimeAmount.nanoseconds(Int64(limits.closeSeconds * 1e9))
        deadline = context.eventLoop.scheduleTask(in: wait) { channel.close(promise: nil) }
        send(.connectionClose, payload)?.assumeIsolated().whenComplete { _ in
            if let context = self.context { whenSent(context) }
        }
    }
}

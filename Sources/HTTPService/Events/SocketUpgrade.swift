internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import NIOWebSocket

/// Makes a WebSocket of a connection whose request has been answered with 101, and lets all other HTTP pass.
///
/// The parser takes nothing more after a request that asks to switch protocols. Where it is answered otherwise, the
/// connection is closed after the answer: the next request on it would never be read.
final class SocketUpgrade: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum Phase {
        case http
        /// The answer 101 is being written.
        case switching(EventReader)
        /// HTTP is over: what its handlers still write goes nowhere.
        case socket
    }

    private let limits: EventSocket.Limits
    private var phase = Phase.http
    private var prepared: EventReader?
    /// Of each request without a whole answer, in their order: whether it asks to switch protocols.
    private var unanswered: [Bool] = []

    /// How long a client has to take the answer before the connection is closed.
    private static let lingering = TimeAmount.seconds(1)

    init(_ limits: EventSocket.Limits) { self.limits = limits }

    /// Says whose events the socket will tell, before the answer 101 is written. On the event loop.
    func prepare(_ reader: EventReader) { prepared = reader }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .socket = phase { return }
        if case .head(let head) = unwrapInboundIn(data) {
            unanswered.append(head.method == .connect || head.headerFields.asksToSwitchProtocols)
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // More than may wait came behind a request to switch protocols.
        if error is ByteToMessageDecoderError.PayloadTooLargeError { context.close(promise: nil) }
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .socket = phase {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(let head): context.write(wrapOutboundOut(.head(answer(head))), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end: end(context, data, promise)
        }
    }

    private func answer(_ head: HTTPResponse) -> HTTPResponse {
        var head = head
        if head.status == .switchingProtocols, let prepared {
            phase = .switching(prepared)
            head.headerFields[.contentLength] = nil
        } else if head.status.kind != .informational, unanswered.first == true {
            head.headerFields[.connection] = (head.headerFields[.connection].map { $0 + ", " } ?? "") + "close"
        }
        prepared = nil
        return head
    }

    private func end(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
        let askedToSwitch = unanswered.isEmpty ? false : unanswered.removeFirst()
        context.writeAndFlush(data, promise: promise)
        switch phase {
        case .switching(let reader): becomeSocket(context, reader)
        case .http where askedToSwitch:
            let channel = context.channel
            context.eventLoop.scheduleTask(in: Self.lingering) { channel.close(promise: nil) }
        case .http, .socket: break
        }
    }

    private func becomeSocket(_ context: ChannelHandlerContext, _ reader: EventReader) {
        phase = .socket
        // A client that did not wait for the answer and sent more of HTTP has not understood it.
        guard unanswered.isEmpty else { return context.close(promise: nil) }
        let pipeline = context.pipeline.syncOperations
        do {
            let decoder = WebSocketFrameDecoder(maxFrameSize: limits.messageBytes)
            try pipeline.addHandler(WebSocketFrameEncoder(), position: .before(self))
            try pipeline.addHandler(ByteToMessageHandler(decoder), position: .before(self))
            try pipeline.addHandler(EventSocket(reader, limits), position: .before(self))
            pipeline.removeHandler(context: try pipeline.context(handlerType: HTTPResponseEncoder.self), promise: nil)
            pipeline.removeHandler(
                context: try pipeline.context(handlerType: HTTP1ToHTTPServerCodec.self), promise: nil)
            // It leaves at the loop's next turn, and hands on what has come behind the request until then.
            pipeline.removeHandler(
                context: try pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self), promise: nil)
        } catch {
            // The connection has been closed, and its handlers are gone.
            context.close(promise: nil)
        }
    }
}

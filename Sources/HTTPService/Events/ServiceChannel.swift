internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1

/// A connection of the server: HTTP/1.1 as in Hummingbird's own `HTTP1Channel`, until it becomes a WebSocket.
///
/// NIO's handlers for an upgrade decide on the first request of a connection, before there is a pipeline that could
/// answer errors or be told to stop. Here the pipeline is whole from the start, and every request, one that asks for an
/// upgrade too, goes through the router, its middleware and its errors; an answer 101 is what makes a socket of it.
struct ServiceChannel: ServerChildChannel, HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let responder: Responder
    let monitor: DisconnectMonitor
    let limits: EventSocket.Limits

    /// How much may wait behind a request that asks for an upgrade until that is answered, in bytes.
    private static let mostBytesHeld = 256 << 10

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let defaults = HTTP1Channel.Configuration().httpDecoder
            var parsing = NIOHTTPDecoderLimitConfiguration()
            parsing.maxHeaderFieldSize = defaults.maxHeaderFieldSize
            parsing.maxHeaderListSize = defaults.maxHeaderListSize
            parsing.maxHeaderFieldCount = defaults.maxHeaderFieldCount
            let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: parsing)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(HTTPResponseEncoder())
            try pipeline.addHandler(ByteToMessageHandler(decoder, maximumBufferSize: Self.mostBytesHeld))
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            try pipeline.addHandler(monitor.handler())
            try pipeline.addHandler(SocketUpgrade(limits))
            try pipeline.addHandler(HTTPConnectionStateHandler(logger: logger))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async { await handleHTTP(asyncChannel: value, logger: logger) }
}

package import NIOCore
internal import Synchronization

/// Notices clients that go away while their request is being answered, so that its work can be given up.
///
/// A handler in every connection's pipeline reports the end of its input. Reading on in the request's body would tell
/// the same, but only until the next request of a kept connection, and not without taking it apart.
package final class DisconnectMonitor: Sendable {
    private struct Connection {
        var isGone = false
        var watchers: [Int: @Sendable () -> Void] = [:]
    }

    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var nextWatcher = 0
    }

    private let state = Mutex(State())

    /// A monitor of no connection yet.
    package init() {}

    /// A handler for the pipeline of a new connection.
    package func handler() -> any RemovableChannelHandler { Handler(monitor: self) }

    /// Calls `action` when the client of `channel` goes away, or at once if it has. Returns what `unwatch` takes.
    func watch(_ channel: any Channel, _ action: @escaping @Sendable () -> Void) -> Int {
        let (watcher, isGone) = state.withLock { state in
            state.nextWatcher += 1
            let id = ObjectIdentifier(channel)
            // A connection that is not known any more is gone.
            let isGone = state.connections[id]?.isGone ?? true
            state.connections[id]?.watchers[state.nextWatcher] = action
            return (state.nextWatcher, isGone)
        }
        if isGone { action() }
        return watcher
    }

    /// Forgets an action.
    func unwatch(_ channel: any Channel, _ watcher: Int) {
        state.withLock { _ = $0.connections[ObjectIdentifier(channel)]?.watchers.removeValue(forKey: watcher) }
    }

    fileprivate func opened(_ channel: any Channel) {
        state.withLock { $0.connections[ObjectIdentifier(channel)] = Connection() }
    }

    fileprivate func inputEnded(_ channel: any Channel, isClosed: Bool) {
        let watchers = state.withLock { state in
            let id = ObjectIdentifier(channel)
            let watchers = state.connections[id]?.watchers ?? [:]
            state.connections[id]?.isGone = true
            if isClosed { state.connections[id] = nil }
            return watchers
        }
        for action in watchers.values { action() }
    }

    private final class Handler: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = NIOAny
        typealias InboundOut = NIOAny

        private let monitor: DisconnectMonitor

        init(monitor: DisconnectMonitor) { self.monitor = monitor }

        func handlerAdded(context: ChannelHandlerContext) { monitor.opened(context.channel) }

        func handlerRemoved(context: ChannelHandlerContext) { monitor.inputEnded(context.channel, isClosed: true) }

        func channelInactive(context: ChannelHandlerContext) {
            monitor.inputEnded(context.channel, isClosed: true)
            context.fireChannelInactive()
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? ChannelEvent, event == .inputClosed {
                monitor.inputEnded(context.channel, isClosed: false)
            }
            context.fireUserInboundEventTriggered(event)
        }
    }
}

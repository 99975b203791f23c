internal import Foundation
internal import Synchronization

/// An HTTP/1.1 proxy on a free port of 127.0.0.1 that breaks on purpose what passes through it. What no fault is about
/// passes byte for byte, at its own pace, so that nobody can tell the proxy from the service.
package final class FaultyProxy: Sendable {
    /// Where the proxy listens, without a slash at the end.
    package let url: String
    private let state: ProxyState
    private let listener: Int32

    /// A proxy in front of one service.
    ///
    /// - Parameters:
    ///   - upstream: the service's address, `http://127.0.0.1:PORT`.
    ///   - faults: what is wrong. A request may be meant by several: they apply in their order.
    /// - Throws: `POSIXError` if there is no port to listen on.
    package convenience init(_ upstream: String, _ faults: [ProxyFault] = []) throws {
        try self.init(faults) { upstream }
    }

    /// A proxy in front of a service that may not have begun yet: its address is asked for with each connection, and a
    /// connection made while there is none is closed.
    package init(_ faults: [ProxyFault], upstream: @escaping @Sendable () -> String?) throws {
        let (listener, port) = try ProxySocket.listening()
        self.listener = listener
        url = "http://127.0.0.1:\(port)"
        let state = ProxyState(faults: faults, upstream: upstream)
        self.state = state
        Self.start { Self.accept(listener, state) }
    }

    deinit { state.isStopped = true }

    /// How many requests the faults struck.
    package var strikes: Int { state.strikes }

    /// Every request that passed, as `GET /health`.
    package var requests: [String] { state.requests }

    /// Stops to listen and closes every connection.
    package func stop() { state.isStopped = true }

    private static func start(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = 1 << 20
        thread.start()
    }

    private static func accept(_ listener: Int32, _ state: ProxyState) {
        defer { close(listener) }
        while !state.isStopped {
            var poll = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard Foundation.poll(&poll, 1, 10) > 0 else { continue }
            let client = Foundation.accept(listener, nil, nil)
            guard client >= 0 else { continue }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            start {
                defer { close(client) }
                guard let address = state.upstream(), let server = ProxySocket.connected(to: address) else { return }
                defer { close(server) }
                ProxySocket.withoutDelay(client)
                ProxyConnection(client: client, server: server, state: state).serve()
            }
        }
    }
}

/// What the connections of a proxy share.
final class ProxyState: Sendable {
    let faults: [ProxyFault]
    let upstream: @Sendable () -> String?

    private struct Values {
        var isStopped = false
        var strikes = 0
        var requests: [String] = []
    }

    private let values = Mutex(Values())

    init(faults: [ProxyFault], upstream: @escaping @Sendable () -> String?) {
        (self.faults, self.upstream) = (faults, upstream)
    }

    var isStopped: Bool {
        get { values.withLock { $0.isStopped } }
        set { values.withLock { $0.isStopped = newValue } }
    }

    var strikes: Int { values.withLock { $0.strikes } }
    var requests: [String] { values.withLock { $0.requests } }

    /// The faults that a request is meant by.
    func faults(for request: ProxyRequest) -> [ProxyFault] {
        let meant = faults.filter { $0.isMeant(request) }
        values.withLock { values in
            values.requests.append("\(request.method) \(request.target)")
            if !meant.isEmpty { values.strikes += 1 }
        }
        return meant
    }
}

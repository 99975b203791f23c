internal import Foundation

/// A listening socket on a free port of 127.0.0.1, with a thread that accepts and one for each connection.
final class StandInListener: Sendable {
    /// Its port.
    let port: UInt16
    private let descriptor: Int32

    /// - Throws: `POSIXError` if there is no port to listen on.
    init(_ host: StandInHost, _ state: StandInState) throws {
        // A port that the kernel chose is lost when the socket stops to listen, one that was asked for is kept. So a
        // first socket finds a port and a second one asks for it; both may have it because neither listens yet.
        let chosen = try Self.bound(to: 0)
        defer { close(chosen.socket) }
        let (socket, port) = try Self.bound(to: chosen.port)
        guard listen(socket, 256) == 0 else {
            let code = POSIXErrorCode(rawValue: errno) ?? .EIO
            close(socket)
            throw POSIXError(code)
        }
        descriptor = socket
        self.port = port
        Self.start { Self.accept(socket, host, state) }
    }

    private static func bound(to port: UInt16) throws -> (socket: Int32, port: UInt16) {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        var one: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(socket, pointer, length) == 0 && getsockname(socket, pointer, &length) == 0
        }
        guard isBound else {
            let code = POSIXErrorCode(rawValue: errno) ?? .EIO
            close(socket)
            throw POSIXError(code)
        }
        return (socket, UInt16(bigEndian: address.sin_port))
    }

    private static func start(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = 1 << 20
        thread.start()
    }

    private static func accept(_ listener: Int32, _ host: StandInHost, _ state: StandInState) {
        var isListening = true
        while !state.isStopped {
            // A socket that was shut down refuses connections and keeps its port until it listens again.
            let isRefusing = state.isRefusing(host)
            if isRefusing == isListening {
                _ = isRefusing ? shutdown(listener, Int32(SHUT_RDWR)) : listen(listener, 256)
                isListening = !isRefusing
                state.note(host, listens: isListening)
            }
            guard isListening else {
                usleep(2000)
                continue
            }
            var poll = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard Foundation.poll(&poll, 1, 5) > 0 else { continue }
            let connection = Foundation.accept(listener, nil, nil)
            guard connection >= 0 else { continue }
            _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
            serve(connection, host, state)
        }
        close(listener)
    }

    private static func serve(_ connection: Int32, _ host: StandInHost, _ state: StandInState) {
        // Little is under way at any time, so that what was sent is nearly what was received.
        var size: Int32 = 1 << 16
        setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var one: Int32 = 1
        setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        state.with { values in
            values.connections.insert(connection)
            values.connectionsMade[host, default: 0] += 1
            values.mostConnections = max(values.mostConnections, values.connections.count)
        }
        start {
            StandInConnection(descriptor: connection, host: host, state: state).serve()
            // Under the lock: a stop must not shut down a descriptor that has come to mean another connection.
            state.with { values in
                values.connections.remove(connection)
                close(connection)
            }
        }
    }
}

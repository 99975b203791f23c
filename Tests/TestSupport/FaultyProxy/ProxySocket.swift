internal import Foundation

/// Sockets of a proxy.
enum ProxySocket {
    /// A socket that listens on a free port of 127.0.0.1.
    static func listening() throws -> (descriptor: Int32, port: UInt16) {
        let socket = try opened()
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(socket, pointer, length) == 0 && getsockname(socket, pointer, &length) == 0
                && listen(socket, 256) == 0
        }
        guard isListening else {
            let code = POSIXErrorCode(rawValue: errno) ?? .EIO
            close(socket)
            throw POSIXError(code)
        }
        return (socket, UInt16(bigEndian: address.sin_port))
    }

    /// A connection to a service on this machine; nil if there is none.
    static func connected(to url: String) -> Int32? {
        guard let port = URLComponents(string: url)?.port.flatMap(UInt16.init(exactly:)), let socket = try? opened()
        else { return nil }
        var address = loopback(port: port)
        let isConnected = withUnsafeBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return connect(socket, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
        guard isConnected else {
            close(socket)
            return nil
        }
        withoutDelay(socket)
        return socket
    }

    /// Sends what is written at once.
    static func withoutDelay(_ socket: Int32) {
        var one: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Sends all of the bytes; false if the other side is gone.
    static func send(_ bytes: [UInt8], to socket: Int32) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Foundation.send(
                    socket, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    /// What has arrived, up to 64 KiB; empty at the end.
    static func receive(from socket: Int32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            count = max(0, recv(socket, buffer.baseAddress, buffer.count, 0))
        }
    }

    private static func opened() throws -> Int32 {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        return socket
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

/// The bytes that come from one side of a proxy, read while the other side is watched.
struct ProxySource {
    /// Where they come from.
    let descriptor: Int32
    /// The other side.
    let other: Int32
    /// What has been read and not been used.
    var buffered: [UInt8] = []
    /// Whether the other side has said that it sends no more.
    private var isOtherDone = false

    init(_ descriptor: Int32, other: Int32) { (self.descriptor, self.other) = (descriptor, other) }

    private static let closesHalf: Int16 = 0x2000

    /// Reads some more; false at the end, or when the other side is gone. Where the other side only closes its half,
    /// this side is told so, as it would have been without a proxy.
    mutating func more(_ state: ProxyState) -> Bool {
        while !state.isStopped {
            var polled = [
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isOtherDone ? -1 : other, events: Self.closesHalf, revents: 0),
            ]
            guard poll(&polled, 2, 50) > 0 else { continue }
            if polled[0].revents != 0 {
                let bytes = ProxySocket.receive(from: descriptor)
                buffered += bytes
                return !bytes.isEmpty
            }
            if polled[1].revents & Int16(POLLHUP | POLLERR) != 0 { return false }
            if polled[1].revents != 0 {
                isOtherDone = true
                shutdown(descriptor, Int32(SHUT_WR))
            }
        }
        return false
    }

    /// The bytes up to an empty line, without it; nil at the end.
    mutating func head(_ state: ProxyState) -> [UInt8]? {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = buffered.firstRange(of: end) {
                let head = Array(buffered[..<range.lowerBound])
                buffered.removeSubrange(..<range.upperBound)
                return head
            }
            guard buffered.count < 1 << 20, more(state) else { return nil }
        }
    }

    /// So many bytes; nil if the end comes before.
    mutating func take(_ count: Int, _ state: ProxyState) -> [UInt8]? {
        while buffered.count < count { guard more(state) else { return nil } }
        let taken = Array(buffered[..<count])
        buffered.removeFirst(count)
        return taken
    }

    /// The bytes up to a line break, and that; nil if the end comes before.
    mutating func line(_ state: ProxyState) -> [UInt8]? {
        while true {
            if let index = buffered.firstIndex(of: 0x0A) { return take(index + 1, state) }
            guard buffered.count < 1 << 16, more(state) else { return nil }
        }
    }
}

/// The body of a message, piece by piece.
struct ProxyBody {
    private enum Framing {
        case length(Int)
        case chunks
        case untilEnd
        case over
    }

    private var framing: Framing

    /// The body that goes with some header fields.
    ///
    /// - Parameter endsWithConnection: whether one without a length goes on to the end of the connection.
    init(_ headers: ProxyHeaders, endsWithConnection: Bool, isEmpty: Bool = false) {
        if isEmpty {
            framing = .over
        } else if headers.value("transfer-encoding")?.lowercased() == "chunked" {
            framing = .chunks
        } else if let length = headers.value("content-length").flatMap(Int.init) {
            framing = length > 0 ? .length(length) : .over
        } else {
            framing = endsWithConnection ? .untilEnd : .over
        }
    }

    /// The next piece: as it came, and without its framing.
    ///
    /// - Returns: nil when there is no more.
    /// - Throws: `ProxyBroken` if the connection ends first or the framing is damaged, with what had come of the piece.
    mutating func next(_ source: inout ProxySource, _ state: ProxyState) throws -> (raw: [UInt8], content: [UInt8])? {
        switch framing {
        case .over: return nil
        case .length(let left):
            if source.buffered.isEmpty, !source.more(state) { throw ProxyBroken(raw: []) }
            let piece = source.take(min(left, source.buffered.count), state) ?? []
            framing = left > piece.count ? .length(left - piece.count) : .over
            return (piece, piece)
        case .untilEnd:
            if source.buffered.isEmpty, !source.more(state) {
                framing = .over
                return nil
            }
            let piece = source.take(source.buffered.count, state) ?? []
            return (piece, piece)
        case .chunks:
            guard let line = source.line(state) else { throw ProxyBroken(raw: []) }
            let digits = String(decoding: line, as: UTF8.self).prefix { $0.isHexDigit }
            guard let size = Int(digits, radix: 16), size < 1 << 30, let rest = source.take(size + 2, state) else {
                throw ProxyBroken(raw: line)
            }
            if size == 0 { framing = .over }
            return (line + rest, Array(rest.dropLast(2)))
        }
    }
}

/// A message that is not whole.
struct ProxyBroken: Error {
    /// What had been read and not been passed on.
    var raw: [UInt8]
}

internal import CCurl
internal import Foundation
internal import Synchronization

/// A connection whose bytes the caller writes and reads, for clients that do not behave: damaged requests, connections
/// that are half closed, or killed. libcurl makes it, so that names, IPv6 and TLS work as everywhere; over plain HTTP
/// the bytes then go through the socket itself.
package final class RawConnection: Sendable {
    /// What went wrong on a connection.
    package enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// It could not be made.
        case notConnected(url: String, reason: String)
        /// Nothing came in time.
        case late(seconds: Double, received: String)
        /// It broke.
        case broken(reason: String)
        /// It ended before what was waited for.
        case ended(received: String)
        /// It has been closed here.
        case closed
        /// What came is no answer of HTTP/1.1.
        case notHTTP(String)
        /// TLS cannot be half closed.
        case encrypted

        package var description: String {
            switch self {
            case .notConnected(let url, let reason): "\(url): \(reason)"
            case .late(let seconds, let received): "nothing came for \(seconds) seconds after \"\(received)\""
            case .broken(let reason): "the connection broke: \(reason)"
            case .ended(let received): "the connection ended after \"\(received)\""
            case .closed: "the connection has been closed on this side"
            case .notHTTP(let text): "this is no answer of HTTP/1.1: \"\(text)\""
            case .encrypted: "a connection over TLS cannot be half closed"
            }
        }
    }

    /// libcurl's handle is used by one thread at a time: whoever has the lock.
    private struct State: @unchecked Sendable {
        var easy: UnsafeMutableRawPointer?
        var inbox: [UInt8] = []
        var hasEnded = false
        var sent: [UInt8] = []
    }

    private let state: Mutex<State>
    private let descriptor: Int32
    private let isEncrypted: Bool
    /// The host of the address, as a `Host` header has it.
    package let host: String

    private init(easy: sending UnsafeMutableRawPointer, descriptor: Int32, isEncrypted: Bool, host: String) {
        state = Mutex(State(easy: easy))
        (self.descriptor, self.isEncrypted, self.host) = (descriptor, isEncrypted, host)
    }

    deinit { close() }

    /// Connects to the host of an address.
    ///
    /// - Throws: `Failure.notConnected`, `CancellationError`.
    package static func open(to url: String, timeoutSeconds: Double = 10) async throws -> RawConnection {
        try await Blocking.run { _ in
            guard let easy = curl_easy_init() else {
                throw Failure.notConnected(url: url, reason: "libcurl could not be initialised")
            }
            svc_curl_set_string(easy, CURLOPT_URL, url)
            svc_curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
            svc_curl_set_long(easy, CURLOPT_CONNECT_ONLY, 1)
            svc_curl_set_long(easy, CURLOPT_TIMEOUT_MS, max(1, Int(timeoutSeconds * 1000)))
            svc_curl_set_long(easy, CURLOPT_HTTP_VERSION, 2)  // CURL_HTTP_VERSION_1_1: no other is agreed on over TLS
            svc_curl_set_string(easy, CURLOPT_NOPROXY, "*")
            let code = curl_easy_perform(easy)
            // The socket's number has 32 bits, of which the answer fills the lower half: numbers here are little-endian.
            var socket = 0
            guard code == CURLE_OK, svc_curl_get_long(easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK else {
                let reason = String(cString: curl_easy_strerror(code))
                curl_easy_cleanup(easy)
                throw Failure.notConnected(url: url, reason: reason)
            }
            let rest = url.split(separator: "//", maxSplits: 1).last ?? ""
            return RawConnection(
                easy: easy, descriptor: Int32(truncatingIfNeeded: socket), isEncrypted: url.hasPrefix("https:"),
                host: String(rest.prefix { $0 != "/" && $0 != "?" }))
        }
    }

    /// What has been sent so far.
    package var sent: [UInt8] { state.withLock { $0.sent } }
    /// What has come and was not taken.
    package var pending: [UInt8] { state.withLock { $0.inbox } }

    // MARK: Sending

    /// Sends a text.
    package func send(_ text: String, timeoutSeconds: Double = 30) async throws {
        try await send(Array(text.utf8), timeoutSeconds: timeoutSeconds)
    }

    /// Sends bytes.
    ///
    /// - Throws: `Failure.broken` where the other side has closed, `.late` where it takes nothing.
    package func send(_ bytes: [UInt8], timeoutSeconds: Double = 30) async throws {
        try await Blocking.run { flag in
            let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
            var rest = bytes[...]
            while !rest.isEmpty {
                if flag.isSet { throw CancellationError() }
                let count = try self.sendSome(rest)
                rest = rest.dropFirst(count)
                if count == 0 {
                    guard ContinuousClock.now < deadline else {
                        throw Failure.late(seconds: timeoutSeconds, received: "")
                    }
                    self.wait(for: POLLOUT)
                }
            }
        }
    }

    /// How many bytes went out; 0 where none can at the moment.
    private func sendSome(_ bytes: ArraySlice<UInt8>) throws -> Int {
        try state.withLock { state in
            guard let easy = state.easy else { throw Failure.closed }
            let count = try bytes.withUnsafeBytes { bytes in
                if isEncrypted {
                    var count = 0
                    let code = curl_easy_send(easy, bytes.baseAddress, bytes.count, &count)
                    guard code == CURLE_OK || code == CURLE_AGAIN else {
                        throw Failure.broken(reason: String(cString: curl_easy_strerror(code)))
                    }
                    return count
                }
                let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                let count = Foundation.send(descriptor, bytes.baseAddress, bytes.count, flags)
                if count < 0, errno != EAGAIN, errno != EINTR {
                    throw Failure.broken(reason: String(cString: strerror(errno)))
                }
                return max(count, 0)
            }
            state.sent += bytes.prefix(count)
            return count
        }
    }

    // MARK: Receiving

    /// Waits until `take` finds what it wants in what has come; it removes what it takes. Nil where the stream ends
    /// before.
    ///
    /// - Throws: `Failure.late`, `.broken`, what `take` throws, `CancellationError`.
    package func wait<Value: Sendable>(
        timeoutSeconds: Double = 30, _ take: @escaping @Sendable (inout [UInt8]) throws -> Value?
    ) async throws -> Value? {
        try await Blocking.run { flag in
            let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
            while true {
                let isLate = ContinuousClock.now >= deadline
                let (value, hasEnded) = try self.state.withLock { state in
                    try self.receive(&state)
                    return (try take(&state.inbox), state.hasEnded)
                }
                if let value { return value }
                if hasEnded { return nil }
                if flag.isSet { throw CancellationError() }
                guard !isLate else {
                    throw Failure.late(
                        seconds: timeoutSeconds, received: Evidence.tail(self.pending, limit: 300))
                }
                self.wait(for: POLLIN)
            }
        }
    }

    /// Waits for the other side to end the stream, and returns what came until then.
    package func readToEnd(timeoutSeconds: Double = 30) async throws -> [UInt8] {
        _ = try await wait(timeoutSeconds: timeoutSeconds) { _ in Never?.none }
        return state.withLock { state in
            defer { state.inbox = [] }
            return state.inbox
        }
    }

    /// Takes what is there, without waiting.
    private func receive(_ state: inout State) throws {
        guard let easy = state.easy else { throw Failure.closed }
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while !state.hasEnded {
            var count = 0
            if isEncrypted {
                let code = curl_easy_recv(easy, &chunk, chunk.count, &count)
                if code == CURLE_AGAIN { return }
                guard code == CURLE_OK else {
                    throw Failure.broken(reason: String(cString: curl_easy_strerror(code)))
                }
            } else {
                count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
                if count < 0 {
                    if errno == EAGAIN || errno == EINTR { return }
                    throw Failure.broken(reason: String(cString: strerror(errno)))
                }
            }
            if count == 0 { state.hasEnded = true } else { state.inbox += chunk[..<count] }
        }
    }

    /// Waits for the socket for a moment: whoever waits has to look up now and then.
    private func wait(for events: Int32) {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        _ = poll(&entry, 1, 50)
    }

    // MARK: Ending

    /// Ends the sending half: what the other side still sends can be read.
    ///
    /// - Throws: `Failure.encrypted`, `.closed`.
    package func endOutput() throws {
        guard !isEncrypted else { throw Failure.encrypted }
        try state.withLock { state in
            guard state.easy != nil else { throw Failure.closed }
            _ = shutdown(descriptor, Int32(SHUT_WR))
        }
    }

    /// Kills the connection: the other side sees a reset and not an end.
    package func reset() {
        state.withLock { state in
            guard let easy = state.easy else { return }
            var option = linger(l_onoff: 1, l_linger: 0)
            _ = setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            curl_easy_cleanup(easy)
            state.easy = nil
        }
    }

    /// Closes the connection. What has come and was not taken stays.
    package func close() {
        state.withLock { state in
            if let easy = state.easy { curl_easy_cleanup(easy) }
            state.easy = nil
        }
    }
}

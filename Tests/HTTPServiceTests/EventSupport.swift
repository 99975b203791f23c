import Engine
import Foundation
@testable import HTTPService
import Logging
import ModelHub
import SelfTest
import TestSupport

/// The real router and server over a bus that a test publishes to.
enum EventServer {
    static func with<Result: Sendable>(
        _ bus: EventBus = EventBus(), _ change: (inout ServiceConfiguration) -> Void = { _ in },
        hub: ModelHub? = nil, usage: UsageStore? = nil, downloads: Bool = true,
        _ body: (ServiceClient, EventBus) async throws -> Result
    ) async throws -> Result {
        var configuration = ServiceConfiguration(version: "test")
        configuration.port = 0
        change(&configuration)
        var engineConfiguration = EngineConfiguration(threads: 1)
        engineConfiguration.downloads = downloads
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let engine = try Engine(
            configuration: engineConfiguration, hub: try hub ?? InstalledModels.hub(), logger: logger, events: bus,
            usage: usage)
        let (ports, port) = AsyncStream<Int>.makeStream()
        let server = Task { [configuration] in
            try await ServiceApplication.run(
                engine, engine, configuration, signals: [], logger: logger
            ) { port.yield($0) }
        }
        var iterator = ports.makeAsyncIterator()
        let client = ServiceClient(
            baseURL: "http://127.0.0.1:\(await iterator.next() ?? 0)", timeoutSeconds: 60)
        let outcome: Swift.Result<Result, any Error>
        do { outcome = .success(try await body(client, bus)) } catch { outcome = .failure(error) }
        server.cancel()
        // What ends it is the cancellation.
        _ = await server.result
        await engine.stop()
        return try outcome.get()
    }

    /// Waits until it is so, and says whether it ever was.
    static func eventually(_ condition: () async -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline {
            if await condition() { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return await condition()
    }
}

/// A connection of which the test sees every byte.
final class WireClient {
    private let connection: RawConnection
    /// What has come and has not been taken.
    private(set) var inbox: [UInt8] = []
    /// The server has ended the stream, or the connection.
    private(set) var isOver = false
    private var isOpen = true

    struct Late: Error, CustomStringConvertible {
        var inbox: [UInt8]
        var description: String { "nothing more came after \(String(decoding: inbox.suffix(2000), as: UTF8.self))" }
    }

    init(to url: String) throws { connection = try RawConnection(to: url) }

    deinit { close() }

    func close() {
        if isOpen { connection.close() }
        isOpen = false
    }

    /// Ends the sending half.
    func endOutput() { shutdown(connection.descriptor, Int32(SHUT_WR)) }

    func send(_ text: String) { connection.send(text) }
    func send(_ bytes: [UInt8]) { connection.send(bytes) }

    /// Takes what is there, without waiting.
    func poll() {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while !isOver {
            let count = recv(connection.descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                inbox += chunk[..<count]
            } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                isOver = true
            } else {
                return
            }
        }
    }

    /// Waits until `take` finds what it wants in what has come; nil where the stream ends before.
    func wait<Value>(seconds: Double = 120, _ take: (inout [UInt8]) throws -> Value?) async throws -> Value? {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let isLate = ContinuousClock.now > deadline
            poll()
            if let value = try take(&inbox) { return value }
            if isOver { return nil }
            guard !isLate else { throw Late(inbox: inbox) }
            // Two hundred of these share two processors.
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Waits for a piece of text up to and with `end`.
    func text(upTo end: String) async throws -> String? {
        try await wait { inbox in
            guard let range = Data(inbox).range(of: Data(end.utf8)) else { return nil }
            defer { inbox.removeFirst(range.upperBound) }
            return String(decoding: inbox[..<range.upperBound], as: UTF8.self)
        }
    }

    /// Waits for the head of an answer.
    func head() async throws -> (status: Int, headers: [String: String]) {
        let lines = (try await text(upTo: "\r\n\r\n") ?? "").components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return (Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0, headers)
    }

    /// Waits for the server to end the stream.
    func end() async throws { _ = try await wait { _ in Never?.none } }
}

/// A client of `GET /events`.
struct EventStreamClient {
    /// An event as an EventSource has it.
    struct Item {
        var id: String?
        var kind: String?
        var retry: String?
        var json = JSON(value: nil)
    }

    let wire: WireClient
    let status: Int
    let headers: [String: String]

    init(_ url: String, _ query: String = "", headers: [String: String] = [:]) async throws {
        wire = try WireClient(to: url)
        let fields = headers.map { "\($0): \($1)\r\n" }.joined()
        wire.send("GET /events\(query) HTTP/1.1\r\nhost: x\r\n\(fields)\r\n")
        (status, self.headers) = try await wire.head()
    }

    /// The next chunk of the answer: the service writes an event, or a comment, in each. Nil at the end.
    /// (To Swift, the two bytes that end a line are one character.)
    func chunk() async throws -> String? {
        guard let size = try await wire.text(upTo: "\r\n"), let count = Int(size.dropLast(), radix: 16), count > 0
        else { return nil }
        return try await wire.wait { inbox in
            guard inbox.count >= count + 2 else { return nil }
            defer { inbox.removeFirst(count + 2) }
            return String(decoding: inbox[..<count], as: UTF8.self)
        }
    }

    /// The next event, without comments. Nil at the end.
    func next() async throws -> Item? {
        while let text = try await chunk() {
            guard !text.hasPrefix(":") else { continue }
            var item = Item()
            for line in text.components(separatedBy: "\n") {
                let parts = line.split(separator: ": ", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { continue }
                switch parts[0] {
                case "id": item.id = parts[1]
                case "event": item.kind = parts[1]
                case "retry": item.retry = parts[1]
                default: item.json = JSON(value: try JSONSerialization.jsonObject(with: Data(parts[1].utf8)))
                }
            }
            return item
        }
        return nil
    }
}

/// A client of `GET /events/ws`.
struct SocketClient {
    /// What an opening handshake has in its headers; the key and its answer are those of RFC 6455, 1.3.
    static let handshake = [
        "host": "x", "upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    struct Frame: Equatable {
        var opcode: UInt8
        var payload: [UInt8]
        /// Of a close frame.
        var code: Int { payload.count < 2 ? 0 : Int(payload[0]) << 8 | Int(payload[1]) }
        var reason: String { String(decoding: payload.dropFirst(2), as: UTF8.self) }
    }

    let wire: WireClient
    let status: Int
    let headers: [String: String]

    static func request(_ target: String = "/events/ws", _ headers: [String: String] = [:], method: String = "GET")
        -> String
    {
        let fields = handshake.merging(headers) { $1 }.filter { !$0.value.isEmpty }
        return "\(method) \(target) HTTP/1.1\r\n" + fields.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
    }

    init(_ url: String, _ target: String = "/events/ws", _ headers: [String: String] = [:]) async throws {
        wire = try WireClient(to: url)
        wire.send(Self.request(target, headers))
        (status, self.headers) = try await wire.head()
    }

    /// The bytes of a frame as a client sends it.
    static func frame(
        _ opcode: UInt8, _ payload: [UInt8] = [], fin: Bool = true, reserved: UInt8 = 0, isMasked: Bool = true,
        length: UInt64? = nil
    ) -> [UInt8] {
        let length = length ?? UInt64(payload.count)
        var bytes = [(fin ? 0x80 : 0) | reserved << 4 | opcode]
        let mask: UInt8 = isMasked ? 0x80 : 0
        switch length {
        case ...125: bytes.append(mask | UInt8(length))
        case ...0xffff: bytes += [mask | 126, UInt8(length >> 8), UInt8(length & 0xff)]
        default:
            bytes.append(mask | 127)
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(length >> UInt64(shift) & 0xff)) }
        }
        guard isMasked else { return bytes + payload }
        let key: [UInt8] = [0x37, 0xfa, 0x21, 0x3d]
        return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
    }

    func send(_ opcode: UInt8, _ payload: [UInt8] = [], fin: Bool = true) {
        wire.send(Self.frame(opcode, payload, fin: fin))
    }

    /// The next frame; nil at the end of the stream.
    func frame(seconds: Double = 120) async throws -> Frame? {
        try await wire.wait(seconds: seconds) { inbox in
            guard inbox.count >= 2 else { return nil }
            var (start, length) = (2, Int(inbox[1] & 0x7f))
            if length == 126 {
                guard inbox.count >= 4 else { return nil }
                (start, length) = (4, Int(inbox[2]) << 8 | Int(inbox[3]))
            } else if length == 127 {
                guard inbox.count >= 10 else { return nil }
                (start, length) = (10, inbox[2..<10].reduce(0) { $0 << 8 | Int($1) })
            }
            guard inbox.count >= start + length else { return nil }
            defer { inbox.removeFirst(start + length) }
            return Frame(opcode: inbox[0] & 0x0f, payload: Array(inbox[start..<(start + length)]))
        }
    }

    /// The next message; nil where something else comes, or the end. Pings on the way are answered.
    func message() async throws -> JSON? {
        while let frame = try await frame() {
            switch frame.opcode {
            case 1: return JSON(value: try JSONSerialization.jsonObject(with: Data(frame.payload)))
            case 9: send(10, frame.payload)
            default: return nil
            }
        }
        return nil
    }
}

import Foundation
@testable import HTTPService
import ModelHub
import SelfTest
import TestSupport
import Testing

/// The frames of `GET /events/ws`: good and bad ones, and clients that are slow, silent or gone.
@Suite struct EventSocketFrameTests {
    @Test func pingsAreAnsweredAndMessagesIgnored() async throws {
        try await EventServer.with { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            socket.send(9, Array("are you there".utf8))
            #expect(try await socket.frame() == .init(opcode: 10, payload: Array("are you there".utf8)))
            socket.send(1, Array("hello \u{1F600}".utf8))
            socket.send(2, [0xff, 0xfe])
            socket.send(2, [UInt8](repeating: 7, count: 64 << 10))
            // A text in pieces that cut a character, with a ping between them.
            let text = Array("a\u{1F600}b".utf8)
            socket.send(1, Array(text[..<3]), fin: false)
            socket.send(0, [], fin: false)
            socket.send(9, [1])
            #expect(try await socket.frame() == .init(opcode: 10, payload: [1]))
            socket.send(0, Array(text[3...]))
            // A pong that nobody asked for.
            socket.send(10, Array("unasked".utf8))
            bus.publish(.modelState)
            #expect(try await socket.message()?["kind"].string == "model.state")
            socket.send(8, [0x03, 0xe8] + Array("bye".utf8))
            let close = try await socket.frame()
            #expect(close?.opcode == 8 && close?.code == 1000)
            #expect(try await socket.frame() == nil)
            #expect(try await EventServer.eventually { bus.listenerCount == 0 })
        }
    }

    /// Bytes that are wrong, and the code that the connection is closed with.
    struct Fault: Sendable, CustomTestStringConvertible {
        var what: String
        var bytes: [UInt8]
        var code: Int

        init(_ what: String, _ bytes: [UInt8], _ code: Int) { (self.what, self.bytes, self.code) = (what, bytes, code) }

        var testDescription: String { what }
    }

    static let faults = [
        Fault("not masked", SocketClient.frame(1, [65], isMasked: false), 1002),
        Fault("a reserved bit", SocketClient.frame(1, [65], reserved: 4), 1002),
        Fault("compressed", SocketClient.frame(1, [65], reserved: 4), 1002),
        Fault("an opcode of nobody", SocketClient.frame(3, [65]), 1002),
        Fault("a control opcode of nobody", SocketClient.frame(11), 1002),
        Fault("a piece of nothing", SocketClient.frame(0, [65]), 1002),
        Fault(
            "a message in a message", SocketClient.frame(1, [65], fin: false) + SocketClient.frame(1, [66]), 1002
        ),
        Fault("a ping in pieces", SocketClient.frame(9, [65], fin: false), 1002),
        Fault("a long ping", SocketClient.frame(9, [UInt8](repeating: 1, count: 126)), 1002),
        Fault("a close code of one byte", SocketClient.frame(8, [3]), 1002),
        Fault("a close code that must not be sent", SocketClient.frame(8, [0x03, 0xed]), 1002),
        Fault("a close code of nobody", SocketClient.frame(8, [0x00, 0x01]), 1002),
        Fault("a close reason that is no text", SocketClient.frame(8, [0x03, 0xe8, 0xff]), 1007),
        Fault("a text that is none", SocketClient.frame(1, [0xc3, 0x28]), 1007),
        Fault("a text cut short", SocketClient.frame(1, [0xf0, 0x9f]), 1007),
        Fault("too large", SocketClient.frame(2, [], length: (64 << 10) + 1), 1009),
        Fault("far too large", SocketClient.frame(2, [], length: 1 << 40), 1009),
        Fault("larger than a number", SocketClient.frame(2, [], length: .max), 1009),
        Fault(
            "too large in pieces",
            SocketClient.frame(2, [UInt8](repeating: 0, count: 40 << 10), fin: false)
                + SocketClient.frame(0, [UInt8](repeating: 0, count: 40 << 10)), 1009
        ),
        Fault("HTTP", Array("GET /version HTTP/1.1\r\nhost: \(String(repeating: "x", count: 80))\r\n\r\n".utf8), 1002),
    ]

    @Test(arguments: faults) func faultsCloseTheConnection(fault: Fault) async throws {
        try await EventServer.with { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            socket.wire.send(fault.bytes)
            let close = try await socket.frame()
            #expect(close?.opcode == 8 && close?.code == fault.code, "\(close.debugDescription)")
            #expect(close?.reason.isEmpty == false)
            // The stream ends without waiting for the client, and the listening with it.
            #expect(try await socket.frame(seconds: 60) == nil)
            #expect(try await EventServer.eventually { bus.listenerCount == 0 })
            #expect(try await client.request("GET", "/version").status == 200)
        }
    }

    /// A client that goes on sending a message that has been refused gets the code all the same, and is cut off.
    @Test func aClientThatGoesOnSendingGetsTheCode() async throws {
        try await EventServer.with { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            socket.wire.send(SocketClient.frame(2, [UInt8](repeating: 0, count: 1 << 20)))
            #expect(try await socket.frame()?.code == 1009)
            #expect(try await socket.frame(seconds: 60) == nil)
            #expect(try await EventServer.eventually { bus.listenerCount == 0 })
        }
    }

    @Test func aCloseWithoutACodeIsANormalOne() async throws {
        try await EventServer.with { client, _ async throws in
            let socket = try await SocketClient(client.baseURL)
            socket.send(8)
            #expect(try await socket.frame()?.code == 1000)
            #expect(try await socket.frame() == nil)
        }
    }

    @Test(arguments: [true, false]) func aClientThatLeavesIsForgotten(endsOutputOnly: Bool) async throws {
        try await EventServer.with { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            #expect(bus.listenerCount == 1)
            if endsOutputOnly { socket.wire.endOutput() } else { socket.wire.close() }
            #expect(try await EventServer.eventually { bus.listenerCount == 0 })
        }
    }

    // MARK: Slow and silent clients

    // Long enough between pings for a machine that is busy with other tests.
    @Test func pingsThatAreAnsweredKeepTheConnection() async throws {
        try await EventServer.with(EventBus(), { $0.socketPingSeconds = 5 }) { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            for _ in 0..<2 {
                let ping = try await socket.frame()
                #expect(ping?.opcode == 9)
                socket.send(10, ping?.payload ?? [])
            }
            bus.publish(.modelState)
            #expect(try await socket.message()?["kind"].string == "model.state")
        }
    }

    @Test(arguments: [true, false]) func aPeerThatDoesNotAnswerPingsIsClosed(sendsWrongPongs: Bool) async throws {
        try await EventServer.with(EventBus(), { $0.socketPingSeconds = 0.3 }) { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            #expect(try await socket.frame()?.opcode == 9)
            if sendsWrongPongs { socket.send(10, Array("not that".utf8)) }
            let close = try await socket.frame()
            #expect(close?.opcode == 8 && close?.code == 1011)
            #expect(try await socket.frame(seconds: 60) == nil)
            #expect(try await EventServer.eventually { bus.listenerCount == 0 })
        }
    }

    @Test func aClientThatReadsLateIsToldWhatItMissed() async throws {
        try await EventServer.with(EventBus(capacity: 64)) { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            let (total, size) = (20_000, 8_000)
            let text = String(repeating: "x", count: size)
            for number in 1...total {
                bus.publish(.modelState, ["text": .text(text)])
                if number.isMultiple(of: 50) { await Task.yield() }
            }
            var (heard, missed) = (0, 0)
            while heard + missed < total, let message = try await socket.message() {
                if message["kind"].string == "missed" {
                    missed += Int(message["data"]["count"].number ?? 0)
                } else {
                    heard += 1
                    #expect(message["id"].string == "\(bus.epoch)-\(heard + missed)")
                }
            }
            #expect(heard + missed == total)
            #expect(missed > 0 && heard * size < 32 << 20, "\(heard) heard")
        }
    }

    /// Neither events nor the answers to its own pings pile up for it.
    @Test func aClientThatNeverReadsIsCutOff() async throws {
        try await EventServer.with(EventBus(capacity: 64), { $0.socketPingSeconds = 1 }) { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            let text = String(repeating: "x", count: 20_000)
            let isGone = try await EventServer.eventually {
                for _ in 0..<32 { bus.publish(.modelState, ["text": .text(text)]) }
                for _ in 0..<32 { socket.send(9, [UInt8](repeating: 1, count: 125)) }
                return bus.listenerCount == 0
            }
            #expect(isGone)
        }
    }
}

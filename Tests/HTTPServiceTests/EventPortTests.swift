import Foundation
@testable import HTTPService
import ModelHub
import SelfTest
import TestSupport
import Testing

/// HTTP on the port on which connections may become WebSockets.
@Suite struct EventPortTests {
    @Test func aConnectionMayBecomeASocketAfterOtherRequests() async throws {
        try await EventServer.with { client, bus async throws in
            let wire = try WireClient(to: client.baseURL)
            // At once: the answers come in order, and the socket's messages after them.
            wire.send(
                "GET /version HTTP/1.1\r\nhost: x\r\n\r\nGET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
                    + SocketClient.request())
            for _ in 0..<2 {
                let head = try await wire.head()
                #expect(head.status == 200)
                let length = Int(head.headers["content-length"] ?? "") ?? 0
                _ = try await wire.wait { inbox -> Bool? in
                    guard inbox.count >= length else { return nil }
                    inbox.removeFirst(length)
                    return true
                }
            }
            #expect(try await wire.head().status == 101)
            bus.publish(.modelState)
            #expect(try await wire.wait { $0.count > 2 ? $0 : nil }?.first == 0x81)
        }
    }

    /// Frames that were sent before the answer are not lost.
    @Test func framesMayComeWithTheHandshake() async throws {
        try await EventServer.with { client, _ async throws in
            let wire = try WireClient(to: client.baseURL)
            wire.send(Array(SocketClient.request().utf8) + SocketClient.frame(9, [7]))
            #expect(try await wire.head().status == 101)
            #expect(try await wire.wait { $0.count >= 3 ? $0 : nil } == [0x8a, 1, 7])
        }
    }

    @Test func aFloodBehindTheHandshakeIsCutOff() async throws {
        try await EventServer.with { client, bus async throws in
            let wire = try WireClient(to: client.baseURL)
            // An upgrade that is not done: what comes behind it is held for nobody.
            wire.send(SocketClient.request("/events?", ["upgrade": "h2c"]))
            #expect(try await wire.head().status == 200)
            let chunk = [UInt8](repeating: 0x41, count: 64 << 10)
            let isGone = try await EventServer.eventually {
                wire.send(chunk)
                return bus.listenerCount == 0
            }
            #expect(isGone)
        }
    }

    /// Clients that offer HTTP/2 get their answer, and the connection is closed: no request after such a one is read.
    @Test func otherUpgradesAreAnsweredInHTTP() async throws {
        try await EventServer.with { client, _ async throws in
            let wire = try WireClient(to: client.baseURL)
            wire.send(
                "GET /version HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n"
                    + "http2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n")
            let head = try await wire.head()
            #expect(head.status == 200 && head.headers["connection"] == "close")
            try await wire.end()
            #expect(wire.inbox.count == Int(head.headers["content-length"] ?? ""))
        }
    }

    @Test func whatIsNoHTTPIsAnsweredAsBefore() async throws {
        try await EventServer.with { client, _ async throws in
            let wire = try WireClient(to: client.baseURL)
            wire.send("NO SUCH THING\r\n\r\n")
            #expect(try await wire.head().status == 400)
            try await wire.end()
        }
    }
}

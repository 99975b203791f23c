import Engine
import Foundation
import Generation
@testable import HTTPService
import SelfTest
import TestSupport
import Testing

/// Streams when things are slow, go wrong, or nobody listens any more.
@Suite struct OpenAIStreamTests {
    static let body = OpenAIChatTests.hello + #","stream":true}"#

    static func request(_ body: String = body) -> String {
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private func wait(_ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !condition(), ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        #expect(condition())
    }

    @Test func silenceIsFilledWithComments() async throws {
        let service = ScriptedService { _, _ in
            [.text("a"), .pause(.milliseconds(1500)), .text("b", finish: .length), .end()]
        }
        try await ScriptedServer.with(service, { $0.pingSeconds = 0.1 }) { client in
            let events = EventStream(try await client.post("/v1/chat/completions", json: Self.body).text)
            #expect(events.comments >= 2)
            #expect(events.isDone && events.content() == "ab")
        }
    }

    @Test func aModelThatLoadsLongIsWaitedForWithComments() async throws {
        try await ScriptedServer.with(.saying("ok"), { $0.pingSeconds = 0.1 }) { client in
            let slow = Self.body.replacing(#""model":"fake""#, with: #""model":"slow""#)
            let events = EventStream(try await client.post("/v1/chat/completions", json: slow).text)
            #expect(events.comments >= 2)
            #expect(events.isDone && events.content() == "ok")
            #expect(events.chunks.first?["choices"][0]["delta"]["role"].string == "assistant")
        }
    }

    @Test func anErrorBeforeTheStreamIsAStatus() async throws {
        let service = ScriptedService { _, _ in throw QueueFullErrorStandIn.full }
        try await ScriptedServer.with(service) { client in
            let answer = try await client.post("/v1/chat/completions", json: Self.body)
            #expect(answer.status == 400)
            #expect(JSON(answer)["error"]["code"].string == "context_length_exceeded")
            #expect(JSON(answer)["error"]["param"].string == "messages")
            let message = JSON(answer)["error"]["message"].string ?? ""
            #expect(message.contains("9000") && message.contains("8192"))
        }
    }

    private enum QueueFullErrorStandIn {
        static let full = GenerationError.contextOverflow(promptTokens: 9000, contextTokens: 8192)
    }

    @Test func anErrorInTheMiddleIsAnEvent() async throws {
        let service = ScriptedService { _, _ in
            [.text("a"), .fail(EngineError.notReady(model: "fake", state: .unloading, retryAfterSeconds: 5))]
        }
        try await ScriptedServer.with(service) { client in
            let answer = try await client.post("/v1/chat/completions", json: Self.body)
            #expect(answer.status == 200)
            let events = EventStream(answer.text)
            #expect(events.content() == "a" && !events.isDone)
            let error = events.chunks.last?["error"] ?? JSON(value: nil)
            #expect(error.keys == ["message", "type", "param", "code"])
            #expect(error["code"].string == "model_not_ready")
            // The whole answer has it as a status.
            let whole = try await client.json("/v1/chat/completions", OpenAIChatTests.hello + "}")
            #expect(whole.status == 503)
        }
    }

    @Test func noFirstTokenInTimeIsAnError() async throws {
        let service = ScriptedService { _, _ in [.pause(.seconds(30)), .text("late"), .end()] }
        try await ScriptedServer.with(service, { $0.requestTimeoutSeconds = 3 }) { client in
            let events = EventStream(try await client.post("/v1/chat/completions", json: Self.body).text)
            #expect(events.chunks.last?["error"]["code"].string == "timeout")
            let whole = try await client.json("/v1/chat/completions", OpenAIChatTests.hello + "}")
            #expect(whole.status == 504)
            try await wait { service.log.abandoned == 2 }
        }
    }

    @Test func aHealthyStreamMayTakeLonger() async throws {
        let service = ScriptedService { _, _ in
            (0..<20).flatMap { _ in [ScriptStep.text("."), .pause(.milliseconds(350))] } + [
                .text("!", finish: .length), .end(),
            ]
        }
        try await ScriptedServer.with(service, { $0.requestTimeoutSeconds = 6 }) { client in
            let started = ContinuousClock.now
            let events = EventStream(try await client.post("/v1/chat/completions", json: Self.body).text)
            #expect(events.isDone && events.content() == String(repeating: ".", count: 20) + "!")
            #expect(ContinuousClock.now - started > .seconds(6))
        }
    }

    @Test(arguments: [true, false]) func aClientThatLeavesEndsTheWork(isStreamed: Bool) async throws {
        let service = ScriptedService { _, _ in
            [.text("a"), .pause(.seconds(60)), .text("b", finish: .length), .end()]
        }
        try await ScriptedServer.with(service) { client in
            let connection = try RawConnection(to: client.baseURL)
            connection.send(Self.request(isStreamed ? Self.body : OpenAIChatTests.hello + "}"))
            try await wait { service.log.pulled == 1 }
            connection.close()
            try await wait { service.log.abandoned == 1 }
            #expect(try await client.request("GET", "/v1/models").status == 200)
        }
    }

    @Test func aSlowReaderHoldsTheModelBack() async throws {
        let long = String(repeating: "x", count: 2_000)
        let count = 20_000
        let service = ScriptedService { _, _ in
            (0..<count).map { _ in ScriptStep.event(.piece(GenerationPiece(choice: 0, text: long))) } + [.end()]
        }
        try await ScriptedServer.with(service) { client in
            let connection = try RawConnection(to: client.baseURL)
            connection.send(Self.request())
            try await wait { service.log.pulled > 100 }
            // Nothing is read: what the kernel and the server hold fills up, and then the model stands still.
            var before = -1
            while before != service.log.pulled, before < count {
                before = service.log.pulled
                try await Task.sleep(for: .milliseconds(500))
            }
            #expect(service.log.pulled < count)
            connection.close()
            try await wait { service.log.abandoned == 1 }
        }
    }

    @Test func aClientThatNeverReadsIsCutOff() async throws {
        let long = String(repeating: "x", count: 20_000)
        let service = ScriptedService { _, _ in
            (0..<5_000).map { _ in ScriptStep.event(.piece(GenerationPiece(choice: 0, text: long))) } + [.end()]
        }
        try await ScriptedServer.with(
            service,
            {
                $0.requestTimeoutSeconds = 2
                $0.pingSeconds = 0.2
            }
        ) { client in
            let connection = try RawConnection(to: client.baseURL)
            connection.send(Self.request())
            try await wait { service.log.abandoned == 1 }
            connection.close()
        }
    }
}

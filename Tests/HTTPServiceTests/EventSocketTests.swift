import Foundation
@testable import HTTPService
import ModelHub
import SelfTest
import TestSupport
import Testing

/// `GET /events/ws`: the events over a WebSocket, byte by byte, and the HTTP of the same port beside it.
@Suite struct EventSocketTests {
    @Test func theHandshakeAndTheMessages() async throws {
        try await EventServer.with { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            #expect(socket.status == 101)
            #expect(socket.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(socket.headers["upgrade"] == "websocket" && socket.headers["connection"] == "upgrade")
            #expect(socket.headers["x-request-id"]?.isEmpty == false)
            #expect(socket.headers["content-length"] == nil && socket.headers["transfer-encoding"] == nil)
            bus.publish(.downloadProgress, model: "lid-176", ["completed_bytes": .integer(5)])
            let event = try #require(try await socket.message())
            #expect(event.keys == ["id", "time", "kind", "model", "data"])
            #expect(event["id"].string == "\(bus.epoch)-1" && event["kind"].string == "download.progress")
            #expect(event["model"].string == "lid-176" && event["data"]["completed_bytes"].number == 5)
            // Nobody is told what the log and the metrics leave out.
            let metrics = try await client.request("GET", "/metrics").text
            #expect(metrics.contains(#"route="/events/ws",status="101""#))
        }
    }

    @Test func filtersAndPlacesAreThoseOfTheStream() async throws {
        try await EventServer.with { client, bus async throws in
            for _ in 0..<3 { bus.publish(.modelState) }
            bus.publish(.downloadQueued)
            let socket = try await SocketClient(
                client.baseURL, "/events/ws?kinds=model.state,update.*&after=\(bus.epoch)-1")
            bus.publish(.updateFailed)
            for number in [2, 3, 5] {
                #expect(try await socket.message()?["id"].string == "\(bus.epoch)-\(number)")
            }
            let stranger = try await SocketClient(client.baseURL, "/events/ws?after=0ld-3")
            #expect(try await stranger.message()?["data"]["reason"].string == "restarted")
            #expect(try await stranger.message()?["id"].string == "\(bus.epoch)-1")
        }
    }

    /// What is changed in the handshake, the status, the code of the error, and what it is about.
    @Test(arguments: [
        (["upgrade": ""], 426, "upgrade_required", ""), (["upgrade": "h2c"], 426, "upgrade_required", ""),
        (["connection": "keep-alive"], 426, "upgrade_required", ""),
        (["sec-websocket-version": "8"], 426, "upgrade_required", ""),
        (["sec-websocket-version": ""], 426, "upgrade_required", ""),
        (["sec-websocket-key": ""], 400, "invalid_value", "Sec-WebSocket-Key"),
        (["sec-websocket-key": "c2hvcnQ="], 400, "invalid_value", "Sec-WebSocket-Key"),
        (["sec-websocket-key": "not base64, not at all!!"], 400, "invalid_value", "Sec-WebSocket-Key"),
        (["content-length": "3"], 400, "invalid_handshake", ""),
        (["origin": "https://elsewhere.example"], 403, "forbidden_origin", "Origin"),
        (["origin": "null"], 403, "forbidden_origin", "Origin"),
        (["origin": "http://x:81"], 403, "forbidden_origin", "Origin"),
    ]) func handshakesThatAreRefused(
        changes: [String: String], status: Int, code: String, parameter: String
    ) async throws {
        try await EventServer.with { client, bus async throws in
            let socket = try await SocketClient(client.baseURL, "/events/ws", changes)
            #expect(socket.status == status)
            if status == 426 {
                #expect(socket.headers["upgrade"] == "websocket")
                #expect(socket.headers["sec-websocket-version"] == "13")
            }
            let length = Int(socket.headers["content-length"] ?? "") ?? 0
            let body = try await socket.wire.wait { $0.count >= length ? Data($0) : nil }
            let error = JSON(value: try JSONSerialization.jsonObject(with: body ?? Data()))["error"]
            #expect(error.keys == ["message", "type", "param", "code"])
            #expect(error["code"].string == code && (error["param"].string ?? "") == parameter)
            #expect(bus.listenerCount == 0)
        }
    }

    @Test(arguments: [
        (["origin": "http://x"], "GET"), (["origin": "https://X"], "GET"),
        (["connection": "keep-alive, Upgrade"], "GET"), (["upgrade": "WebSocket"], "GET"),
        (["sec-websocket-protocol": "chat"], "GET"), (["sec-websocket-extensions": "permessage-deflate"], "GET"),
        (["content-length": "0"], "GET"),
    ]) func handshakesThatAreAccepted(changes: [String: String], method: String) async throws {
        try await EventServer.with { client, bus async throws in
            let socket = try await SocketClient(client.baseURL, "/events/ws", changes)
            #expect(socket.status == 101)
            // Nothing that was offered has been agreed on.
            #expect(!socket.headers.keys.contains { $0.hasPrefix("sec-websocket-") && $0 != "sec-websocket-accept" })
            bus.publish(.modelState)
            #expect(try await socket.message()?["kind"].string == "model.state")
        }
    }

    @Test func badFiltersAndOtherPathsAndMethods() async throws {
        try await EventServer.with { client, _ async throws in
            #expect(try await SocketClient(client.baseURL, "/events/ws?kinds=x").status == 400)
            #expect(try await SocketClient(client.baseURL, "/events").status == 404)
            #expect(try await SocketClient(client.baseURL, "/models").status == 404)
            #expect(try await SocketClient(client.baseURL, "/nothing").status == 404)
            #expect(try await client.request("GET", "/events/ws").status == 426)
            #expect(try await client.request("HEAD", "/events/ws").status == 426)
            #expect(try await client.request("POST", "/events/ws").status == 405)
        }
    }

    @Test func keys() async throws {
        try await EventServer.with(EventBus(), { $0.apiKeys = ["secret"] }) { client, bus async throws in
            for (target, headers, status) in [
                ("", [:], 401), ("?api_key=wrong", [:], 403), ("", ["authorization": "Bearer wrong"], 403),
                ("?api_key=secret", [:], 101), ("", ["authorization": "Bearer secret"], 101),
                ("", ["x-api-key": "secret"], 101),
                // With the key in hand, a page of anywhere may.
                ("?api_key=secret", ["origin": "https://elsewhere.example"], 101),
            ] as [(String, [String: String], Int)] {
                let socket = try await SocketClient(client.baseURL, "/events/ws" + target, headers)
                #expect(socket.status == status, "\(target) \(headers)")
                if status != 101 { #expect(socket.headers["x-request-id"]?.isEmpty == false) }
            }
            #expect(try await EventServer.eventually { bus.listenerCount == 0 })
        }
    }

    // MARK: Many, and other people's clients

    @Test func twoHundredClientsAtOnce() async throws {
        try await EventServer.with { client, bus async throws in
            let total = 50
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        var ids: [String?] = []
                        if number.isMultiple(of: 2) {
                            let socket = try await SocketClient(client.baseURL)
                            for _ in 0..<total { ids.append(try await socket.message()?["id"].string) }
                        } else {
                            let stream = try await EventStreamClient(client.baseURL)
                            _ = try await stream.next()
                            for _ in 0..<total { ids.append(try await stream.next()?.id) }
                        }
                        return ids == (1...total).map { "\(bus.epoch)-\($0)" }
                    }
                }
                #expect(try await EventServer.eventually { bus.listenerCount == 200 })
                for _ in 0..<total { bus.publish(.modelState, model: "lid-176", ["from": .text("ready")]) }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(try await EventServer.eventually { bus.listenerCount == 0 })
        }
    }

    @Test func closingTheBusClosesTheSockets() async throws {
        try await EventServer.with { client, bus async throws in
            let socket = try await SocketClient(client.baseURL)
            bus.publish(.modelState)
            bus.close()
            #expect(try await socket.message()?["kind"].string == "model.state")
            #expect(try await socket.frame()?.code == 1001)
        }
    }

    /// A service that is told to stop says so, and does not wait for clients that keep silent.
    @Test(.timeLimit(.minutes(3))) func aServiceThatStopsClosesItsSockets() async throws {
        // Clients would be given five minutes; these need none of them.
        let service = try await RunningService(environment: ["SVC_SHUTDOWN_TIMEOUT": "300"])
        let polite = try await SocketClient(service.url)
        let silent = try await SocketClient(service.url)
        #expect(polite.status == 101 && silent.status == 101)
        async let code = service.stop()
        let close = try #require(try await polite.frame())
        #expect(close.opcode == 8 && close.code == 1001)
        polite.send(8, close.payload)
        #expect(try await polite.frame() == nil)
        #expect(await code == 0)
        #expect(try await silent.frame()?.code == 1001)
    }

    /// The client package that people use, unchanged.
    @Test func thePythonClient() async throws {
        let script = """
            import asyncio, json, sys, time
            import websockets
            from websockets.asyncio.client import connect
            from websockets.exceptions import ConnectionClosed, InvalidStatus
            url = sys.argv[1].replace("http", "ws") + "/events/ws"
            key = {"Authorization": "Bearer secret"}

            async def refused(address, status, **options):
                try:
                    async with connect(address, **options): pass
                except InvalidStatus as error:
                    assert error.response.status_code == status, error.response
                    assert json.loads(error.response.body)["error"]["message"], error.response.body
                    return
                raise SystemExit(f"not refused: {address}")

            async def closed(send, code):
                async with connect(url, additional_headers=key) as socket:
                    try:
                        await send(socket)
                        async for _ in socket: pass
                    except ConnectionClosed: pass
                    assert socket.close_code == code, (socket.close_code, code)

            async def listen(query, count):
                async with connect(url + query, additional_headers=key, ping_interval=0.2, ping_timeout=5) as socket:
                    return [json.loads(await socket.recv()) for _ in range(count)]

            async def main():
                await refused(url, 401)
                await refused(url + "?api_key=no", 403)
                await refused(url + "?kinds=no", 400, additional_headers=key)
                await refused(url.replace("/ws", "/no"), 404, additional_headers=key)
                async with connect(url + "?api_key=secret") as socket:
                    await asyncio.wait_for(await socket.ping(), 5)
                    await socket.send("hello")
                    await socket.send(["in ", "pieces"])
                await closed(lambda socket: socket.send("x" * 70000), 1009)
                print("ready", flush=True)
                async with asyncio.TaskGroup() as group:
                    all = [group.create_task(listen("", 30)) for _ in range(40)]
                    some = group.create_task(listen("?kinds=update.*", 10))
                for task in all:
                    events = task.result()
                    assert [e["kind"] for e in events] == ["model.state", "update.available", "model.state"] * 10
                    assert all_ids(events) == list(range(1, 31)), all_ids(events)
                assert all_ids(some.result()) == list(range(2, 31, 3))
                last = some.result()[4]["id"]
                assert all_ids(await listen("?kinds=update.*&after=" + last, 5)) == list(range(17, 31, 3))

            def all_ids(events):
                return [int(e["id"].split("-")[1]) for e in events]

            asyncio.run(main())
            print("driven")
            """
        try await EventServer.with(EventBus(), { $0.apiKeys = ["secret"] }) { client, bus async throws in
            async let outcome = Programs.run(
                URL(fileURLWithPath: "/usr/bin/env"), ["python3", "-c", script, client.baseURL],
                environment: ["PYTHONPATH": Fixtures.repository.appendingPathComponent(".python").path])
            if try await EventServer.eventually({ bus.listenerCount == 41 }) {
                for number in 0..<30 { bus.publish(number % 3 == 1 ? .updateAvailable : .modelState) }
            } else {
                Issue.record("\(bus.listenerCount) of 41 listen")
                bus.close()
            }
            let (output, error) = try await (outcome.output, outcome.error)
            #expect(output == "ready\ndriven\n", "\(output)\(error)")
        }
    }
}

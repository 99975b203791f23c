import Foundation
@testable import HTTPService
import ModelHub
import SelfTest
import TestSupport
import Testing

/// `GET /events`: server-sent events, as the clients of them get them.
@Suite struct EventStreamTests {
    @Test func eventsComeAsTheyHappen() async throws {
        try await EventServer.with { client, bus async throws in
            bus.publish(.modelState, model: "lid-176")
            let stream = try await EventStreamClient(client.baseURL)
            #expect(stream.status == 200)
            #expect(stream.headers["content-type"] == "text/event-stream; charset=utf-8")
            #expect(stream.headers["cache-control"] == "no-cache" && stream.headers["x-accel-buffering"] == "no")
            #expect(stream.headers["x-request-id"]?.isEmpty == false)
            let hello = try await stream.next()
            #expect(hello?.retry == "2000" && hello?.id == "\(bus.epoch)-1" && hello?.kind == nil)
            bus.publish(
                .downloadProgress, model: "lid-176",
                [
                    "completed_bytes": .integer(1 << 40), "file": .text("a \"b\"\n\u{1F600}"), "share": .number(0.25),
                    "resumed": .boolean(true),
                ])
            let event = try #require(try await stream.next())
            #expect(event.id == "\(bus.epoch)-2" && event.kind == "download.progress")
            #expect(event.json.keys == ["id", "time", "kind", "model", "data"])
            #expect(event.json["id"].string == event.id && event.json["kind"].string == "download.progress")
            #expect(event.json["model"].string == "lid-176")
            let time = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(
                event.json["time"].string ?? "")
            #expect(abs(time.timeIntervalSinceNow) < 60)
            let data = event.json["data"]
            #expect(data["completed_bytes"].number == Double(1 << 40) && data["share"].number == 0.25)
            #expect(data["file"].string == "a \"b\"\n\u{1F600}" && data["resumed"].number == 1)
            bus.publish(.healthChecked)
            let plain = try #require(try await stream.next())
            #expect(plain.json.keys == ["id", "time", "kind", "data"] && plain.json["data"].keys.isEmpty)
        }
    }

    @Test func aClientThatComesBackMissesNothing() async throws {
        try await EventServer.with { client, bus async throws in
            for _ in 0..<10 { bus.publish(.modelState) }
            func numbers(_ query: String, _ headers: [String: String], count: Int) async throws -> [String] {
                let stream = try await EventStreamClient(client.baseURL, query, headers: headers)
                var ids: [String] = []
                // What is told first carries no event.
                _ = try await stream.next()
                while ids.count < count, let id = try await stream.next()?.id {
                    ids.append(String(id.dropFirst(bus.epoch.count + 1)))
                }
                return ids
            }
            let id = { (number: Int) in "\(bus.epoch)-\(number)" }
            #expect(try await numbers("", ["last-event-id": id(7)], count: 3) == ["8", "9", "10"])
            #expect(try await numbers("?after=\(id(8))", [:], count: 2) == ["9", "10"])
            // An EventSource sends the header with the address it began with.
            #expect(try await numbers("?after=\(id(2))", ["last-event-id": id(9)], count: 1) == ["10"])
            #expect(try await numbers("?after=\(id(0))", ["last-event-id": ""], count: 10).count == 10)
            #expect(
                try await numbers("?kinds=model.*&after=\(id(8))&kinds=download.failed", [:], count: 2) == ["9", "10"])
        }
    }

    @Test func anIDOfAnotherProcessIsToldSo() async throws {
        try await EventServer.with(EventBus(capacity: 4)) { client, bus async throws in
            for _ in 0..<3 { bus.publish(.modelState) }
            let stream = try await EventStreamClient(client.baseURL, headers: ["last-event-id": "abc0-77"])
            _ = try await stream.next()
            let missed = try #require(try await stream.next())
            #expect(missed.kind == "missed" && missed.id == "\(bus.epoch)-0")
            #expect(missed.json["kind"].string == "missed" && missed.json["data"]["reason"].string == "restarted")
            #expect(!missed.json["data"]["count"].exists)
            // What this process knows is news to it.
            for number in 1...3 { #expect(try await stream.next()?.id == "\(bus.epoch)-\(number)") }
        }
    }

    @Test func whatIsTooOldIsMissed() async throws {
        try await EventServer.with(EventBus(capacity: 4)) { client, bus async throws in
            for _ in 0..<100 { bus.publish(.modelState) }
            let stream = try await EventStreamClient(
                client.baseURL, "?kinds=update.*", headers: ["last-event-id": "\(bus.epoch)-1"])
            _ = try await stream.next()
            let missed = try #require(try await stream.next())
            #expect(missed.kind == "missed" && missed.id == nil)
            #expect(missed.json["data"]["reason"].string == "too_slow")
            let count = Int(missed.json["data"]["count"].number ?? 0)
            #expect((92...95).contains(count))
            bus.publish(.updateAvailable)
            #expect(try await stream.next()?.id == "\(bus.epoch)-101")
        }
    }

    @Test(arguments: [
        ("kinds=download.*", ["download.queued", "download.failed"]),
        ("kinds=model.state,repair.*", ["model.state", "repair.failed"]),
        ("kinds=*", ["download.queued", "model.state", "health.failed", "repair.failed", "download.failed"]),
        ("model=lid-176", ["model.state", "download.failed"]),
        ("model=lid-176&kinds=download.*", ["download.failed"]), ("kinds=download.failed", ["download.failed"]),
    ]) func filters(query: String, heard: [String]) async throws {
        try await EventServer.with { client, bus async throws in
            let stream = try await EventStreamClient(client.baseURL, "?" + query)
            _ = try await stream.next()
            bus.publish(.downloadQueued, model: "firefox-en-pt")
            bus.publish(.modelState, model: "lid-176")
            bus.publish(.healthFailed)
            bus.publish(.repairFailed, model: "firefox-en-pt")
            bus.publish(.downloadFailed, model: "lid-176")
            for kind in heard { #expect(try await stream.next()?.kind == kind) }
        }
    }

    @Test(arguments: [
        ("kinds=download", "kinds"), ("kinds=nothing.*", "kinds"), ("kinds=", "kinds"), ("kinds=.*", "kinds"),
        ("kinds=download.*,,model.state", "kinds"), ("kinds=Download.*", "kinds"), ("kinds=down*", "kinds"),
        ("model=", "model"), ("model=nothing-of-that-name", "model"), ("after=", "after"), ("after=12", "after"),
        ("after=-1", "after"), ("after=abc-", "after"), ("after=abc-1x", "after"), ("after=abc--1", "after"),
        ("after=ABC-1", "after"), ("after=abc-99999999999999999999999", "after"), ("after=a%00b-1", "after"),
    ]) func badFilters(query: String, parameter: String) async throws {
        try await EventServer.with { client, bus async throws in
            let answer = try await client.json("/events?" + query)
            #expect(answer.status == 400)
            #expect(answer.json["error"]["param"].string == parameter)
            #expect(answer.json["error"]["code"].string == "invalid_value")
            #expect(answer.json["error"]["message"].string?.contains(parameter) == true)
            #expect(bus.listenerCount == 0)
        }
    }

    @Test func aBadHeaderIsNamedToo() async throws {
        try await EventServer.with { client, _ async throws in
            let answer = try await client.request("GET", "/events", headers: ["last-event-id": "who knows"])
            #expect(answer.status == 400)
            #expect(JSON(answer)["error"]["param"].string == "Last-Event-ID")
        }
    }

    @Test func silenceIsFilled() async throws {
        try await EventServer.with(EventBus(), { $0.pingSeconds = 0.1 }) { client, bus async throws in
            let stream = try await EventStreamClient(client.baseURL)
            _ = try await stream.chunk()
            for _ in 0..<3 { #expect(try await stream.chunk() == ": ping\n\n") }
            bus.publish(.modelState)
            #expect(try await stream.next()?.kind == "model.state")
        }
    }

    @Test func onlyHeadersForHEAD() async throws {
        try await EventServer.with { client, bus async throws in
            let answer = try await client.request("HEAD", "/events")
            #expect(answer.status == 200 && answer.body.isEmpty)
            #expect(try await EventServer.eventually { bus.listenerCount == 0 })
        }
    }

    @Test func keys() async throws {
        try await EventServer.with(EventBus(), { $0.apiKeys = ["s+cret/1="] }) { client, _ async throws in
            for (query, headers, status) in [
                ("", [:], 401), ("?api_key=", [:], 403), ("?api_key=wrong", [:], 403),
                ("", ["authorization": "Bearer wrong"], 403), ("?api_key=s+cret/1=", ["x-api-key": "wrong"], 403),
                ("?api_key=s+cret/1=", [:], 200), ("?api_key=s%2Bcret%2F1%3D", [:], 200),
                ("", ["authorization": "Bearer s+cret/1="], 200), ("", ["x-api-key": "s+cret/1="], 200),
            ] as [(String, [String: String], Int)] {
                let stream = try await EventStreamClient(client.baseURL, query, headers: headers)
                #expect(stream.status == status, "\(query) \(headers)")
            }
            // Elsewhere a key in the address opens nothing.
            #expect(try await client.request("GET", "/models?api_key=s+cret/1=").status == 401)
        }
    }

    @Test(arguments: [true, false]) func aClientThatLeavesIsForgotten(endsOutputOnly: Bool) async throws {
        try await EventServer.with { client, bus async throws in
            let stream = try await EventStreamClient(client.baseURL)
            #expect(bus.listenerCount == 1)
            if endsOutputOnly { stream.wire.endOutput() } else { stream.wire.close() }
            #expect(try await EventServer.eventually { bus.listenerCount == 0 })
            if endsOutputOnly { #expect(try await stream.chunk() != nil) }
        }
    }

    @Test func closingTheBusEndsTheStreamAndNotTheConnection() async throws {
        try await EventServer.with { client, bus async throws in
            let stream = try await EventStreamClient(client.baseURL)
            _ = try await stream.next()
            bus.publish(.modelState)
            bus.close()
            #expect(try await stream.next()?.kind == "model.state")
            #expect(try await stream.next() == nil)
            _ = try await stream.wire.text(upTo: "\r\n")
            stream.wire.send("GET /version HTTP/1.1\r\nhost: x\r\n\r\n")
            #expect(try await stream.wire.head().status == 200)
        }
    }

    /// What a client does not read is dropped by the bus, and it is told how much; the service keeps none of it.
    @Test func aClientThatReadsLateIsToldWhatItMissed() async throws {
        try await EventServer.with(EventBus(capacity: 64)) { client, bus async throws in
            let stream = try await EventStreamClient(client.baseURL)
            _ = try await stream.next()
            let (total, size) = (20_000, 8_000)
            let text = String(repeating: "x", count: size)
            for number in 1...total {
                bus.publish(.modelState, ["text": .text(text)])
                if number.isMultiple(of: 50) { await Task.yield() }
            }
            var (heard, missed, last) = (0, 0, 0)
            while last < total, let item = try await stream.next() {
                if item.kind == "missed" {
                    let count = Int(item.json["data"]["count"].number ?? 0)
                    missed += count
                    last += count
                } else {
                    heard += 1
                    last += 1
                    #expect(item.id == "\(bus.epoch)-\(last)")
                }
            }
            #expect(heard + missed == total)
            // What is not missed has lain in the buffers of the sockets: a few megabytes of 160.
            #expect(missed > 0 && heard * size < 32 << 20, "\(heard) heard")
        }
    }

    @Test func aClientThatNeverReadsIsCutOff() async throws {
        try await EventServer.with(
            EventBus(capacity: 64),
            {
                $0.pingSeconds = 0.2
                $0.requestTimeoutSeconds = 1
            }
        ) { client, bus async throws in
            let stream = try await EventStreamClient(client.baseURL)
            let text = String(repeating: "x", count: 20_000)
            let isGone = try await EventServer.eventually {
                for _ in 0..<32 { bus.publish(.modelState, ["text": .text(text)]) }
                return bus.listenerCount == 0
            }
            #expect(isGone)
            withExtendedLifetime(stream) {}
        }
    }

    /// A stream has no end of its own; a service that is told to stop must not wait for one.
    @Test(.timeLimit(.minutes(3))) func aServiceThatStopsEndsItsStreams() async throws {
        // Clients would be given five minutes; these need none of them.
        let service = try await RunningService(environment: ["SVC_SHUTDOWN_TIMEOUT": "300"])
        let stream = try await EventStreamClient(service.url)
        #expect(stream.status == 200)
        _ = try await stream.next()
        async let code = service.stop()
        #expect(try await stream.next() == nil)
        #expect(await code == 0)
    }
}

internal import Foundation

/// `GET /events` and `/events/ws`.
enum EventCases {
    static var cases: [TestCase] { [stream, socket, resume, filters, handshake, frames] }

    /// Loads and unloads a model, which makes events.
    private static func cycle(_ client: ServiceClient, _ model: PortfolioModel) async throws {
        try await client.ask("POST", "/models/\(model.name)/load?wait=60").expect(status: 200)
        try await client.ask("POST", "/models/\(model.name)/unload?wait=30").expect(status: 200)
    }

    private static func states(_ events: [Document]) throws -> [String] {
        try events.map { try $0.string("data", "state") }
    }

    private static let wanted = ["verifying", "loading", "ready", "unloading", "absent"]

    private static let stream = TestCase.onOwnServices(
        "events.stream", "a dashboard that misses what happens, or is told of it in another order", quick: true
    ) { context in
        let model = try context.smallestOfAll()
        try await context.withService { service in
            let client = service.client
            async let heard = client.listen("kinds=model.state&model=\(model.name)") { $0.count >= wanted.count }
            try await Task.sleep(for: .milliseconds(300))
            try await cycle(client, model)
            let stream = try await heard
            let events = try stream.json().map { Document(value: $0, evidence: stream.evidence) }
            try context.equal(try states(events), wanted, "states of \(model.name)", evidence: stream.evidence)
            var last = 0
            for (event, document) in zip(stream.events, events) {
                try document.equal(try document.keys(), ["data", "id", "kind", "model", "time"], "keys of an event")
                try document.equal(try document.string("id"), event.id, "id in the data, and of the event")
                try document.equal(try document.string("kind"), event.event, "kind in the data, and of the event")
                try document.equal(try document.string("model"), model.name, "model")
                let number = Int(event.id.split(separator: "-").last ?? "") ?? 0
                try document.expect(number > last, "number in \(event.id): expected more than \(last)")
                last = number
                let time = try document.string("time")
                let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
                try document.expect(
                    (try? format.parse(time)) != nil, "time: expected ISO 8601 with milliseconds, found \(time)")
            }
            try context.equal(
                stream.answer.headers["cache-control"], "no-cache", "cache-control", evidence: stream.evidence)
        }
    }

    private static let socket = TestCase.onOwnServices(
        "events.socket", "a WebSocket that tells something else than the stream", quick: true
    ) { context in
        let model = try context.smallestOfAll()
        try await context.withService { service in
            let client = service.client
            let socket = try await client.socket("/events/ws?kinds=model.state")
            try await socket.ping([1, 2, 3])
            try await cycle(client, model)
            var messages: [JSONView] = []
            while messages.count < wanted.count, let text = try await socket.text(timeoutSeconds: 30) {
                messages.append(try JSONView(parsing: text))
            }
            let closed = try await socket.close()
            try context.equal(closed.code, 1000, "close code")
            let told = try await client.knownEvents("kinds=model.state") { $0.count >= wanted.count }
            let lines = messages.map(\.description)
            try context.equal(messages.count, told.count, "events of the WebSocket, and of the stream", evidence: lines)
            for (message, event) in zip(messages, told) {
                try context.expect(
                    message == event.value, "an event: expected \(event.value) as in the stream, found \(message)",
                    evidence: lines)
            }
        }
    }

    private static let resume = TestCase.onOwnServices(
        "events.resume", "a client that comes back and is not told what happened meanwhile"
    ) { context in
        let model = try context.smallestOfAll()
        try await context.withService { service in
            let client = service.client
            try await cycle(client, model)
            let all = try await client.knownEvents("kinds=model.state") { $0.count >= wanted.count }
            try context.equal(try states(all), wanted, "states", evidence: all.map(\.description))
            let second = try all[1].string("id")
            for (query, headers) in [
                ("after=\(second)", [:]), ("", ["Last-Event-ID": second]),
                ("after=\(try all[3].string("id"))", ["Last-Event-ID": second]),
            ] {
                let kinds = "kinds=model.state" + (query.isEmpty ? "" : "&\(query)")
                let stream = try await client.listen(kinds, headers: headers) { $0.count >= 3 }
                try context.equal(
                    stream.events.map(\.id), try all.suffix(3).map { try $0.string("id") }, "ids after \(second)",
                    evidence: stream.evidence)
            }
            // An id of another run: told so, and then all that is known.
            let other = try await client.listen(headers: ["Last-Event-ID": "zzzz-77"]) { $0.count >= 2 }
            try context.equal(
                other.events[0].event, "missed", "the first event after an id of another run", evidence: other.evidence)
            let reason = try other.json()[0]["data"]["reason"].string
            try context.equal(reason, "restarted", "reason", evidence: other.evidence)
        }
    }

    private static let filters = TestCase.onService(
        "events.bad_filters", "a filter with a typing error that lets everything through, or nothing", quick: true
    ) { context, client in
        for (query, param) in [
            ("kinds=model.stat", "kinds"), ("kinds=", "kinds"), ("kinds=nothing.*", "kinds"),
            ("kinds=model.state,oops", "kinds"), ("model=no-such-model", "model"), ("model=", "model"),
            ("after=7", "after"),
            ("after=abc-x", "after"),
        ] {
            let exchange = try await client.ask("GET", "/events?\(query)")
            let error = try exchange.json(exchange.status == 404 ? 404 : 400).at("error")
            try exchange.equal(try error.string("param"), param, "param")
        }
        try await client.ask("GET", "/events", headers: ["Last-Event-ID": "oops"])
            .expectError(400, "invalid_value", param: "Last-Event-ID")
    }

    private static let handshake = TestCase.onService(
        "events.handshake", "a WebSocket that opens for whoever does not ask for one", quick: true
    ) { context, client in
        let plain = try await client.ask("GET", "/events/ws")
        try plain.expectError(426, "upgrade_required")
        try plain.equal(plain.answer.headers["sec-websocket-version"], "13", "sec-websocket-version")
        func refused(_ path: String, _ headers: [String: String], _ status: Int, _ code: String) async throws {
            do {
                let socket = try await client.socket(path, headers: headers)
                _ = try? await socket.close()
                throw CaseFailure("GET \(path) with \(headers): expected status \(status), found an open WebSocket")
            } catch let refusal as WebSocketClient.Refusal {
                let exchange = Exchange(method: "GET", path: path, answer: refusal.answer)
                try exchange.expect(status: status)
                try exchange.equal(try exchange.document().string("error", "code"), code, "code")
            }
        }
        try await refused("/events/ws", ["Sec-WebSocket-Version": "8"], 426, "upgrade_required")
        try await refused("/events/ws", ["Sec-WebSocket-Key": "short"], 400, "invalid_value")
        try await refused("/events/ws?kinds=oops", [:], 400, "invalid_value")
        try await refused("/events", [:], 404, "unknown_route")
        try await refused("/health", [:], 404, "unknown_route")
        if client.apiKey == nil {
            try await refused("/events/ws", ["Origin": "http://evil.example"], 403, "forbidden_origin")
        }
        let socket = try await client.socket("/events/ws")
        try await socket.close()
    }

    private static let frames = TestCase.onService(
        "events.bad_frames", "frames without a mask, or too long, that are taken"
    ) { context, client in
        func code(_ bytes: [UInt8]) async throws -> Int {
            let socket = try await client.socket("/events/ws")
            try await socket.connection.send(bytes)
            return try await socket.closed().code
        }
        try context.equal(try await code([0x81, 0x02, 0x61, 0x62]), 1002, "close code after a text without a mask")
        try context.equal(try await code([0x83, 0x80, 1, 2, 3, 4]), 1002, "close code after an unknown kind of frame")
        try context.equal(try await code([0x80, 0x80, 1, 2, 3, 4]), 1002, "close code after a continuation of nothing")
        try context.equal(
            try await code([0x81, 0x81, 0, 0, 0, 0, 0xff]), 1007, "close code after a text that is not UTF-8")
        let long: [UInt8] = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]
        try context.equal(try await code(long), 1009, "close code after a message of 65537 bytes")
        let socket = try await client.socket("/events/ws")
        try await socket.send("what a client sends is ignored")
        try await socket.ping([7])
        try context.equal(try await socket.close(code: 4000).code, 4000, "close code, which is the client's own")
    }
}

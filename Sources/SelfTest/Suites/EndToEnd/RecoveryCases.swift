internal import Foundation

/// Clients that do not behave, and models that do not load: everybody else is served.
enum RecoveryCases {
    static var cases: [TestCase] { [keepAlive, damaged, pipelined, killed, halfClosed, slow, cancelled, damagedModel] }

    private static func head(_ method: String, _ path: String, _ client: ServiceClient, _ more: [String] = []) -> String
    {
        let host = client.baseURL.split(separator: "//").last.map(String.init) ?? "localhost"
        let key = client.apiKey.map { ["authorization: Bearer \($0)"] } ?? []
        return (["\(method) \(client.target(path)) HTTP/1.1", "host: \(host)"] + key + more).joined(separator: "\r\n")
            + "\r\n\r\n"
    }

    /// Fails unless the service answers as before.
    private static func expectAlive(_ client: ServiceClient) async throws {
        try await client.ask("GET", "/version").expect(status: 200)
    }

    private static let keepAlive = TestCase.onService(
        "recovery.keep_alive", "an error that spoils the connection for the request after it", quick: true
    ) { context, client in
        let connection = try await client.rawConnection()
        let wrong = #"{"text": "#
        for (path, body, status) in [("/detect", wrong, 400), ("/no-such-route", "{}", 404), ("/detect", wrong, 400)] {
            let fields = ["content-type: application/json", "content-length: \(body.utf8.count)"]
            try await connection.send(head("POST", path, client, fields) + body)
            let answer = try await connection.answer()
            try context.equal(answer.status, status, "status of POST \(path)", evidence: answer.evidence)
            try await connection.send(head("GET", "/version", client))
            let after = try await connection.answer()
            try context.equal(
                after.status, 200, "status of the next request on the same connection", evidence: after.evidence)
            let name = try after.json()["name"].string
            try context.equal(name, "svc", "name in the answer to the next request", evidence: after.evidence)
        }
        connection.close()
    }

    private static let damaged = TestCase.onService(
        "recovery.damaged_request", "bytes that are no HTTP and take the service down", quick: true
    ) { context, client in
        let requests = [
            "hello\r\n\r\n", "GET\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "GET / HTTP/9.9\r\n\r\n",
            "GET /version HTTP/1.1\r\nno colon\r\n\r\n",
            "POST /detect HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
            "POST /detect HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
            "POST /detect HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
            "GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\nhost: x\r\n\r\n",
            "GET /version HTTP/1.1\r\nhost: x\r\n\(String(repeating: "a: b\r\n", count: 20_000))\r\n",
        ]
        for request in requests {
            let connection = try await client.rawConnection()
            // Who has heard enough may close while the rest is sent.
            try? await connection.send(request)
            try? connection.endOutput()
            let bytes = (try? await connection.readToEnd(timeoutSeconds: 20)) ?? []
            let start = String(decoding: bytes.prefix(12), as: UTF8.self)
            try context.expect(
                bytes.isEmpty || start.hasPrefix("HTTP/1.1 4") || start.hasPrefix("HTTP/1.0 4"),
                "answer to \(request.prefix(40).debugDescription): expected a refusal or none, found \(start)",
                evidence: [Evidence.text(Array(request.utf8), limit: 400), Evidence.text(bytes)])
            connection.close()
        }
        try await expectAlive(client)
    }

    private static let pipelined = TestCase.onService(
        "recovery.pipelined", "answers to requests in a row that come in another order"
    ) { context, client in
        let connection = try await client.rawConnection()
        let paths = (0..<20).map { $0 % 2 == 0 ? "/models/no-such-model-\($0)" : "/version" }
        var sent = ""
        for (index, path) in paths.enumerated() { sent += head("GET", path, client, ["x-request-id: number-\(index)"]) }
        try await connection.send(sent)
        for (index, path) in paths.enumerated() {
            let answer = try await connection.answer()
            try context.equal(
                answer.headers["x-request-id"], "number-\(index)", "x-request-id of answer \(index)",
                evidence: answer.evidence)
            try context.equal(
                answer.status, path == "/version" ? 200 : 404, "status of answer \(index)", evidence: answer.evidence)
        }
        connection.close()
    }

    private static let killed = TestCase.onService(
        "recovery.killed_connections", "clients that go away in the middle, and take something with them",
        needs: [.task(.translation)]
    ) { context, client in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        let expected = try await client.translations([pair.sentences[0]], pair, model: model.name)
        let text = String(
            Array(repeating: pair.sentences.joined(separator: " "), count: 40).joined(separator: " ").prefix(8000))
        let body =
            (["text": .string(text), "source_lang": .string(pair.source), "target_lang": .string(pair.target)]
            as JSONLiteral).text
        let fields = ["content-type: application/json", "content-length: \(body.utf8.count)"]
        let bytes = Array((head("POST", "/translate", client, fields) + body).utf8)
        for step in 1...10 {
            // At the first steps not even the head is whole; at the last all is sent and the answer is not awaited.
            let connection = try await client.rawConnection()
            try await connection.send(Array(bytes.prefix(bytes.count * step / 10)))
            connection.reset()
        }
        try await client.wait("an empty queue") { try await $0.metric("svc_queue_requests") == 0 ? true : nil }
        let found = try await client.translations([pair.sentences[0]], pair, model: model.name)
        try context.equal(found, expected, "translation after ten killed connections")
    }

    private static let halfClosed = TestCase.onService(
        "recovery.half_closed", "a client that ends its half and keeps a thread for ever", quick: true
    ) { context, client in
        let cut = try await client.rawConnection()
        try await cut.send(
            "POST /detect HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"text\":"
        )
        try cut.endOutput()
        let bytes = try await cut.readToEnd(timeoutSeconds: 30)
        let start = String(decoding: bytes.prefix(12), as: UTF8.self)
        try context.expect(
            bytes.isEmpty || start.hasPrefix("HTTP/1.1 4"),
            "answer to half a body: expected a refusal or the end, found \(start)", evidence: [Evidence.text(bytes)])
        cut.close()
        let empty = try await client.rawConnection()
        try empty.endOutput()
        let nothing = try await empty.readToEnd(timeoutSeconds: 30)
        try context.equal(nothing.count, 0, "bytes sent to a client that has asked for nothing")
        empty.close()
        try await expectAlive(client)
    }

    private static let slow = TestCase.onService(
        "recovery.slow_clients", "slow clients that keep others from being served"
    ) { context, client in
        var connections: [RawConnection] = []
        for number in 0..<50 {
            let connection = try await client.rawConnection()
            try await connection.send(
                "POST /detect HTTP/1.1\r\nhost: x\r\ncontent-le" + (number % 2 == 0 ? "" : "ngth: 20\r\n\r\n{"))
            connections.append(connection)
        }
        try await client.ask("GET", "/health").expect(status: 200)
        let model = try context.smallestOfAll()
        try await client.tryOut(model).expect(status: 200)
        for connection in connections { connection.close() }
        try await expectAlive(client)
    }

    private static let cancelled = TestCase.onOwnServices(
        "recovery.disconnect_cancels", "a machine that works for clients who have left", needs: [.task(.translation)]
    ) { context in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        try await context.withService([model.name], ["--threads", "1"]) { service in
            let client = service.client.patient
            let text = String(
                Array(repeating: pair.sentences.joined(separator: " "), count: 300).joined(separator: " ").prefix(
                    45_000))
            let question: JSONLiteral = [
                "text": .string(text), "source_lang": .string(pair.source), "target_lang": .string(pair.target),
                "beam_size": 16,
            ]
            let fields = ["content-type: application/json", "content-length: \(question.text.utf8.count)"]
            let connection = try await client.rawConnection()
            try await connection.send(head("POST", "/translate", client, fields) + question.text)
            try await client.wait("a text in the queue") {
                try await $0.metric("svc_queue_requests") ?? 0 >= 1 ? true : nil
            }
            connection.reset()
            try await client.wait("an empty queue after the client had left", seconds: 30) {
                try await $0.metric("svc_queue_requests") == 0 ? true : nil
            }
            let counted = try await client.metric("svc_translated_characters_total") ?? 0
            try context.expect(
                counted < 45_000,
                "svc_translated_characters_total: expected nothing of a request that was given up, found \(counted)")
            try await client.translate([pair.sentences[0]], pair, model: model.name).expect(status: 200)
        }
    }

    private static let damagedModel = TestCase.onOwnServices(
        "recovery.damaged_model", "a damaged model that takes the service down, or is not named", quick: true,
        needs: [.task(.translation), .task(.languageIdentification)]
    ) { context in
        let (model, other) = (
            try context.smallest(.translation), try context.smallest(.languageIdentification)
        )
        let pair = try model.firstPair()
        let (copy, whole) = (try await ModelCopy(of: model, context), try await ModelCopy(of: model, context))
        defer {
            copy.remove()
            whole.remove()
        }
        try copy.damage()
        try await context.withService([copy.path, other.name], expectsReady: false) { service in
            let client = service.client.patient
            let health = try await client.ask("GET", "/health")
            try health.equal(
                try health.json().string("status"), "degraded",
                "status of a service with a damaged model and a whole one")
            let entry = try health.json().at("models", .key(copy.name))
            try entry.equal(try entry.string("status"), "failed", "status of the damaged model")
            for key in ["reason", "action"] {
                try entry.expect(
                    try !entry.string("error", .key(key)).isEmpty, "error.\(key): expected words, found none")
            }
            try await client.ask("GET", "/health/ready").expectError(503, "not_ready")
            try await client.tryOut(other).expect(status: 200)
            let refused = try await client.translate(
                [pair.sentences[0]], pair, model: copy.name, with: ["fallback": "never"])
            let code = try refused.json(503).string("error", "code")
            try refused.expect(
                ["model_failed", "model_damaged"].contains(code),
                "code: expected model_failed or model_damaged, found \(code)")
            // Whole files in place of the damaged ones, and a load: it answers.
            try copy.heal(from: whole)
            let loaded = try await client.ask("POST", "/models/\(copy.name)/load?wait=60").json()
            try loaded.equal(try loaded.string("status"), "ready", "status after its files were replaced")
            try await client.translate([pair.sentences[0]], pair, model: copy.name).expect(status: 200)
            try await client.ask("GET", "/health/ready").expect(status: 200)
        }
    }
}

internal import Foundation

/// Limits of requests.
enum LimitCases {
    static var cases: [TestCase] { [texts, body, large, timeout, clients] }

    private static let texts = TestCase.onOwnServices(
        "limits.texts", "a limit that is off by one, or counts bytes where it says characters", quick: true,
        needs: [.task(.translation), .task(.languageIdentification)]
    ) { context in
        let (model, detector) = (
            try context.smallest(.translation), try context.smallest(.languageIdentification)
        )
        let pair = try model.firstPair()
        try await context.withService([model.name, detector.name], ["--max-characters", "50", "--max-texts", "3"]) {
            service in
            let client = service.client
            // Fifty code points: of two bytes, and of four.
            for text in [
                String(repeating: "1", count: 50), String(repeating: "é", count: 50),
                String(repeating: "\u{1F600}", count: 50),
            ] {
                try await client.ask("/detect", ["text": .string(text)]).expect(status: 200)
                try await client.translate([text], pair, model: model.name).expect(status: 200)
                let long = try await client.ask("/detect", ["text": .string(text + "1")])
                try long.expectError(413, "text_too_long", param: "text", says: "51 characters; at most 50")
                try await client.translate([text, "1"], pair, model: model.name)
                    .expectError(413, "text_too_long", param: "text", says: "51 characters; at most 50")
            }
            try await client.translate(["1", "2", "3"], pair, model: model.name).expect(status: 200)
            try await client.translate(["1", "2", "3", "4"], pair, model: model.name)
                .expectError(413, "too_many_texts", param: "text", says: "4 texts; at most 3")
            let libre: JSONLiteral = [
                "q": ["1", "2", "3", "4"], "source": .string(pair.source), "target": .string(pair.target),
            ]
            try await client.ask("/translate", libre).expectPlainError(413, says: "4 texts")
            let limits = try await client.ask("GET", "/models/\(model.name)").json()
            try limits.equal(try limits.int("limits", "maximum_characters"), 50, "limits.maximum_characters")
            try limits.equal(try limits.int("limits", "maximum_texts"), 3, "limits.maximum_texts")
        }
    }

    private static let body = TestCase.onOwnServices(
        "limits.body", "a body that is taken although it is too large, or a client that is cut off before it hears why",
        quick: true
    ) { context in
        try await context.withService([], ["--max-body-bytes", "2048"]) { service in
            let client = service.client
            func body(_ bytes: Int) -> [UInt8] {
                let frame = #"{"text":""}"#.utf8.count
                return Array((#"{"text":""# + String(repeating: "1", count: bytes - frame) + #""}"#).utf8)
            }
            for path in ["/translate", "/detect", "/v1/completions", "/v1/chat/completions", "/v1/embeddings"] {
                for (bytes, fits) in [(2048, true), (2049, false), (path == "/detect" ? 3_000_000 : 2100, false)] {
                    let exchange = try await client.ask(
                        "POST", path, headers: ["content-type": "application/json"], body: body(bytes))
                    if fits {
                        try exchange.expect(
                            exchange.status != 413, "status of a body of 2048 bytes: expected it read, found 413")
                    } else {
                        try exchange.expectError(413, "body_too_large", says: "2048 bytes")
                    }
                }
            }
            try await client.ask("GET", "/health/live").expect(status: 200)
        }
    }

    private static let large = TestCase.onService(
        "limits.defaults", "a request of many megabytes that takes the service down", needs: [.task(.translation)]
    ) { context, client in
        let text = String(repeating: "word ", count: 20_000)
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        let limit = try await client.ask("GET", "/models/\(model.name)").json().int("limits", "maximum_characters")
        if limit < text.count {
            try await client.translate([text], pair, model: model.name)
                .expectError(413, "text_too_long", param: "text", says: "100000 characters; at most \(limit)")
        }
        let megabytes = String(repeating: "x", count: 10_000_000)
        try await client.ask("/translate", ["q": .string(megabytes), "source": "en", "target": "pt"])
            .expectError(413, "body_too_large")
        try await client.ask("GET", "/health").expect(status: 200)
    }

    private static let timeout = TestCase.onOwnServices(
        "limits.request_timeout", "a request that waits for ever", needs: [.task(.translation)]
    ) { context in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        try await context.withService([model.name], ["--request-timeout", "0.2", "--threads", "1"]) { service in
            let client = service.client.patient
            let text = Array(repeating: pair.sentences.joined(separator: " "), count: 180).joined(separator: " ")
            let exchange = try await client.translate(
                [String(text.prefix(40_000))], pair, model: model.name, with: ["beam_size": 16])
            try exchange.expectError(504, "timeout", says: "0.2 s")
            // The work is given up, and the next request has the machine.
            try await client.wait("an empty queue") { try await $0.metric("svc_queue_requests") == 0 ? true : nil }
            try await client.translate(["1"], pair, model: model.name).expect(status: 200)
        }
    }

    private static let clients = TestCase.onService(
        "limits.many_clients", "clients that are lost when many come at once", needs: [.task(.translation)]
    ) { context, client in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        let expected = try await client.translations([pair.sentences[0]], pair, model: model.name)
        let outcomes = try await withThrowingTaskGroup(of: Exchange.self) { group in
            for _ in 0..<100 {
                group.addTask { try await client.translate([pair.sentences[0]], pair, model: model.name) }
            }
            return try await group.reduce(into: [Exchange]()) { $0.append($1) }
        }
        for exchange in outcomes {
            if exchange.status == 503 { try exchange.expectError(503, "queue_full"); continue }
            try exchange.equal(try exchange.json().string("translations", 0, "text"), expected[0], "text")
        }
        context.note("\(outcomes.count { $0.status == 200 }) of 100 answered, the others told to come back")
        try context.expect(outcomes.contains { $0.status == 200 }, "answers: expected some, found none")
    }
}

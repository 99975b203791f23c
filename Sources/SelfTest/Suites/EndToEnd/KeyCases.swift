/// API keys, and the origins whose pages may ask.
enum KeyCases {
    static var cases: [TestCase] { [required, ways, vocabularies, events, hidden, origins] }

    private static let (first, second) = ("selftest-first-key", "selftest-second-key")

    private static func withKeys(
        _ context: CaseContext, models: [String] = [], _ body: (ManagedService, ServiceClient) async throws -> Void
    ) async throws {
        try await context.withService(models, ["--api-key", first, "--api-key", second]) { service in
            try await body(service, ServiceClient(baseURL: service.client.baseURL, timeoutSeconds: 120))
        }
    }

    private static let required = TestCase.onOwnServices(
        "keys.required", "a route that answers without a key, or to a wrong one", quick: true
    ) { context in
        try await withKeys(context) { service, client in
            let open = ["/health", "/health/live", "/health/ready", "/metrics"]
            let inBody = ["/translate", "/detect", "/languages"]
            for (path, methods) in RouteCases.routes {
                for method in methods {
                    let path = RouteCases.concrete(path)
                    let none = try await client.ask(method, path)
                    let wrong = try await client.ask(method, path, headers: ["authorization": "Bearer \(first)x"])
                    if open.contains(path) {
                        try none.expect(status: 200)
                        try wrong.expect(status: 200)
                        continue
                    }
                    try wrong.expectError(403, "invalid_api_key")
                    guard !inBody.contains(path) else {
                        try none.expectPlainError(400, says: "Please contact the server operator to get an API key")
                        continue
                    }
                    try none.expectError(401, "missing_api_key")
                    try none.equal(none.answer.headers["www-authenticate"], "Bearer", "www-authenticate")
                }
            }
            try await client.ask("GET", "/no-such-route").expectError(401, "missing_api_key")
        }
    }

    private static let ways = TestCase.onOwnServices(
        "keys.ways", "a key that is right and is refused because of the way it came", quick: true
    ) { context in
        try await withKeys(context) { service, client in
            func status(_ headers: [String: String], _ path: String = "/version") async throws -> Int {
                try await client.ask("GET", path, headers: headers).status
            }
            for (headers, expected) in [
                (["authorization": "Bearer \(first)"], 200), (["authorization": "bearer \(second)"], 200),
                (["x-api-key": second], 200), (["x-api-key": first], 200),
                (["x-api-key": String(first.dropLast())], 403),
                (["x-api-key": ""], 401), (["authorization": "Bearer"], 403),
                // The header of the service's own goes before.
                (["x-api-key": first, "authorization": "Bearer wrong"], 200),
                (["x-api-key": "wrong", "authorization": "Bearer \(first)"], 403),
            ] {
                let found = try await status(headers)
                // An empty header may be taken for none, by the client already.
                if headers == ["x-api-key": ""] {
                    try context.expect(
                        [401, 403].contains(found), "status with an empty key: expected 401 or 403, found \(found)");
                    continue
                }
                try context.equal(found, expected, "status with \(headers.keys.sorted().joined(separator: " and "))")
            }
            try context.equal(
                try await status([:], "/languages?api_key=\(first)"), 200, "status with the key in the query")
            try context.equal(
                try await status([:], "/languages?api_key=wrong"), 403, "status with a wrong key in the query")
            try context.equal(
                try await status([:], "/version?api_key=\(first)"), 401,
                "status of a route that takes no key from the query")
        }
    }

    private static let vocabularies = TestCase.onOwnServices(
        "keys.vocabularies", "clients of LibreTranslate that do not understand why they are refused", quick: true,
        needs: [.task(.languageIdentification)]
    ) { context in
        let model = try context.smallest(.languageIdentification)
        try await withKeys(context, models: [model.name]) { service, client in
            let text = JSONLiteral.string(LanguageSamples.sentences("en")[0])
            let libre: JSONLiteral = ["q": text]
            let ours: JSONLiteral = ["text": text]
            try await client.ask("/detect", libre).expectPlainError(
                400, says: "Please contact the server operator to get an API key")
            try await client.ask("/detect", libre.with(["api_key": "wrong"])).expectPlainError(
                403, says: "Invalid API key")
            try await client.ask("/detect", libre.with(["api_key": .string(first)])).expect(status: 200)
            try await client.ask("/detect", form: [("q", "Hello, where are you?"), ("api_key", second)]).expect(
                status: 200)
            try await client.ask("/detect", ours).expectError(401, "missing_api_key")
            try await client.ask("/detect", ours.with(["api_key": "wrong"])).expectError(403, "invalid_api_key")
            try await client.ask("/detect", ours.with(["api_key": .string(first)])).expect(status: 200)
            let wrong = try await client.ask(
                "/detect", form: [("q", "Hello"), ("api_key", first)], headers: ["x-api-key": "wrong"])
            try wrong.expectError(403, "invalid_api_key")
        }
    }

    private static let events = TestCase.onOwnServices(
        "keys.events", "events that are told to whoever asks"
    ) { context in
        try await withKeys(context) { service, client in
            do {
                _ = try await client.socket("/events/ws")
                throw CaseFailure("GET /events/ws without a key: expected status 401, found an open WebSocket")
            } catch let refusal as WebSocketClient.Refusal {
                try context.equal(
                    refusal.answer.status, 401, "status of a WebSocket without a key", evidence: refusal.answer.evidence
                )
            }
            try await client.socket("/events/ws?api_key=\(first)").close()
            try await client.socket("/events/ws", headers: ["Authorization": "Bearer \(second)"]).close()
            try await client.ask("GET", "/events?api_key=wrong").expectError(403, "invalid_api_key")
            let known = try await client.listen("api_key=\(first)", headers: ServiceClient.fromTheBeginning) {
                !$0.isEmpty
            }
            try context.equal(known.events.first?.event, "missed", "the first event", evidence: known.evidence)
        }
    }

    private static let hidden = TestCase.onOwnServices(
        "keys.not_logged", "keys and texts that whoever reads the log can read"
    ) { context in
        let text = "a very private sentence"
        try await withKeys(context) { service, client in
            for key in [first, "wrong-key-of-a-client"] {
                _ = try await client.ask("GET", "/models", headers: ["authorization": "Bearer \(key)"])
                _ = try await client.ask("GET", "/languages?api_key=\(key)")
                _ = try await client.ask("/detect", ["text": .string(text), "api_key": .string(key)])
                _ = try await client.ask("/detect", .raw("{\"text\": \"\(text)"))
            }
            try await client.wait("the requests in the log", seconds: 20) { _ in
                service.logText.contains("/detect") ? true : nil
            }
            for secret in [first, second, "wrong-key-of-a-client", text] {
                try context.expect(
                    !service.logText.contains(secret), "the log: expected neither keys nor texts, found \"\(secret)\"",
                    evidence: [service.logTail()])
            }
        }
    }

    private static let origins = TestCase.onOwnServices(
        "keys.origins",
        "a page that may use the service and is kept out by its browser, or one that may not and is let in",
        quick: true
    ) { context in
        let (own, other) = ("https://app.example", "https://other.example")
        try await context.withService([], ["--cors-origins", own, "--api-key", first]) { service in
            let client = ServiceClient(baseURL: service.client.baseURL, timeoutSeconds: 120)
            func told(_ method: String, _ path: String, _ origin: String) async throws -> (Exchange, String?) {
                let exchange = try await client.ask(method, path, headers: ["origin": origin])
                return (exchange, exchange.answer.headers["access-control-allow-origin"])
            }
            for (path, status) in [("/health", 200), ("/version", 401), ("/no-such-route", 401)] {
                let (exchange, origin) = try await told("GET", path, own)
                try exchange.expect(status: status)
                try exchange.equal(origin, own, "access-control-allow-origin of \(path)")
                let (refused, none) = try await told("GET", path, other)
                try refused.equal(none, nil, "access-control-allow-origin of \(path), to another origin")
            }
            let (asked, origin) = try await told("OPTIONS", "/translate", own)
            try asked.expect(status: 204)
            try asked.equal(origin, own, "access-control-allow-origin of OPTIONS")
            let methods = asked.answer.headers["access-control-allow-methods"] ?? ""
            try asked.expect(methods.contains("POST"), "access-control-allow-methods: expected POST, found \(methods)")
        }
    }
}

internal import Foundation

/// What holds of every route: methods, unknown paths, HEAD, request ids, and the description of them all.
enum RouteCases {
    static var cases: [TestCase] { [openAPI, described, unknown, methods, heads, requestIDs, headersOfAnswers] }

    /// Every route and its methods, as docs/http-api.md and docs/availability.md have them.
    static let routes: [(path: String, methods: [String])] = [
        ("/translate", ["POST"]), ("/detect", ["POST"]), ("/languages", ["GET"]), ("/v1/chat/completions", ["POST"]),
        ("/v1/completions", ["POST"]), ("/v1/embeddings", ["POST"]), ("/v1/models", ["GET"]),
        ("/v1/models/{name}", ["GET"]), ("/models", ["GET"]), ("/models/{name}", ["GET"]),
        ("/models/{name}/info", ["GET"]), ("/models/{name}/load", ["POST"]), ("/models/{name}/unload", ["POST"]),
        ("/models/{name}/pull", ["POST"]), ("/models/{name}/versions", ["GET"]), ("/models/{name}/check", ["POST"]),
        ("/models/{name}/update", ["POST"]), ("/models/{name}/rollback", ["POST"]),
        ("/models/{name}/pin", ["DELETE", "PUT"]), ("/downloads", ["GET"]), ("/downloads/{id}", ["GET"]),
        ("/downloads/{id}/pause", ["POST"]), ("/downloads/{id}/resume", ["POST"]),
        ("/downloads/{id}/cancel", ["POST"]), ("/downloads/limit", ["GET", "PUT"]), ("/events", ["GET"]),
        ("/events/ws", ["GET"]), ("/usage", ["GET"]), ("/usage/recommendations", ["GET"]), ("/health", ["GET"]),
        ("/health/live", ["GET"]), ("/health/ready", ["GET"]), ("/metrics", ["GET"]), ("/version", ["GET"]),
        ("/openapi.json", ["GET"]),
    ]

    /// A path with names in it that need not exist.
    static func concrete(_ path: String) -> String {
        path.replacing("{name}", with: "no-such-model").replacing("{id}", with: "no-such-download")
    }

    private static let openAPI = TestCase.onService(
        "openapi.document", "clients that are generated from a description which is not that of the service",
        quick: true
    ) { context, client in
        let document = try await client.ask("GET", "/openapi.json").json()
        let version = try document.string("openapi")
        try document.expect(version.hasPrefix("3.1"), "openapi: expected 3.1, found \(version)")
        let paths = try document.object("paths")
        for (path, entry) in paths.sorted(by: { $0.key < $1.key }) {
            let methods = ["get", "put", "post", "delete", "patch"].filter { entry.has($0) }.map { $0.uppercased() }
            let refused = try await client.ask("TRACE", concrete(path))
            try refused.expect(status: 405)
            let allowed = allowed(refused)
            try refused.equal(allowed, methods.sorted(), "methods of \(path), in Allow and in /openapi.json")
            for method in methods {
                let operation = try entry.at(.key(method.lowercased()))
                let name = operation.find("summary") ?? operation.find("description")
                try entry.expect(name != nil, "\(method) \(path) in /openapi.json: expected a summary, found none")
                let answers = try operation.object("responses")
                try entry.expect(!answers.isEmpty, "\(method) \(path): expected responses, found none")
            }
        }
        context.note("\(paths.count) paths are described")
    }

    private static let described = TestCase.onService(
        "openapi.complete", "a route that nobody finds because the description leaves it out", quick: true
    ) { context, client in
        let exchange = try await client.ask("GET", "/openapi.json")
        let document = try exchange.json()
        let known = Set(try document.keys("paths"))
        let missing = routes.map(\.path).filter { !known.contains($0) }
        try context.expect(
            missing.isEmpty,
            "paths of /openapi.json: expected every route, found none for \(missing.joined(separator: ", "))",
            evidence: ["paths: \(known.sorted().joined(separator: ", "))"])
        // Every reference leads somewhere.
        let text = exchange.text
        for part in text.components(separatedBy: "\"$ref\"").dropFirst() {
            let reference = part.split(separator: "\"").dropFirst().first.map(String.init) ?? ""
            let steps = reference.split(separator: "/").dropFirst().map { Document.Step.key(String($0)) }
            let found = steps.reduce(document.value) { value, step in
                if case .key(let key) = step { value[key] } else { value }
            }
            try context.expect(found.exists, "reference \(reference): expected something there, found nothing")
        }
    }

    private static let unknown = TestCase.onService(
        "routes.unknown", "a wrong path that is answered as if it were right", quick: true
    ) { context, client in
        let paths = [
            "/", "/translat", "/translate/", "/v1", "/v2/models", "/models/a/b/c", "/health/alive",
            "/frontend/settings",
            "/suggest", "/translate_file", "/v1/chat", "/V1/MODELS", "/%2e%2e/etc/passwd",
        ]
        for path in paths {
            for method in ["GET", "POST"] {
                let exchange = try await client.ask(method, path)
                // A slash at the end may be taken for none, which is then another method's or another route's.
                if path.hasSuffix("/"), path != "/", [200, 400, 405].contains(exchange.status) { continue }
                try exchange.expectError(404, "unknown_route")
            }
        }
    }

    private static let methods = TestCase.onService(
        "routes.methods", "a client that is not told what a route takes", quick: true
    ) { context, client in
        for (path, expected) in routes {
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] where !expected.contains(method) {
                let exchange = try await client.ask(method, concrete(path))
                try exchange.expectError(405, "method_not_allowed", says: method)
                try exchange.equal(allowed(exchange), expected.sorted(), "Allow of \(path)")
                let list = exchange.answer.headers["allow"] ?? ""
                try exchange.equal(
                    list.contains("HEAD"), expected.contains("GET"), "whether Allow has HEAD, as it has GET")
            }
        }
    }

    /// What `Allow` has, sorted, without HEAD.
    private static func allowed(_ exchange: Exchange) -> [String] {
        (exchange.answer.headers["allow"] ?? "").components(separatedBy: ", ").filter { !["HEAD", ""].contains($0) }
            .sorted()
    }

    private static let heads = TestCase.onService(
        "routes.head", "monitors that ask with HEAD and are told that there is no such thing"
    ) { context, client in
        let name = context.portfolio.models.first?.name ?? "no-such-model"
        let paths = [
            "/languages", "/v1/models", "/models", "/models/\(name)", "/models/\(name)/info",
            "/models/\(name)/versions", "/downloads", "/downloads/limit", "/health", "/health/live", "/health/ready",
            "/metrics", "/version", "/openapi.json",
        ]
        for path in paths {
            let get = try await client.ask("GET", path)
            let head = try await client.ask("HEAD", path)
            try head.equal(head.status, get.status, "status of HEAD, and of GET")
            try head.equal(head.answer.body.count, 0, "bytes after HEAD")
            try head.equal(head.answer.headers["content-type"], get.answer.headers["content-type"], "content-type")
        }
    }

    private static let requestIDs = TestCase.onService(
        "routes.request_ids", "an answer that cannot be found again in the log", quick: true
    ) { context, client in
        let own = try await client.ask("GET", "/version", headers: ["x-request-id": "ticket-4711"])
        try own.equal(own.answer.headers["x-request-id"], "ticket-4711", "x-request-id")
        for odd in ["a b", String(repeating: "x", count: 129)] {
            let exchange = try await client.ask("GET", "/version", headers: ["x-request-id": odd])
            let id = exchange.answer.headers["x-request-id"] ?? "none"
            try exchange.expect(id != odd && !id.isEmpty, "x-request-id: expected a new one, found \(id)")
        }
        var seen: Set<String> = []
        for path in ["/version", "/no-such-route", "/models/no-such-model", "/health"] {
            let exchange = try await client.ask("GET", path)
            let id = exchange.answer.headers["x-request-id"] ?? ""
            try exchange.expect(
                !id.isEmpty && seen.insert(id).inserted, "x-request-id: expected a new one, found \"\(id)\"")
        }
    }

    private static let headersOfAnswers = TestCase.onService(
        "routes.headers", "proxies and browsers that are misled by headers"
    ) { context, client in
        for path in ["/version", "/models", "/languages", "/no-such-route"] {
            let exchange = try await client.ask("GET", path, headers: ["origin": "http://example.org"])
            let type = exchange.answer.headers["content-type"] ?? "none"
            try exchange.equal(type, "application/json; charset=utf-8", "content-type")
            let length = exchange.answer.headers["content-length"] ?? "none"
            try exchange.equal(length, "\(exchange.answer.body.count)", "content-length")
            let cors = exchange.answer.headers["access-control-allow-origin"]
            try exchange.equal(cors, nil, "access-control-allow-origin, which belongs to a proxy")
        }
    }
}

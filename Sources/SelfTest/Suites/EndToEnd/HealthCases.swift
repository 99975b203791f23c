/// `/health`, the probes and the documents of the service.
enum HealthCases {
    static var cases: [TestCase] { [healthy, probes, agrees, whileBusy, version, metrics, metricsCount] }

    private static let healthy = TestCase.onService(
        "health.healthy", "a dashboard that shows nothing, or the wrong thing", quick: true
    ) { context, client in
        let exchange = try await client.ask("GET", "/health")
        let health = try exchange.json()
        try health.equal(try health.string("status"), "healthy", "status")
        try health.expect(try health.number("uptime_seconds") >= 0, "uptime_seconds: expected a time")
        let version = try await client.ask("GET", "/version").json().string("version")
        try health.equal(try health.string("version"), version, "version, which /version has too")
        for (name, model) in try health.object("models") {
            let status = try model.string("status")
            let known = ["absent", "verifying", "downloading", "loading", "ready", "unloading", "failed", "paused"]
            try health.expect(known.contains(status), "status of \(name): expected a state, found \(status)")
            if status == "ready" { try health.equal(try model.number("progress"), 1, "progress of \(name)") }
        }
    }

    private static let probes = TestCase.onService(
        "health.probes", "a probe that fails a service that is well", quick: true
    ) { context, client in
        let live = try await client.ask("GET", "/health/live").json()
        try live.equal(try live.string("status"), "alive", "status")
        let ready = try await client.ask("GET", "/health/ready").json()
        try ready.equal(try ready.string("status"), "ready", "status")
        for path in ["/health", "/health/live", "/health/ready"] {
            let head = try await client.ask("HEAD", path).expect(status: 200)
            try head.equal(head.answer.body.count, 0, "bytes after HEAD")
        }
    }

    private static let agrees = TestCase.onService(
        "health.agrees_with_models", "two routes that tell of one model in two ways", quick: true
    ) { context, client in
        let health = try await client.ask("GET", "/health").json()
        let models = try await client.ask("GET", "/models").json().object()
        var ready = 0
        for (name, model) in models where try model.string("status") == "ready" {
            ready += 1
            let status = health.find("models", .key(name), "status")
            try health.equal(try status?.string(), "ready", "status of \(name), which is ready by /models")
        }
        try health.equal(try health.int("models_loaded"), ready, "models_loaded, models that are ready by /models")
    }

    private static let whileBusy = TestCase.onService(
        "health.while_busy", "probes that starve while every core computes, so that the service is killed for working",
        needs: [.task(.translation)]
    ) { context, client in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        let text = Array(repeating: pair.sentences.joined(separator: " "), count: 24).joined(separator: " ")
        var probe = client
        // The limit of a probe that is patient; who waits so long for /health has a service that hangs.
        probe.timeoutSeconds = 10
        let work = (0..<6).map { _ in
            Task { try await client.translate([text], pair, model: model.name, with: ["beam_size": 4]) }
        }
        var asked = 0
        repeat {
            for path in ["/health/live", "/health", "/health/ready", "/metrics"] {
                try await probe.ask("GET", path).expect(status: 200)
            }
            asked += 1
        } while try await probe.metric("svc_queue_requests") ?? 0 > 0 && asked < 200
        for task in work { try await task.value.expect(status: 200) }
        context.note("\(asked) rounds of probes during the work")
    }

    private static let version = TestCase.onService(
        "version.fields", "a deployment that cannot tell which build it runs"
    ) { context, client in
        let version = try await client.ask("GET", "/version").json()
        try version.equal(try version.string("name"), "svc", "name")
        for key in ["version", "compute", "instruction_set"] {
            try version.expect(try !version.string(.key(key)).isEmpty, "\(key): expected a word, found none")
        }
        try version.expect(try version.int("threads") > 0, "threads: expected 1 or more")
    }

    private static let metrics = TestCase.onService(
        "metrics.format", "metrics that Prometheus refuses", quick: true
    ) { context, client in
        let exchange = try await client.ask("GET", "/metrics").expect(status: 200)
        let type = exchange.answer.headers["content-type"] ?? "none"
        try exchange.expect(type.hasPrefix("text/plain"), "content-type: expected text/plain, found \(type)")
        var typed: Set<String> = []
        for line in exchange.text.split(separator: "\n") where !line.hasPrefix("# HELP") {
            if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ")
                try exchange.expect(words.count == 4, "a TYPE line: expected a name and a type, found \(line)")
                let isNew = typed.insert(String(words[2])).inserted
                try exchange.expect(isNew, "TYPE of \(words[2]): expected once, found twice")
                continue
            }
            let name = line.prefix { $0 != "{" && $0 != " " }
            let family = ["_bucket", "_sum", "_count"].reduce(String(name)) { found, suffix in
                found.hasSuffix(suffix) && typed.contains(String(found.dropLast(suffix.count)))
                    ? String(found.dropLast(suffix.count)) : found
            }
            try exchange.expect(typed.contains(family), "sample \(line): expected a TYPE line before it, found none")
            let value = line.split(separator: " ").last.map(String.init) ?? ""
            try exchange.expect(
                Double(value) != nil || ["+Inf", "NaN"].contains(value), "sample \(line): expected a number at its end")
        }
        for name in ["svc_http_requests_total", "svc_model_state", "process_resident_memory_bytes"] {
            try exchange.expect(typed.contains(name), "metric \(name): expected, found none")
        }
    }

    private static let metricsCount = TestCase.onService(
        "metrics.count", "dashboards that show fewer requests than there were"
    ) { context, client in
        let name = #"svc_http_requests_total{method="GET",route="/models/{name}",status="404"}"#
        func count(_ status: Int) async throws -> Double {
            // Labels may stand in any order.
            let text = try await client.ask("GET", "/metrics").text
            let line = text.split(separator: "\n").first {
                $0.hasPrefix("svc_http_requests_total{") && $0.contains(#"route="/models/{name}""#)
                    && $0.contains("status=\"\(status)\"") && $0.contains(#"method="GET""#)
            }
            return line?.split(separator: " ").last.flatMap { Double($0) } ?? 0
        }
        let before = try await count(404)
        for _ in 0..<3 { try await client.ask("GET", "/models/no-such-model").expect(status: 404) }
        let after = try await count(404)
        try context.expect(after >= before + 3, "\(name): expected at least \(before + 3), found \(after)")
        let text = try await client.ask("GET", "/metrics").text
        try context.expect(!text.contains("no-such-model"), "labels: expected patterns of routes, found a path in them")
    }
}

internal import Foundation

/// Downloads, their limit, and the history of use.
enum DownloadCases {
    static var cases: [TestCase] { [list, off, limit, badPull, usageOff, usage] }

    private static let list = TestCase.onService(
        "downloads.list", "a queue that cannot be looked at", quick: true
    ) { context, client in
        let queue = try await client.ask("GET", "/downloads").json()
        try queue.expect(try queue.number("bytes_per_second") >= 0, "bytes_per_second: expected 0 or more")
        for download in try queue.array("downloads") {
            for key in ["id", "model", "state", "priority", "purpose"] { _ = try download.string(.key(key)) }
        }
        try await client.ask("GET", "/downloads/no-such-download").expectError(404, "download_not_found", param: "id")
        for action in ["pause", "resume", "cancel"] {
            try await client.ask("POST", "/downloads/no-such-download/\(action)").expectError(
                404, "download_not_found", param: "id")
        }
    }

    private static let off = TestCase.onOwnServices(
        "downloads.off", "a service that downloads although it was told not to", quick: true
    ) { context in
        try await context.withService([], ["--downloads", "off"]) { service in
            let client = service.client
            let models = try await client.ask("GET", "/models").json().object()
            let absent = try models.filter { try !$0.value.bool("installed") }.keys.min()
            let name = absent ?? "lid-176"
            try await client.ask("POST", "/models/\(name)/pull").expectError(409, "downloads_off")
            try context.equal(try await client.ask("GET", "/downloads").json().array("downloads").count, 0, "downloads")
            guard let absent, let task = try models[absent]?.string("task"), task == "generation" else { return }
            let question: JSONLiteral = ["model": .string(absent), "prompt": "x", "fallback": "never"]
            let exchange = try await client.ask("/v1/completions", question)
            let message = try exchange.expectError(503, "model_not_installed").string("message")
            try exchange.expect(
                message.contains("svc pull \(absent)"), "message: expected the command that helps, found \(message)")
            try await client.ask("GET", "/health").expect(status: 200)
        }
    }

    private static let limit = TestCase.onOwnServices(
        "downloads.limit", "a limit that is not kept, or cannot be taken away"
    ) { context in
        try await context.withService { service in
            let client = service.client
            func put(_ body: JSONLiteral) async throws -> Exchange {
                try await client.ask(
                    "PUT", "/downloads/limit", headers: ["content-type": "application/json"],
                    body: Array(body.text.utf8))
            }
            let first = try await client.ask("GET", "/downloads/limit").json()
            try first.expect(first.isNull("bytes_per_second"), "bytes_per_second: expected null, found \(first)")
            try context.equal(
                try await put(["bytes_per_second": 2_000_000]).json().int("bytes_per_second"), 2_000_000,
                "bytes_per_second")
            try context.equal(
                try await client.ask("GET", "/downloads/limit").json().int("bytes_per_second"), 2_000_000,
                "bytes_per_second")
            try await put([:]).expectError(400, "missing_parameter", param: "bytes_per_second")
            for value: JSONLiteral in [0, -1, 1.5] {
                try await put(["bytes_per_second": value]).expectError(400, "invalid_value", param: "bytes_per_second")
            }
            for value: JSONLiteral in ["fast", true] {
                try await put(["bytes_per_second": value]).expectError(400, "invalid_type", param: "bytes_per_second")
            }
            let last = try await put(["bytes_per_second": nil]).json()
            try last.expect(last.isNull("bytes_per_second"), "bytes_per_second: expected null, found \(last)")
        }
    }

    private static let badPull = TestCase.onOwnServices(
        "downloads.bad_pull", "a download of something else than was asked for", needs: [.task(.translation)]
    ) { context in
        let model = try context.smallest(.translation)
        let copy = try await ModelCopy(of: model, context)
        defer { copy.remove() }
        try await context.withService([copy.path], ["--downloads", "on"]) { service in
            let client = service.client
            let path = "/models/\(model.name)/pull"
            try await client.ask(path, ["priority": "urgent"]).expectError(400, "invalid_value", param: "priority")
            try await client.ask(path, ["priority": 1]).expectError(400, "invalid_type", param: "priority")
            try await client.ask(path, ["revision": ""]).expectError(400, "invalid_value", param: "revision")
            try await client.ask(path, ["repair": "perhaps"]).expectError(400, "invalid_type", param: "repair")
            try await client.ask("POST", path + "?wait=soon").expectError(400, "invalid_value", param: "wait")
            // A model that is named by its path has no source.
            try await client.ask("POST", "/models/\(copy.name)/pull").expectError(422, "no_revisions")
            try await client.ask("GET", "/models/\(copy.name)/versions").expectError(422, "no_revisions")
            try await client.translate([try model.firstPair().sentences[0]], try model.firstPair(), model: copy.name)
                .expect(status: 200)
        }
    }

    private static let usageOff = TestCase.onOwnServices(
        "usage.off", "a history that is kept although nobody wants it"
    ) { context in
        try await context.withService([], ["--usage", "off"]) { service in
            for path in ["/usage", "/usage/recommendations"] {
                try await service.client.ask("GET", path).expectError(404, "usage_off")
            }
        }
    }

    private static let usage = TestCase.onOwnServices(
        "usage.counts", "a history that does not add up", quick: true, needs: [.task(.translation)]
    ) { context in
        let model = try context.smallest(.translation)
        let pair = try model.firstPair()
        // A store of its own, which has the models of this machine and a history that begins with the case.
        let home = try TemporaryDirectory("home")
        defer { home.remove() }
        try FileManager.default.createSymbolicLink(
            atPath: home.file("hub").path, withDestinationPath: ModelCopy.store + "/hub")
        try await context.withService([model.name], ["--usage", "on"], environment: ["SVC_HOME": home.url.path]) {
            service in
            let client = service.client
            for _ in 0..<3 {
                try await client.translate(Array(pair.sentences.prefix(2)), pair, model: model.name).expect(status: 200)
            }
            let characters = 3 * pair.sentences.prefix(2).map(\.codePoints).reduce(0, +)
            let report = try await client.wait("three requests in the history", seconds: 60) { client in
                let exchange = try await client.ask("GET", "/usage?days=1&by=pair&model=\(model.name)")
                return try exchange.json().int("total", "requests") >= 3 ? try exchange.json() : nil
            }
            try report.equal(try report.int("total", "requests"), 3, "total.requests")
            try report.equal(try report.int("total", "texts"), 6, "total.texts")
            try report.equal(try report.int("total", "characters"), characters, "total.characters")
            try report.equal(try report.int("total", "failures"), 0, "total.failures")
            try report.equal(try report.string("rows", 0, "source"), pair.source, "source of the first row")
            try report.equal(try report.string("rows", 0, "target"), pair.target, "target of the first row")
            for (query, param) in [("days=0", "days"), ("days=x", "days"), ("by=hour", "by"), ("model=", "model")] {
                try await client.ask("GET", "/usage?\(query)").expectError(400, "invalid_value", param: param)
            }
            let advice = try await client.ask("GET", "/usage/recommendations").json().array("recommendations")
            for entry in advice { _ = try entry.string("reason") }
        }
    }
}

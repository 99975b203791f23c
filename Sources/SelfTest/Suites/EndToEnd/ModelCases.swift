/// `/models`: what there is, in which state, and what can be done with it.
enum ModelCases {
    static var cases: [TestCase] {
        [list, show, unknown, usage, loadWhenLoaded, wrongWait, versions, check, noRevisions]
    }

    private static let list = TestCase.onService(
        "models.list", "a list that misses a model, or says of one what it is not", quick: true
    ) { context, client in
        let models = try await client.ask("GET", "/models").json()
        for model in context.portfolio.models {
            let entry = try models.at(.key(model.name))
            try entry.equal(try entry.string("name"), model.name, "name")
            try entry.equal(try entry.string("task"), model.task.rawValue, "task of \(model.name)")
            try entry.equal(try entry.bool("installed"), true, "installed of \(model.name)")
            let (sources, targets) = (
                try entry.strings("languages", "source"), try entry.strings("languages", "target")
            )
            try entry.equal(sources, model.sourceLanguages, "languages.source of \(model.name)")
            try entry.equal(targets, model.targetLanguages, "languages.target of \(model.name)")
            for key in ["family", "format", "summary", "licence", "source", "since", "revision"] {
                try entry.expect(
                    try !entry.string(.key(key)).isEmpty, "\(key) of \(model.name): expected words, found none")
            }
            try entry.expect(try entry.int("size_bytes") > 0, "size_bytes of \(model.name): expected its size")
        }
    }

    private static let show = TestCase.onModels(
        nil, "models.show", "a model whose files and limits cannot be looked up", quick: true
    ) { context, client, model in
        let one = try await client.ask("GET", "/models/\(model.name)").json()
        let info = try await client.ask("GET", "/models/\(model.name)/info").json()
        for key in try one.keys() where key != "last_check" {
            try info.equal(info.value[key], one.value[key], "\(key) of /info, and of /models/{name}")
        }
        let files = try one.array("files")
        try one.expect(!files.isEmpty, "files: expected those of the model, found none")
        for file in files {
            try file.expect(
                try !file.string("path").isEmpty && !file.string("role").isEmpty, "files: expected path and role")
            guard let digest = try file.find("sha256")?.string() else { continue }
            let isDigest = digest.count == 64 && digest.allSatisfy(\.isHexDigit)
            try file.expect(isDigest, "sha256: expected 64 hexadecimal digits, found \(digest)")
        }
        try one.expect(try one.int("limits", "maximum_characters") > 0, "limits.maximum_characters: expected a limit")
        try one.expect(try one.int("limits", "maximum_texts") > 0, "limits.maximum_texts: expected a limit")
    }

    private static let unknown = TestCase.onService(
        "models.unknown", "a typing error in a model's name that looks like a fault of the service", quick: true
    ) { context, client in
        let name = "no-such-model"
        let gets = ["/models/\(name)", "/models/\(name)/info", "/models/\(name)/versions", "/v1/models/\(name)"]
        let posts = ["load", "unload", "pull", "check", "update", "rollback"].map { "/models/\(name)/\($0)" }
        for path in gets {
            try await client.ask("GET", path).expectError(404, "model_not_found", param: "model", says: name)
        }
        for path in posts {
            try await client.ask("POST", path).expectError(404, "model_not_found", param: "model", says: name)
        }
        let odd = try await client.ask("GET", "/models/..%2F..%2Fetc%2Fpasswd")
        try odd.equal(odd.status, 404, "status for a name that is a path")
    }

    private static let usage = TestCase.onModels(
        nil, "models.usage", "a count of use that stands still, so that idle models look as busy as the others"
    ) { context, client, model in
        func requests() async throws -> Int {
            try await client.ask("GET", "/models/\(model.name)").json().int("usage", "requests")
        }
        let before = try await requests()
        for _ in 0..<3 { try await client.tryOut(model).expect(status: 200) }
        let exchange = try await client.ask("GET", "/models/\(model.name)")
        let (after, found) = (try exchange.json().int("usage", "requests"), before + 3)
        try exchange.expect(after >= found, "usage.requests: expected at least \(found), found \(after)")
        try exchange.expect(
            try !exchange.json().string("usage", "last_used").isEmpty, "usage.last_used: expected a time")
    }

    private static let loadWhenLoaded = TestCase.onModels(
        nil, "models.load_when_loaded", "a deployment that fails because a model is there already"
    ) { context, client, model in
        let exchange = try await client.ask("POST", "/models/\(model.name)/load?wait=60")
        try exchange.equal(try exchange.json().string("status"), "ready", "status of a model that is loaded")
        try await client.ask("POST", "/models/\(model.name)/load").expect(status: 200)
    }

    private static let wrongWait = TestCase.onService(
        "models.wrong_wait", "a time that is misread as none"
    ) { context, client in
        let name = try context.smallestOfAll().name
        for wait in ["soon", "-1", "3601", "", "1e9", "nan"] {
            for action in ["load", "unload"] {
                try await client.ask("POST", "/models/\(name)/\(action)?wait=\(wait)")
                    .expectError(400, "invalid_value", param: "wait", says: "from 0 to 3600")
            }
        }
        try await client.ask("GET", "/models/\(name)").expect(status: 200)
    }

    private static let versions = TestCase.onModels(
        nil, "models.versions", "an update that cannot be told from what was there before"
    ) { context, client, model in
        let versions = try await client.ask("GET", "/models/\(model.name)/versions").json()
        try versions.equal(try versions.string("model"), model.name, "model")
        let states = try versions.array("versions").map { try $0.string("state") }
        try versions.equal(states.count { $0 == "active" }, 1, "versions that are active")
        try versions.equal(states.first, "active", "state of the first version")
        let active = try versions.string("versions", 0, "revision")
        try versions.equal(try versions.string("active"), active, "active, the revision of the active version")
        let revision = try await client.ask("GET", "/models/\(model.name)").json().string("revision")
        try versions.equal(active, revision, "active, the revision of /models/{name}")
    }

    private static let check = TestCase.onModels(
        nil, "models.check", "a check that finds nothing because it looks at nothing"
    ) { context, client, model in
        let check = try await client.ask("POST", "/models/\(model.name)/check").json()
        try check.equal(try check.string("model"), model.name, "model")
        try check.equal(try check.bool("healthy"), true, "healthy of a model that is whole")
        try check.equal(try check.array("problems").count, 0, "problems of a model that is whole")
        try check.equal(try check.bool("asked"), true, "asked, of a model that is in memory")
        try check.expect(
            try check.int("bytes") >= model.sizeBytes / 2,
            "bytes: expected those of its files (\(model.sizeBytes)), found \(check.int("bytes"))")
        let last = try await client.ask("GET", "/models/\(model.name)").json()
        try last.equal(try last.bool("last_check", "healthy"), true, "last_check.healthy")
        try last.equal(try last.string("last_check", "time"), try check.string("checked_at"), "last_check.time")
        try await client.tryOut(model).expect(status: 200)
    }

    private static let noRevisions = TestCase.onService(
        "models.no_revisions", "an update of a model that has no revisions, which looks as if it had worked",
        needs: [.task(.languageIdentification)]
    ) { context, client in
        let model = try context.smallest(.languageIdentification)
        let source = try await client.ask("GET", "/models/\(model.name)").json().string("source")
        guard !source.hasPrefix("hf:") else { return context.note("\(model.name) comes from a hub and has revisions") }
        for action in ["update", "rollback"] {
            try await client.ask("POST", "/models/\(model.name)/\(action)").expectError(422, "no_revisions")
        }
    }
}

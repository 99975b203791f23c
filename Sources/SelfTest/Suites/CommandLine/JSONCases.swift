internal import Foundation

/// What commands write with `--json`, against `docs/json-schema`.
enum JSONCases {
    static var cases: [TestCase] {
        [
            TestCase(
                .commandLine, "json.inventory", "svc list and svc show in a form that no program expects", on: .program,
                isQuick: true, inventory),
            TestCase(
                .commandLine, "json.texts", "svc detect and svc translate in a form that no program expects",
                on: .program, isQuick: true, texts),
            TestCase(
                .commandLine, "json.run", "svc run in a form that no program expects, by each of its ends",
                on: .programWithModel([.generation]), run),
            TestCase(
                .commandLine, "json.store", "pull, verify, pin, gc, usage and rm in a form that no program expects",
                on: .program, isQuick: true, store),
            TestCase(
                .commandLine, "json.service", "svc ps and svc health in a form that no program expects",
                on: .ownServices, isQuick: true, service),
            TestCase(
                .commandLine, "json.bench", "svc bench in a form that no program expects, or with figures of nothing",
                on: .program, bench),
            TestCase(
                .commandLine, "json.selftest", "the list of these cases in a form that no program expects",
                on: .program,
                isQuick: true, selftest),
            TestCase(
                .commandLine, "json.errors", "errors with --json that are no object, or beside one", on: .program,
                errors),
        ]
    }

    @Sendable private static func inventory(_ context: CaseContext) async throws {
        let all = try await context.runJSON("list", [])["data"]["models"].array
        let here = try await context.runJSON("list", ["--installed"])["data"]["models"].array
        try context.equal(
            try here.map { try $0["name"].string },
            try all.filter { try $0["installed"].bool }.map { try $0["name"].string },
            "the models of svc list --installed against those of svc list that are installed")
        for model in context.portfolio.models {
            guard let listed = try here.first(where: { try $0["name"].string == model.name }) else {
                // Named by its path, or added by a catalogue of the run.
                continue
            }
            let shown = try await context.runJSON("show", [model.name])["data"]
            for key in ["name", "task", "source", "licence", "size_bytes", "installed", "source_languages"] {
                try context.expect(
                    shown[key] == listed[key],
                    "\(key) of \(model.name): expected svc show = svc list, found \(shown[key]) and \(listed[key])")
            }
        }
    }

    @Sendable private static func texts(_ context: CaseContext) async throws {
        if context.portfolio.smallest(.languageIdentification) != nil {
            let found = try await context.runJSON("detect", [], input: "Where is the station?\n\n12:30\n")["data"]
            let detections = try found["detections"].array
            try context.equal(detections.count, 3, "the detections of three lines, one of them empty")
            try context.equal(
                try detections.map { try $0["language"].string }, ["en", "und", "und"], "the languages of three lines")
            let none = try await context.runJSON("detect", [], input: "")["data"]
            try context.equal(try none["detections"].array.count, 0, "the detections of no input")
            // Its language cannot be told, so no model has to do with it.
            let copied = try await context.runJSON("translate", ["--to", "pt", "12:30"])["data"]["translations"][0]
            try context.expect(
                copied["model"].isMissing, "the model of a text that is copied: expected none, found \(copied["model"])"
            )
        }
        guard let model = context.portfolio.smallest(.translation) else { return }
        let (samples, source, target) = try model.translations()
        let flags = ["--from", source, "--to", target, "--model", model.name]
        let one = try await context.runJSON("translate", flags + [samples[0]])["data"]["translations"].array
        try context.equal(one.count, 1, "the translations of one text")
        try context.equal(try one[0]["model"].string, model.name, "the model of a translation")
        try context.equal(try one[0]["source_lang"].string, source, "source_lang of a translation")
        let lines = try await context.runJSON("translate", flags, input: "12:30\n\n\(samples[0])\n")["data"]
        let items = try lines["translations"].array
        try context.equal(items.count, 3, "the translations of three lines, one of them empty")
        try context.equal(try items[0]["text"].string, "12:30", "the translation of a number")
        try context.equal(try items[2]["text"].string, try one[0]["text"].string, "a line against an argument")
    }

    @Sendable private static func run(_ context: CaseContext) async throws {
        let name = try context.theModel().name
        let length = try await context.runJSON("run", [name, "--raw", "--max-tokens", "6", "1, 2, 3, 4, 5,"])["data"]
        try context.equal(try length["stop"]["kind"].string, "length", "stop.kind with --max-tokens")
        try context.equal(try length["finish_reason"].string, "length", "finish_reason with --max-tokens")
        try context.equal(try length["usage"]["completion_tokens"].int, 6, "completion_tokens with --max-tokens 6")
        let text = try length["text"].string
        if let stop = text.split(separator: " ").last.map(String.init), text.count > stop.count {
            let stopped = try await context.runJSON(
                "run", [name, "--raw", "--max-tokens", "6", "--stop", stop, "1, 2, 3, 4, 5,"])["data"]
            try context.equal(try stopped["stop"]["kind"].string, "stop_string", "stop.kind with --stop")
            try context.equal(try stopped["stop"]["string"].string, stop, "stop.string with --stop")
            try context.equal(try stopped["finish_reason"].string, "stop", "finish_reason with --stop")
        }
        let object = try await context.runJSON(
            "run", [name, "--json-object", "--max-tokens", "40", "A person as JSON:"])["data"]
        if try object["stop"]["kind"].string == "grammar" {
            let made = try JSONView(parsing: try object["text"].string)
            try context.expect((try? made.keys) != nil, "--json-object: expected an object, found \(made)")
        }
        let timings = try await context.runJSON("run", [name, "--max-tokens", "2", "hi"])["data"]["timings"]
        for (key, value) in try timings.object {
            let number = try value.double
            try context.expect(number >= 0, "timings.\(key) of svc run: expected no negative time, found \(number)")
        }
    }

    @Sendable private static func store(_ context: CaseContext) async throws {
        try await context.withStoreCopy { store in
            let (name, environment) = (store.model.name, store.environment)
            let pulled = try await context.runJSON("pull", [name], environment: environment)["data"]["models"][0]
            try context.equal(try pulled["name"].string, name, "the model of svc pull")
            for file in try pulled["files"].array {
                let path = try file["path"].string
                try context.expect(
                    FileManager.default.fileExists(atPath: path) && path.hasPrefix(environment["SVC_HOME"] ?? "?"),
                    "svc pull of what is here: expected its files in SVC_HOME, found \(path)")
            }
            for arguments in [[name], []] {
                let checked = try await context.runJSON("verify", arguments, environment: environment)["data"]
                let results = try checked["models"].array.filter { try $0["name"].string == name }
                try context.equal(
                    try results.first?["result"].string, "ok", "the result of svc verify of a whole model")
            }
            let held = try await context.runJSON("pin", [name], environment: environment)["data"]
            try context.equal(
                try held["pinned"].string, try pulled["revision"].string, "the revision that svc pin holds a model at")
            let released = try await context.runJSON("pin", [name, "--release"], environment: environment)["data"]
            try context.expect(
                released["pinned"].isMissing, "svc pin --release: expected no revision, found \(released)")
            for dry in [true, false] {
                let swept = try await context.runJSON("gc", dry ? ["--dry-run"] : [], environment: environment)["data"]
                try context.equal(try swept["dry_run"].bool, dry, "dry_run of svc gc")
            }
            let usage = try await context.runJSON("usage", ["--days", "3", "--by", "model"], environment: environment)
            try context.equal(try usage["data"]["report"]["rows"].array.count, 0, "the rows of a history of nothing")
            for command in ["update", "rollback"] {
                // A package has no revisions; what comes from the Hub has, and it cannot be reached.
                var closed = environment
                closed["HF_ENDPOINT"] = "http://127.0.0.1:1"
                let code: Int32 = store.source.hasPrefix("hf:") && command == "update" ? 4 : 1
                try await context.runJSON(command, [name], expecting: code, environment: closed)
            }
            let removed = try await context.runJSON("rm", [name], environment: environment)["data"]["removed"][0]
            try context.expect(
                try removed["freed_bytes"].int >= store.model.sizeBytes / 2,
                "freed_bytes of svc rm: expected the model's \(store.model.sizeBytes), found \(removed["freed_bytes"])")
            try context.expect(
                !FileManager.default.fileExists(atPath: store.blob.path), "svc rm: expected its files gone")
            let again = try await context.runJSON("rm", [name], expecting: 3, environment: environment)
            try context.expect(again["data"].isNull, "data of an error: expected null")
        }
    }

    @Sendable private static func service(_ context: CaseContext) async throws {
        let model = try context.smallestModel()
        let service = try await context.theProgram().serve([], models: [model.name])
        do {
            try await ModelLoadingMonitor(service).wait(for: model.name)
            let url = ["--url", service.client.baseURL]
            for (flags, status) in [([], "healthy"), (["--ready"], "ready")] {
                let health = try await context.runJSON("health", url + flags)["data"]
                try context.equal(try health["status"].string, status, "the status of svc health \(flags)")
                let words = try await context.run(["health"] + url + flags)
                try context.equal(words.outputText, status + "\n", "svc health \(flags)", evidence: words.evidence)
            }
            let listed = try await context.runJSON("ps", url)["data"]
            try context.equal(try listed["url"].string, service.client.baseURL, "url of svc ps")
            let models = try listed["models"].array
            try context.equal(try models.map { try $0["name"].string }, [model.name], "the models of svc ps")
            try context.equal(try models[0]["state"].string, "ready", "the state of \(model.name) in svc ps")
            let table = try await context.run(["ps"] + url)
            try context.expect(
                table.outputText.contains(model.name) && table.outputText.hasPrefix("NAME"),
                "svc ps: expected a table with \(model.name)", evidence: table.evidence)
            // The port is taken.
            let port = service.client.baseURL.split(separator: ":").last.map(String.init) ?? ""
            let taken = try await context.runJSON("serve", ["--port", port], expecting: 1, allowsNotes: true)
            try context.equal(
                try taken["error"]["type"].string, "address_in_use", "error.type of a port that is in use")
            await service.stop()
        } catch {
            await service.stop()
            throw error
        }
    }

    @Sendable private static func bench(_ context: CaseContext) async throws {
        if let model = context.portfolio.smallest(.generation) {
            let data = try await context.runJSON(
                "bench generate",
                [model.name, "--prompt-tokens", "16", "--decode-tokens", "4", "--repeat", "1"])["data"]
            for key in ["prefill_tokens_per_second", "decode_tokens_per_second", "load_ms", "step_bytes"] {
                try context.expect(try data[key].double > 0, "\(key) of svc bench generate: expected more than 0")
            }
        }
        if let model = context.portfolio.smallest(.translation) {
            let directory = try TemporaryDirectory("bench")
            defer { directory.remove() }
            let lines = try model.translations().texts.filter { !$0.contains("\n") }
            try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: directory.file("input.txt"))
            let data = try await context.runJSON(
                "bench translate",
                [model.name, "--input", directory.file("input.txt").path, "--repetitions", "1", "--singles", "2"])
            try context.equal(try data["data"]["sentences"].int, lines.count, "sentences of svc bench translate")
        }
        let missing = try await context.runJSON("bench tokens", ["/no/such/checkpoint"], expecting: 3)
        try context.equal(try missing["error"]["type"].string, "unusable_path", "error.type of a path that is none")
    }

    @Sendable private static func selftest(_ context: CaseContext) async throws {
        let data = try await context.runJSON("selftest", ["--list"])["data"]
        let names = try data["cases"].array.map { "\(try $0["suite"].string) \(try $0["name"].string)" }
        try context.equal(Set(names).count, names.count, "the number of cases with names of their own")
        try context.expect(
            names.contains("cli json.selftest"),
            "svc selftest --list: expected this case in it, found none of its name",
            evidence: names)
        let wrong = try await context.runJSON("selftest", ["--suite", "everything"], expecting: 2)
        try context.equal(try wrong["error"]["type"].string, "usage", "error.type of a suite that there is not")
    }

    /// Each with the type that docs/command-line.md has for it.
    @Sendable private static func errors(_ context: CaseContext) async throws {
        let closed = "http://127.0.0.1:1"
        for (command, arguments, code, type) in [
            ("run", ["no-such-model", "hello"], 3, "model_not_found"),
            ("run", ["no-such-model", ""], 1, "invalid_input"),
            ("run", ["./no/such/model.gguf", "hello"], 3, "unusable_path"),
            ("run", ["no-such-model", "hello", "--temperature", "9"], 2, "usage"),
            ("translate", ["--to", "zz", "hello"], 2, "unsupported"),
            ("translate", ["--to", "pt", "--model", "no-such-model", "hello"], 3, "model_not_found"),
            ("detect", ["--catalog", "/no/such/catalog.json", "hello"], 3, "model_not_found"),
            ("list", ["--catalog", "/no/such/catalog.json"], 3, "model_not_found"),
            ("show", ["no-such-model"], 3, "model_not_found"), ("pull", ["no-such-model"], 3, "model_not_found"),
            ("verify", ["no-such-model"], 3, "model_not_found"), ("rm", ["no-such-model"], 3, "model_not_found"),
            ("pin", ["no-such-model"], 3, "model_not_found"), ("health", ["--url", closed], 4, "network"),
            ("ps", ["--url", closed], 4, "network"), ("update", ["x", "--url", closed], 4, "network"),
            ("rollback", ["x", "--url", closed], 4, "network"), ("serve", ["--port", "99999"], 2, "usage"),
            ("bench generate", ["no-such-model"], 3, "model_not_found"), ("version", ["extra"], 2, "usage"),
            ("usage", ["--days", "0"], 2, "usage"), ("gc", ["extra"], 2, "usage"),
        ] as [(String, [String], Int32, String)] {
            let view = try await context.runJSON(command, arguments, expecting: code)
            try context.equal(
                try view["error"]["type"].string, type,
                "error.type of svc \(command) \(arguments.joined(separator: " "))", evidence: ["\(view)"])
            let message = try view["error"]["message"].string
            try context.expect(
                message.count >= 10,
                "error.message of svc \(command): expected words, found \(message.debugDescription)")
        }
    }
}

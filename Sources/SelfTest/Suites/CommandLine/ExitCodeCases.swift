internal import Foundation

/// Every exit code of docs/command-line.md, provoked for real.
enum ExitCodeCases {
    static var cases: [TestCase] {
        [
            TestCase(
                .commandLine, "exit.failed", "a failure that a script takes for success: exit code 1", on: .ownServices,
                isQuick: true, failed),
            TestCase(
                .commandLine, "exit.usage", "a request that no model can fulfil, that is taken: exit code 2",
                on: .program, isQuick: true, usage),
            TestCase(
                .commandLine, "exit.not_found", "a model that is not here, and goes unnoticed: exit code 3",
                on: .program, notFound),
            TestCase(
                .commandLine, "exit.network", "a service or a source that does not answer: exit code 4", on: .program,
                network),
            TestCase(
                .commandLine, "exit.permission",
                "a service that wants a key, and a file that may not be read: exit code 5",
                on: .ownServices, isQuick: true, permission),
            TestCase(
                .commandLine, "exit.integrity", "a damaged model that is used, or reported as whole: exit code 6",
                on: .program, isQuick: true, integrity),
            TestCase(
                .commandLine, "exit.memory", "a model that does not fit its budget, and is loaded: exit code 7",
                on: .program, isQuick: true, memory),
            TestCase(
                .commandLine, "exit.interrupted", "a command that Ctrl-C does not end, or ends as if it were done: 130",
                on: .program, isQuick: true, interrupted),
        ]
    }

    /// Nothing on standard output, and at the end of standard error words that begin with the program's name.
    private static func fails(
        _ context: CaseContext, _ arguments: [String], _ code: Int32, environment: [String: String] = [:],
        input: String? = nil, word: String
    ) async throws {
        let outcome = try await context.run(arguments, expecting: code, input: input, environment: environment)
        let line = "svc \(arguments.joined(separator: " "))"
        try context.equal(outcome.outputText, "", "standard output of \(line)", evidence: outcome.evidence)
        try context.expect(
            outcome.errorText.split(separator: "\n").last.map { $0.hasPrefix("svc: ") && $0.contains(word) } == true,
            "standard error of \(line): expected a last line with \"svc: \" and a message with \"\(word)\", found "
                + outcome.errorText.prefix(200).debugDescription, evidence: outcome.evidence)
        try context.plain(outcome.errorText, line, evidence: outcome.evidence)
    }

    @Sendable private static func failed(_ context: CaseContext) async throws {
        try await fails(context, ["run", "no-such-model", ""], 1, word: "empty")
        try await fails(context, ["run", "no-such-model"], 1, input: "\n", word: "empty")
        // A service whose only model does not fit is not ready.
        let model = try context.smallestModel()
        let service = try await context.theProgram().serve(["--memory-budget", "100K"], models: [model.name])
        do {
            let began = ContinuousClock.now
            while try await context.theProgram().run(["health", "--url", service.client.baseURL]).errorText
                .contains("loading"), began.secondsUntilNow < 60
            { try await Task.sleep(for: .milliseconds(100)) }
            try await fails(
                context, ["health", "--ready", "--url", service.client.baseURL], 1, word: "HTTP 503")
            let view = try await context.runJSON(
                "health", ["--ready", "--url", service.client.baseURL], expecting: 1)
            try context.equal(
                try view["error"]["type"].string, "unhealthy", "error.type of a service that is not ready")
            await service.stop()
        } catch {
            await service.stop()
            throw error
        }
    }

    @Sendable private static func usage(_ context: CaseContext) async throws {
        try await fails(context, ["translate", "--to", "zz", "hello"], 2, word: "zz")
        if let model = context.portfolio.smallest(.languageIdentification) {
            try await fails(context, ["run", model.name, "hello"], 2, word: model.name)
            try await fails(
                context, ["translate", "--to", "pt", "--model", model.name, "hello"], 2, word: model.name)
        }
        if let model = context.portfolio.smallest(.generation) {
            try await fails(context, ["run", model.name, "--max-tokens", "16000000", "hello"], 2, word: "tokens")
        }
    }

    @Sendable private static func notFound(_ context: CaseContext) async throws {
        for command in ["run", "show", "pull", "verify", "rm", "pin", "bench generate"] {
            let words = command.split(separator: " ").map(String.init)
            try await fails(
                context, words + ["no-such-model"] + (command == "run" ? ["hello"] : []), 3, word: "no-such-model")
        }
        try await fails(context, ["show", "/no/such/model.gguf"], 3, word: "/no/such/model.gguf")
        let empty = try TemporaryDirectory("empty")
        defer { empty.remove() }
        let environment = ["SVC_HOME": empty.url.path, "HF_HUB_CACHE": empty.file("hf").path]
        if let model = context.portfolio.smallest(.generation) {
            try await fails(
                context, ["run", "--downloads", "off", model.name, "hello"], 3, environment: environment,
                word: model.name)
        }
        let model = try context.smallestModel()
        try await fails(context, ["rm", model.name], 3, environment: environment, word: model.name)
        try await fails(context, ["pin", model.name], 3, environment: environment, word: model.name)
    }

    @Sendable private static func network(_ context: CaseContext) async throws {
        let closed = "http://127.0.0.1:1"
        try await fails(context, ["health", "--url", closed], 4, word: "127.0.0.1:1")
        try await fails(context, ["ps", "--url", closed], 4, word: "127.0.0.1:1")
        let store = try TemporaryDirectory("store")
        defer { store.remove() }
        try await fails(
            context, ["pull", "hf:no-such-owner/no-such-model"], 4,
            environment: [
                "SVC_HOME": store.url.path, "HF_HUB_CACHE": store.file("hf").path, "HF_ENDPOINT": closed,
                "HTTPS_PROXY": "", "HTTP_PROXY": "", "https_proxy": "", "http_proxy": "", "ALL_PROXY": "",
                "all_proxy": "",
            ], word: "no-such-owner/no-such-model")
    }

    @Sendable private static func permission(_ context: CaseContext) async throws {
        let service = try await context.theProgram().serve([], environment: ["API_KEY": "the-right-key"])
        do {
            let url = ["--url", service.client.baseURL]
            try await fails(context, ["ps"] + url, 5, word: "key")
            try await fails(context, ["ps", "--api-key", "another"] + url, 5, word: "key")
            let view = try await context.runJSON("ps", url, expecting: 5)
            try context.equal(try view["error"]["type"].string, "permission", "error.type without a key")
            try await context.run(["ps", "--api-key", "the-right-key"] + url)
            try await context.run(["ps"] + url, environment: ["API_KEY": "the-right-key"])
            try await context.run(["health"] + url)
            await service.stop()
        } catch {
            await service.stop()
            throw error
        }
        // Who may read everything cannot be refused a file.
        guard getuid() != 0 else { return }
        let directory = try TemporaryDirectory("unreadable")
        defer { directory.remove() }
        let path = directory.file("model.gguf").path
        try Data("GGUF".utf8).write(to: directory.file("model.gguf"))
        chmod(path, 0)
        try await fails(context, ["run", path, "hello"], 5, word: path)
    }

    @Sendable private static func integrity(_ context: CaseContext) async throws {
        let directory = try TemporaryDirectory("damaged")
        defer { directory.remove() }
        let file = directory.file("model.gguf")
        try Data("GGUF\u{3}\0\0\0 and nothing that could follow".utf8).write(to: file)
        try await fails(context, ["run", file.path, "hello"], 6, word: "model.gguf")
        try await context.withStoreCopy { store in
            try await context.run(["verify", store.model.name], environment: store.environment)
            try store.damage()
            let found = try await context.run(
                ["verify", store.model.name], expecting: 6, environment: store.environment)
            try context.expect(
                found.outputText.contains("digest") && found.errorText.contains(store.model.name),
                "svc verify of a damaged model: expected the file and what is wrong", evidence: found.evidence)
            let view = try await context.runJSON(
                "verify", [store.model.name], expecting: 6, environment: store.environment)
            try context.equal(try view["error"]["type"].string, "integrity", "error.type of a damaged model")
        }
    }

    @Sendable private static func memory(_ context: CaseContext) async throws {
        guard let model = context.portfolio.models.first(where: { $0.memoryBytes > 8 << 20 && $0.task != .embedding })
        else { throw CaseGated("this case needs a model of more than 8 MB, and the portfolio has none") }
        let arguments: [String]
        switch model.task {
        case .translation:
            let (texts, source, target) = try model.translations()
            arguments = ["translate", "--from", source, "--to", target, "--model", model.name, texts[0]]
        default: arguments = ["run", model.name, "hello"]
        }
        try await fails(context, arguments + ["--memory-budget", "5M"], 7, word: model.name)
        let view = try await context.runJSON(
            arguments[0], Array(arguments.dropFirst()) + ["--memory-budget", "5M"], expecting: 7)
        try context.expect(
            ["memory_budget", "over_memory_budget"].contains(try view["error"]["type"].string),
            "error.type beyond the budget: expected over_memory_budget, found \(view["error"])")
    }

    @Sendable private static func interrupted(_ context: CaseContext) async throws {
        // It waits for its input, which does not come.
        try await PipedProgram.run(try context.theProgram(), ["run", "no-such-model"]) { program in
            try await Task.sleep(for: .milliseconds(500))
            program.send(SIGINT)
            let outcome = try await program.end(withinSeconds: 20)
            try context.equal(outcome.code, 130, "the exit code after Ctrl-C", evidence: outcome.evidence)
        }
    }
}

internal import Foundation

/// What is wrong with a command line is said, and is exit code 2.
enum UsageErrorCases {
    static var cases: [TestCase] {
        [
            TestCase(
                .commandLine, "usage.unknown", "an unknown command or flag that is taken, or refused without a word",
                on: .program, isQuick: true, unknown),
            TestCase(
                .commandLine, "usage.missing", "a command that goes on without what it needs", on: .program, missing),
            TestCase(
                .commandLine, "usage.values", "values out of their range that are taken", on: .program, values),
            TestCase(
                .commandLine, "usage.settings", "settings of the environment or a file that are wrong and not refused",
                on: .program, settings),
        ]
    }

    /// On standard error there is the usage, on standard output nothing; with --json one object.
    private static func refuses(_ context: CaseContext, _ arguments: [String]) async throws {
        let outcome = try await context.run(arguments, expecting: 2)
        let line = "svc \(arguments.joined(separator: " "))"
        try context.equal(outcome.outputText, "", "standard output of \(line)", evidence: outcome.evidence)
        try context.expect(
            outcome.errorText.contains("Usage: svc") && outcome.errorText.contains("--help"),
            "standard error of \(line): expected the usage and where help is, found "
                + outcome.errorText.prefix(200).debugDescription, evidence: outcome.evidence)
        try context.plain(outcome.errorText, line, evidence: outcome.evidence)
    }

    @Sendable private static func unknown(_ context: CaseContext) async throws {
        for arguments in [["frobnicate"], ["--frobnicate"], ["bench", "frobnicate"], ["LIST"]] {
            try await refuses(context, arguments)
        }
        for command in CommandList.flags.keys.sorted() {
            let words = command.split(separator: " ").map(String.init)
            try await refuses(context, words + ["--frobnicate"] + CommandList.arguments(of: command))
        }
        let outcome = try await context.run(["frobnicate", "--json"], expecting: 2)
        let view = try context.object(outcome, "svc frobnicate --json")
        try context.equal(try view["error"]["type"].string, "usage", "error.type of an unknown command")
    }

    @Sendable private static func missing(_ context: CaseContext) async throws {
        for command in ["run", "show", "pull", "rm", "update", "rollback", "pin", "bench generate", "bench tokens"] {
            try await refuses(context, command.split(separator: " ").map(String.init))
            let view = try await context.runJSON(command, [], expecting: 2)
            try context.equal(try view["error"]["type"].string, "usage", "error.type of svc \(command) alone")
        }
        for arguments in [
            ["translate", "hello"], ["bench", "translate", "model"], ["translate", "--to"], ["version", "extra"],
        ] {
            try await refuses(context, arguments)
        }
    }

    @Sendable private static func values(_ context: CaseContext) async throws {
        let run = ["run", "no-such-model", "hello"]
        let wrong: [[String]] = [
            run + ["--temperature", "3"], run + ["--temperature", "warm"], run + ["--top-k", "-1"],
            run + ["--top-p", "0"], run + ["--min-p", "1.5"], run + ["--typical-p", "0"],
            run + ["--repetition-penalty", "0"], run + ["--presence-penalty", "-3"],
            run + ["--frequency-penalty", "2.5"], run + ["--seed", "-1"], run + ["--max-tokens", "0"],
            run + ["--min-tokens", "-1"], run + ["--min-tokens", "9", "--max-tokens", "8"], run + ["--stop", ""],
            run + ["--logit-bias", "5"], run + ["--logit-bias", "5=200"],
            run + ["--json-object", "--json-schema", "x"], run + ["--raw", "--system", "x"], run + ["--chat"],
            ["run", "no-such-model", "--chat", "--raw"], ["translate", "--to", "pt", "--beam-size", "17", "x"],
            ["health", "--timeout", "0"], ["ps", "--timeout", "4000"], ["pull", "--jobs", "17", "x"],
            ["pull", "--revision", "a", "x", "y"], ["pull", "--name", "x", "lid"], ["usage", "--days", "0"],
            ["usage", "--by", "hour"], ["pin", "x", "y", "--release"],
            ["bench", "translate", "x", "--input", "y", "--repetitions", "0"],
            ["bench", "generate", "x", "--streams", "65"], ["bench", "generate", "x", "--decode-tokens", "1"],
            ["bench", "tokens", "x", "--load", "0"],
        ]
        for arguments in wrong { try await refuses(context, arguments) }
    }

    /// The message names the setting, where it comes from, and what it may be.
    @Sendable private static func settings(_ context: CaseContext) async throws {
        let directory = try TemporaryDirectory("settings")
        defer { directory.remove() }
        let file = directory.file("settings.json")
        let serve = ["serve", "--port", "0"]
        for (arguments, environment, words) in [
            (["--threads", "0"], [:], ["--threads", "SVC_THREADS", "1 to 1024"]),
            ([], ["SVC_THREADS": "many"], ["--threads", "SVC_THREADS", "1 to 1024"]),
            (["--memory-budget", "lots"], [:], ["--memory-budget", "SVC_MEMORY_BUDGET", "4G"]),
            (["--quantize", "q3"], [:], ["--quantize", "int8"]),
            (["--on-demand", "maybe"], [:], ["--on-demand", "reject"]),
            (["--log-level", "loud"], [:], ["--log-level"]),
            (["--log-format", "xml"], [:], ["--log-format", "json"]),
            (["--max-body-bytes", "10"], [:], ["--max-body-bytes", "1024"]),
            (["--request-timeout", "0"], [:], ["--request-timeout"]),
            (["--cors-origins", "example.org/"], [:], ["--cors-origins", "https://app.example"]),
            (["--updates", "daily"], [:], ["--updates", "apply"]),
            ([], ["SVC_CPU_ISA": "mmx"], ["SVC_CPU_ISA", "portable"]),
            ([], ["SVC_COMPUTE": "abacus"], ["SVC_COMPUTE", "openblas"]),
            (["--config", file.path], [:], ["colour"]),
        ] as [([String], [String: String], [String])] {
            try Data(#"{"colour": "blue"}"#.utf8).write(to: file)
            let outcome = try await context.run(serve + arguments, expecting: 2, environment: environment)
            for word in words where !outcome.errorText.contains(word) {
                throw CaseFailure(
                    "svc serve \(arguments.joined(separator: " ")) \(environment): expected \(word) in the message, "
                        + "found \(outcome.errorText.debugDescription)", evidence: outcome.evidence)
            }
        }
        // A flag beats the environment.
        try await context.run(["detect", "--threads", "1"], environment: ["SVC_THREADS": "many"])
    }
}

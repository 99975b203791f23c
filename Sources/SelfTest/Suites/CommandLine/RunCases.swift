internal import Foundation

/// What svc run writes, and where.
enum RunCases {
    static var cases: [TestCase] {
        let kind = TestCase.Subject.programWithModel([.generation])
        return [
            TestCase(
                .commandLine, "run.output", "an answer in a pipe with anything before, in or after it", on: kind,
                output),
            TestCase(
                .commandLine, "run.input", "a prompt from standard input that is not that of the arguments", on: kind,
                input),
            TestCase(
                .commandLine, "run.verbose", "what --verbose tells mixed into the answer, or missing", on: kind, verbose
            ),
            TestCase(
                .commandLine, "run.chat", "a conversation by pipe that shows marks or end tokens, or forgets", on: kind,
                chat),
            TestCase(
                .commandLine, "plain.pipe", "colours, bars or redrawn lines where no terminal is", on: .program,
                isQuick: true, plain),
            TestCase(
                .commandLine, "plain.end_tokens", "end tokens on standard output of any command that generates",
                on: kind, endTokens),
        ]
    }

    @Sendable private static func output(_ context: CaseContext) async throws {
        let name = try context.theModel().name
        let flags = ["run", name, "--max-tokens", "12"]
        let json = try await context.runJSON("run", [name, "--max-tokens", "12", "Say hello."])["data"]
        let outcome = try await context.run(flags + ["Say hello."])
        try context.same(
            outcome.outputText, try json["text"].string, "the answer in a pipe", ways: ("svc run", "svc run --json"),
            evidence: outcome.evidence)
        try context.equal(outcome.errorText, "", "standard error of svc run", evidence: outcome.evidence)
        // Several words are one prompt, flags stand anywhere.
        let words = try await context.run(["run", "--max-tokens", "12", name, "Say", "hello."])
        try context.same(
            words.outputText, outcome.outputText, "the answer", ways: ("the prompt in two words", "in one"),
            evidence: words.evidence)
        let warned = try await context.run(flags + ["--top-k", "5", "Say hello."])
        try context.expect(
            warned.errorText.contains("warning") && warned.errorText.contains("--top-k"),
            "--top-k at temperature 0: expected a warning", evidence: warned.evidence)
        try context.same(
            warned.outputText, outcome.outputText, "the answer", ways: ("with a warning", "without"),
            evidence: warned.evidence)
    }

    @Sendable private static func input(_ context: CaseContext) async throws {
        let name = try context.theModel().name
        let flags = ["run", name, "--max-tokens", "8"]
        let expected = try await context.run(flags + ["Nenne drei Farben. 🙂"]).outputText
        for ending in ["", "\n", "\r\n"] {
            let outcome = try await context.run(flags, input: "Nenne drei Farben. 🙂" + ending)
            try context.same(
                outcome.outputText, expected, "the answer",
                ways: ("the prompt from standard input with \(ending.debugDescription)", "as an argument"),
                evidence: outcome.evidence)
        }
    }

    @Sendable private static func verbose(_ context: CaseContext) async throws {
        let name = try context.theModel().name
        let flags = ["run", name, "--raw", "--max-tokens", "6", "1, 2, 3, 4, 5,"]
        let quiet = try await context.run(flags)
        let told = try await context.run(flags + ["--verbose"])
        try context.same(
            told.outputText, quiet.outputText, "standard output", ways: ("with --verbose", "without"),
            evidence: told.evidence)
        let lines = told.errorText.split(separator: "\n")
        try context.equal(lines.count { $0.hasPrefix("token ") }, 6, "the tokens told", evidence: told.evidence)
        for word in ["stop length", "prompt ", "answer 6 tokens"] {
            try context.expect(
                lines.contains { $0.hasPrefix(word) }, "--verbose: expected a line that begins with \"\(word)\"",
                evidence: told.evidence)
        }
    }

    @Sendable private static func chat(_ context: CaseContext) async throws {
        let name = try context.theModel().name
        let flags = ["run", "--chat", name, "--max-tokens", "16"]
        let outcome = try await context.theProgram().run(
            flags, input: Array("My name is Clara.\nSay hello.\n/exit\n".utf8))
        if outcome.code == 2 {
            try context.expect(
                outcome.errorText.contains("no chat template"), "svc run --chat: expected a conversation or why not",
                evidence: outcome.evidence)
            return context.note("\(name) has no chat template")
        }
        try context.equal(outcome.code, 0, "the exit code of svc run --chat", evidence: outcome.evidence)
        let text = outcome.outputText
        try context.expect(
            text.hasSuffix("\n") && !text.hasPrefix("> ") && !text.contains("\n> "),
            "svc run --chat in a pipe: expected answers that end lines, and no marks", evidence: outcome.evidence)
        try StopTokenParity.hidden(context, text, "svc run --chat", outcome.evidence)
        // The first answer is that of a conversation of one message.
        let first = try await context.run(["run", name, "--max-tokens", "16", "My name is Clara."]).outputText
        try context.expect(
            text.hasPrefix(first), "the first answer of --chat: expected \(first.debugDescription), found another",
            evidence: outcome.evidence)
        let second = String(text.dropFirst(first.count))
        let alone = try await context.run(["run", name, "--max-tokens", "16", "Say hello."]).outputText
        try context.expect(
            second.count > 1, "the second answer of --chat: expected one, found nothing", evidence: outcome.evidence)
        if second.contains(alone) { context.note("the second answer is that of a new conversation") }
        let none = try await context.run(flags, input: "")
        try context.equal(none.outputText, "", "standard output of a conversation of nothing", evidence: none.evidence)
    }

    @Sendable private static func plain(_ context: CaseContext) async throws {
        // Also where the environment speaks of a terminal.
        let environment = ["TERM": "xterm-256color", "COLORTERM": "truecolor", "CLICOLOR": "1"]
        var lines: [[String]] = [
            ["--help"], ["run", "--help"], ["list"], ["version"], ["gc", "--dry-run"], ["usage"],
            ["show", try context.smallestModel().name],
        ]
        if context.portfolio.smallest(.languageIdentification) != nil { lines.append(["detect", "Where is it?"]) }
        if let model = context.portfolio.smallest(.translation) {
            let (texts, source, target) = try model.translations()
            lines.append(["translate", "--from", source, "--to", target, "--model", model.name, texts[0]])
        }
        if let model = context.portfolio.smallest(.generation) {
            lines.append(["run", model.name, "--raw", "--max-tokens", "4", "1, 2, 3,"])
        }
        for arguments in lines {
            let outcome = try await context.run(arguments, environment: environment)
            let name = "svc \(arguments.joined(separator: " "))"
            try context.plain(outcome.outputText, name, evidence: outcome.evidence)
            try context.plain(outcome.errorText, name + ", standard error,", evidence: outcome.evidence)
            try context.equal(outcome.errorText, "", "standard error of \(name)", evidence: outcome.evidence)
        }
    }

    @Sendable private static func endTokens(_ context: CaseContext) async throws {
        let name = try context.theModel().name
        for flags in [
            ["--ignore-eos", "--max-tokens", "48"], ["--max-tokens", "48"],
            ["--temperature", "0.7", "--seed", "3", "--max-tokens", "48"],
            ["--raw", "--ignore-eos", "--max-tokens", "48"],
        ] {
            let outcome = try await context.run(["run", name] + flags + ["Answer yes or no: is water wet?"])
            try StopTokenParity.hidden(
                context, outcome.outputText, "svc run \(flags.joined(separator: " "))", outcome.evidence)
            try context.expect(
                !outcome.outputText.contains("\u{fffd}") || !flags.contains("--raw"),
                "svc run: expected whole characters", evidence: outcome.evidence)
        }
    }
}

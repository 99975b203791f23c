/// What the program says of itself.
enum HelpCases {
    static var cases: [TestCase] {
        [
            TestCase(
                .commandLine, "help.commands", "a command that is missing from --help, or there and not documented",
                on: .program, isQuick: true, commands),
            TestCase(
                .commandLine, "help.flags", "a flag that a command lost, or that nobody documented", on: .program,
                isQuick: true, flags),
            TestCase(
                .commandLine, "help.spellings", "svc help X and svc X -h saying something else than svc X --help",
                on: .program, spellings),
            TestCase(
                .commandLine, "help.version", "versions that differ by the way of asking", on: .program, isQuick: true,
                version),
            TestCase(
                .commandLine, "completion_scripts", "shell completions that are empty, damaged or lack a command",
                on: .program, isQuick: true, completionScripts),
        ]
    }

    @Sendable private static func commands(_ context: CaseContext) async throws {
        let outcome = try await context.run(["--help"])
        let help = HelpText(outcome.outputText)
        try context.expect(
            help.commands == CommandList.commands,
            "the commands of svc --help: "
                + difference(found: help.commands, expected: CommandList.commands), evidence: outcome.evidence)
        try context.expect(
            help.silent.isEmpty, "svc --help: expected words about each, found none about \(help.silent)",
            evidence: outcome.evidence)
        try context.equal(outcome.errorText, "", "standard error of svc --help", evidence: outcome.evidence)
        for word in ["0 done", "1 failed", "2 bad usage", "130 interrupted"] {
            let text = outcome.outputText.replacing("\n", with: " ")
            try context.expect(
                text.contains(word), "svc --help: expected the exit code \"\(word)\", found none",
                evidence: outcome.evidence)
        }
        let alone = try await context.run([])
        try context.expect(
            HelpText(alone.outputText).commands == help.commands, "svc without a command: expected its help",
            evidence: alone.evidence)
    }

    @Sendable private static func flags(_ context: CaseContext) async throws {
        for (command, flags) in CommandList.flags.sorted(by: { $0.key < $1.key }) {
            let outcome = try await context.run(command.split(separator: " ").map(String.init) + ["--help"])
            let help = HelpText(outcome.outputText)
            let expected = Set(flags + ["--version", "-h", "--help"])
            try context.expect(
                help.flags == expected,
                "the flags of svc \(command) --help: " + difference(found: help.flags, expected: expected),
                evidence: outcome.evidence)
            try context.expect(
                help.silent.isEmpty,
                "svc \(command) --help: expected words about each flag, found none about \(help.silent)",
                evidence: outcome.evidence)
            try context.expect(
                outcome.outputText.contains("USAGE: svc \(command)"),
                "svc \(command) --help: expected its usage, found none", evidence: outcome.evidence)
        }
    }

    private static func difference(found: Set<String>, expected: Set<String>) -> String {
        let (missing, unknown) = (expected.subtracting(found).sorted(), found.subtracting(expected).sorted())
        return [
            missing.isEmpty ? nil : "expected \(missing.joined(separator: ", ")), found no such",
            unknown.isEmpty
                ? nil : "expected no others, found \(unknown.joined(separator: ", ")), which no document has",
        ].compactMap { $0 }.joined(separator: "; ")
    }

    @Sendable private static func spellings(_ context: CaseContext) async throws {
        for command in CommandList.flags.keys.sorted() + ["bench"] {
            let words = command.split(separator: " ").map(String.init)
            let long = try await context.run(words + ["--help"])
            for arguments in [["help"] + words, words + ["-h"]] {
                let other = try await context.run(arguments)
                try context.same(
                    other.outputText, long.outputText, "help on \(command)",
                    ways: ("svc \(arguments.joined(separator: " "))", "svc \(command) --help"),
                    evidence: long.evidence + other.evidence)
            }
        }
    }

    @Sendable private static func version(_ context: CaseContext) async throws {
        let short = try await context.run(["--version"])
        let number = short.outputText.trimmingSuffix(while: \.isNewline)
        try context.expect(
            number.first?.isNumber == true && number.contains("."),
            "svc --version: expected a version alone, found \(number.debugDescription)", evidence: short.evidence)
        let words = try await context.run(["version"])
        try context.expect(
            words.outputText.hasPrefix("svc \(number)\n"),
            "svc version: expected it to begin with svc \(number), found \(words.outputText.prefix(40).debugDescription)",
            evidence: words.evidence)
        let data = try await context.runJSON("version", [])["data"]
        try context.equal(try data["version"].string, String(number), "the version of svc version --json")
        let set = try data["instruction_set"].string
        try context.expect(
            words.outputText.contains("instruction set \(set),"),
            "svc version: expected instruction set \(set), found another", evidence: words.evidence)
    }

    @Sendable private static func completionScripts(_ context: CaseContext) async throws {
        for shell in ["bash", "zsh", "fish"] {
            let outcome = try await context.run(["--generate-completion-script", shell])
            let text = outcome.outputText
            try context.expect(
                text.count > 1000, "the completions for \(shell): expected a script, found \(text.count) characters",
                evidence: outcome.evidence)
            for command in CommandList.commands where !text.contains(command) {
                throw CaseFailure("the completions for \(shell): expected \(command) in them, found none")
            }
            for flag in ["temperature", "beam-size", "on-demand-wait"] where !text.contains(flag) {
                throw CaseFailure("the completions for \(shell): expected --\(flag) in them, found none")
            }
        }
        let script = try await context.run(["--generate-completion-script", "bash"])
        guard let bash = PipedProgram.find("bash") else { return context.note("bash is not here to read its script") }
        let checked = try await ProgramUnderTest(path: bash).run(["-n"], input: script.output)
        try context.expect(
            checked.code == 0 && checked.error.isEmpty, "the completions for bash: expected bash -n to accept them",
            evidence: checked.evidence)
        try await context.run(["--generate-completion-script", "tcsh"], expecting: 2)
    }
}

extension String {
    /// The text without the last characters that fulfil a condition.
    func trimmingSuffix(while condition: (Character) -> Bool) -> Substring {
        var text = self[...]
        while let last = text.last, condition(last) { text.removeLast() }
        return text
    }
}

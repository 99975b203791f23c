internal import Foundation

/// What shells do with programs: pipes that begin late, end early, and cut characters.
enum PipeCases {
    static var cases: [TestCase] {
        [
            TestCase(
                .commandLine, "pipe.lines", "lines without an end, empty ones, CRLF, or no input at all, misread",
                on: .program, isQuick: true, lines),
            TestCase(
                .commandLine, "pipe.utf8", "characters that a pipe cuts, or bytes that are none, misread",
                on: .program, isQuick: true, utf8),
            TestCase(
                .commandLine, "pipe.streaming", "svc translate holding back the first line until its input ends",
                on: .program, isQuick: true, streaming),
            TestCase(
                .commandLine, "pipe.reader_leaves", "an error because a reader such as head has seen enough",
                on: .program, isQuick: true, readerLeaves),
            TestCase(
                .commandLine, "pipe.order", "many lines that come out in another order, or not all of them",
                on: .program, order),
        ]
    }

    private static func flags(_ model: PortfolioModel) throws -> [String] {
        let (_, source, target) = try model.translations()
        return ["translate", "--from", source, "--to", target, "--model", model.name]
    }

    @Sendable private static func lines(_ context: CaseContext) async throws {
        let model = try context.smallest(.translation)
        let (texts, flags) = (try model.translations().texts, try flags(model))
        let one = try await context.run(flags + ["--", texts[0]]).outputText
        try context.expect(
            one.hasSuffix("\n") && one.count > 1, "svc translate TEXT: expected one line, found \(one.debugDescription)"
        )
        let text = texts[0]
        let inputs: [(String, String)] = [
            (text, one), ("\(text)\n", one), ("\(text)\r\n", one), ("\(text)\n\n", "\(one)\n"),
            ("\n\(text)", "\n\(one)"), ("", ""), ("\n", "\n"), ("12:30", "12:30\n"),
        ]
        for (input, expected) in inputs {
            let outcome = try await context.run(flags, input: input)
            try context.equal(
                outcome.outputText.debugDescription, expected.debugDescription,
                "svc translate on \(input.debugDescription)", evidence: outcome.evidence)
            try context.equal(outcome.errorText, "", "standard error of svc translate", evidence: outcome.evidence)
        }
        let nul = try await context.run(flags, expecting: 1, input: "12:30\nfrom\0here\n")
        try context.expect(
            nul.outputText == "12:30\n" && nul.errorText.contains("line 2"),
            "a NUL in line 2: expected the line before it and a message", evidence: nul.evidence)
        if context.portfolio.smallest(.languageIdentification) != nil {
            for input in ["12:30", "12:30\n", "12:30\r\n"] {
                let outcome = try await context.run(["detect"], input: input)
                try context.equal(
                    outcome.outputText.debugDescription, "und\t0.0000\n".debugDescription,
                    "svc detect on \(input.debugDescription)", evidence: outcome.evidence)
            }
            try context.equal(try await context.run(["detect"], input: "").outputText, "", "svc detect on no input")
        }
    }

    @Sendable private static func utf8(_ context: CaseContext) async throws {
        let flags = try flags(try context.smallest(.translation))
        // Without a letter, so that it is copied.
        let line = "12:30 🙂👩‍🚀 €—½ 12:30"
        try await PipedProgram.run(try context.theProgram(), flags) { program in
            for byte in Array((line + "\n").utf8) {
                program.write([byte])
                if byte >= 0x80 { try await Task.sleep(for: .milliseconds(2)) }
            }
            program.closeInput()
            let bytes = await program.read()
            let outcome = try await program.end()
            try context.equal(outcome.code, 0, "the exit code", evidence: outcome.evidence)
            try context.equal(
                String(decoding: bytes, as: UTF8.self), line + "\n", "a line whose characters come in pieces")
        }
        let damaged = try await context.theProgram().run(
            flags, input: Array("12".utf8) + [0xff, 0xc3] + Array(":30\n".utf8))
        try context.expect(
            damaged.code == 0 && damaged.outputText.hasPrefix("12\u{fffd}") && damaged.outputText.hasSuffix(":30\n"),
            "bytes that are no UTF-8: expected U+FFFD in their place", evidence: damaged.evidence)
    }

    @Sendable private static func streaming(_ context: CaseContext) async throws {
        let flags = try flags(try context.smallest(.translation))
        try await PipedProgram.run(try context.theProgram(), flags) { program in
            program.write(Array("12:30\n".utf8))
            let first = String(decoding: await program.read(lines: 1, timeoutSeconds: 30), as: UTF8.self)
            try context.equal(
                first.debugDescription, "12:30\n".debugDescription, "the first line, while the input goes on")
            program.write(Array("12:31\n12:32".utf8))
            program.closeInput()
            let rest = String(decoding: await program.read(), as: UTF8.self)
            let outcome = try await program.end()
            try context.equal(
                rest.debugDescription, "12:31\n12:32\n".debugDescription, "the other lines", evidence: outcome.evidence)
            try context.equal(outcome.code, 0, "the exit code", evidence: outcome.evidence)
        }
    }

    /// More than a pipe holds, so that the program has to notice.
    @Sendable private static func readerLeaves(_ context: CaseContext) async throws {
        let model = try context.smallest(.translation)
        for (arguments, input) in [
            (try flags(model), (0..<40_000).map { "12:\($0)\n" }.joined()), (["list", "--json"], ""), (["--help"], ""),
        ] {
            try await PipedProgram.run(try context.theProgram(), arguments) { program in
                let writing = Task {
                    await Blocking.write { program.write(Array(input.utf8)) }
                    program.closeInput()
                }
                if !input.isEmpty { _ = await program.read(lines: 1) }
                program.closeOutput()
                let outcome = try await program.end()
                await writing.value
                let line = "svc \(arguments.joined(separator: " ")) into a pipe whose reader leaves"
                try context.equal(outcome.code, 0, "the exit code of \(line)", evidence: outcome.evidence)
                try context.equal(outcome.errorText, "", "standard error of \(line)", evidence: outcome.evidence)
            }
        }
    }

    @Sendable private static func order(_ context: CaseContext) async throws {
        let model = try context.smallest(.translation)
        let (texts, flags) = (try model.translations().texts.filter { !$0.contains("\n") }, try flags(model))
        let single = try await context.run(flags, input: texts.map { $0 + "\n" }.joined()).outputText
            .split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        let count = 400
        let input = (0..<count).map { "\($0).\n\(texts[$0 % texts.count])\n" }.joined()
        let outcome = try await context.run(flags, input: input)
        let expected = (0..<count).map { "\($0).\n\(single[$0 % texts.count])\n" }.joined()
        try context.same(
            outcome.outputText, expected, "\(2 * count) lines", ways: ("together", "alone"),
            evidence: ["\(outcome.errorText.prefix(500))"])
    }
}

extension Blocking {
    /// Runs work that blocks, on a thread of its own.
    static func write(_ work: @escaping @Sendable () -> Void) async {
        _ = try? await run { _ in work() }
    }
}

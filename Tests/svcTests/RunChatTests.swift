import Foundation
import TestSupport
import Testing

/// `svc run --chat`, through pipes and on a terminal.
@Suite struct RunChatTests {
    private func chat(_ lines: [String], _ flags: [String] = []) async throws -> Programs.Outcome {
        try await Programs.run(
            ["run", "--chat", RunTests.chatModel] + flags, input: lines.map { $0 + "\n" }.joined())
    }

    @Test func whatWasSaidIsRemembered() async throws {
        let question = "What is my name?"
        let outcome = try await chat(["My name is Bartholomew.", question], ["--max-tokens", "40"])
        #expect(outcome.code == 0)
        // No prompt marks in a pipe, and nothing for people where nothing happened.
        #expect(outcome.error.isEmpty)
        let forgetful = try await chat(["My name is Bartholomew.", "/clear", question], ["--max-tokens", "40"])
        let alone = try await chat([question], ["--max-tokens", "40"])
        #expect(outcome.output.components(separatedBy: "Bartholomew").count >= 3, "\(outcome.output)")
        #expect(forgetful.output.hasSuffix(alone.output))
        #expect(!alone.output.contains("Bartholomew"))
        #expect(forgetful.error.contains("forgotten"))
    }

    @Test func oneTurnIsWhatRunAnswers() async throws {
        let outcome = try await chat([RunTests.question])
        let run = try await Programs.run(["run", RunTests.chatModel, RunTests.question])
        #expect(outcome.output == run.output + "\n")
    }

    @Test func commands() async throws {
        let outcome = try await chat(
            [
                "/help", "", "  ", "/nonsense", "/system You are a pirate.", "Hello!", "/stats", "/exit",
                "This is not answered.",
            ], ["--max-tokens", "8"])
        #expect(outcome.code == 0)
        for word in ["/system TEXT", "no command /nonsense", "from now on", "answers", "context"] {
            #expect(outcome.error.contains(word), "\(word): \(outcome.error)")
        }
        let same = try await chat(["Hello!"], ["--max-tokens", "8", "--system", "You are a pirate."])
        #expect(outcome.output == same.output)
    }

    @Test func verboseTellsOfEachTurnAndThePrefixIsNotReadTwice() async throws {
        let long = "Here is a list of words: " + (1...80).map { "word\($0)" }.joined(separator: " ") + ". Remember it."
        let outcome = try await chat([long, "Thank you."], ["--max-tokens", "4", "--verbose"])
        let prompts = outcome.error.split(separator: "\n").filter { $0.hasPrefix("prompt ") }
        #expect(prompts.count == 2)
        #expect(prompts.first?.contains("(0 cached)") == true)
        #expect(prompts.last?.contains("(0 cached)") == false, "\(prompts)")
    }

    @Test func aFullContextDropsTheOldestTurnsAndSaysSo() async throws {
        let path = RunTests.tiny("qwen2")
        let lines = (1...6).map { "This is message number \($0), which has some words." }
        let outcome = try await Programs.run(
            ["run", "--chat", path, "--ignore-eos", "--max-tokens", "60"], input: lines.map { $0 + "\n" }.joined())
        #expect(outcome.code == 0, "\(outcome.error)")
        #expect(
            outcome.error.contains("60 are for the answer, and the context has 256: it goes on without"),
            "\(outcome.error)")
        // A message that fits in no way is refused, and the conversation goes on.
        let huge = try await Programs.run(
            ["run", "--chat", path, "--max-tokens", "4", "--verbose"],
            input: String(repeating: "word ", count: 500) + "\nHello\n")
        #expect(huge.code == 0)
        #expect(
            huge.error.contains("shorten the prompt") && huge.error.contains("as it was before it"), "\(huge.error)")
        #expect(huge.error.contains("stop "), "\(huge.error)")
    }

    @Test func anAnswerThatFillsTheContextSaysSo() async throws {
        let outcome = try await Programs.run(
            ["run", "--chat", RunTests.tiny("qwen2"), "--ignore-eos"], input: "Hello\nAnd now?\n")
        #expect(outcome.code == 0)
        #expect(outcome.error.contains("fill the context of 256"), "\(outcome.error)")
        #expect(outcome.error.contains("goes on without its oldest 2 messages"), "\(outcome.error)")
    }

    @Test func aBaseModelDoesNotTalk() async throws {
        let outcome = try await Programs.run(["run", "--chat", RunTests.baseModel], input: "Hello\n")
        #expect(outcome.code == 2)
        #expect(outcome.error.contains("has no chat template") && outcome.error.contains("leave --chat out"))
        let system = try await Programs.run(["run", "--system", "You are kind.", RunTests.baseModel, "Hello"])
        #expect(system.code == 2)
        #expect(system.error.contains("has no chat template") && system.error.contains("leave --system out"))
    }

    @Test func controlCStopsTheAnswerAndNotTheConversation() async throws {
        let program = try await InteractiveProgram(["run", "--chat", RunTests.chatModel, "--ignore-eos"])
        try program.type("Tell me a long story.\n")
        try await program.wait(for: "the answer's beginning") { program.outputSoFar.count > 20 }
        program.interrupt()
        try await program.wait(for: "the end of the answer") { program.errorSoFar.contains("svc: stopped") }
        let first = program.outputSoFar
        try await Task.sleep(for: .milliseconds(300))
        #expect(program.outputSoFar == first, "it went on after it was stopped")
        try program.type("/stats\nAnd then?\n")
        try await program.wait(for: "the next answer") { program.outputSoFar.count > first.count + 20 }
        #expect(program.errorSoFar.contains("answers   1"), "\(program.errorSoFar)")
        program.interrupt()
        try await program.wait(for: "the second stop") {
            program.errorSoFar.components(separatedBy: "svc: stopped").count == 3
        }
        try program.closeInput()
        #expect(try await program.end() == 0)
    }

    @Test func onATerminalThereIsAMarkAndTwoControlCLeave() async throws {
        let program = try await InteractiveProgram(
            ["run", "--chat", RunTests.tiny("qwen2"), "--max-tokens", "3"], onTerminal: true)
        try await program.wait(for: "the mark") { program.errorSoFar.contains("> ") }
        program.interrupt()
        try await program.wait(for: "the hint") {
            program.errorSoFar.contains("Ctrl-C again, Ctrl-D or /exit to leave")
        }
        // A turn in between: it is not the second one.
        try program.type("Hello\n")
        try await program.wait(for: "the answer") { program.outputSoFar.hasSuffix("\n") }
        try await program.wait(for: "the mark after it") { program.errorSoFar.components(separatedBy: "> ").count >= 4 }
        program.interrupt()
        try await program.wait(for: "the second hint") {
            program.errorSoFar.components(separatedBy: "Ctrl-C again").count == 3
        }
        program.interrupt()
        #expect(try await program.end() == 130)
        #expect(!program.outputSoFar.contains("> "))
    }

    @Test func onATerminalControlDLeaves() async throws {
        let program = try await InteractiveProgram(["run", "--chat", RunTests.tiny("qwen2")], onTerminal: true)
        try await program.wait(for: "the mark") { program.errorSoFar.contains("> ") }
        try program.type("\u{04}")
        #expect(try await program.end() == 0)
    }
}

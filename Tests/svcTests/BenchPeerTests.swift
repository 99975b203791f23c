import Foundation
import TestSupport
import Testing

@testable import svc

/// Peers: how they are named, what they may print, and what becomes of those that do not behave.
@Suite struct BenchPeerTests {
    @Test(arguments: [
        ("a b  c", ["a", "b", "c"]), ("'a b' \"c d\"", ["a b", "c d"]), ("a\\ b", ["a b"]), ("'' x", ["", "x"]),
        ("x'y'\"z\"", ["xyz"]), ("  ", []), ("'a\\b'", ["a\\b"]),
        ("\u{e9}t\u{e9} 'l\u{2019}an'", ["\u{e9}t\u{e9}", "l\u{2019}an"]),
    ])
    func wordsAreThoseOfAShell(text: String, words: [String]) {
        #expect(PeerCommand.words(text) == words)
    }

    @Test(arguments: ["'a", "a \"b", "a\\"]) func anOpenMarkIsNoCommand(text: String) {
        #expect(PeerCommand.words(text) == nil)
        #expect(throws: PeerFailure.unreadable(flag: "--llama", text: text)) { try PeerCommand(text, for: .llama) }
    }

    @Test func programsAreFoundByPathAndByName() async throws {
        #expect(try PeerCommand("sh -c true", for: .llama).executable.hasSuffix("/sh"))
        #expect(throws: PeerFailure.notFound(flag: "--bergamot", program: "/no/such/program")) {
            try PeerCommand("/no/such/program 1", for: .bergamot)
        }
        try await Fixtures.withTemporaryDirectory { directory in
            let file = directory.appendingPathComponent("plain").path
            try Data("text".utf8).write(to: URL(fileURLWithPath: file))
            for path in [file, directory.path] {
                #expect(throws: PeerFailure.notExecutable(flag: "--llama", program: path)) {
                    try PeerCommand(path, for: .llama)
                }
            }
        }
    }

    @Test func figuresAreReadAndUnitsHaveOneSpelling() throws {
        let figures = try PeerOutput.figures(
            """
            {"peer":"x/int8","task":"t","metric":"batch8-beam1","value":12.5,"unit":"tok/s"}

              {"unit":"words/s","value":3,"metric":"batch","task":"","peer":"y","more":[1]}
            """, of: "x")
        #expect(
            figures == [
                Figure(metric: "batch8-beam1", variant: "int8", value: 12.5, unit: "tokens/s"),
                Figure(metric: "batch", variant: nil, value: 3, unit: "words/s"),
            ])
        #expect(figures.figure("batch8-beam1", variant: "float32") == nil)
        #expect(figures.figure("batch8-beam1", variant: "int8")?.value == 12.5)
        #expect(figures.figure("batch")?.value == 3)
    }

    @Test(arguments: [
        ("hello", 1, "not a JSON object"), ("\n[1]", 2, "not a JSON object"),
        (#"{"peer":"x","task":"t","metric":"m","unit":"ms"}"#, 1, "no \"value\""),
        (#"{"peer":"x","task":"t","metric":"m","value":"fast","unit":"ms"}"#, 1, "\"value\" is no number"),
        (#"{"peer":"x","task":"t","metric":7,"value":1,"unit":"ms"}"#, 1, "\"metric\" is no text"),
        (#"{"peer":"x","task":"t","metric":"m","value":0,"unit":"ms"}"#, 1, "not above 0"),
        (#"{"peer":"x","task":"t","metric":"m","value":NaN,"unit":"ms"}"#, 1, "not a JSON object"),
        (#"{"peer":"x","task":"t","metric":"m","value":1,"#, 1, "not a JSON object"), ("\u{0}\u{1}", 1, "not a JSON"),
    ])
    func garbageIsNamedWithItsLine(output: String, line: Int, says: String) {
        do {
            _ = try PeerOutput.figures(output, of: "the command")
            Issue.record("read")
        } catch {
            let text = "\(error)"
            #expect(text.contains("the command, line \(line) of its output") && text.contains(says), "\(text)")
        }
    }

    @Test func nothingIsNoMeasurement() {
        #expect(throws: PeerFailure.silent(command: "c")) { try PeerOutput.figures(" \n\n", of: "c") }
    }

    @Test func aPeerThatFailsIsQuoted() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let script = try BenchFixture.script(
                BenchFixture.line("batch", "1", "words/s") + "\necho 'no model there' >&2\nexit 3", in: directory)
            do {
                _ = try await PeerCommand(script, for: .llama).run(
                    ["m.gguf", "2"], limitSeconds: 60, ScratchDirectory())
                Issue.record("ran")
            } catch let failure as PeerFailure {
                #expect("\(failure)" == "--llama \(script) m.gguf 2 ended with code 3: no model there")
            }
        }
    }

    @Test func aPeerThatHangsIsStoppedWithAllThatItStarted() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let file = directory.appendingPathComponent("pid").path
            let script = try BenchFixture.script(
                "trap '' TERM\nsleep 600 &\necho $! > '\(file)'\nwait\nwait", in: directory)
            let command = try PeerCommand(script, for: .bergamot)
            await #expect(throws: BenchChild.Failure.late(program: script, seconds: 1)) {
                _ = try await command.run([], limitSeconds: 1, ScratchDirectory())
            }
            let text = try String(contentsOfFile: file, encoding: .utf8)
            let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
            var isThere = true
            for _ in 0..<500 where isThere {
                // What has ended and whose end nobody has asked for yet still has a number.
                let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
                isThere = state.map { !$0.contains(") Z ") } ?? false
                if isThere { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(!isThere)
        }
    }

    @Test func aFileThatIsNoProgramCannotBeStarted() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let file = directory.appendingPathComponent("peer").path
            try Programs.write(executable: "\u{7f}ELF\u{1}\u{2}\u{3}", to: file)
            let command = try PeerCommand(file, for: .llama)
            do {
                _ = try await command.run([], limitSeconds: 60, ScratchDirectory())
                Issue.record("ran")
            } catch {
                #expect("\(error)".contains(file), "\(error)")
            }
        }
    }
}

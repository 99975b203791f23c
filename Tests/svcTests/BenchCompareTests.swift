import Foundation
import TestSupport
import Testing

/// `svc bench compare`: the real program beside peers that are shell scripts.
@Suite struct BenchCompareTests {
    private static let input = "Good morning!\nWhere is the station?\nThe library opens at nine.\n"

    private static func rows(_ outcome: Programs.Outcome) throws -> [String: [String: Any]] {
        let rows = try #require(try CommandTests.data(outcome)["rows"] as? [[String: Any]])
        return Dictionary(uniqueKeysWithValues: rows.map { ($0["name"] as? String ?? "", $0) })
    }

    @Test func aTableFromOneRun() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let calls = directory.appendingPathComponent("calls").path
            let input = directory.appendingPathComponent("in put.txt").path
            try Data(Self.input.utf8).write(to: URL(fileURLWithPath: input))
            // One figure that anything reaches, one that nothing does.
            let script = try BenchFixture.script(
                "echo \"$#:$*\" >> '\(calls)'\n" + BenchFixture.line("batch", "0.001", "words/s") + "\n"
                    + BenchFixture.line("single", "0.000001", "ms"), in: directory, named: "a peer.sh")
            let (page, chart) = (
                directory.appendingPathComponent("p.md").path, directory.appendingPathComponent("c.svg").path
            )
            let arguments = [
                "bench", "compare", "--bergamot", "'\(script)' 'an argument'", "--input", input, "--rounds", "2",
                "--row",
                "firefox.*", "--row", "aya*", "--markdown", page, "--svg", chart,
            ]
            let outcome = try await Programs.run(arguments + ["--json"])
            #expect(outcome.code == 0, "\(outcome.error)\(outcome.output)")
            #expect(try BenchFixture.problems(outcome, schema: "bench-compare.json") == [])
            let rows = try Self.rows(outcome)
            #expect(rows.count == 5)
            let states = rows.mapValues { $0["state"] as? String }
            #expect(states["firefox.batch"] == "holds" && states["firefox.single"] == "missed")
            #expect(["holds", "missed"].contains(states["firefox.threads"]))
            #expect(states["firefox.cold"] == "not_measured" && states["aya.bandwidth"] == "not_measured")
            #expect((rows["firefox.cold"]?["ours"] as? Double ?? 0) > 0)
            #expect((rows["firefox.cold"]?["reason"] as? String)?.contains("says nothing of cold") == true)
            #expect((rows["aya.bandwidth"]?["reason"] as? String)?.contains("--aya") == true)
            let batch = try #require(rows["firefox.batch"])
            #expect(batch["theirs"] as? Double == 0.001 && (batch["rounds"] as? [Any])?.count == 2)
            let (low, high) = (batch["ratio_minimum"] as? Double ?? 0, batch["ratio_maximum"] as? Double ?? 0)
            #expect(low > 0 && low <= high)
            // Once in a round, whichever rows want it.
            let log = try String(contentsOfFile: calls, encoding: .utf8)
            #expect(log == String(repeating: "3:an argument 1 \(input)\n", count: 2))
            let svg = try #require(BenchFixture.elements(ofXML: try String(contentsOfFile: chart, encoding: .utf8)))
            #expect(svg.names["rect"] == 3)
            let markdown = try String(contentsOfFile: page, encoding: .utf8)
            #expect(markdown.contains("| firefox.batch |") && markdown.contains("not measured: "))
        }
    }

    @Test func theTextHasEveryRowAndItsReason() async throws {
        let outcome = try await Programs.run([
            "bench", "compare", "--row", "gemma.*", "--row", "nllb", "--threads", "1",
        ])
        #expect(outcome.code == 0, "\(outcome.error)")
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == 9, "\(outcome.output)")
        #expect(lines.first?.hasPrefix("ROW") == true)
        #expect(lines.last == "0 of 0 rows hold, 0 failed, 7 not measured")
        #expect(lines.count { $0.contains("not measured: ") } == 7)
        for flag in ["--llama", "--nllb"] { #expect(outcome.output.contains(flag)) }
        #expect(outcome.error.isEmpty)
    }

    @Test(arguments: [
        ("echo loading the model", "line 1 of its output"), ("exit 7", "ended with code 7"),
        ("exit 0", "printed nothing"),
        ("kill -9 $$", "ended by signal 9"),
        (BenchFixture.line("batch", "1", "tok/s") + "; " + BenchFixture.line("single", "1", "s"), "expected words/s"),
    ])
    func aPeerThatMisbehavesIsNamedAndOtherRowsStand(script: String, says: String) async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let input = directory.appendingPathComponent("in.txt").path
            try Data(Self.input.utf8).write(to: URL(fileURLWithPath: input))
            let peer = try BenchFixture.script(script, in: directory)
            let arguments = [
                "bench", "compare", "--bergamot", peer, "--input", input, "--rounds", "1", "--row", "firefox.batch",
                "--row", "firefox.threads",
            ]
            let outcome = try await Programs.run(arguments + ["--json"])
            #expect(outcome.code == 1)
            #expect(try BenchFixture.problems(outcome, schema: "bench-compare.json") == [])
            #expect(try CommandTests.envelope(outcome).error?.message.contains(says) == true, "\(outcome.output)")
            let rows = try Self.rows(outcome)
            #expect(rows["firefox.batch"]?["state"] as? String == "failed")
            #expect((rows["firefox.batch"]?["reason"] as? String)?.contains(says) == true)
            #expect(rows["firefox.threads"]?["ratio"] as? Double != nil)
            let text = try await Programs.run(arguments)
            #expect(text.code == 1 && text.error.contains(says) && text.output.contains("failed: "))
        }
    }

    @Test(arguments: [
        (["--rounds", "0"], "--rounds must be from 1"), (["--timeout", "0"], "--timeout must be"),
        (["--row", "no-such-row"], "firefox.batch, firefox.threads"),
        (["--llama", "/no/such/peer"], "no such program"),
        (["--llama", "/etc/passwd"], "not executable"), (["--bergamot", "'x"], "is not closed"),
        (["--nllb", "/no/such/directory"], "no such directory"), (["--svg", "/no/such/directory/x.svg"], "--svg"),
    ])
    func wrongFlagsAreRefusedBeforeAnythingIsMeasured(flags: [String], says: String) async throws {
        let outcome = try await Programs.run(["bench", "compare"] + flags)
        #expect(outcome.code == 2)
        #expect(outcome.error.contains(says), "\(outcome.error)")
        #expect(outcome.output.isEmpty)
    }
}

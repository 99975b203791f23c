import Foundation
import TestSupport
import Testing

@testable import svc

/// `svc bench generate`: that it measures what it says, not how much.
@Suite struct BenchGenerateTests {
    /// Two streams with a token a second each, by the second of each token: the tokens of both count, whether they were
    /// written together or not.
    @Test(arguments: [
        ([[0, 1, 2, 3], [1, 2, 3, 4]], 2.0), ([[0, 1, 2], [3, 4, 5]], 4.0 / 5), ([[0, 1, 2], [2, 3, 4]], 1.0),
        ([[0], [5]], 0.0), ([[], []], 0.0),
    ])
    func theRateIsThatOfAllStreams(seconds: [[Int]], tokensPerSecond: Double) {
        let begin = ContinuousClock.now
        let streams = seconds.map { $0.map { begin + .seconds($0) } }
        #expect(abs(BenchGenerate.tokensPerSecond(streams) - tokensPerSecond) < 1e-9)
    }

    @Test(arguments: [1, 3])
    func itMeasures(streams: Int) async throws {
        let path = RunTests.tiny("llama-untied-q8_0")
        let outcome = try await Programs.run([
            "bench", "generate", path, "--prompt-tokens", "40", "--decode-tokens", "20", "--streams", "\(streams)",
            "--repeat", "3", "--threads", "1", "--json",
        ])
        #expect(outcome.code == 0, "\(outcome.error)\(outcome.output)")
        #expect(try CommandTests.envelope(outcome).command == "bench generate")
        let data = try CommandTests.data(outcome)
        for key in [
            "prefill_tokens_per_second", "decode_tokens_per_second", "bandwidth_share", "load_ms", "resident_bytes",
            "read_bytes_per_second",
        ] {
            let value = try #require(data[key] as? Double, "\(key)")
            #expect(value > 0, "\(key) is \(value)")
        }
        #expect(data["streams"] as? Int == streams && data["threads"] as? Int == 1)
        #expect((data["repeats"] as? [[String: Any]])?.count == 3)
        // All matrices but the embedding, of which a step reads a row.
        let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
        let bytes = try #require(data["step_bytes"] as? Int)
        #expect(bytes > size / 4 && bytes < size)
    }

    @Test(arguments: [
        (["--prompt-tokens", "0"], Int32(2), "--prompt-tokens must be from 1"),
        (["--decode-tokens", "1"], 2, "--decode-tokens must be from 2"),
        (["--streams", "65"], 2, "--streams must be from 1 to 64"),
        (["--repeat", "0"], 2, "--repeat must be from 1"),
        (["--prompt-tokens", "100000"], 2, "the context of the model"),
    ])
    func wrongFlags(flags: [String], code: Int32, says: String) async throws {
        let outcome = try await Programs.run(["bench", "generate", RunTests.tiny("llama-untied-q8_0")] + flags)
        #expect(outcome.code == code, "\(outcome.error)")
        #expect(outcome.error.contains(says), "\(outcome.error)")
    }

    @Test func aTranslationModelIsNotMeasuredSo() async throws {
        let outcome = try await Programs.run(["bench", "generate", "firefox-en-pt"])
        #expect(outcome.code == 2)
        #expect(outcome.error.contains("is for translation"))
    }
}

import Foundation
import TestSupport
import Testing

/// `svc show` of a checkpoint's directory, one that can be run and ones that cannot.
@Suite struct ShowTests {
    @Test func aCheckpointSaysWhatItIsAndNeeds() async throws {
        let outcome = try await Programs.run(["show", Fixtures.path("huggingface/complete/nllb")])
        #expect(outcome.code == 0, "\(outcome.error)")
        for line in [
            "family      m2m_100", "format      safetensors", "languages   202 → 202 languages", "licence     mit",
            "context     128 tokens", "vocabulary  1105 tokens", "SentencePiece BPE", "memory      q4",
            "memory      int8",
            "memory      stored",
        ] { #expect(outcome.output.contains(line), "\(line) in\n\(outcome.output)") }
        #expect(!outcome.output.contains("cannot run"))
    }

    @Test func whatCannotBeRunIsSaidWithTheNearest() async throws {
        try await Fixtures.withTemporaryDirectory { directory in
            let source = URL(fileURLWithPath: Fixtures.path("huggingface/qwen3/qwen3"))
            for name in try FileManager.default.contentsOfDirectory(atPath: source.path) {
                try FileManager.default.copyItem(
                    at: source.appendingPathComponent(name), to: directory.appendingPathComponent(name))
            }
            let configuration = directory.appendingPathComponent("config.json")
            let text = try String(contentsOf: configuration, encoding: .utf8)
            try Data(text.replacingOccurrences(of: "\"qwen3\"", with: "\"phi3\"").utf8).write(to: configuration)
            let outcome = try await Programs.run(["show", directory.path])
            #expect(outcome.code == 0)
            #expect(outcome.output.contains("model_type is \"phi3\"; expected one of m2m_100"), "\(outcome.output)")
            #expect(outcome.output.contains("nearest     smollm2-135m-instruct"), "\(outcome.output)")
            #expect(outcome.output.contains("parameters  25120"), "\(outcome.output)")

            try Data("{".utf8).write(to: configuration)
            let damaged = try await Programs.run(["show", directory.path])
            #expect(damaged.output.contains("config.json: invalid at byte"), "\(damaged.output)")
        }
    }
}

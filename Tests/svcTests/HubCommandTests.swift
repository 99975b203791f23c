import Foundation
import SelfTest
import TestSupport
import Testing

/// The life of a model from a hub on the command line: pulled by its source, used by its name, updated, taken back, pinned,
/// verified, removed.
@Suite struct HubCommandTests {
    private static let repository = "someone/tiny-translator"

    private static func files(_ changes: [String: String] = [:]) throws -> [StandInFile] {
        let folder = Fixtures.path("huggingface/complete/nllb")
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
            let bytes =
                try changes[name].map { Array($0.utf8) }
                ?? Array(Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
            return StandInFile(name, bytes, isLFS: name.hasSuffix(".safetensors") || name.hasSuffix(".model"))
        }
    }

    private struct Rig {
        var environment: [String: String]

        /// Runs `svc … --json`, which has to end with `code`, and returns its data, or of a failure its message.
        func run(_ arguments: [String], code: Int32 = 0) async throws -> [String: Any] {
            let outcome = try await Programs.run(arguments + ["--json"], environment: environment)
            #expect(outcome.code == code, "svc \(arguments): \(outcome.output) \(outcome.error)")
            let envelope = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any] ?? [:]
            return (code == 0 ? envelope["data"] : envelope["error"]) as? [String: Any] ?? [:]
        }
    }

    @Test func aModelIsPulledByItsSourceAndUsedByItsName() async throws {
        let hub = try StandInHub()
        defer { hub.stop() }
        hub.add(StandInRepository(Self.repository, files: try Self.files()))
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let rig = Rig(environment: [
                "SVC_HOME": directory.path + "/svc", "HF_HOME": directory.path + "/hf", "HF_ENDPOINT": hub.url,
                "HF_TOKEN": "", "HF_HUB_CACHE": "", "HF_HUB_OFFLINE": "", "HOME": directory.path,
                "SVC_TRANSFER_DELAY": "0.05",
            ])
            let pulled = try await rig.run(["pull", "hf:\(Self.repository)", "--name", "tiny"])
            let models = pulled["models"] as? [[String: Any]] ?? []
            let first = try #require(models.first?["revision"] as? String)
            #expect(models.first?["name"] as? String == "tiny")

            let listed = try await rig.run(["list"])["models"] as? [[String: Any]] ?? []
            let tiny = try #require(listed.first { $0["name"] as? String == "tiny" })
            #expect(tiny["installed"] as? Bool == true)
            #expect(tiny["task"] as? String == "translation")
            #expect((tiny["source_languages"] as? [String])?.contains("en") == true)

            let translate = ["translate", "--model", "tiny", "--from", "en", "--to", "pt", "Good morning."]
            let plain = try await Programs.run(translate, environment: rig.environment)
            #expect(plain.output == "Bom dia.\n", "\(plain.error)")

            let newer = try Self.files(["generation_config.json": #"{"max_length": 200}"#])
            let second = hub.change(Self.repository) { $0.commit(newer) }
            #expect(try await rig.run(["update", "tiny", "--check"])["available"] as? Bool == true)
            #expect(try await rig.run(["update", "tiny"])["to"] as? String == second)
            #expect(try await rig.run(["update", "tiny"])["changed"] as? Bool == false)
            #expect(try await rig.run(["rollback", "tiny"])["to"] as? String == first)
            #expect(try await rig.run(["rollback", "tiny"], code: 1)["message"] is String)
            #expect(try await rig.run(["pin", "tiny"])["pinned"] as? String == first)
            let refusal = try await rig.run(["update", "tiny"], code: 1)["message"] as? String
            #expect(refusal?.contains("svc pin tiny --release") == true, "\(refusal ?? "")")
            _ = try await rig.run(["pin", "tiny", "--release"])

            _ = try await rig.run(["verify", "tiny"])
            let snapshot = "\(directory.path)/hf/hub/models--someone--tiny-translator/snapshots/\(first)"
            let weights = URL(fileURLWithPath: snapshot + "/model.safetensors").resolvingSymlinksInPath()
            let handle = try FileHandle(forUpdating: weights)
            try handle.seek(toOffset: 100_000)
            try handle.write(contentsOf: Data([0x55, 0xaa, 0x55, 0xaa]))
            try handle.close()
            let damaged = try await rig.run(["verify", "tiny"], code: 6)["message"] as? String
            #expect(damaged?.contains("model.safetensors") == true, "\(damaged ?? "")")
            _ = try await rig.run(["verify", "tiny", "--repair"])
            #expect(try await Programs.run(translate, environment: rig.environment).output == "Bom dia.\n")

            _ = try await rig.run(["gc", "--dry-run"])
            _ = try await rig.run(["rm", "tiny", "--all-revisions"])
            _ = try await rig.run(["show", "tiny"], code: 3)
        }
    }

    @Test func aSourceIsToldApartFromAName() async throws {
        for (arguments, says) in [
            (["pull", "https://example.invalid/model.gguf"], "--sha256"),
            (["pull", "pip:some-package==1.0"], "catalogue"),
            (["pull", "hf:nobody"], "OWNER/REPOSITORY"),
            (["pull", "lid-176", "--name", "other"], "given by its source"),
            (["pull", "hf:someone/a-model", "--name", "lid-176"], "name of another model"),
        ] {
            let outcome = try await Programs.run(arguments, environment: ["HF_HUB_OFFLINE": "1"])
            #expect(outcome.code != 0, "\(arguments)")
            #expect(outcome.error.contains(says), "\(arguments): \(outcome.error)")
        }
    }

    @Test func aServiceWritesTheHistoryThatUsageReads() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let home = directory.appendingPathComponent("svc")
            try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: home.path + "/hub", withDestinationPath: try InstalledModels.storePath())
            let rig = Rig(environment: ["SVC_HOME": home.path])
            #expect(try await Programs.run(["usage"], environment: rig.environment).output == "nothing recorded yet\n")
            try await RunningService.with(["--models", "firefox-en-pt"], environment: rig.environment) { service in
                for _ in 0..<3 {
                    let answer = try await service.client.post(
                        "/translate", json: #"{"text":"Good morning.","source_lang":"en","target_lang":"pt"}"#)
                    #expect(answer.status == 200)
                }
            }
            let report = try await rig.run(["usage", "--by", "pair"])["report"] as? [String: Any]
            let rows = report?["rows"] as? [[String: Any]] ?? []
            let pair = try #require(rows.first { $0["source"] as? String == "en" && $0["target"] as? String == "pt" })
            #expect(pair["requests"] as? Int == 3, "\(pair)")
        }
    }
}

import Foundation
import SelfTest
import TestSupport
import Testing

/// The real program on the real command line.
@Suite struct CommandTests {
    struct Envelope: Decodable {
        struct Failure: Decodable {
            var type: String
            var message: String
        }

        var status: String
        var command: String
        var error: Failure?
    }

    static func envelope(_ outcome: Programs.Outcome) throws -> Envelope {
        try JSONDecoder().decode(Envelope.self, from: Data(outcome.output.utf8))
    }

    static func data(_ outcome: Programs.Outcome) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        return object?["data"] as? [String: Any] ?? [:]
    }

    @Test func translateAnArgument() async throws {
        let outcome = try await Programs.run(["translate", "--from", "en", "--to", "pt", "Good morning!"])
        #expect(outcome.code == 0)
        #expect(outcome.output == "Bom dia!\n")
        #expect(outcome.error.isEmpty)
    }

    @Test func translateStandardInputLineByLine() async throws {
        let input = "Good morning!\n\nBom dia!\n  Where is the station?\n"
        let outcome = try await Programs.run(["translate", "--to", "pt"], input: input)
        #expect(outcome.code == 0)
        let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 5)
        #expect(lines[0] == "Bom dia!" && lines[1].isEmpty && lines[2] == "Bom dia!" && lines[3].hasPrefix("  Onde"))
        // No person watches: no bar, no colour.
        #expect(!outcome.error.contains("\u{1b}") && !outcome.output.contains("\u{1b}"))
    }

    @Test func translateAsJSON() async throws {
        let outcome = try await Programs.run(["translate", "--to", "pt", "--json", "Good morning!"])
        #expect(try Self.envelope(outcome).status == "ok")
        #expect(try Self.envelope(outcome).command == "translate")
        let translations = try Self.data(outcome)["translations"] as? [[String: Any]]
        #expect(translations?.first?["text"] as? String == "Bom dia!")
        #expect(translations?.first?["source_lang"] as? String == "en")
        #expect(outcome.output.split(separator: "\n").count == 1)
    }

    @Test func detect() async throws {
        let outcome = try await Programs.run(
            ["detect"], input: "Good morning, my friends.\nBom dia, meus amigos.\n12345\n")
        #expect(outcome.code == 0)
        #expect(outcome.output.split(separator: "\n").map { $0.split(separator: "\t")[0] } == ["en", "pt", "und"])
    }

    @Test func listAndShow() async throws {
        let list = try await Programs.run(["list"])
        #expect(list.code == 0)
        for name in ["firefox-en-pt", "firefox-pt-en", "lid-176"] { #expect(list.output.contains(name)) }
        let show = try await Programs.run(["show", "lid-176", "--json"])
        #expect(try Self.data(show)["family"] as? String == "fasttext")
        #expect((try Self.data(show)["files"] as? [[String: Any]])?.count == 1)
        // What the files say of a model adds to what the catalogue says, and does not contradict it.
        let whole = try Self.data(await Programs.run(["list", "--json"]))
        let listed = try #require(whole["models"] as? [[String: Any]])
        for model in listed {
            let name = try #require(model["name"] as? String)
            let shown = try Self.data(await Programs.run(["show", name, "--json"]))
            #expect(shown["licence"] as? String == model["licence"] as? String, "\(name)")
        }
    }

    @Test func pullFindsWhatIsThere() async throws {
        let outcome = try await Programs.run(["pull", "lid-176", "--json"], environment: ["PIP_NO_INDEX": "1"])
        #expect(outcome.code == 0)
        #expect(try Self.envelope(outcome).status == "ok")
    }

    @Test func pullAndRemoveInAStoreOfItsOwn() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            // A catalogue whose source is a file on this machine: what `svc pull` does, without a network.
            let source = directory.appendingPathComponent("lid.176.ftz")
            let original = URL(fileURLWithPath: try InstalledModels.file("model", of: "lid-176"))
                .resolvingSymlinksInPath()
            try FileManager.default.copyItem(at: original, to: source)
            let hash = original.lastPathComponent
            let size = try Data(contentsOf: source).count
            let catalog = directory.appendingPathComponent("catalog.json")
            try Data(
                """
                {"version":1,"models":[{"name":"mine","task":"language-identification","family":"fasttext","summary":"s",
                "source":"file:\(source.path)","files":[{"role":"model","path":"lid.176.ftz","sha256":"\(hash)","size_bytes":\(size)}],
                "download_bytes":\(size),"licence":"CC-BY-SA-3.0","languages":{"detect":["en"]},"parameters":1,"format":"fasttext-ftz",
                "memory_bytes":1000000,"references":[]}]}
                """.utf8
            ).write(to: catalog)
            let environment = ["SVC_HOME": directory.appendingPathComponent("home").path, "SVC_CATALOG": catalog.path]
            let pull = try await Programs.run(["pull", "mine"], environment: environment)
            #expect(pull.code == 0, "\(pull.error)")
            let detect = try await Programs.run(["detect", "Guten Morgen, meine Freunde."], environment: environment)
            #expect(detect.output.hasPrefix("de\t"), "\(detect.error)")
            let remove = try await Programs.run(["rm", "mine", "--json"], environment: environment)
            #expect(remove.code == 0)
            let list = try await Programs.run(["list", "--installed", "--json"], environment: environment)
            #expect((try Self.data(list)["models"] as? [Any])?.isEmpty == true)
        }
    }

    struct Failing: Sendable, CustomTestStringConvertible {
        var arguments: [String]
        var environment: [String: String] = [:]
        var code: Int32
        var says: String
        var testDescription: String { arguments.joined(separator: " ") }
    }

    @Test(arguments: [
        Failing(arguments: ["frobnicate"], code: 2, says: "frobnicate"),
        Failing(arguments: ["translate", "Hi."], code: 2, says: "--to"),
        Failing(arguments: ["translate", "--to", "pt", "--beam-size", "99", "Hi."], code: 2, says: "--beam-size"),
        Failing(arguments: ["translate", "--to", "zz", "--from", "en", "Hi."], code: 2, says: "zz is not supported"),
        Failing(
            arguments: ["translate", "--to", "pt", "--from", "en", "--model", "nope", "Hi."], code: 3,
            says: "no model nope"),
        Failing(arguments: ["show", "firefox-en-pr"], code: 3, says: "did you mean firefox-en-p"),
        Failing(arguments: ["pull", "nope"], code: 3, says: "no model is named nope"),
        Failing(arguments: ["health", "--url", "http://127.0.0.1:1"], code: 4, says: "127.0.0.1:1"),
        Failing(
            arguments: ["translate", "--to", "pt", "--from", "en", "--memory-budget", "1M", "Hi."], code: 7,
            says: "budget"),
        Failing(
            arguments: ["translate", "--to", "pt", "Hi."], environment: ["SVC_CPU_ISA": "sse9"], code: 2,
            says: "SVC_CPU_ISA=sse9"),
        Failing(
            arguments: ["translate", "--to", "pt", "Hi."], environment: ["SVC_THREADS": "many"], code: 2,
            says: "many is not a whole number"),
        Failing(arguments: ["serve", "--port", "99999"], code: 2, says: "99999 is not a whole number from 0 to 65535"),
        Failing(arguments: ["serve", "--models", "/nowhere/at/all"], code: 3, says: "/nowhere/at/all"),
        Failing(arguments: ["serve", "--config", "/nowhere.json"], code: 2, says: "/nowhere.json"),
        Failing(arguments: ["serve", "--api-keys-file", "/nowhere"], code: 2, says: "/nowhere"),
        Failing(arguments: ["bench", "translate", "firefox-en-pt", "--input", "/nowhere"], code: 1, says: "/nowhere"),
    ])
    func failuresHaveTheirCodeAndSayWhy(failing: Failing) async throws {
        let plain = try await Programs.run(failing.arguments, environment: failing.environment)
        #expect(plain.code == failing.code)
        #expect(plain.error.contains(failing.says), "\(plain.error)")
        #expect(plain.output.isEmpty)
        let json = try await Programs.run(failing.arguments + ["--json"], environment: failing.environment)
        #expect(json.code == failing.code)
        let envelope = try Self.envelope(json)
        #expect(envelope.status == "error")
        #expect(envelope.error?.message.contains(failing.says) == true, "\(json.output)")
        #expect(json.output.split(separator: "\n").count == 1)
    }

    @Test func helpAndVersion() async throws {
        let help = try await Programs.run(["--help"])
        #expect(help.code == 0)
        for command in [
            "serve", "run", "translate", "detect", "list", "show", "pull", "rm", "ps", "health", "bench", "version",
        ] {
            #expect(help.output.contains(command))
            #expect(try await Programs.run([command, "--help"]).code == 0)
        }
        let version = try await Programs.run(["version"])
        #expect(version.output.hasPrefix("svc 0."))
    }

    @Test func healthOfARunningService() async throws {
        let service = try await RunningService.shared()
        let outcome = try await Programs.run(["health", "--url", service.url])
        #expect(outcome.code == 0)
        #expect(outcome.output == "healthy\n")
        let ready = try await Programs.run(["health", "--ready", "--url", service.url, "--json"])
        #expect(try Self.data(ready)["status"] as? String == "ready")
    }

    @Test func theConfigurationFileIsReadAndFlagsBeatIt() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let file = directory.appendingPathComponent("svc.json")
            try Data(#"{"models": ["lid-176"], "max-characters": 10, "threads": 1, "log-format": "json"}"#.utf8).write(
                to: file)
            try await RunningService.with(["--config", file.path, "--max-characters", "20"]) { service async throws in
                let answer = try await service.client.post(
                    "/detect", json: #"{"text":"A sentence of more than twenty characters."}"#)
                #expect(answer.status == 413)
                #expect(answer.text.contains("at most 20"))
                #expect(try await service.client.request("GET", "/version").text.contains(#""threads":1"#))
                #expect(service.logText.split(separator: "\n").allSatisfy { $0.hasPrefix("{\"time\":") })
            }
            try Data(#"{"port": [1]}"#.utf8).write(to: file)
            let wrongType = try await Programs.run(["serve", "--config", file.path])
            #expect(wrongType.code == 2)
            #expect(wrongType.error.contains("port is not a text, a number"))
            try Data(#"{"modells": []}"#.utf8).write(to: file)
            let outcome = try await Programs.run(["serve", "--config", file.path])
            #expect(outcome.code == 2)
            #expect(outcome.error.contains("modells is not a setting"))
        }
    }
}

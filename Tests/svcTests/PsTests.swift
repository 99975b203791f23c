import Foundation
import SelfTest
import TestSupport
import Testing

/// `svc ps` against real services.
@Suite struct PsTests {
    @Test func whatIsInMemoryIsListed() async throws {
        try await RunningService.with(["--models", "lid-176"]) { service async throws in
            _ = try await service.client.post("/detect", json: #"{"text":"Good morning, my friends."}"#)
            let plain = try await Programs.run(["ps", "--url", service.url])
            #expect(plain.code == 0)
            let lines = plain.output.split(separator: "\n")
            #expect(lines.count == 2, "\(plain.output)")
            #expect(lines.first?.hasPrefix("NAME") == true)
            #expect(lines.last?.contains("lid-176") == true && lines.last?.contains("ready") == true)
            // The address of a service that listens on all addresses is the loopback one's.
            let port = try #require(service.url.split(separator: ":").last.map(String.init))
            let json = try await Programs.run(
                ["ps", "--json"], environment: ["SVC_HOST": "0.0.0.0", "SVC_PORT": port])
            #expect(json.code == 0, "\(json.output)")
            let models = try #require(try CommandTests.data(json)["models"] as? [[String: Any]])
            let model = try #require(models.first)
            #expect(models.count == 1)
            #expect(model["name"] as? String == "lid-176" && model["state"] as? String == "ready")
            #expect(model["task"] as? String == "language-identification")
            #expect((model["memory_bytes"] as? Int ?? 0) > 100_000)
            #expect((model["requests"] as? Int ?? 0) >= 1)
            for key in ["since", "last_used"] { #expect((model[key] as? String)?.hasSuffix("Z") == true, "\(key)") }
        }
    }

    @Test func aKeyIsSentAndWithoutItThatIsSaid() async throws {
        try await RunningService.with(["--api-key", "secret"]) { service async throws in
            let without = try await Programs.run(["ps", "--url", service.url])
            #expect(without.code == 5)
            #expect(without.error.contains("--api-key"))
            let with = try await Programs.run(["ps", "--url", service.url, "--api-key", "secret", "--json"])
            #expect(with.code == 0)
            #expect((try CommandTests.data(with)["models"] as? [Any])?.isEmpty == true)
            let environment = try await Programs.run(
                ["ps", "--url", service.url], environment: ["API_KEY": "secret"])
            #expect(environment.code == 0)
            #expect(environment.output.hasPrefix("NAME"))
        }
    }

    @Test func noServiceIsExitCode4AndSaysWhatToDo() async throws {
        let outcome = try await Programs.run(["ps", "--url", "http://127.0.0.1:1"])
        #expect(outcome.code == 4)
        #expect(outcome.error.contains("http://127.0.0.1:1") && outcome.error.contains("svc serve"))
        let json = try await Programs.run(["ps", "--json"], environment: ["SVC_PORT": "1"])
        #expect(json.code == 4)
        #expect(try CommandTests.envelope(json).error?.type == "network")
        #expect(try await Programs.run(["ps"], environment: ["SVC_PORT": "http"]).code == 2)
        #expect(try await Programs.run(["ps", "--timeout", "0"]).code == 2)
    }
}

import Foundation
import SelfTest
import TestSupport
import Testing

/// A chat model that is not on this machine, on a service that does not download: another one answers, and says so.
@Suite struct FallbackTests {
    private static func serve(_ more: [String] = [], _ body: (ServiceClient) async throws -> Void) async throws {
        let nowhere = FileManager.default.temporaryDirectory.appendingPathComponent("no-hub-\(UUID().uuidString)").path
        try await RunningService.with(
            ["--downloads", "off", "--models", "smollm2-135m-instruct"] + more, environment: ["HF_HOME": nowhere]
        ) { try await body($0.client) }
    }

    private static func chat(_ more: String = "") -> String {
        #"{"model":"aya","messages":[{"role":"user","content":"Hello"}],"max_tokens":4,"temperature":0\#(more)}"#
    }

    @Test func theNearestChatModelAnswersAndSaysSo() async throws {
        try await Self.serve { client in
            let answer = try await client.post("/v1/chat/completions", json: Self.chat())
            let json = JSON(answer)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(json["model"].string == "smollm2-135m-instruct")
            #expect(json["fallback"]["from"].string == "aya")
            #expect(json["fallback"]["reason"].string?.contains("not on this machine") == true, "\(answer.text)")
            #expect(answer.headers["x-svc-fallback"] == "aya")

            let streamed = try await client.post("/v1/chat/completions", json: Self.chat(#","stream":true"#))
            #expect(streamed.headers["x-svc-fallback"] == "aya")
            let chunks = streamed.text.components(separatedBy: "\n\n").filter { $0.hasPrefix("data: {") }
            #expect(!chunks.isEmpty)
            #expect(chunks.allSatisfy { $0.contains(#""fallback":{"from":"aya""#) }, "\(streamed.text)")

            let completion = try await client.post(
                "/v1/completions", json: #"{"model":"aya","prompt":"One, two,","max_tokens":2}"#)
            #expect(JSON(completion)["fallback"]["from"].string == "aya", "\(completion.text)")
        }
    }

    @Test func whoWantsThatModelOrNoneIsToldWhy() async throws {
        try await Self.serve { client in
            let answer = try await client.post("/v1/chat/completions", json: Self.chat(#","fallback":"never""#))
            #expect(answer.status == 503, "\(answer.text)")
            #expect(JSON(answer)["error"]["code"].string == "model_not_installed")
            #expect(answer.text.contains("svc pull aya"))
            let wrong = try await client.post("/v1/chat/completions", json: Self.chat(#","fallback":1"#))
            #expect(wrong.status == 400)
            #expect(JSON(wrong)["error"]["param"].string == "fallback")
        }
    }

    /// The configuration's choice beats the rule.
    @Test func theConfigurationNamesWhoStandsIn() async throws {
        try await Self.serve(["--stand-ins", "aya=gemma-3-270m"]) { client in
            let answer = try await client.post(
                "/v1/completions", json: #"{"model":"aya","prompt":"One, two,","max_tokens":2}"#)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(JSON(answer)["model"].string == "gemma-3-270m")
            #expect(JSON(answer)["fallback"]["from"].string == "aya")
        }
    }

    /// Nobody can: the error says who would, and how to get it.
    @Test func withoutAnyTheErrorListsWhatWouldServe() async throws {
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("empty-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: home) }
        try await RunningService.with(
            ["--downloads", "off"], environment: ["SVC_HOME": home.path, "HF_HOME": home.path + "/hf"]
        ) { service in
            let answer = try await service.client.post(
                "/v1/completions", json: #"{"model":"aya","prompt":"One, two,","max_tokens":2}"#)
            #expect(answer.status == 503)
            let message = JSON(answer)["error"]["message"].string ?? ""
            #expect(message.contains("svc pull smollm2-135m-instruct"), "\(message)")
        }
    }
}

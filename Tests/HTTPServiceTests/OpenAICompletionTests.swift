import Engine
import Generation
@testable import HTTPService
import SelfTest
import TestSupport
import Testing

/// The older route: shapes, echo, probabilities, several prompts.
@Suite struct OpenAICompletionTests {
    @Test func aWholeAnswerAndItsStream() async throws {
        let service = ScriptedService.saying(" there, 日本")
        try await ScriptedServer.with(service) { client in
            let body = #"{"model":"fake","prompt":"Hello""#
            let whole = try await client.json("/v1/completions", body + "}")
            #expect(whole.json["object"].string == "text_completion")
            #expect(whole.json["id"].string?.hasPrefix("cmpl-") == true)
            let choice = whole.json["choices"][0]
            #expect(choice["text"].string == " there, 日本" && choice["finish_reason"].string == "stop")
            #expect(choice.keys == ["text", "index", "logprobs", "finish_reason"])
            #expect(whole.json["usage"]["prompt_tokens"].number == 5)
            #expect(service.log.requests[0].maxTokens == 16)

            let answer = try await client.post(
                "/v1/completions", json: body + #","stream":true,"stream_options":{"include_usage":true}}"#)
            let events = EventStream(answer.text)
            #expect(events.isDone && events.content() == " there, 日本")
            #expect(events.chunks.allSatisfy { $0["object"].string == "text_completion" })
            #expect(events.chunks.last?["usage"]["total_tokens"].number == 15)
            #expect(events.chunks.last?["choices"].array.isEmpty == true)
        }
    }

    @Test func echoWithProbabilities() async throws {
        try await ScriptedServer.with(.saying("éb")) { client in
            let body = #"{"model":"fake","prompt":"hi","echo":true,"logprobs":2,"stream":"#
            let whole = try await client.json("/v1/completions", body + "false}")
            let choice = whole.json["choices"][0]
            #expect(choice["text"].string == "hiéb")
            let table = choice["logprobs"]
            #expect(table["tokens"].array.map(\.string) == ["h", "i", "é", "b"])
            #expect(table["text_offset"].array.map(\.number) == [0, 1, 2, 3])
            #expect(table["token_logprobs"].array.map(\.number) == [nil, -1, -0.25, -0.25])
            #expect(!table["top_logprobs"][0].exists)
            #expect(table["top_logprobs"][2]["é"].number == -0.25)

            let answer = try await client.post("/v1/completions", json: body + "true}")
            let events = EventStream(answer.text)
            #expect(events.content() == "hiéb")
            let streamed = events.chunks.flatMap { $0["choices"][0]["logprobs"]["text_offset"].array }
            #expect(streamed.map(\.number) == [0, 1, 2, 3])
        }
    }

    @Test func severalPromptsOfEveryKind() async throws {
        let service = ScriptedService.saying("!")
        try await ScriptedServer.with(service) { client in
            for prompts in [#"["ab","c"]"#, "[[97,98],[99]]"] {
                let answer = try await client.json(
                    "/v1/completions", #"{"model":"fake","prompt":\#(prompts),"n":2,"echo":true}"#)
                #expect(answer.json["choices"].array.map { $0["text"].string } == ["ab!", "ab!", "c!", "c!"])
                #expect(answer.json["choices"].array.map { $0["index"].number } == [0, 1, 2, 3])
                #expect(answer.json["usage"]["prompt_tokens"].number == 3)
            }
            let one = try await client.json("/v1/completions", #"{"model":"fake","prompt":[104,105],"echo":true}"#)
            #expect(one.json["choices"].array.map { $0["text"].string } == ["hi!"])
            let answer = try await client.post(
                "/v1/completions", json: #"{"model":"fake","prompt":["ab","c"],"stream":true}"#)
            let events = EventStream(answer.text)
            #expect(events.isDone && events.content(0) == "!" && events.content(1) == "!")
        }
    }

    /// How an evaluation harness asks for the probabilities of a text.
    @Test func noTokensAtAllGiveThePromptAlone() async throws {
        let service = ScriptedService.saying("!")
        try await ScriptedServer.with(service) { client in
            let answer = try await client.json(
                "/v1/completions", #"{"model":"fake","prompt":"hi","echo":true,"logprobs":0,"max_tokens":0}"#)
            let choice = answer.json["choices"][0]
            #expect(choice["text"].string == "hi" && choice["finish_reason"].string == "length")
            #expect(choice["logprobs"]["tokens"].array.map(\.string) == ["h", "i"])
            #expect(answer.json["usage"]["completion_tokens"].number == 0)
            #expect(service.log.requests[0].maxTokens == 1)
        }
    }

    @Test func theModelsAreListed() async throws {
        try await ScriptedServer.with(.saying("x")) { client in
            let list = try await client.json("/v1/models")
            #expect(list.json["object"].string == "list")
            #expect(list.json["data"][0]["id"].string == "fake")
            #expect(list.json["data"][0].keys == ["id", "object", "created", "owned_by"])
            let one = try await client.json("/v1/models/fake")
            #expect(one.json["object"].string == "model" && one.json["created"].number == 1_700_000_000)
            let none = try await client.json("/v1/models/firefox-en-pt")
            #expect(none.status == 404 && none.json["error"]["code"].string == "model_not_found")
        }
    }

    @Test func tokensAreCounted() async throws {
        try await ScriptedServer.with(.saying("abc")) { client in
            _ = try await client.post("/v1/completions", json: #"{"model":"fake","prompt":"hi"}"#)
            let metrics = try await client.request("GET", "/metrics").text
            for name in [
                #"svc_prompt_tokens_total{model="fake"} "#, #"svc_completion_tokens_total{model="fake"} "#,
                #"svc_time_to_first_token_seconds_count{model="fake"} "#,
                #"svc_inter_token_seconds_bucket{model="fake",le="#,
            ] { #expect(metrics.contains(name), "\(name)") }
        }
    }
}

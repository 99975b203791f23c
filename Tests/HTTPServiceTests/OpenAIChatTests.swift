import Engine
import Generation
@testable import HTTPService
import SelfTest
import TestSupport
import Testing
import Tokenizers

/// Shapes of chat answers, whole and streamed, over a model that says what a script says.
@Suite struct OpenAIChatTests {
    static let hello = #"{"model":"fake","messages":[{"role":"user","content":"Hi"}]"#

    private func stream(_ client: ServiceClient, _ body: String, path: String = "/v1/chat/completions") async throws
        -> (answer: ServiceClient.Answer, events: EventStream)
    {
        let answer = try await client.post(path, json: body)
        return (answer, EventStream(answer.text))
    }

    @Test func aWholeAnswer() async throws {
        try await ScriptedServer.with(.saying("Good day! 日本 🙂")) { client in
            let answer = try await client.json("/v1/chat/completions", Self.hello + "}")
            #expect(answer.status == 200)
            #expect(answer.json["object"].string == "chat.completion")
            #expect(answer.json["id"].string?.hasPrefix("chatcmpl-") == true)
            #expect(answer.json["model"].string == "fake")
            #expect((answer.json["created"].number ?? 0) > 1_700_000_000)
            let choice = answer.json["choices"][0]
            #expect(choice["index"].number == 0)
            #expect(choice["message"]["role"].string == "assistant")
            #expect(choice["message"]["content"].string == "Good day! 日本 🙂")
            #expect(choice["finish_reason"].string == "stop")
            #expect(choice.keys.contains("logprobs") && !choice["logprobs"].exists)
            let usage = answer.json["usage"]
            #expect(usage["completion_tokens"].number == 14)
            #expect(usage["total_tokens"].number == (usage["prompt_tokens"].number ?? -1) + 14)
            #expect(usage["prompt_tokens_details"]["cached_tokens"].number == 0)
            #expect(answer.json["timings"]["predicted_n"].number == 14)
        }
    }

    @Test func aStreamedAnswerIsTheSame() async throws {
        try await ScriptedServer.with(.saying("Good day! 日本 \"🙂\"\n")) { client in
            let (answer, events) = try await stream(client, Self.hello + #","stream":true}"#)
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"]?.hasPrefix("text/event-stream") == true)
            #expect(answer.headers["cache-control"] == "no-cache")
            #expect(answer.headers["x-accel-buffering"] == "no")
            #expect(answer.headers["x-request-id"] != nil)
            #expect(events.isDone && events.others.isEmpty)
            #expect(events.content() == "Good day! 日本 \"🙂\"\n")
            let chunks = events.chunks
            #expect(Set(chunks.map { $0["id"].string }).count == 1)
            #expect(Set(chunks.map { $0["created"].number }).count == 1)
            #expect(
                chunks.allSatisfy { $0["object"].string == "chat.completion.chunk" && $0["model"].string == "fake" })
            #expect(chunks.allSatisfy { $0["choices"].array.count == 1 && !$0.keys.contains("usage") })
            #expect(chunks.first?["choices"][0]["delta"].keys == ["role", "content"])
            #expect(chunks.last?["choices"][0]["delta"].keys == [])
            #expect(chunks.last?["choices"][0]["finish_reason"].string == "stop")
            #expect(chunks.dropLast().allSatisfy { !$0["choices"][0]["finish_reason"].exists })
        }
    }

    @Test func usageComesLastAndOnlyIfWanted() async throws {
        try await ScriptedServer.with(.saying("Hi")) { client in
            let (_, events) = try await stream(
                client, Self.hello + #","stream":true,"stream_options":{"include_usage":true}}"#)
            #expect(events.isDone)
            let chunks = events.chunks
            #expect(chunks.dropLast().allSatisfy { $0.keys.contains("usage") && !$0["usage"].exists })
            #expect(chunks.last?["choices"].array.isEmpty == true)
            #expect(chunks.last?["usage"]["completion_tokens"].number == 2)
            #expect(chunks.last?["timings"].exists == true)
        }
    }

    @Test func severalChoicesKeepApart() async throws {
        let service = ScriptedService { _, _ in
            [
                .text("a"), .text("x", choice: 1), .text("b", finish: .stopString("!")),
                .text("y", choice: 1, finish: .length), .end(),
            ]
        }
        try await ScriptedServer.with(service) { client in
            let whole = try await client.json("/v1/chat/completions", Self.hello + #","n":2}"#)
            #expect(whole.json["choices"].array.map { $0["message"]["content"].string } == ["ab", "xy"])
            #expect(whole.json["choices"].array.map { $0["finish_reason"].string } == ["stop", "length"])
            let (_, events) = try await stream(client, Self.hello + #","n":2,"stream":true}"#)
            #expect(events.content(0) == "ab" && events.content(1) == "xy")
            #expect(events.chunks.prefix(2).map { $0["choices"][0]["index"].number } == [0, 1])
        }
    }

    @Test func probabilitiesOfTokens() async throws {
        try await ScriptedServer.with(.saying("é!")) { client in
            let body = Self.hello + #","logprobs":true,"top_logprobs":1"#
            let whole = try await client.json("/v1/chat/completions", body + "}")
            let tokens = whole.json["choices"][0]["logprobs"]["content"].array
            #expect(tokens.map { $0["token"].string } == ["é", "!"])
            #expect(tokens[0]["bytes"].array.map(\.number) == [195, 169])
            #expect(tokens[0]["logprob"].number == -0.25)
            #expect(tokens[0]["top_logprobs"][0]["token"].string == "é")
            let (_, events) = try await stream(client, body + #","stream":true}"#)
            let streamed = events.chunks.flatMap { $0["choices"][0]["logprobs"]["content"].array }
            #expect(streamed.map { $0["token"].string } == ["é", "!"])
        }
    }

    @Test func parametersReachTheModel() async throws {
        let service = ScriptedService.saying("x")
        try await ScriptedServer.with(service) { client in
            let body = """
                ,"temperature":0.5,"top_k":40,"top_p":0.9,"min_p":0.05,"typical_p":0.8,"repetition_penalty":1.1,
                "presence_penalty":-1,"frequency_penalty":2,"logit_bias":{"65":-100,"66":1.5},"seed":-7,"stop":["a","b"],
                "max_completion_tokens":9,"min_tokens":2,"ignore_eos":true,"n":2,"unheard_of":{"x":[1]},"user":"me",
                "store":false,"metadata":{"a":"b"},"reasoning_effort":"none","service_tier":"auto",
                "chat_template_kwargs":{"documents":[]}}
                """
            #expect(try await client.post("/v1/chat/completions", json: Self.hello + body).status == 200)
            let request = try #require(service.log.requests.first)
            var expected = SamplingOptions()
            (expected.temperature, expected.topK, expected.topP, expected.minP) = (0.5, 40, 0.9, 0.05)
            (expected.typicalP, expected.repetitionPenalty) = (0.8, 1.1)
            (expected.presencePenalty, expected.frequencyPenalty) = (-1, 2)
            (expected.logitBias, expected.seed) = ([65: -100, 66: 1.5], UInt64(bitPattern: -7))
            #expect(request.sampling == expected)
            #expect(request.stop == ["a", "b"] && request.maxTokens == 9 && request.minTokens == 2)
            #expect(request.ignoresEndOfGeneration && request.choices == 2)
            guard case .chat(let prompt) = service.log.inputs[0] else { throw WrongInput() }
            #expect(prompt.variables["enable_thinking"] == false && prompt.variables["documents"] == [])
            #expect(prompt.tools == nil)
        }
    }

    private struct WrongInput: Error {}

    @Test func withoutParametersTheDefaultsAreOpenAIs() async throws {
        let service = ScriptedService.saying("x")
        try await ScriptedServer.with(service) { client in
            _ = try await client.post("/v1/chat/completions", json: Self.hello + #","top_p":0,"stop":null}"#)
            let request = try #require(service.log.requests.first)
            #expect(request.sampling.temperature == 1 && request.sampling.topK == 1 && request.sampling.topP == 1)
            #expect(request.maxTokens == nil && request.topLogprobs == nil && request.choices == 1)
        }
    }

    @Test func messagesReachTheTemplateInItsForm() async throws {
        let service = ScriptedService.saying("x")
        try await ScriptedServer.with(service) { client in
            let body = """
                {"model":"fake","messages":[{"role":"developer","content":"Be brief."},
                {"role":"user","name":"Ann","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]},
                {"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",
                "function":{"name":"f","arguments":"{\\"z\\":1,\\"a\\":[2]}"}}]},
                {"role":"tool","tool_call_id":"call_1","content":"3"}]}
                """
            #expect(try await client.post("/v1/chat/completions", json: body).status == 200)
            guard case .chat(let prompt) = service.log.inputs[0] else { throw WrongInput() }
            #expect(prompt.messages.map(\.role) == ["system", "user", "assistant", "tool"])
            #expect(prompt.messages[1].content == "one\ntwo" && prompt.messages[1].extra["name"] == "Ann")
            #expect(prompt.messages[2].content == TemplateValue.none)
            #expect(
                prompt.messages[2].extra["tool_calls"] == [
                    ["id": "call_1", "type": "function", "function": ["name": "f", "arguments": ["z": 1, "a": [2]]]]
                ])
            #expect(prompt.messages[3].extra["tool_call_id"] == "call_1")
        }
    }

    @Test func theAnswerCanBeHeldToJSON() async throws {
        let service = ScriptedService.saying("{}")
        try await ScriptedServer.with(service) { client in
            for format in [
                #"{"type":"json_object"}"#,
                #"{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object"}}}"#,
            ] {
                _ = try await client.post(
                    "/v1/chat/completions", json: Self.hello + #","response_format":\#(format)}"#)
                #expect(service.log.requests.last?.grammar != nil)
            }
            _ = try await client.post(
                "/v1/chat/completions", json: Self.hello + #","response_format":{"type":"text"}}"#)
            #expect(service.log.requests.count == 3 && service.log.requests.last?.grammar == nil)
        }
    }
}

/// Functions in chat answers.
@Suite struct OpenAIToolTests {
    static let tools = """
        ,"tools":[{"type":"function","function":{"name":"weather","description":"d","parameters":{"type":"object",
        "properties":{"city":{"type":"string"}},"required":["city"]}}},{"type":"function","function":{"name":"now"}}]
        """
    static let body = OpenAIChatTests.hello + tools
    static let said =
        "I look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>\n"
        + "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"

    @Test func callsAreReadOutOfTheText() async throws {
        let service = ScriptedService.saying(Self.said)
        try await ScriptedServer.with(service) { client in
            let whole = try await client.json("/v1/chat/completions", Self.body + "}")
            let choice = whole.json["choices"][0]
            #expect(choice["finish_reason"].string == "tool_calls")
            #expect(choice["message"]["content"].string == "I look.")
            let calls = choice["message"]["tool_calls"].array
            #expect(calls.map { $0["function"]["name"].string } == ["weather", "now"])
            #expect(calls.map { $0["function"]["arguments"].string } == [#"{"city": "Oslo"}"#, "{}"])
            #expect(calls.allSatisfy { $0["type"].string == "function" && $0["id"].string?.hasPrefix("call_") == true })
            #expect(calls[0]["id"].string != calls[1]["id"].string)
            #expect(service.log.requests[0].grammar == nil)

            let answer = try await client.post("/v1/chat/completions", json: Self.body + #","stream":true}"#)
            let events = EventStream(answer.text)
            #expect(events.isDone && events.content() == "I look.")
            let deltas = events.chunks.flatMap { $0["choices"][0]["delta"]["tool_calls"].array }
            #expect(deltas.map { $0["index"].number } == [0, 0, 1, 1])
            #expect(deltas[0]["id"].string?.hasPrefix("call_") == true && deltas[0]["type"].string == "function")
            #expect(deltas[0]["function"]["name"].string == "weather")
            #expect(deltas[0]["function"]["arguments"].string == "")
            #expect(deltas[1]["function"]["arguments"].string == #"{"city": "Oslo"}"#)
            #expect(events.chunks.last?["choices"][0]["finish_reason"].string == "tool_calls")
        }
    }

    @Test func aCallAloneHasNoContent() async throws {
        try await ScriptedServer.with(.saying(#"<tool_call>{"name": "now", "arguments": {}}</tool_call>"#)) { client in
            let answer = try await client.json("/v1/chat/completions", Self.body + "}")
            let message = answer.json["choices"][0]["message"]
            #expect(message.keys.contains("content") && !message["content"].exists)
        }
    }

    @Test func aBadCallIsText() async throws {
        let said = #"<tool_call>{"name": "nobody", "arguments": {"#
        try await ScriptedServer.with(.saying(said)) { client in
            let answer = try await client.json("/v1/chat/completions", Self.body + "}")
            #expect(answer.status == 200)
            let choice = answer.json["choices"][0]
            #expect(choice["message"]["content"].string == said)
            #expect(!choice["message"]["tool_calls"].exists)
            #expect(choice["finish_reason"].string == "stop")
        }
    }

    @Test(arguments: [
        #""required""#, #"{"type":"function","function":{"name":"weather"}}"#,
    ])
    func anEnforcedCallHasAGrammar(choice: String) async throws {
        let said = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>"
        let service = ScriptedService.saying(said)
        try await ScriptedServer.with(service) { client in
            let answer = try await client.post(
                "/v1/chat/completions", json: Self.body + #","stream":true,"tool_choice":\#(choice)}"#)
            let deltas = EventStream(answer.text).chunks.flatMap { $0["choices"][0]["delta"]["tool_calls"].array }
            #expect(deltas.compactMap { $0["function"]["arguments"].string }.joined() == #"{"city": "Oslo"}"#)
            // As they are written, not at the end.
            #expect(deltas.count > 5)
            #expect(service.log.requests[0].grammar != nil)
        }
    }

    @Test func noneMeansThatTheModelIsNotTold() async throws {
        let service = ScriptedService.saying(Self.said)
        try await ScriptedServer.with(service) { client in
            let answer = try await client.json("/v1/chat/completions", Self.body + #","tool_choice":"none"}"#)
            #expect(answer.json["choices"][0]["message"]["content"].string == Self.said)
            guard case .chat(let prompt) = service.log.inputs[0] else { return }
            #expect(prompt.tools == nil)
        }
    }

    @Test func aMarkThatIsAControlTokenIsPutBack() async throws {
        let call = #"[{"name": "now", "arguments": {}}]"#
        let service = ScriptedService(template: "{{ tools }} [TOOL_CALLS]") { _, _ in
            [
                .text("Well. "),
                .event(.piece(GenerationPiece(choice: 0, text: "", ids: [ByteTokenizer.toolMark]))),
                .text(call, finish: .endOfGeneration(ByteTokenizer.end)), .end(),
            ]
        }
        try await ScriptedServer.with(service) { client in
            let answer = try await client.json("/v1/chat/completions", Self.body + "}")
            let message = answer.json["choices"][0]["message"]
            #expect(message["content"].string == "Well.")
            #expect(message["tool_calls"][0]["function"]["name"].string == "now")
            #expect(message["tool_calls"][0]["id"].string?.count == 9)
        }
    }

    @Test(arguments: ["{{ messages }}", "{{ messages }} {{ tools }}"])
    func aModelWithoutThemSaysSo(template: String) async throws {
        try await ScriptedServer.with(.saying("x", template: template)) { client in
            let answer = try await client.json("/v1/chat/completions", Self.body + "}")
            #expect(answer.status == 400)
            #expect(answer.json["error"]["param"].string == "tools")
            #expect(answer.json["error"]["message"].string?.contains("chat template") == true)
        }
    }
}

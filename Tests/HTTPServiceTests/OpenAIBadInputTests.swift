import Generation
@testable import HTTPService
import SelfTest
import TestSupport
import Testing

/// What clients of OpenAI's routes get wrong: a 400 that names the parameter, and never a 5xx.
@Suite struct OpenAIBadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var fields: String
        var param: String?
        /// What the message must contain.
        var says: String
        var code: String
        var path: String
        var testDescription: String { "\(path) \(fields.prefix(80))" }
    }

    private static func chat(_ fields: String, _ param: String?, _ says: String, _ code: String = "invalid_value")
        -> Case
    {
        Case(fields: fields, param: param, says: says, code: code, path: "/v1/chat/completions")
    }

    private static func completion(
        _ fields: String, _ param: String?, _ says: String, _ code: String = "invalid_value"
    ) -> Case { Case(fields: fields, param: param, says: says, code: code, path: "/v1/completions") }

    private static let ranges: [(name: String, bad: [String])] = [
        ("temperature", ["-0.1", "2.1", "1e300", "-5"]), ("top_p", ["-1", "1.01"]), ("min_p", ["-0.5", "2"]),
        ("typical_p", ["0", "-1", "1.5"]), ("repetition_penalty", ["0", "-1", "1e9"]),
        ("presence_penalty", ["-2.1", "3"]), ("frequency_penalty", ["-3", "2.5"]), ("top_k", ["-2", "1e12", "1.5"]),
        ("n", ["0", "-1", "129", "1e300"]), ("min_tokens", ["-1", "0.5"]), ("seed", ["1.5", "1e30"]),
    ]

    static let numbers: [Case] = ranges.flatMap { name, bad in
        bad.map { chat(#""\#(name)":\#($0)"#, name, "\(name) must be") }
            + [#""1""#, "true", "[]", "{}"].map { chat(#""\#(name)":\#($0)"#, name, "must be", "invalid_type") }
            + ["1e999", "NaN", "-Infinity"].map { chat(#""\#(name)":\#($0)"#, name, "finite number") }
            + bad.prefix(1).map { completion(#""prompt":"x","\#(name)":\#($0)"#, name, "\(name) must be") }
    }

    static let types: [Case] = [
        chat(#""stream":"yes""#, "stream", "true or false", "invalid_type"),
        chat(#""stream":1"#, "stream", "true or false", "invalid_type"),
        chat(#""stream_options":{}"#, "stream_options", "unless stream is true"),
        chat(#""stream":true,"stream_options":[]"#, "stream_options", "an object", "invalid_type"),
        chat(
            #""stream":true,"stream_options":{"include_usage":1}"#, "stream_options.include_usage", "true or false",
            "invalid_type"),
        chat(#""stop":7"#, "stop", "a string or an array", "invalid_type"),
        chat(#""stop":["a",7]"#, "stop[1]", "a string", "invalid_type"),
        chat(#""stop":[""]"#, "stop[0]", "1 to 4096 bytes"),
        chat(
            #""stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"]"#, "stop",
            "at most 16"),
        chat(#""logit_bias":[1]"#, "logit_bias", "an object", "invalid_type"),
        chat(#""logit_bias":{"x":1}"#, "logit_bias", "token ids"),
        chat(#""logit_bias":{"-1":1}"#, "logit_bias", "token ids"),
        chat(#""logit_bias":{"5":101}"#, "logit_bias.5", "from -100 to 100"),
        chat(#""logit_bias":{"5":"a"}"#, "logit_bias.5", "a number", "invalid_type"),
        chat(#""logit_bias":{"5":null}"#, "logit_bias.5", "a number", "invalid_type"),
        chat(#""logit_bias":{"100000":1}"#, "logit_bias", "below 258; 100000 is not"),
        chat(#""max_tokens":0"#, "max_tokens", "from 1 to 1000000000"),
        chat(#""max_tokens":-5"#, "max_tokens", "from 1 to 1000000000"),
        chat(#""max_tokens":9223372036854775807"#, "max_tokens", "from 1 to 1000000000"),
        chat(#""max_tokens":"5""#, "max_tokens", "a whole number", "invalid_type"),
        chat(#""max_completion_tokens":0"#, "max_completion_tokens", "from 1 to 1000000000"),
        chat(#""max_tokens":5,"max_completion_tokens":6"#, "max_tokens", "left out"),
        chat(#""max_tokens":5,"min_tokens":6"#, "min_tokens", "at most as large as the 5"),
        chat(#""ignore_eos":"no""#, "ignore_eos", "true or false", "invalid_type"),
        chat(#""logprobs":3"#, "logprobs", "true or false", "invalid_type"),
        chat(#""top_logprobs":3"#, "top_logprobs", "unless logprobs is true"),
        chat(#""logprobs":true,"top_logprobs":21"#, "top_logprobs", "from 0 to 20"),
        chat(#""user":5"#, "user", "a string", "invalid_type"),
        chat(#""reasoning_effort":"huge""#, "reasoning_effort", "one of"),
        chat(#""chat_template_kwargs":{"messages":[]}"#, "chat_template_kwargs.messages", "left out"),
        completion(#""prompt":null"#, "prompt", "missing prompt", "missing_parameter"),
        completion(#""prompt":5"#, "prompt", "an array of token ids", "invalid_type"),
        completion(#""prompt":[]"#, "prompt", "at least one prompt"),
        completion(#""prompt":[[]]"#, "prompt[0]", "at least one token id"),
        completion(#""prompt":["a",1]"#, "prompt[1]", "a string", "invalid_type"),
        completion(#""prompt":[1,"a"]"#, "prompt[1]", "a token id", "invalid_type"),
        completion(#""prompt":[1,-1]"#, "prompt[1]", "from 0 on"),
        completion(#""prompt":[1,1e10]"#, "prompt[1]", "from 0 on"),
        completion(#""prompt":[[1],"a"]"#, "prompt[1]", "an array of token ids", "invalid_type"),
        completion(#""prompt":[97,5000]"#, "prompt", "258; 5000 is not"),
        completion(#""prompt":[{}]"#, "prompt[0]", "a token id", "invalid_type"),
        completion(#""prompt":"x","logprobs":6"#, "logprobs", "from 0 to 5"),
        completion(#""prompt":"x","logprobs":true"#, "logprobs", "a whole number", "invalid_type"),
        completion(#""prompt":"x","echo":"yes""#, "echo", "true or false", "invalid_type"),
        completion(#""prompt":["a","b"],"n":65"#, "n", "at most 128 answers"),
        completion(#""prompt":"x","max_tokens":-1"#, "max_tokens", "from 0 to 1000000000"),
    ]

    static let unsupported: [Case] =
        [
            (#""audio":{"voice":"alloy"}"#, "audio"), (#""modalities":["text","audio"]"#, "modalities"),
            (#""prediction":{}"#, "prediction"), (#""web_search_options":{}"#, "web_search_options"),
            (#""functions":[]"#, "functions"), (#""function_call":"auto""#, "function_call"),
            (#""store":true"#, "store"),
            (#""verbosity":"low""#, "verbosity"), (#""grammar":"root ::= x""#, "grammar"),
            (#""stream":true,"stream_options":{"include_obfuscation":true}"#, "stream_options.include_obfuscation"),
            (
                #""tools":[{"type":"function","function":{"name":"f"}}],"response_format":{"type":"json_object"}"#,
                "response_format"
            ),
            (#""tools":[{"type":"custom","custom":{}}]"#, "tools[0].type"),
        ].map { chat($0.0, $0.1, "is not supported", "unsupported_parameter") } + [
            completion(#""prompt":"x","suffix":"y""#, "suffix", "is not supported", "unsupported_parameter"),
            completion(#""prompt":"x","best_of":2"#, "best_of", "is not supported", "unsupported_parameter"),
            completion(#""prompt":"x","messages":[]"#, "messages", "is not supported", "unsupported_parameter"),
        ]

    static let formats: [Case] = [
        chat(#""response_format":"json""#, "response_format", "an object", "invalid_type"),
        chat(#""response_format":{}"#, "response_format.type", "missing", "missing_parameter"),
        chat(#""response_format":{"type":"xml"}"#, "response_format.type", "json_schema"),
        chat(
            #""response_format":{"type":"json_schema"}"#, "response_format.json_schema", "missing", "missing_parameter"),
        chat(
            #""response_format":{"type":"json_schema","json_schema":{"schema":{}}}"#,
            "response_format.json_schema.name", "missing", "missing_parameter"),
        chat(
            #""response_format":{"type":"json_schema","json_schema":{"name":"a b","schema":{}}}"#,
            "response_format.json_schema.name", "letters"),
        chat(
            #""response_format":{"type":"json_schema","json_schema":{"name":"a"}}"#,
            "response_format.json_schema.schema", "missing", "missing_parameter"),
        chat(#""tools":{}"#, "tools", "an array", "invalid_type"),
        chat(#""tools":[1]"#, "tools[0]", "an object", "invalid_type"),
        chat(#""tools":[{}]"#, "tools[0].type", "missing", "missing_parameter"),
        chat(#""tools":[{"type":"function"}]"#, "tools[0].function", "missing", "missing_parameter"),
        chat(#""tools":[{"type":"function","function":{}}]"#, "tools[0].function.name", "missing", "missing_parameter"),
        chat(#""tools":[{"type":"function","function":{"name":"a b"}}]"#, "tools[0].function.name", "letters"),
        chat(
            #""tools":[{"type":"function","function":{"name":"a","parameters":[]}}]"#, "tools[0].function.parameters",
            "an object", "invalid_type"),
        chat(
            #""tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"a"}}]"#,
            "tools[1].function.name", "unlike"),
        chat(#""tool_choice":"required""#, "tool_choice", "no tools"),
        chat(#""tool_choice":"perhaps""#, "tool_choice", "none, auto, required"),
        chat(#""tool_choice":1"#, "tool_choice", "a string or an object", "invalid_type"),
        chat(
            #""tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"function","function":{"name":"b"}}"#,
            "tool_choice.function.name", "one of the tools"),
        chat(#""parallel_tool_calls":"no""#, "parallel_tool_calls", "true or false", "invalid_type"),
    ]

    @Test func everyBadParameterIsNamed() async throws {
        try await ScriptedServer.with(.saying("x")) { client in
            for bad in Self.numbers + Self.types + Self.unsupported + Self.formats {
                let head = bad.path == "/v1/completions" ? "" : #""messages":[{"role":"user","content":"Hi"}],"#
                let answer = try await client.post(bad.path, json: #"{"model":"fake",\#(head)\#(bad.fields)}"#)
                let error = JSON(answer)["error"]
                #expect(answer.status == 400, "\(bad)")
                #expect(error.keys == ["message", "type", "param", "code"], "\(bad)")
                #expect(error["param"].string == bad.param, "\(bad)")
                #expect(error["code"].string == bad.code, "\(bad)")
                #expect(error["type"].string == "invalid_request_error")
                #expect(error["message"].string?.contains(bad.says) == true, "\(bad): \(answer.text)")
            }
            #expect(try await client.post("/v1/chat/completions", json: OpenAIChatTests.hello + "}").status == 200)
        }
    }

    static let messages: [(messages: String, param: String, says: String)] = [
        ("null", "messages", "missing messages"), ("[]", "messages", "at least one"),
        (#""Hi""#, "messages", "an array"),
        ("[1]", "messages[0]", "an object"), ("[{}]", "messages[0].role", "missing"),
        (#"[{"role":"king","content":"x"}]"#, "messages[0].role", "one of system"),
        (#"[{"role":1,"content":"x"}]"#, "messages[0].role", "a string"),
        (#"[{"role":"function","name":"f","content":"x"}]"#, "messages[0].role", "send tool"),
        (#"[{"role":"user"}]"#, "messages[0].content", "missing"),
        (#"[{"role":"user","content":null}]"#, "messages[0].content", "missing"),
        (#"[{"role":"user","content":5}]"#, "messages[0].content", "array of parts"),
        (#"[{"role":"user","content":[]}]"#, "messages[0].content", "at least one part"),
        (#"[{"role":"user","content":["x"]}]"#, "messages[0].content[0]", "an object"),
        (
            #"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}}]}]"#,
            "messages[0].content[1].type", "image_url parts are not read"
        ),
        (#"[{"role":"user","content":[{"type":"text"}]}]"#, "messages[0].content[0].text", "missing"),
        (#"[{"role":"user","content":"a"},{"role":"assistant"}]"#, "messages[1].content", "missing"),
        (#"[{"role":"tool","content":"a"}]"#, "messages[0].tool_call_id", "missing"),
        (
            #"[{"role":"user","content":"a","tool_calls":[{}]}]"#, "messages[0].tool_calls",
            "unless the role is assistant"
        ),
        (#"[{"role":"assistant","tool_calls":[5]}]"#, "messages[0].tool_calls[0]", "an object"),
        (#"[{"role":"assistant","tool_calls":[{"id":"a"}]}]"#, "messages[0].tool_calls[0].function", "missing"),
        (
            #"[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{oops"}}]}]"#,
            "messages[0].tool_calls[0].function.arguments", "a JSON object"
        ),
        (#"[{"role":"assistant","content":"a","function_call":{}}]"#, "messages[0].function_call", "send tool_calls"),
    ]

    @Test func everyBadMessageIsNamed() async throws {
        try await ScriptedServer.with(.saying("x")) { client in
            for bad in Self.messages {
                let answer = try await client.json(
                    "/v1/chat/completions", #"{"model":"fake","messages":\#(bad.messages)}"#)
                #expect(answer.status == 400, "\(bad.messages)")
                #expect(answer.json["error"]["param"].string == bad.param, "\(bad.messages)")
                #expect(answer.json["error"]["message"].string?.contains(bad.says) == true, "\(bad.messages)")
            }
        }
    }

    @Test func bodiesAndModels() async throws {
        try await ScriptedServer.with(.saying("x")) { client in
            for path in ["/v1/chat/completions", "/v1/completions"] {
                for body in [
                    "", "{", "[1]", "hello", #"{"model":"#, String(repeating: "[", count: 9999), #"{"a":01}"#,
                    #"{"a":-}"#, #"{"a":1.}"#, #"{"a":.5}"#, #"{"a":1e}"#, #"{"a":+1}"#, #"{"a":"\ud800"}"#,
                    #"{"a":"\udc00"}"#, #"{"a":"\ud800\u0041"}"#, #"{"a":"\ud800x"}"#,
                ] {
                    let answer = try await client.json(path, body)
                    #expect(
                        answer.status == 400 && answer.json["error"]["code"].string == "invalid_json",
                        "\(body.prefix(20))")
                }
                for body in ["{}", #"{"model":null}"#, #"{"model":""}"#] {
                    let answer = try await client.json(path, body)
                    #expect(answer.status == 400 && answer.json["error"]["param"].string == "model")
                }
                #expect(try await client.json(path, #"{"model":5}"#).json["error"]["code"].string == "invalid_type")
                let form = try await client.request(
                    "POST", path, headers: ["content-type": "application/x-www-form-urlencoded"],
                    body: Array("a=b".utf8))
                #expect(form.status == 415)
                let large = try await client.post(path, json: #"{"x":"\#(String(repeating: "x", count: 3_000_000))"}"#)
                #expect(large.status == 413)
                let unknown = try await client.json(
                    path,
                    #"{"model":"nope","prompt":"x","messages":[{"role":"user","content":"x"}]}"#
                        .replacing(
                            path.contains("chat") ? #""prompt":"x","# : #","messages":[{"role":"user","content":"x"}]"#,
                            with: ""))
                #expect(unknown.status == 404)
                #expect(unknown.json["error"]["code"].string == "model_not_found")
                #expect(unknown.json["error"]["param"].string == "model")
            }
        }
    }

    @Test func aPromptOfAMegabyteReachesTheModel() async throws {
        let service = ScriptedService.saying("x")
        try await ScriptedServer.with(service) { client in
            let long = String(repeating: "word ", count: 200_000)
            let answer = try await client.post("/v1/completions", json: #"{"model":"fake","prompt":"\#(long)"}"#)
            #expect(answer.status == 200)
            let chat = OpenAIChatTests.hello.replacing("Hi", with: long) + "}"
            #expect(try await client.post("/v1/chat/completions", json: chat).status == 200)
        }
    }

    @Test func aModelWithoutATemplateTakesNoMessages() async throws {
        try await ScriptedServer.with(.saying("x", template: nil)) { client in
            let answer = try await client.json("/v1/chat/completions", OpenAIChatTests.hello + "}")
            #expect(answer.status == 400)
            #expect(answer.json["error"]["code"].string == "no_chat_template")
            #expect(try await client.post("/v1/completions", json: #"{"model":"fake","prompt":"x"}"#).status == 200)
        }
    }
}

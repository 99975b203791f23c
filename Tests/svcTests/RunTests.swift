import Foundation
import TestSupport
import Testing

/// `svc run`, as on a command line.
@Suite struct RunTests {
    static let chatModel = "smollm2-135m-instruct"
    static let baseModel = "gemma-3-270m"
    static let question = "What is the capital of France?"

    static func tiny(_ name: String) -> String { Fixtures.path("generation/tiny/\(name).gguf") }

    struct Answer: Decodable {
        struct Usage: Decodable {
            var promptTokens: Int
            var cachedTokens: Int
            var completionTokens: Int
        }

        struct Stop: Decodable {
            var kind: String
            var tokenId: Int?
            var token: String?
            var string: String?
        }

        var model: String
        var text: String
        var finishReason: String
        var stop: Stop
        var usage: Usage
        var timings: [String: Double]
    }

    private struct Envelope: Decodable {
        var status: String
        var command: String
        var data: Answer
    }

    /// What `--json` says.
    static func answer(_ arguments: [String], input: String? = nil) async throws -> Answer {
        let outcome = try await Programs.run(["run"] + arguments + ["--json"], input: input)
        #expect(outcome.code == 0, "\(outcome.error)\(outcome.output)")
        #expect(outcome.output.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let envelope = try decoder.decode(Envelope.self, from: Data(outcome.output.utf8))
        #expect(envelope.status == "ok" && envelope.command == "run")
        return envelope.data
    }

    // MARK: What is answered

    @Test func aChatModelAnswersAndWhatIsStreamedIsWhatJSONSays() async throws {
        let plain = try await Programs.run(["run", Self.chatModel, Self.question])
        #expect(plain.code == 0)
        #expect(plain.output.contains("Paris"))
        #expect(!plain.output.contains("<|im_end|>") && plain.error.isEmpty)
        let json = try await Self.answer([Self.chatModel, Self.question])
        #expect(json.text == plain.output)
        #expect(json.model == Self.chatModel)
        #expect(json.finishReason == "stop" && json.stop.kind == "end_token" && json.stop.token == "<|im_end|>")
        #expect(json.usage.promptTokens > 10 && json.usage.cachedTokens == 0 && json.usage.completionTokens > 3)
        for key in ["load_ms", "queue_ms", "prefill_ms", "decode_ms", "decode_tokens_per_second"] {
            #expect(json.timings.keys.contains { $0 == key || $0 == Self.camel(key) }, "\(key)")
        }
    }

    /// The decoder turns the keys of dictionaries too.
    private static func camel(_ key: String) -> String {
        let words = key.split(separator: "_")
        return ([String(words[0])] + words.dropFirst().map(\.capitalized)).joined()
    }

    @Test(arguments: [question, question + "\n", question + "\r\n"])
    func standardInputIsThePrompt(input: String) async throws {
        let argument = try await Programs.run(["run", Self.chatModel, "--max-tokens", "8", Self.question])
        let outcome = try await Programs.run(["run", Self.chatModel, "--max-tokens", "8"], input: input)
        #expect(outcome.code == 0)
        #expect(outcome.output == argument.output)
    }

    @Test func theSystemTextChangesTheAnswer() async throws {
        let without = try await Self.answer([Self.chatModel, "--max-tokens", "12", "Who are you?"])
        let with = try await Self.answer([
            Self.chatModel, "--max-tokens", "12", "--system", "You are a pirate named Jack.", "Who are you?",
        ])
        #expect(with.text != without.text)
    }

    @Test func aBaseModelContinuesAndRawMakesAChatModelContinue() async throws {
        let base = try await Programs.run(["run", Self.baseModel, "--max-tokens", "6", "1, 2, 3, 4, 5,"])
        #expect(base.output.hasPrefix(" 6, 7"), "\(base.output)\(base.error)")
        let chat = try await Self.answer([Self.chatModel, "--max-tokens", "3", Self.question])
        let raw = try await Self.answer([Self.chatModel, "--raw", "--max-tokens", "3", Self.question])
        #expect(raw.usage.promptTokens < chat.usage.promptTokens)
    }

    @Test func aModelIsNamedByItsPath() async throws {
        let path = Self.tiny("llama-tied")
        let answer = try await Self.answer([path, "--raw", "--ignore-eos", "--max-tokens", "5", "Once upon"])
        #expect(answer.model == "llama-tied.gguf")
        #expect(answer.finishReason == "length" && answer.usage.completionTokens == 5)
        // The ending says that it is a path.
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
        let outcome = try await Programs.run(
            URL(fileURLWithPath: "/bin/sh"),
            [
                "-c",
                "cd '\(directory.path)' && '\(Programs.svc.path)' run llama-tied.gguf --raw --max-tokens 5 'Once upon'",
            ])
        #expect(outcome.code == 0, "\(outcome.error)")
    }

    // MARK: How it is chosen, and where it ends

    @Test func aStopStringEndsTheAnswerAndIsNoPartOfIt() async throws {
        let whole = try await Self.answer([Self.chatModel, "--max-tokens", "40", Self.question])
        let stop = try #require(whole.text.range(of: "Par").map { String(whole.text[$0]) })
        let cut = try await Self.answer([
            Self.chatModel, "--max-tokens", "40", "--stop", "~~", "--stop", stop, Self.question,
        ])
        #expect(cut.text == whole.text.components(separatedBy: stop)[0])
        #expect(cut.finishReason == "stop" && cut.stop.kind == "stop_string" && cut.stop.string == stop)
    }

    @Test func aSeedRepeatsTheDraws() async throws {
        let arguments = [
            Self.chatModel, "--temperature", "1.5", "--max-tokens", "16", "--top-k", "50", "--top-p", "0.95",
            "--min-p", "0.01", "--typical-p", "0.9", "--repetition-penalty", "1.1", "--presence-penalty", "-0.5",
            "--frequency-penalty", "0.5", "Tell me a story.",
        ]
        let first = try await Self.answer(arguments + ["--seed", "7"])
        let second = try await Self.answer(arguments + ["--seed", "7"])
        let other = try await Self.answer(arguments + ["--seed", "8"])
        #expect(first.text == second.text)
        #expect(first.text != other.text)
    }

    @Test func aBiasChoosesTheToken() async throws {
        let outcome = try await Programs.run([
            "run", Self.chatModel, "--max-tokens", "1", "--logit-bias", "42=100", "--logit-bias", "43=-100",
            "--verbose",
            Self.question,
        ])
        #expect(outcome.error.hasPrefix("token 42 "), "\(outcome.error)")
    }

    @Test func lengthsAreKept() async throws {
        let most = try await Self.answer([Self.chatModel, "--max-tokens", "2", Self.question])
        #expect(most.usage.completionTokens == 2 && most.finishReason == "length" && most.stop.kind == "length")
        let least = try await Self.answer([Self.chatModel, "--min-tokens", "60", "--max-tokens", "64", Self.question])
        #expect(least.usage.completionTokens >= 60)
        let on = try await Self.answer([Self.chatModel, "--ignore-eos", "--max-tokens", "64", Self.question])
        #expect(on.usage.completionTokens == 64)
    }

    @Test func aSchemaIsFollowed() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let schema = directory.appendingPathComponent("schema.json")
            try Data(
                #"{"type":"object","properties":{"city":{"type":"string","maxLength":20}},"required":["city"],"additionalProperties":false}"#
                    .utf8
            ).write(to: schema)
            let arguments = [Self.chatModel, "--json-schema", schema.path, "--max-tokens", "60", Self.question]
            let answer = try await Self.answer(arguments)
            let object = try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: String]
            #expect(object?.keys.map { $0 } == ["city"], "\(answer.text)")
            try Data(#"{"type":"object","#.utf8).write(to: schema)
            let broken = try await Programs.run(["run"] + arguments)
            #expect(broken.code == 2 && broken.error.contains("--json-schema"), "\(broken.error)")
            try Data(#"{"type":"number","multipleOf":0.3,"not":{}}"#.utf8).write(to: schema)
            let unsupported = try await Programs.run(["run"] + arguments)
            #expect(unsupported.code == 2 && unsupported.error.contains("#"), "\(unsupported.error)")
        }
        let object = try await Self.answer([Self.chatModel, "--json-object", "--max-tokens", "3", "A JSON object:"])
        #expect(object.text.hasPrefix("{"))
    }

    @Test func verboseTellsTokensTheEndAndTheSpeed() async throws {
        let plain = try await Programs.run(["run", Self.chatModel, Self.question])
        let outcome = try await Programs.run(["run", Self.chatModel, "--verbose", Self.question])
        #expect(outcome.output == plain.output)
        let lines = outcome.error.split(separator: "\n").map(String.init)
        let tokens = lines.filter { $0.hasPrefix("token ") }
        #expect(tokens.count > 3 && tokens.dropLast().allSatisfy { $0.hasSuffix("\"") })
        let last = try #require(tokens.last)
        #expect(last.hasSuffix("<|im_end|>"), "\(last)")
        #expect(lines.contains { $0.hasPrefix("stop end token <|im_end|> (") })
        #expect(lines.contains { $0.hasPrefix("prompt ") && $0.contains("(0 cached)") && $0.hasSuffix("tokens/s") })
        #expect(lines.contains { $0.hasPrefix("answer \(tokens.count) tokens in ") && $0.hasSuffix("tokens/s") })
        let stopped = try await Programs.run(["run", Self.chatModel, "--verbose", "--stop", "Par", Self.question])
        #expect(stopped.error.contains("stop string \"Par\""))
        let long = try await Programs.run(["run", Self.chatModel, "--verbose", "--max-tokens", "2", Self.question])
        #expect(long.error.contains("stop length"))
    }

    @Test func aFilterWithoutATemperatureIsPointedOut() async throws {
        let outcome = try await Programs.run([
            "run", Self.tiny("qwen2"), "--raw", "--top-k", "5", "--max-tokens", "1", "a",
        ])
        #expect(outcome.code == 0)
        #expect(outcome.error.contains("--top-k has no effect at temperature 0"))
    }

    // MARK: How it fails

    @Test(arguments: [
        (["--temperature", "2.1"], "--temperature must be from 0.0 to 2.0"),
        (["--temperature", "nan"], "--temperature must be from 0.0 to 2.0"),
        (["--temperature", "-1"], "--temperature must be from 0.0 to 2.0"),
        (["--temperature", "warm"], "--temperature"),
        (["--top-k", "-1"], "--top-k must be from 0"),
        (["--top-p", "0"], "--top-p must be above 0 and at most 1"),
        (["--min-p", "1.5"], "--min-p must be from 0.0 to 1.0"),
        (["--typical-p", "1.1"], "--typical-p must be above 0"),
        (["--repetition-penalty", "0"], "--repetition-penalty must be above 0"),
        (["--presence-penalty", "-2.5"], "--presence-penalty must be from -2.0 to 2.0"),
        (["--frequency-penalty", "3"], "--frequency-penalty must be from -2.0 to 2.0"),
        (["--seed", "-1"], "--seed must be a whole number from 0"),
        (["--max-tokens", "0"], "--max-tokens must be from 1"),
        (["--min-tokens", "5", "--max-tokens", "4"], "--min-tokens must be from 0 to the --max-tokens 4"),
        (["--stop", ""], "--stop must not be empty"),
        (["--logit-bias", "5"], "--logit-bias 5 must be ID=BIAS"),
        (["--logit-bias", "5=101"], "from -100 to 100"),
        (["--logit-bias", "-5=1"], "a token id"),
        (["--logit-bias", "99999999=1"], "outside the vocabulary"),
        (["--json-object", "--json-schema", "/nowhere"], "exclude each other"),
        (["--json-schema", "/nowhere"], "--json-schema /nowhere"),
        (["--raw", "--system", "x"], "--raw"),
        (["--chat"], "leave PROMPT out"),
        (["--downloads", "maybe"], "maybe is not on or off"),
        (["--max-tokens", "100000"], "ask for fewer tokens"),
    ])
    func wrongFlagsAreUsageErrorsThatSayTheRange(flags: [String], says: String) async throws {
        let outcome = try await Programs.run(["run", Self.tiny("gemma3")] + flags + ["Hello"])
        #expect(outcome.code == 2, "\(outcome.error)")
        #expect(outcome.error.contains(says), "\(outcome.error)")
        #expect(outcome.output.isEmpty)
    }

    @Test func whatIsNotThereHasItsExitCode() async throws {
        try await Fixtures.withTemporaryDirectory { directory async throws in
            let whole = try Data(contentsOf: URL(fileURLWithPath: Self.tiny("llama-tied")))
            func file(_ name: String, _ data: Data) throws -> String {
                let url = directory.appendingPathComponent(name)
                try data.write(to: url)
                return url.path
            }
            let cut = try file("cut.gguf", whole.prefix(whole.count / 2))
            let noise = try file("noise.gguf", Data("not a model".utf8))
            let empty = try file("empty.gguf", Data())
            let renamed = try file("model.txt", whole)
            let cases: [(arguments: [String], environment: [String: String], code: Int32, says: String)] = [
                (["nope", "Hi"], [:], 3, "no model nope"),
                (["/nowhere.gguf", "Hi"], [:], 3, "/nowhere.gguf"),
                (["nowhere.gguf", "Hi"], [:], 3, "nowhere.gguf"),
                ([renamed, "Hi"], [:], 3, "model.txt"),
                (["--downloads", "off", Self.chatModel, "Hi"], ["SVC_HOME": directory.path], 3, "svc pull"),
                ([Self.chatModel, "Hi"], ["SVC_HOME": directory.path, "SVC_DOWNLOADS": "off"], 3, "svc pull"),
                ([cut, "Hi"], [:], 6, "cut.gguf"), ([noise, "Hi"], [:], 6, "noise.gguf"),
                ([empty, "Hi"], [:], 6, "empty.gguf"),
                (["--memory-budget", "1M", Self.chatModel, "Hi"], [:], 7, "budget"),
                (["firefox-en-pt", "Hi"], [:], 2, "is for translation"),
                ([Self.chatModel, ""], [:], 1, "the prompt is empty"),
                ([Self.tiny("qwen2"), "--raw", String(repeating: "word ", count: 400)], [:], 1, "shorten the prompt"),
            ]
            for (arguments, environment, code, says) in cases {
                let plain = try await Programs.run(["run"] + arguments, environment: environment)
                #expect(plain.code == code, "\(arguments): \(plain.error)")
                #expect(plain.error.contains(says), "\(plain.error)")
                #expect(plain.output.isEmpty)
                let json = try await Programs.run(["run"] + arguments + ["--json"], environment: environment)
                #expect(json.code == code)
                let envelope = try CommandTests.envelope(json)
                #expect(envelope.status == "error" && envelope.command == "run")
                #expect(envelope.error?.message.contains(says) == true)
            }
        }
    }

    @Test func anEmptyStandardInputIsNoPrompt() async throws {
        let outcome = try await Programs.run(["run", Self.tiny("qwen2"), "--raw"], input: "\n")
        #expect(outcome.code == 1 && outcome.error.contains("the prompt is empty"))
    }

    @Test func aReaderThatLeavesEndsItQuietly() async throws {
        let outcome = try await Programs.run(
            URL(fileURLWithPath: "/bin/bash"),
            [
                "-c",
                "'\(Programs.svc.path)' run \(Self.chatModel) --ignore-eos --max-tokens 2000 Hello | head -c 5; "
                    + "echo \" ${PIPESTATUS[0]}\"",
            ])
        #expect(outcome.output.hasSuffix(" 0\n"), "\(outcome.output)")
        #expect(outcome.error.isEmpty)
    }

    @Test func controlCEndsItWith130() async throws {
        let program = try await InteractiveProgram([
            "run", Self.chatModel, "--ignore-eos", "--max-tokens", "2000", "Tell me a story.",
        ])
        try await program.wait(for: "the answer's beginning") { !program.outputSoFar.isEmpty }
        program.interrupt()
        #expect(try await program.end() == 130)
    }

    @Test func aSchemaMayComeThroughAPipe() async throws {
        let outcome = try await Programs.run(
            URL(fileURLWithPath: "/bin/bash"),
            [
                "-c", #""$0" run "$1" --json-schema <(printf '%s' "$2") Hello"#, Programs.svc.path,
                Self.tiny("qwen3-tools"), #"{"enum":["yes","no"]}"#,
            ])
        #expect(outcome.code == 0, "\(outcome.error)")
        #expect([#""yes""#, #""no""#].contains(outcome.output))
    }
}

import Testing
import Tokenizers

@Suite("Chat templates") struct ChatTemplateTests {
    static let families = [
        "chatml", "llama-2", "llama-3", "mistral", "gemma", "qwen-3", "phi", "command-r", "deepseek", "granite",
        "zephyr", "smollm", "vicuna", "hermes", "olmo",
    ]

    @Test("every conversation reads as jinja2 renders it, or is refused in the same words", arguments: families)
    func family(_ name: String) throws {
        let contexts = try ChatTemplateFixtures.read("contexts")
        let all = try ChatTemplateFixtures.read("families")
        let family = try ChatTemplateFixtures.dictionary(all[name])
        let template = try ChatTemplateFixtures.string(family["template"])
        let results = try ChatTemplateFixtures.dictionary(family["results"])
        #expect(all.count == Self.families.count)
        #expect(results.count == contexts.count)
        for (key, result) in results {
            let context = try ChatTemplateFixtures.string(key)
            let expected = try ChatTemplateFixtures.expected(ChatTemplateFixtures.dictionary(result))
            let answer = ChatTemplateFixtures.render(
                template, try ChatTemplateFixtures.dictionary(contexts[context]))
            #expect(ChatTemplateFixtures.agree(answer, expected), "\(context): \(answer), expected \(expected)")
        }
    }

    @Test("small templates give what jinja2 gives")
    func expressions() throws {
        let file = try ChatTemplateFixtures.read("expressions")
        let variables = try ChatTemplateFixtures.dictionary(file["variables"])
        guard case .list(let cases)? = file["cases"] else {
            Issue.record("the fixture has no cases")
            return
        }
        #expect(cases.count > 200)
        for value in cases {
            let entry = try ChatTemplateFixtures.dictionary(value)
            let source = try ChatTemplateFixtures.string(entry["source"])
            let expected = try ChatTemplateFixtures.expected(entry)
            let answer = ChatTemplateFixtures.render(source, variables)
            #expect(ChatTemplateFixtures.agree(answer, expected), "\(source): \(answer), expected \(expected)")
        }
    }

    @Test("a conversation in Swift: roles, tools, further variables")
    func conversation() throws {
        let template = try ChatTemplate(
            """
            {{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ m.name }}{% endfor %}
            {% if tools %}{{ tools | tojson }}{% endif %}
            {% if add_generation_prompt %}<assistant>{% endif %}
            """)
        var extra = TemplateDictionary()
        extra["name"] = "clock"
        let messages = [
            ChatMessage(role: "user", content: "hi"), ChatMessage(role: "tool", content: "12", extra: extra),
        ]
        var variables = TemplateDictionary()
        variables["bos_token"] = "<s>"
        #expect(
            try template.render(messages: messages, tools: [["name": "f"]], variables: variables)
                == "<s><user>hi<tool>12clock[{\"name\": \"f\"}]<assistant>")
        #expect(try template.render(messages: messages, addGenerationPrompt: false) == "<user>hi<tool>12clock")
    }

    @Test(
        "the clock that is passed in is the one that is read",
        arguments: [
            (0, 0, "1970-01-01 00:00:00 Thu 001"), (951_782_400, 0, "2000-02-29 00:00:00 Tue 060"),
            (1_735_689_599, 0, "2024-12-31 23:59:59 Tue 366"), (1_735_689_599, 3600, "2025-01-01 00:59:59 Wed 001"),
            (-1, 0, "1969-12-31 23:59:59 Wed 365"),
        ])
    func clock(_ seconds: Int, _ offset: Int, _ expected: String) throws {
        let time = TemplateTime(secondsSince1970: seconds, secondsFromGMT: offset)
        let template = try ChatTemplate("{{ strftime_now('%Y-%m-%d %H:%M:%S %a %j') }}")
        #expect(try template.render(TemplateDictionary(), time: { time }) == expected)
    }

    @Test(
        "JSON keeps its order and its characters",
        arguments: [
            (#"{"b": 1, "a": [true, null, -1.5e2], "": {}}"#, #"{"b": 1, "a": [true, null, -150.0], "": {}}"#),
            (#"["\u00e9\ud83d\ude00\n\/"]"#, #"["é😀\n/"]"#),
        ])
    func json(_ source: String, _ expected: String) throws {
        var variables = TemplateDictionary()
        variables["value"] = try TemplateValue(json: source)
        #expect(try ChatTemplate("{{ value|tojson }}").render(variables) == expected)
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", "{", "[1,]", "{\"a\"}", "nul", "\"", "\"\\x\"", "\"\\u12\"", "1 2", "{1: 2}", "\"\n\"", "+1", "--1",
            String(repeating: "[", count: 100_000),
        ])
    func brokenJSON(_ source: String) {
        #expect(throws: ChatTemplateError.self) { try TemplateValue(json: source) }
    }
}

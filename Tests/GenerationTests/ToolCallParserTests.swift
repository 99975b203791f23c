import Generation
import Testing

/// Calls of functions out of the text of a model, whatever pieces it comes in.
@Suite struct ToolCallParserTests {
    /// What a text turned out to be.
    struct Reading: Equatable {
        var content = ""
        var calls: [String] = []

        init(_ events: [ToolCallEvent]) {
            for event in events {
                switch event {
                case .content(let text): content += text
                case .call(_, let name): calls.append(name + " ")
                case .arguments(let index, let text): calls[index] += text
                }
            }
        }

        init(_ content: String, _ calls: [String]) { (self.content, self.calls) = (content, calls) }
    }

    static func read(
        _ text: String, _ format: ToolCallFormat, pieces: Int, isEnforced: Bool = false, allowsSeveral: Bool = true
    ) -> [ToolCallEvent] {
        var parser = ToolCallParser(
            format: format, names: ["weather", "time"], isEnforced: isEnforced, allowsSeveral: allowsSeveral)
        var events: [ToolCallEvent] = []
        let characters = Array(text)
        for start in stride(from: 0, to: characters.count, by: pieces) {
            events += parser.add(String(characters[start..<min(start + pieces, characters.count)]))
        }
        return events + parser.finish()
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var format: ToolCallFormat
        var text: String
        var content: String
        var calls: [String]
        var testDescription: String { name }

        init(_ name: String, _ format: ToolCallFormat, _ text: String, content: String = "", _ calls: [String] = []) {
            (self.name, self.format, self.text, self.content, self.calls) = (name, format, text, content, calls)
        }
    }

    static let paris = #"weather {"city": "Paris"}"#
    static let call = #"{"name": "weather", "arguments": {"city": "Paris"}}"#

    static let cases: [Case] = [
        Case("text alone", .taggedObjects, "2 < 3, and <tool> is none. ", content: "2 < 3, and <tool> is none. "),
        Case("one tagged call", .taggedObjects, "<tool_call>\n\(call)\n</tool_call>", [paris]),
        Case(
            "text before a call", .taggedObjects, "Let me look.\n\n<tool_call>\n\(call)\n</tool_call>",
            content: "Let me look.", [paris]),
        Case(
            "two calls", .taggedObjects,
            "<tool_call>\n\(call)\n</tool_call>\n<tool_call>{\"name\":\"time\",\"arguments\":{}}</tool_call>\n",
            [paris, "time {}"]),
        Case(
            "text after a call", .taggedObjects, "<tool_call>\(call)</tool_call>Done: 1 < 2", content: "Done: 1 < 2",
            [paris]),
        Case("no closing mark", .taggedObjects, "<tool_call>\n\(call)", [paris]),
        Case(
            "arguments first", .taggedObjects,
            #"<tool_call>{"arguments": {"city": "Paris"}, "name": "weather"}</tool_call>"#, [paris]),
        Case(
            "marks and braces in strings", .taggedObjects,
            #"<tool_call>{"name": "weather", "arguments": {"city": "a}\"</tool_call>é日"}}</tool_call>"#,
            [#"weather {"city": "a}\"</tool_call>é日"}"#]),
        Case("no arguments", .taggedObjects, #"<tool_call>{"name": "time"}</tool_call>"#, ["time {}"]),
        Case(
            "an unknown function", .taggedObjects, #"<tool_call>{"name": "shell", "arguments": {}}</tool_call>"#,
            content: #"<tool_call>{"name": "shell", "arguments": {}}</tool_call>"#),
        Case(
            "no JSON", .taggedObjects, "<tool_call>weather(Paris)</tool_call> Sorry.",
            content: "<tool_call>weather(Paris)</tool_call> Sorry."),
        Case(
            "arguments that are no JSON", .taggedObjects,
            #"<tool_call>{"name": "weather", "arguments": {"city": nul}}</tool_call>"#,
            content: #"<tool_call>{"name": "weather", "arguments": {"city": nul}}</tool_call>"#),
        Case(
            "a brace forgotten", .taggedObjects, #"<tool_call>{"name": "weather", "arguments": {"a": 1}</tool_call>"#,
            content: #"<tool_call>{"name": "weather", "arguments": {"a": 1}</tool_call>"#),
        Case(
            "cut in the middle", .taggedObjects, #"Yes. <tool_call>{"name": "weather", "arg"#,
            content: #"Yes. <tool_call>{"name": "weather", "arg"#),
        Case("cut in the mark", .taggedObjects, "Yes. <tool_ca", content: "Yes. <tool_ca"),
        Case(
            "arguments as a list", .taggedObjects, #"<tool_call>{"name": "weather", "arguments": [1]}</tool_call>"#,
            content: #"<tool_call>{"name": "weather", "arguments": [1]}</tool_call>"#),
        Case(
            "a good call after a bad one", .taggedObjects, "<tool_call>oops</tool_call><tool_call>\(call)</tool_call>",
            content: "<tool_call>oops</tool_call>", [paris]),
        Case(
            "a list", .taggedList, #"<tool_call>[\#(call), {"name": "time", "arguments": {}}]</tool_call>"#,
            [paris, "time {}"]),
        Case("an empty list", .taggedList, "<tool_call>[]</tool_call>", content: "<tool_call>[]</tool_call>"),
        Case(
            "Mistral's list", .markedList, #"[TOOL_CALLS] [\#(call), {"name": "time", "arguments": {}}]"#,
            [paris, "time {}"]),
        Case("Mistral's text", .markedList, "[TOOLS] are [1, 2]", content: "[TOOLS] are [1, 2]"),
        Case("Llama's object", .bareObject, #"{"name": "weather", "parameters": {"city": "Paris"}}"#, [paris]),
        Case(
            "Llama's object after its tag", .bareObject,
            #"<|python_tag|>{"name": "weather", "parameters": {"city": "Paris"}}"#, [paris]),
        Case(
            "two objects", .bareObject,
            #"{"name": "time", "parameters": {}}; {"name": "time", "parameters": {"z": 1}}"#,
            ["time {}", #"time {"z": 1}"#]),
        Case("an answer in JSON", .bareObject, #"{"city": "Paris"} is it"#, content: #"{"city": "Paris"} is it"#),
        Case(
            "an object in a text", .bareObject, #"See {"name": "time", "parameters": {}}"#,
            content: #"See {"name": "time", "parameters": {}}"#),
        Case("Python", .bareObject, "<|python_tag|>print(1)", content: "<|python_tag|>print(1)"),
    ]

    @Test(arguments: cases, [1, 3, 1000]) func isReadWhateverThePieces(reading: Case, pieces: Int) {
        #expect(
            Reading(Self.read(reading.text, reading.format, pieces: pieces)) == Reading(reading.content, reading.calls))
    }

    @Test func aCallIsWholeBeforeAnyOfItIsShown() {
        let events = Self.read("<tool_call>\n\(Self.call)\n</tool_call>", .taggedObjects, pieces: 1)
        #expect(events == [.call(index: 0, name: "weather"), .arguments(index: 0, #"{"city": "Paris"}"#)])
    }

    @Test(arguments: [
        (ToolCallFormat.taggedObjects, "<tool_call>\n\(call)\n</tool_call>"),
        (.taggedList, "<tool_call>[\(call)]</tool_call>"),
        (.markedList, "[TOOL_CALLS][\(call)]"), (.markedList, "[\(call)]"), (.taggedObjects, call),
    ])
    func argumentsOfAnEnforcedCallComeAsTheyAreWritten(format: ToolCallFormat, text: String) {
        let events = Self.read(text, format, pieces: 1, isEnforced: true)
        #expect(Reading(events) == Reading("", [Self.paris]))
        #expect(events.count > 5)
        #expect(events.first == .call(index: 0, name: "weather"))
    }

    @Test func anEnforcedCallThatIsCutKeepsWhatThereIs() {
        let events = Self.read(
            #"{"name": "weather", "parameters": {"city": "Par"#, .bareObject, pieces: 2, isEnforced: true)
        #expect(Reading(events) == Reading("", [#"weather {"city": "Par"#]))
    }

    @Test func furtherCallsAreLeftOutWhereOneIsWanted() {
        let text = "<tool_call>\(Self.call)</tool_call><tool_call>{\"name\":\"time\",\"arguments\":{}}</tool_call>"
        for isEnforced in [false, true] {
            let events = Self.read(text, .taggedObjects, pieces: 4, isEnforced: isEnforced, allowsSeveral: false)
            #expect(Reading(events) == Reading("", [Self.paris]))
        }
    }
}

@Suite struct ToolCallFormatTests {
    @Test(arguments: [
        ("{% if tools %}<tool_call>\n{\"name\": <function-name>}</tool_call>{% endif %}", ToolCallFormat.taggedObjects),
        ("{{ tools }} <tool_call>[{\"name\": \"func_name1\"}]</tool_call>", .taggedList),
        ("{% if tools %}Environment: ipython {\"name\": , \"parameters\": }{% endif %}", .bareObject),
        ("{{ tools }}{{ '<|python_tag|>' }} parameters", .bareObject),
        ("[AVAILABLE_TOOLS]{{ tools }}[/AVAILABLE_TOOLS][TOOL_CALLS]", .markedList),
    ])
    func isToldFromTheTemplate(template: String, format: ToolCallFormat) {
        #expect(ToolCallFormat.detect(template: template) == format)
    }

    @Test(arguments: [
        "{% for message in messages %}<|im_start|>{{ message.content }}{% endfor %}", "",
        "{{ tools | tojson }}", "{{ tools }}<tool_call><function=name>", "{{ tools }}[TOOL_CALLS]name[ARGS]{}",
    ])
    func isNoneWhereNoneIsKnown(template: String) { #expect(ToolCallFormat.detect(template: template) == nil) }

    @Test func identifiersAreWhatTheTemplatesTake() {
        #expect(ToolCallFormat.taggedObjects.makeCallID().hasPrefix("call_"))
        let mistral = ToolCallFormat.markedList.makeCallID()
        #expect(mistral.count == 9 && mistral.allSatisfy { $0.isLetter || $0.isNumber })
        #expect(ToolCallFormat.bareObject.makeCallID() != ToolCallFormat.bareObject.makeCallID())
    }
}

import Generation
import Testing
import Tokenizers

/// Answers that have to be calls: what the grammar lets through is what the parser reads.
@Suite struct ToolCallGrammarTests {
    static let functions = [
        ToolFunction(
            name: "weather",
            parameters: ["type": "object", "properties": ["city": ["type": "string"]], "required": ["city"]],
            isStrict: true),
        ToolFunction(name: "now"), ToolFunction(name: "free", parameters: [:]),
    ]

    static func call(_ format: ToolCallFormat, _ name: String, _ arguments: String) -> String {
        "{\"name\": \"\(name)\", \"\(format == .bareObject ? "parameters" : "arguments")\": \(arguments)}"
    }

    static func wrapped(_ format: ToolCallFormat, _ calls: [String]) -> String {
        switch format {
        case .taggedObjects: calls.map { "<tool_call>\n\($0)\n</tool_call>" }.joined(separator: "\n")
        case .taggedList: "<tool_call>[\(calls.joined(separator: ", "))]</tool_call>"
        case .markedList: "[TOOL_CALLS][\(calls.joined(separator: ", "))]"
        case .bareObject: calls.joined()
        }
    }

    @Test(arguments: [ToolCallFormat.taggedObjects, .taggedList, .markedList, .bareObject])
    func whatIsAllowedIsReadBack(format: ToolCallFormat) throws {
        let grammar = try format.grammar(calling: Self.functions, allowsSeveral: true)
        for (name, arguments) in [
            ("weather", #"{"city": "São {\"Paulo\"}"}"#), ("now", "{}"), ("free", #"{"a": [1]}"#),
        ] {
            let text = Self.wrapped(format, [Self.call(format, name, arguments)])
            #expect(GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
            let events = ToolCallParserTests.Reading(events(text, format))
            #expect(events == .init("", ["\(name) \(arguments)"]))
        }
        for (name, arguments) in [
            ("weather", "{}"), ("now", #"{"a": 1}"#), ("other", "{}"), ("free", "1"), ("free", #"{"a": 1,}"#),
        ] {
            let text = Self.wrapped(format, [Self.call(format, name, arguments)])
            #expect(!GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
        }
        #expect(!GrammarFixtures.accepts(grammar, "Sorry.".utf8))
        let two = Self.wrapped(format, [Self.call(format, "now", "{}"), Self.call(format, "now", "{}")])
        #expect(GrammarFixtures.accepts(grammar, two.utf8) == (format != .bareObject))
        let single = try format.grammar(calling: Self.functions, allowsSeveral: false)
        #expect(!GrammarFixtures.accepts(single, two.utf8))
    }

    private func events(_ text: String, _ format: ToolCallFormat) -> [ToolCallEvent] {
        var parser = ToolCallParser(format: format, names: Self.functions.map(\.name), isEnforced: true)
        return text.map(String.init).flatMap { parser.add($0) } + parser.finish()
    }

    @Test func marksThatAreControlTokensAreLeftOut() throws {
        let grammar = try ToolCallFormat.markedList.grammar(
            calling: Self.functions, allowsSeveral: true, hasHiddenMarks: true)
        let text = "[\(Self.call(.markedList, "now", "{}"))]"
        #expect(GrammarFixtures.accepts(grammar, text.utf8))
        #expect(ToolCallParserTests.Reading(events(text, .markedList)) == .init("", ["now {}"]))
    }

    @Test func strictFunctionsMayBeCalledAfterText() throws {
        let grammar = try #require(
            try ToolCallFormat.taggedObjects.grammar(allowing: Self.functions, allowsSeveral: true))
        let good = Self.wrapped(.taggedObjects, [Self.call(.taggedObjects, "weather", #"{"city": "Oslo"}"#)])
        let free = Self.wrapped(.taggedObjects, [Self.call(.taggedObjects, "now", #"{"a": 1}"#)])
        let bad = Self.wrapped(.taggedObjects, [Self.call(.taggedObjects, "weather", #"{"city": 5}"#)])
        for text in ["", "No need.", "I look.\n\(good)", "\(good)\n\(free)"] {
            #expect(GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
        }
        for text in [bad, "I look.\n\(bad)", "<tool_call>"] {
            #expect(!GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
        }
        #expect(try ToolCallFormat.bareObject.grammar(allowing: Self.functions, allowsSeveral: true) == nil)
    }

    @Test func aSchemaThatIsNotSupportedIsNamed() {
        let function = ToolFunction(name: "f", parameters: ["type": "object", "if": ["type": "object"]])
        let error = #expect(throws: GrammarError.self) {
            _ = try ToolCallFormat.taggedObjects.grammar(calling: [function], allowsSeveral: true)
        }
        #expect(error?.description.contains("if") == true)
    }
}

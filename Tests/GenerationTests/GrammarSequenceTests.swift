import Generation
import Testing
import Tokenizers

/// Parts one after the other, as forced tool calls need them.
@Suite struct GrammarSequenceTests {
    private static func schema(_ text: String) throws -> TemplateValue { try TemplateValue(json: text) }

    @Test func toolCallsAfterFreeText() throws {
        let call: [Grammar.Part] = [
            .literal("<tool_call>\n"),
            .anyOf([
                [
                    .literal(#"{"name": "add", "arguments": "#),
                    .schema(try Self.schema(#"{"properties":{"x":{"type":"integer"}},"required":["x"]}"#)),
                ],
                [
                    .literal(#"{"name": "now", "arguments": "#),
                    .schema(try Self.schema(#"{"type":"object","additionalProperties":false}"#)),
                ],
            ]),
            .literal("}\n</tool_call>"),
        ]
        let grammar = try Grammar.sequence([
            .text(until: ["<tool_call>"]), .repeated(call, separator: "\n", minimum: 1, maximum: 2),
        ])
        let add = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"x\": 1}}\n</tool_call>"
        let now = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"
        for text in [add, now, "Let me see <tool_cal: \(add)", "\(add)\n\(now)", "é漢😀\n\(now)"] {
            #expect(GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
        }
        for text in [
            "", "no call", "<tool_call>\(add)", "\(add)\n\(add)\n\(add)", "\(add)\(add)", "\(add) ",
            now.replacing("{}", with: #"{"x": 1}"#),
        ] {
            #expect(!GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
        }
    }

    @Test func textMayNotHoldTheStrings() throws {
        let grammar = try Grammar.sequence([.text(until: ["abab", "ba!", "é漢"])])
        for text in ["", "aba", "abaab", "ab!", "é", "ééb漢", "bababb".replacing("bab", with: "bb")] {
            #expect(GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
        }
        for text in ["abab", "aabab", "xba!", "abaabab", "éé漢", "abba!"] {
            #expect(!GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
        }
        #expect(!GrammarFixtures.accepts(grammar, [0xC3]))
        #expect(!GrammarFixtures.accepts(grammar, [0xFF]))
        let matcher = Follower(grammar.matcher(for: GrammarFixtures.trie))
        #expect(matcher.isComplete && !matcher.isExhausted)
        #expect(matcher.accept(bytes: "aba".utf8) && !matcher.accept(bytes: "b".utf8))
    }

    @Test func optionalAndRepeatedParts() throws {
        let grammar = try Grammar.sequence([
            .optional([.literal("<think>"), .text(until: ["</think>"]), .literal("</think>")]), .literal("["),
            .repeated([.literal("a")], separator: ", ", minimum: 0, maximum: nil), .literal("]"),
            .repeated([.anyOf([[.literal("x")], [.literal("yy")], []])], separator: "", minimum: 2, maximum: 3),
        ])
        for text in ["[]", "[a]", "[a, a, a, a]x", "<think>hm</th</think>[a]xyyx", "[]yyyy"] {
            #expect(GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
        }
        for text in ["", "[a,a]", "[a, ]", "[]xxxx", "[]y", "<think>[]"] {
            #expect(!GrammarFixtures.accepts(grammar, text.utf8), "\(text)")
        }
    }

    @Test func unlimitedRepetitionHasItsMinimum() throws {
        let grammar = try Grammar.sequence([.repeated([.literal("ab")], separator: "-", minimum: 2, maximum: nil)])
        for (count, isValid) in [(1, false), (2, true), (3, true), (50, true)] {
            let text = Array(repeating: "ab", count: count).joined(separator: "-")
            #expect(GrammarFixtures.accepts(grammar, text.utf8) == isValid)
            #expect(!GrammarFixtures.accepts(grammar, (text + "-").utf8))
        }
    }

    @Test func masksCrossFromPartToPart() throws {
        let tokenizer = ListedTokenizer.json(["<t>{", "x<t>{\"", "}</t>", "}</t", ">", "<t", "<t>"])
        let trie = TokenTrie(tokenizer)
        let grammar = try Grammar.sequence([
            .text(until: ["<t>"]), .literal("<t>"), .schema(try Self.schema(#"{"type":"object"}"#)), .literal("</t>"),
        ])
        var draws = SeededDraws(state: 7)
        var mask = TokenMask(count: tokenizer.vocabularySize)
        for _ in 0..<20 {
            let matcher = Follower(grammar.matcher(for: trie))
            for _ in 0..<40 {
                matcher.allowed(into: &mask)
                for id in 0..<Int32(tokenizer.vocabularySize) {
                    let copy = matcher.copy()
                    #expect(mask.contains(id) == copy.accept(id), "token \(id)")
                }
                guard let id = GrammarFixtures.ids(mask).suffix(60).randomElement(using: &draws) else { break }
                #expect(matcher.accept(id))
            }
        }
    }

    @Test func impossiblePartsAreRefused() throws {
        for parts in [
            [.anyOf([])], [.text(until: [""])], [.repeated([], separator: "", minimum: 2, maximum: 1)],
            [.repeated([], separator: "", minimum: -1, maximum: nil)],
        ] as [[Grammar.Part]] {
            #expect(throws: GrammarError.self) { try Grammar.sequence(parts) }
        }
        #expect(throws: GrammarError.self) {
            try Grammar.sequence([.repeated([.literal("a")], separator: ",", minimum: 0, maximum: 1_000_000_000)])
        }
        var nested = Grammar.Part.literal("a")
        for _ in 0..<100 { nested = .optional([nested]) }
        #expect(throws: GrammarError.self) { try Grammar.sequence([nested]) }
        #expect(throws: GrammarError.unsatisfiable(pointer: "#")) { try Grammar.sequence([.schema(.bool(false))]) }
    }

    @Test func anEmptySequenceIsTheEmptyText() throws {
        let matcher = try Follower(Grammar.sequence([]).matcher(for: GrammarFixtures.trie))
        #expect(matcher.isExhausted)
    }
}

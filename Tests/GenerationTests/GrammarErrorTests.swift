import Generation
import Testing
import Tokenizers

/// What is refused, by what name, and in what time.
@Suite struct GrammarErrorTests {
    static let refused = [
        "not", "if", "then", "else", "patternProperties", "propertyNames", "dependentSchemas", "dependentRequired",
        "unevaluatedProperties", "unevaluatedItems", "additionalItems", "contains", "minContains", "uniqueItems",
        "minProperties", "maxProperties", "multipleOf", "$dynamicRef", "dependencies", "anything",
    ]

    @Test(arguments: refused)
    func refusedKeywordsAreNamedWithTheirPlace(_ keyword: String) throws {
        let schema = #"{"type":"object","properties":{"a/b":{"type":["object","array"],"\#(keyword)":1}}}"#
        let error = #expect(throws: GrammarError.self) { try GrammarFixtures.grammar(schema) }
        guard case .unsupportedKeyword(let pointer, let named, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(pointer == "#/properties/a~1b")
        #expect(named == keyword)
        let message = try #require(error).description
        #expect(message.contains("\"\(keyword)\"") && message.contains("#/properties/a~1b"))
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        var schema: String
        var mentions: [String]
        var testDescription: String { schema }
    }

    static let invalid: [Bad] = [
        Bad(schema: "1", mentions: ["#"]),
        Bad(schema: #"{"type":"text"}"#, mentions: ["type", "string"]),
        Bad(schema: #"{"type":[]}"#, mentions: ["type"]),
        Bad(schema: #"{"items":{"minLength":-1}}"#, mentions: ["#/items", "minLength"]),
        Bad(schema: #"{"minItems":1.5}"#, mentions: ["minItems"]),
        Bad(schema: #"{"minimum":"1"}"#, mentions: ["minimum"]),
        Bad(schema: #"{"maximum":1e300}"#, mentions: ["maximum"]),
        Bad(schema: #"{"enum":[]}"#, mentions: ["enum"]),
        Bad(schema: #"{"enum":[1],"minimum":3}"#, mentions: ["minimum", "enum"]),
        Bad(schema: #"{"anyOf":{}}"#, mentions: ["anyOf"]),
        Bad(schema: #"{"anyOf":[true],"type":"string"}"#, mentions: ["type", "anyOf"]),
        Bad(schema: #"{"required":"a"}"#, mentions: ["required"]),
        Bad(schema: #"{"properties":[]}"#, mentions: ["properties"]),
        Bad(schema: #"{"items":[{}]}"#, mentions: ["items", "prefixItems"]),
        Bad(schema: ##"{"$ref":"#/$defs/a"}"##, mentions: ["#/$defs/a"]),
        Bad(schema: #"{"$ref":"http://example.org/a"}"#, mentions: ["$ref"]),
        Bad(schema: ##"{"$ref":"#","minimum":1}"##, mentions: ["minimum", "$ref"]),
        Bad(schema: #"{"allOf":[{"type":"string"},{"type":"integer"}]}"#, mentions: ["allOf"]),
        Bad(schema: #"{"allOf":[{"properties":{"a":{}}},{"properties":{"a":{}}}]}"#, mentions: ["allOf"]),
        Bad(schema: #"{"pattern":"a(?=b)"}"#, mentions: ["look-around", "a(?=b)"]),
        Bad(schema: #"{"pattern":"(a)\\1"}"#, mentions: ["references"]),
        Bad(schema: #"{"pattern":"\\bword"}"#, mentions: ["boundaries"]),
        Bad(schema: #"{"pattern":"\\p{L}"}"#, mentions: ["Unicode properties"]),
        Bad(schema: #"{"pattern":"(^a)"}"#, mentions: ["'^'"]),
        Bad(schema: #"{"pattern":"(a$)"}"#, mentions: ["'$'"]),
        Bad(schema: #"{"pattern":"a$b"}"#, mentions: ["'$'"]),
        Bad(schema: #"{"pattern":"[b-a]"}"#, mentions: ["range"]),
        Bad(schema: #"{"pattern":"(a"}"#, mentions: ["group"]),
        Bad(schema: #"{"pattern":"a)"}"#, mentions: ["')'"]),
        Bad(schema: #"{"pattern":"*a"}"#, mentions: ["quantifier"]),
        Bad(schema: #"{"pattern":"a{3,2}"}"#, mentions: ["count"]),
        Bad(schema: #"{"pattern":"[a"}"#, mentions: ["class"]),
        Bad(schema: #"{"pattern":"a\\"}"#, mentions: ["pattern"]),
        Bad(schema: #"{"pattern":"a","format":"date"}"#, mentions: ["format", "pattern"]),
    ]

    @Test(arguments: invalid)
    func invalidSchemasAreExplained(_ bad: Bad) throws {
        let error = try #require(throws: GrammarError.self) { try GrammarFixtures.grammar(bad.schema) }
        for word in bad.mentions { #expect(error.description.contains(word), "\(error)") }
    }

    @Test(arguments: [
        #"{"type":"integer","minimum":3,"maximum":2}"#, #"{"exclusiveMinimum":1,"maximum":1}"#,
        #"{"minLength":3,"maxLength":2}"#, #"{"minItems":3,"maxItems":2}"#, #"{"type":"string","enum":[1]}"#, "false",
        #"{"properties":{"a":false},"required":["a"]}"#, #"{"required":["a"],"additionalProperties":false}"#,
        ##"{"properties":{"a":{"$ref":"#"}},"required":["a"]}"##, ##"{"pattern":"^[]$"}"##,
        #"{"pattern":"^aaa$","maxLength":2}"#, #"{"type":"integer","exclusiveMinimum":1,"exclusiveMaximum":2}"#,
    ])
    func whatCannotBeSatisfiedIsRefused(_ schema: String) throws {
        let error = try #require(throws: GrammarError.self) { try GrammarFixtures.grammar(schema) }
        guard case .unsatisfiable = error else {
            Issue.record("\(error)")
            return
        }
    }

    @Test(arguments: [
        ##"{"$ref":"#"}"##, ##"{"anyOf":[{"$ref":"#"},{"type":"null"}]}"##, ##"{"allOf":[{"$ref":"#"}]}"##,
        ##"{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"oneOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}"##,
    ])
    func endlessReferencesAreRefused(_ schema: String) throws {
        let error = try #require(throws: GrammarError.self) { try GrammarFixtures.grammar(schema) }
        guard case .endlessReference = error else {
            Issue.record("\(error)")
            return
        }
    }

    static let large: [String] = [
        #"{"items":{"type":"null"},"minItems":1000000}"#, #"{"items":{"type":"null"},"maxItems":1000000000}"#,
        #"{"pattern":"^(a{1000}){1000}$"}"#, #"{"pattern":"^(((((a{99}){99}){99}){99}){99})$"}"#,
        #"{"pattern":"(a|b)*a(a|b){60}"}"#, #"{"pattern":"^(){9999999999}$"}"#,
        #"{"enum":[\#((0..<100_000).map { "\"\($0) and more\"" }.joined(separator: ","))]}"#,
        #"{"properties":{\#((0..<4000).map { "\"p\($0)\":{}" }.joined(separator: ","))}}"#,
        String(repeating: #"{"minItems":1,"items":"#, count: 70) + "{}" + String(repeating: "}", count: 70),
    ]

    @Test(arguments: large)
    func whatIsTooLargeIsRefusedSoon(_ schema: String) throws {
        let value = try TemplateValue(json: schema)
        var error: GrammarError?
        let time = ContinuousClock().measure {
            do throws(GrammarError) {
                _ = try Grammar(jsonSchema: value)
            } catch let failure {
                error = failure
            }
        }
        guard case .tooLarge? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(time < .seconds(20))
    }

    @Test func longChainsOfReferencesAreRefused() throws {
        func chain(_ count: Int) -> String {
            let links = (0..<count).map { ##""d\##($0)":{"$ref":"#/$defs/d\##($0 + 1)"}"## }.joined(separator: ",")
            return ##"{"$ref":"#/$defs/d0","$defs":{\##(links),"d\##(count)":{"type":"null"}}}"##
        }
        #expect(GrammarFixtures.accepts(try GrammarFixtures.grammar(chain(150)), "null".utf8))
        let error = try #require(throws: GrammarError.self) { try GrammarFixtures.grammar(chain(15_000)) }
        #expect(error.description.contains("references in a row"))
    }

    @Test func deepGroupsAreRefused() throws {
        let pattern = String(repeating: "(", count: 100_000)
        #expect(throws: GrammarError.self) { try GrammarFixtures.grammar(#"{"pattern":"\#(pattern)"}"#) }
    }

    @Test func ambiguityStaysBounded() throws {
        // Each bracket doubles the ways to read what came before.
        let grammar = try GrammarFixtures.grammar(
            ##"{"$defs":{"a":{"anyOf":[{"items":{"$ref":"#/$defs/a"}},{"items":{"$ref":"#/$defs/b"}},"##
                + ##"{"type":"null"}]},"##
                + ##""b":{"anyOf":[{"items":{"$ref":"#/$defs/b"}},{"items":{"$ref":"#/$defs/a"}},{"type":"null"}]}},"##
                + ##""$ref":"#/$defs/a"}"##
        )
        let text = String(repeating: "[", count: 60) + "null" + String(repeating: "]", count: 60)
        let time = ContinuousClock().measure { #expect(GrammarFixtures.accepts(grammar, text.utf8)) }
        #expect(time < .seconds(5))
        // Alternatives that lead to the same places in 2^40 ways.
        let chain = (0..<40).map {
            ##""d\##($0)":{"anyOf":[{"$ref":"#/$defs/d\##($0 + 1)"},{"$ref":"#/$defs/e\##($0 + 1)"}]},"##
                + ##""e\##($0)":{"anyOf":[{"$ref":"#/$defs/d\##($0 + 1)"},{"$ref":"#/$defs/e\##($0 + 1)"}]}"##
        }
        let ladder = try GrammarFixtures.grammar(
            ##"{"$defs":{\##(chain.joined(separator: ",")),"d40":{"type":"integer"},"##
                + ##""e40":{"type":"null"}},"$ref":"#/$defs/d0"}"##
        )
        #expect(GrammarFixtures.accepts(ladder, "12".utf8))
        #expect(GrammarFixtures.accepts(ladder, "null".utf8))
    }
}

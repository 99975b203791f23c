import Foundation
import Generation
import Testing
import Tokenizers

/// Masks, and the answers that come of following them.
@Suite struct GrammarMaskTests {
    static let schemas = [
        #"{"type":"object"}"#,
        #"{"type":"object","properties":{"name":{"type":"string","maxLength":6},"#
            + #""abc":{"type":"integer","minimum":-3,"maximum":120},"ok":{"type":"boolean"}},"#
            + #""required":["abc"],"additionalProperties":false}"#,
        #"{"type":"array","items":{"type":"object","properties":{"a":{"enum":["a","#
            + #""ab",1,null]}},"required":["a"]},"minItems":1,"maxItems":3}"#,
        #"{"anyOf":[{"type":"string","minLength":3,"maxLength":9},{"type":"number","#
            + #""minimum":0,"maximum":12},{"type":"null"}]}"#,
        #"{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"string"}}"#,
        #"{"type":"array","items":{"type":"string"}}"#,
    ]

    @Test(arguments: schemas)
    func masksAreWhatTheTokensOneByOneSay(_ schema: String) throws {
        let grammar = try GrammarFixtures.grammar(schema)
        let tokenizer = GrammarFixtures.tokenizer
        var draws = SeededDraws(state: 11)
        var mask = TokenMask(count: tokenizer.vocabularySize)
        for _ in 0..<12 {
            let matcher = Follower(grammar.matcher(for: GrammarFixtures.trie))
            for _ in 0..<60 {
                matcher.allowed(into: &mask)
                for id in 0..<Int32(tokenizer.vocabularySize) {
                    let copy = matcher.copy()
                    #expect(mask.contains(id) == copy.accept(id), "token \(id)")
                }
                guard let id = GrammarFixtures.ids(mask).randomElement(using: &draws) else { break }
                #expect(matcher.accept(id))
            }
            #expect(!GrammarFixtures.ids(mask).isEmpty || matcher.isExhausted)
        }
    }

    @Test func masksAreRightWhereTheDepthEnds() throws {
        let tokenizer = GrammarFixtures.tokenizer
        var mask = TokenMask(count: tokenizer.vocabularySize)
        for levels in 58...64 {
            let matcher = Follower(Grammar.json().matcher(for: GrammarFixtures.trie))
            #expect(matcher.accept(bytes: ("{\"a\":" + String(repeating: "[", count: levels - 1)).utf8))
            matcher.allowed(into: &mask)
            for id in 0..<Int32(tokenizer.vocabularySize) {
                let copy = matcher.copy()
                #expect(mask.contains(id) == copy.accept(id), "token \(id) at level \(levels)")
            }
            #expect(!mask.isEmpty)
        }
    }

    @Test(arguments: schemas)
    func walksWriteValidJSON(_ schema: String) throws {
        let grammar = try GrammarFixtures.grammar(schema)
        let schema = try #require(JSONSerialization.jsonObject(with: Data(schema.utf8)) as? [String: Any])
        let real = try GrammarFixtures.byteLevelTokenizer()
        var draws = SeededDraws(state: 5)
        for tokenizer in [GrammarFixtures.tokenizer, real] as [any TextTokenizer] {
            let trie = TokenTrie(tokenizer)
            var whole = 0
            for _ in 0..<60 {
                let (bytes, isComplete) = try GrammarFixtures.walk(grammar, tokenizer, trie, &draws)
                guard isComplete else { continue }
                whole += 1
                let value = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
                #expect(SmallValidator.isValid(value, schema), "\(String(decoding: bytes, as: UTF8.self))")
            }
            #expect(whole > 30)
        }
    }

    @Test func tokensMayEndWithinACharacterOrAnEscape() throws {
        let grammar = try GrammarFixtures.grammar(#"{"type":"string","maxLength":2}"#)
        var matcher = Follower(grammar.matcher(for: GrammarFixtures.trie))
        var mask = TokenMask(count: GrammarFixtures.tokenizer.vocabularySize)
        func allowed(_ bytes: [UInt8]) -> Bool {
            matcher.allowed(into: &mask)
            return GrammarFixtures.ids(mask).contains { Array(GrammarFixtures.tokenizer.bytes(of: $0)) == bytes }
        }
        #expect(matcher.accept(bytes: [0x22, 0x61, 0xF0, 0x9F]))
        #expect(!matcher.isComplete)
        #expect(allowed([0x98]))
        #expect(!allowed([0x22]) && !allowed([0x61]))
        #expect(matcher.accept(bytes: [0x98, 0x80]))
        // The string has its two characters.
        #expect(allowed([0x22]))
        #expect(!allowed([0x61]) && !allowed([0x5C]) && !allowed([0xC3]))

        matcher = Follower(grammar.matcher(for: GrammarFixtures.trie))
        #expect(matcher.accept(bytes: Array(#""\ud83d"#.utf8)))
        #expect(allowed([0x5C]) && !allowed([0x22]) && !allowed(Array("\\n".utf8)))
        #expect(matcher.accept(bytes: Array(#"\ude00""#.utf8)))
        #expect(matcher.isExhausted)
    }

    @Test func endAndControlTokensAreNeverAllowed() throws {
        let tokenizer = GrammarFixtures.tokenizer
        let end = try #require(tokenizer.endOfGeneration.first)
        let matcher = Follower(Grammar.json().matcher(for: GrammarFixtures.trie))
        var mask = TokenMask(count: tokenizer.vocabularySize)
        #expect(matcher.accept(bytes: "{".utf8))
        matcher.allowed(into: &mask)
        // Another token of the same bytes is.
        #expect(mask.contains(Int32(UInt8(ascii: "}")) + 1))
        for id in [end, 0, -1, Int32(tokenizer.vocabularySize), .max] {
            #expect(!mask.contains(id))
            #expect(!matcher.accept(id))
        }
    }

    @Test func completeAndExhaustedAreToldApart() throws {
        var matcher = try Follower(GrammarFixtures.grammar(#"{"type":"integer"}"#).matcher(for: GrammarFixtures.trie))
        #expect(!matcher.isComplete)
        #expect(matcher.accept(bytes: "-".utf8) && !matcher.isComplete)
        #expect(matcher.accept(bytes: "1".utf8) && matcher.isComplete && !matcher.isExhausted)
        #expect(matcher.accept(bytes: "2".utf8) && matcher.isComplete && !matcher.isExhausted)
        #expect(!matcher.accept(bytes: "x".utf8))
        #expect(matcher.isComplete)

        matcher = Follower(Grammar.json().matcher(for: GrammarFixtures.trie))
        #expect(matcher.accept(bytes: "{}".utf8) && matcher.isExhausted)
        var mask = TokenMask(count: GrammarFixtures.tokenizer.vocabularySize)
        matcher.allowed(into: &mask)
        #expect(mask.isEmpty)
    }

    @Test func aRefusedTokenChangesNothing() throws {
        let matcher = Follower(Grammar.json().matcher(for: GrammarFixtures.trie))
        #expect(matcher.accept(bytes: #"{"a":[{"b":"#.utf8))
        let before = matcher.copy()
        #expect(!matcher.accept(bytes: #"[{"c":1}}"#.utf8))
        var (one, another) = (TokenMask(count: 400), TokenMask(count: 400))
        let copy = before.copy()
        matcher.allowed(into: &one)
        copy.allowed(into: &another)
        #expect(one == another)
        #expect(matcher.accept(bytes: "1}]}".utf8) && matcher.isExhausted)
        // The copy has stayed where it was.
        #expect(copy.accept(bytes: "2".utf8) && !copy.isComplete)
    }

    @Test func longAnswersStayCheap() throws {
        let matcher = Follower(Grammar.json().matcher(for: GrammarFixtures.trie))
        #expect(matcher.accept(bytes: "{\"a\":[".utf8))
        for index in 0..<20_000 { #expect(matcher.accept(bytes: "{\"b\":\(index)},".utf8)) }
        #expect(matcher.accept(bytes: "0]}".utf8) && matcher.isExhausted)
    }

    @Test func masksOfOtherSizesHoldWhatFits() throws {
        let matcher = try Follower(GrammarFixtures.grammar(#"{"type":"string"}"#).matcher(for: GrammarFixtures.trie))
        #expect(matcher.accept(bytes: "\"".utf8))
        var (exact, large, small) = (
            TokenMask(count: GrammarFixtures.tokenizer.vocabularySize), TokenMask(count: 1000), TokenMask(count: 100)
        )
        matcher.allowed(into: &exact)
        matcher.allowed(into: &large)
        matcher.allowed(into: &small)
        let ids = GrammarFixtures.ids(exact)
        #expect(GrammarFixtures.ids(large) == ids)
        #expect(GrammarFixtures.ids(small) == ids.filter { $0 < 100 })
    }
}

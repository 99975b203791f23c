import Foundation
import Generation
import Testing
import Tokenizers

/// A vocabulary that is written down in a test: an id is the place of its bytes, and empty ones are control tokens.
struct ListedTokenizer: TextTokenizer {
    var tokens: [[UInt8]]
    var vocabularySize: Int { tokens.count }
    var beginOfSequence: Int32? { nil }
    var addsBeginOfSequence: Bool { false }
    var endOfGeneration: Set<Int32> = []
    var addsSpacePrefix: Bool { false }

    func encode(_ text: String, allowSpecial: Bool) -> [Int32] { [] }
    func bytes(of id: Int32) -> ArraySlice<UInt8> { tokens.indices.contains(Int(id)) ? tokens[Int(id)][...] : [] }
    func isControl(_ id: Int32) -> Bool { bytes(of: id).isEmpty }
    func controlTokenOffsets(in text: String) -> [Int] { [] }

    func specialID(named name: String) -> Int32? { nil }

    /// A control token, all bytes, what JSON is made of, pieces of characters and of escapes, and an end token.
    static func json(_ more: [String] = []) -> ListedTokenizer {
        var tokens: [[UInt8]] = [[]]
        tokens += (0...255).map { [$0] }
        let texts = [
            "{\"", "\"}", "\":", "\": \"", "\",\"", "\", \"", "}}", "]}", "[]", "{}", "[[", "},{", "true", "false",
            "null",
            "12", "-0", "0.", "e5", ".5", "00", "  ", "\n  ", "\n\n", "\t", " \"", "\\u", "\\u00", "\\n", "\\\"",
            "\\\\\"",
            "d83d", "\\ud83d\\ude00", "ab", "abc", "name", "a\"", "é", "漢字", "\"a\"", "\"b\":1", "1,", "1]",
            "\"x\"]}",
            "a\":{\"a\":", "2024", "-01", "[[[[",
        ]
        tokens += (texts + more).map { Array($0.utf8) }
        // The ends and beginnings of characters.
        tokens += [[0xC3], [0xA9, 0x22], [0xE6, 0xBC], [0xA2, 0x22, 0x7D], [0xF0, 0x9F, 0x98], [0x61, 0xF0, 0x9F]]
        // The same bytes twice, and the end token, which has bytes as well.
        tokens += [Array("abc".utf8), Array("{\"".utf8)]
        var tokenizer = ListedTokenizer(tokens: tokens)
        tokenizer.endOfGeneration = [Int32(tokens.count)]
        tokenizer.tokens.append(Array("}".utf8))
        return tokenizer
    }
}

/// Draws that are the same each time (SplitMix64).
struct SeededDraws: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A matcher that an expectation may change while it is looked at.
final class Follower {
    private var matcher: GrammarMatcher

    init(_ matcher: GrammarMatcher) { self.matcher = matcher }

    var isComplete: Bool { matcher.isComplete }
    var isExhausted: Bool { matcher.isExhausted }

    func copy() -> Follower { Follower(matcher) }
    func allowed(into mask: inout TokenMask) { matcher.allowed(into: &mask) }
    func accept(_ id: Int32) -> Bool { matcher.accept(id) }
    func accept(bytes: some Sequence<UInt8>) -> Bool { matcher.accept(bytes: bytes) }
}

enum GrammarFixtures {
    static let tokenizer = ListedTokenizer.json()
    static let trie = TokenTrie(tokenizer)

    static func grammar(_ schema: String) throws -> Grammar { try Grammar(jsonSchema: TemplateValue(json: schema)) }

    /// Whether a text is a whole sentence of a grammar, byte for byte.
    static func accepts(_ grammar: Grammar, _ text: some Sequence<UInt8>) -> Bool {
        let matcher = Follower(grammar.matcher(for: trie))
        for byte in text where !matcher.accept(bytes: [byte]) { return false }
        return matcher.isComplete
    }

    /// The byte-level vocabulary of the tokenizers' tests.
    static func byteLevelTokenizer() throws -> ByteLevelBPETokenizer {
        struct File: Decodable {
            var tokens: [String]
            var kinds: [Int32]
            var merges: [String]
        }
        let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/bpe/byte_level.json")
        let file = try JSONDecoder().decode(File.self, from: Data(contentsOf: url))
        return try ByteLevelBPETokenizer(
            vocabulary: TokenVocabulary(
                tokens: ByteStrings(file.tokens.map(\.utf8)),
                kinds: file.kinds.map { TokenKind(rawValue: $0) ?? .normal }),
            merges: ByteStrings(file.merges.map(\.utf8)), preTokenizer: .gpt2)
    }

    static func ids(_ mask: TokenMask) -> [Int32] { (0..<Int32(mask.count)).filter { mask.contains($0) } }

    /// What a random walk over the masks writes. `isComplete` is false if it was cut off.
    static func walk(
        _ grammar: Grammar, _ tokenizer: any TextTokenizer, _ trie: TokenTrie, _ draws: inout SeededDraws,
        steps: Int = 400
    ) throws -> (bytes: [UInt8], isComplete: Bool) {
        let matcher = Follower(grammar.matcher(for: trie))
        var mask = TokenMask(count: tokenizer.vocabularySize)
        var bytes: [UInt8] = []
        for step in 0..<steps {
            if matcher.isExhausted || matcher.isComplete && Int.random(in: 0..<3, using: &draws) == 0 { break }
            matcher.allowed(into: &mask)
            var candidates = ids(mask)
            // An answer can always be continued, or has ended.
            try #require(!candidates.isEmpty)
            // What closes comes more often, the longer it takes.
            let closing = candidates.filter { id in
                tokenizer.bytes(of: id).allSatisfy { "]}\"".utf8.contains($0) }
            }
            if !closing.isEmpty, Int.random(in: 0..<100, using: &draws) < 15 + step { candidates = closing }
            let id = candidates[Int.random(in: candidates.indices, using: &draws)]
            try #require(matcher.accept(id))
            bytes += tokenizer.bytes(of: id)
        }
        return (bytes, matcher.isComplete)
    }
}

/// As much of JSON Schema as the walks need, over what Foundation reads.
enum SmallValidator {
    static func isValid(_ value: Any, _ schema: [String: Any]) -> Bool {
        if let alternatives = schema["anyOf"] as? [[String: Any]] {
            return alternatives.contains { isValid(value, $0) }
        }
        if let values = schema["enum"] as? [NSObject] { return values.contains { $0.isEqual(value) } }
        switch schema["type"] as? String {
        case "object": return isObject(value, schema)
        case "array":
            guard let items = value as? [Any] else { return false }
            guard items.count >= schema["minItems"] as? Int ?? 0, items.count <= schema["maxItems"] as? Int ?? .max
            else {
                return false
            }
            let itemSchema = schema["items"] as? [String: Any] ?? [:]
            return items.allSatisfy { isValid($0, itemSchema) }
        case "string":
            guard let text = value as? String else { return false }
            let count = text.unicodeScalars.count
            return count >= schema["minLength"] as? Int ?? 0 && count <= schema["maxLength"] as? Int ?? .max
        case "integer", "number":
            guard let number = value as? NSNumber else { return false }
            return number.doubleValue >= schema["minimum"] as? Double ?? -.infinity
                && number.doubleValue <= schema["maximum"] as? Double ?? .infinity
        case "null": return value is NSNull
        case "boolean": return value is Bool
        default: return true
        }
    }

    private static func isObject(_ value: Any, _ schema: [String: Any]) -> Bool {
        guard let members = value as? [String: Any] else { return false }
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        let required = schema["required"] as? [String] ?? []
        guard required.allSatisfy({ members[$0] != nil }) else { return false }
        return members.allSatisfy { name, member in
            if let own = properties[name] { return isValid(member, own) }
            if let others = schema["additionalProperties"] as? [String: Any] { return isValid(member, others) }
            return schema["additionalProperties"] as? Bool ?? properties.isEmpty
        }
    }
}

import Checkpoints
import Testing
import Tokenizers

/// Splitting by expressions, as the texts of the words show it.
@Suite("tokenizer.json: regular expressions")
struct HuggingFaceRegexTests {
    private func tokenizer(_ pattern: String, _ behavior: String = "Isolated") throws -> HuggingFaceTokenizer {
        let escaped = pattern.replacing(#"\"#, with: #"\\"#).replacing("\"", with: #"\""#).replacing("\n", with: #"\n"#)
        return try HuggingFaceFixtures.tokenizer(
            json: HuggingFaceFixtures.small(
                model: #"{"type":"BPE","vocab":{"?":0},"merges":[],"unk_token":"?","fuse_unk":true}"#,
                preTokenizer:
                    #"{"type":"Split","behavior":"\#(behavior)","invert":false,"pattern":{"Regex":"\#(escaped)"}}"#))
    }

    /// How many words an expression makes of a text: one unknown token each.
    @Test(arguments: [
        (#"\p{N}{1,3}"#, "12345", 2), (#"\p{N}{1,3}+"#, "12345", 1), (#"a|ab"#, "ab", 2), (#"ab|a"#, "ab", 1),
        (#"a+?"#, "aaa", 3), (#"a{2,3}?"#, "aaaa", 2), (#"(?:ab)+"#, "ababx", 2), (#"(?:a|b)*c"#, "abac", 1),
        (#"(?i:'s|'t)"#, "a'S'ſ't", 4), (#"(?i)A(?-i)B"#, "aBabAB", 3), (#"\s+(?!\S)|\s+"#, "a   b", 4),
        (#"(?<!a)b"#, "abb", 2), (#"(?<=a)b"#, "abb", 3), (#"(?>a*)ab"#, "aaab", 1), (#"a*+ab"#, "aaab", 1),
        (#"[^\s\p{L}]+"#, "ab12 cd", 3), (#"[a-c&&[^b]]"#, "abcd", 4), (#"[^(\s|[.,])]+"#, "ab(c.d", 5),
        (#"[\]\-x]+"#, "a]-xb", 3), (#"^b"#, "b\nb", 3), (#"a$"#, "a\na", 3), (#"\bcat\b"#, "cat cats", 2),
        (#"x*"#, "axxb", 3), (#""#, "abc", 3), (#"\x41\x{42}\u0043"#, "ABCD", 2), (#"."#, "a\nb", 3),
        (#"(?m:.)+"#, "a\nb", 1), (#"\p{^L}+"#, "ab12", 2), (#"\P{L}+"#, "ab12", 2), (#"{a{,2}"#, "{aab", 2),
        (#"[一-龥]+"#, "a漢字b", 3), (#"\p{Han}+|\p{Hiragana}+"#, "漢字かなx", 3), (#"\A\w|\w\z"#, "abc", 3),
    ])
    func cutsText(_ pattern: String, _ text: String, _ count: Int) throws {
        #expect(try tokenizer(pattern).pieces(text).count == count)
    }

    @Test(arguments: [
        (#"(a"#, "without an end"), (#"a)"#, "parenthesis"), (#"[a"#, "bracket"), (#"*a"#, "repetition of nothing"),
        (#"(a*)*"#, "may be empty"), (#"\1"#, #"\1"#), (#"(?<name>a)"#, "(?<"), (#"\p{Klingon}"#, #"\p{Klingon}"#),
        (#"\p"#, "property"), (#"a{2,1}"#, "wrong order"), (#"[z-a]"#, "wrong order"), (#"a{100000}"#, "count"),
        (#"(?s:.)"#, "(?s"), (#"\Qa\E"#, #"\Q"#), (#"[[:alpha:]]"#, "POSIX"), (#"(?<=ab)c"#, "look behind"),
        (#"\"#, "backslash"),
        (#"\x{110000}"#, "code"), ("(?:(?:(?:a{1000}){1000}){1000})", "steps"), (#"\X"#, #"\X"#), (#"\R"#, #"\R"#),
        (String(repeating: "(", count: 5000), "nested"), (String(repeating: "[", count: 5000), "nested"),
    ])
    func namesWhatItDoesNotRead(_ pattern: String, _ reason: String) throws {
        let error = #expect(throws: CheckpointError.self) { try tokenizer(pattern) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("pre_tokenizer") == true)
    }

    /// Expressions that a backtracking matcher could take forever with end, and lose nothing of the text.
    @Test(arguments: [#"(?:a+)+b"#, #"(?:a|a)+b"#, #"(?:a?){30}a{30}b"#, #"a+(?=a*b)"#, #"(?:a*a*)a*b"#])
    func endsOnAnyText(_ pattern: String) throws {
        let tokenizer = try tokenizer(pattern)
        let ids = tokenizer.pieces(String(repeating: "a", count: 20_000))
        #expect(!ids.isEmpty)
    }
}

import Checkpoints
import Testing
import Tokenizers

/// What components make of single characters, at the borders of every set that the library tells apart.
@Suite("tokenizer.json: characters")
struct HuggingFaceUnicodeTests {
    /// A tokenizer in which every word is one unknown token.
    private static func words(normalizer: String = "null", preTokenizer: String = "null") throws -> HuggingFaceTokenizer
    {
        try HuggingFaceFixtures.tokenizer(
            json: HuggingFaceFixtures.small(
                model: #"{"type":"WordPiece","vocab":{"[UNK]":0}}"#, normalizer: normalizer, preTokenizer: preTokenizer)
        )
    }

    private static func bert(_ option: String) -> String {
        let options = ["clean_text", "handle_chinese_chars", "strip_accents", "lowercase"]
        return #"{"type":"BertNormalizer","# + options.map { "\"\($0)\":\($0 == option)" }.joined(separator: ",") + "}"
    }

    /// The tokenizer that shows whether a character is of a set, what goes before it, and the number of words if it is.
    private static func witness(_ set: String) throws -> (tokenizer: HuggingFaceTokenizer, prefix: String, count: Int) {
        switch set {
        case "punctuation": (try words(preTokenizer: #"{"type":"Punctuation","behavior":"Removed"}"#), "", 0)
        case "digit": (try words(preTokenizer: #"{"type":"Digits","individual_digits":true}"#), "一", 2)
        case "cleaned": (try words(normalizer: bert("clean_text")), "", 0)
        case "accent": (try words(normalizer: bert("strip_accents")), "", 0)
        case "combining": (try words(normalizer: #"{"type":"StripAccents"}"#), "", 0)
        case "chinese":
            (try words(normalizer: bert("handle_chinese_chars"), preTokenizer: #"{"type":"WhitespaceSplit"}"#), "a", 2)
        case "nmt": (try words(normalizer: #"{"type":"Nmt"}"#), "", 0)
        case "space": (try words(preTokenizer: #"{"type":"WhitespaceSplit"}"#), "", 0)
        case "word": (try words(preTokenizer: #"{"type":"Whitespace"}"#), "_", 1)
        default:
            (
                try words(
                    preTokenizer: #"{"type":"Split","behavior":"Removed","invert":false,"pattern":{"Regex":"\#(set)"}}"#
                ),
                "", 0
            )
        }
    }

    @Test(arguments: [
        "punctuation", "digit", "cleaned", "accent", "combining", "chinese", "nmt", "space", "word", "p{L}", "p{M}",
        "p{N}",
        "p{P}", "p{S}", "p{Lu}", "p{Ll}", "p{Lm}", "p{Lo}", "p{Nd}", "p{Zs}", "p{Han}", #"\s"#, #"\w"#, #"\d"#,
    ])
    func setsAreTheLibrarys(_ set: String) throws {
        let sets: [String: [Int]] = try HuggingFaceFixtures.decode("unicode")
        let runs = try #require(sets[set])
        let (tokenizer, prefix, count) = try Self.witness(
            set.hasPrefix("p{") ? #"\\"# + set : set.hasPrefix(#"\"#) ? #"\"# + set : set)
        var isMember = false
        var start = 0
        for length in runs + [0x110000 - runs.reduce(0, +)] {
            for value in Set([start, start + length / 2, start + length - 1]) where length > 0 {
                guard let scalar = Unicode.Scalar(UInt32(value)), value < 0x110000 else { continue }
                // White space ends a word as well, and is no Chinese character.
                if set == "chinese", scalar.properties.isWhitespace { continue }
                let alone = set != "word" || !tokenizer.pieces(String(Character(scalar))).isEmpty
                let isFound = alone && tokenizer.pieces(prefix + String(Character(scalar))).count == count
                #expect(isFound == isMember, "U+\(String(value, radix: 16))")
            }
            start += length
            isMember.toggle()
        }
        #expect(start == 0x110000 && runs.count > 1)
    }

    /// Swift's own canonical equivalence is the referee: a text and its form are equal, and both ways lead to one form.
    @Test func formsKeepTextsEquivalent() throws {
        let texts = try HuggingFaceFixtures.texts()
        func form(_ name: String) throws -> HuggingFaceTokenizer {
            let bytes = (0..<256).map { "\"\(Self.spelling(UInt8($0)))\":\($0)" }.joined(separator: ",")
            return try HuggingFaceFixtures.tokenizer(
                json: HuggingFaceFixtures.small(
                    model: #"{"type":"BPE","vocab":{\#(bytes)},"merges":[]}"#, normalizer: "{\"type\":\"\(name)\"}",
                    preTokenizer: #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}"#,
                    decoder: #"{"type":"ByteLevel"}"#))
        }
        let (nfc, nfd, nfkc, nfkd) = (try form("NFC"), try form("NFD"), try form("NFKC"), try form("NFKD"))
        for text in texts {
            func apply(_ tokenizer: HuggingFaceTokenizer, _ text: String) -> String {
                tokenizer.decode(tokenizer.pieces(text), skipSpecial: false)
            }
            let (composed, decomposed) = (apply(nfc, text), apply(nfd, text))
            #expect(composed == text && decomposed == text)
            #expect(Array(apply(nfc, decomposed).utf8) == Array(composed.utf8), "\(text.debugDescription)")
            #expect(Array(apply(nfd, composed).utf8) == Array(decomposed.utf8), "\(text.debugDescription)")
            #expect(Array(apply(nfkc, apply(nfkd, text)).utf8) == Array(apply(nfkc, text).utf8))
            #expect(composed.unicodeScalars.count <= decomposed.unicodeScalars.count)
        }
        #expect(
            Array(nfd.decode(nfd.pieces("\u{1E69}\u{AC01}")).unicodeScalars)
                == Array("s\u{323}\u{307}\u{1100}\u{1161}\u{11A8}".unicodeScalars))
        #expect(
            Array(nfkc.decode(nfkc.pieces("ﬁ\u{FDFA}①")).unicodeScalars)
                == Array("fiصلى الله عليه وسلم1".unicodeScalars))
    }

    /// The character that stands for a byte, as JSON.
    private static func spelling(_ byte: UInt8) -> String {
        let printable = [33...126, 161...172, 174...255].contains { $0.contains(Int(byte)) }
        var code = Int(byte)
        if !printable {
            code =
                256
                + (0..<Int(byte)).filter { other in
                    ![33...126, 161...172, 174...255].contains { $0.contains(other) }
                }.count
        }
        return #"\u"# + String(repeating: "0", count: 4 - String(code, radix: 16).count) + String(code, radix: 16)
    }
}

import Foundation
import Testing
import Tokenizers

@Suite("Sentence splitter on any text")
struct SentenceSplitterPropertyTests {
    static let languages: [String?] = [nil, "en", "pt-BR", "es", "fr", "de", "it", "el", "zh-Hant", "", "-", "x-y"]

    @Test(arguments: languages)
    func losesNothing(_ language: String?) throws {
        let splitter = SentenceSplitter(language: language)
        for text in try TokenizerFixtures.strings().texts + Self.randomTexts() {
            let split = splitter.split(text)
            let joined = SentenceSplitterTests.joined(split)
            // Bytes, because equality of strings does not tell the spellings of a letter apart.
            #expect(Array(joined.utf8) == Array(text.utf8), "\(text.debugDescription)")
            for segment in split.segments {
                let scalars = Array(segment.text.unicodeScalars)
                let startsAndEnds = [scalars.first, scalars.last].compactMap(\.self)
                #expect(startsAndEnds.count == 2, "an empty sentence in \(text.debugDescription)")
                #expect(!startsAndEnds.contains(where: Self.isWhitespace), "\(text.debugDescription)")
                #expect(!scalars.contains(where: Self.isNewline), "\(text.debugDescription)")
            }
            let gaps = split.segments.map(\.gap).joined() + split.trailing
            let textInGaps = gaps.unicodeScalars.first { !Self.isWhitespace($0) }
            #expect(textInGaps == nil, "\(text.debugDescription)")
        }
    }

    private static func isWhitespace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

    private static func isNewline(_ scalar: Unicode.Scalar) -> Bool {
        "\n\r\u{B}\u{C}\u{85}\u{2028}\u{2029}".unicodeScalars.contains(scalar)
    }

    /// Each of these would not end before the run is given up if any of the looks ahead or back were not bounded.
    @Test(arguments: [
        "a", ".", " .", ". ", ".(", "(", "( . ", ".\"", "\" ", "»", ". »", "a.", "A. ", "Dr. ", "Dr. Smith. ", "。",
        "。「", "।",
        "\n", "\r\n", " ", "\u{301}", "a\u{301}.", "😀!", "[1", ".[1]", "— ", ". — ", "1.", "U.S. ", "'.", "é. É",
        "\u{200F}.",
    ])
    func takesTimeInProportionToTheText(_ unit: String) {
        let splitter = SentenceSplitter(language: "en")
        for prefix in ["", String(repeating: "(", count: 200_000), String(repeating: "x", count: 200_000)] {
            let text = prefix + String(repeating: unit, count: (1 << 20) / unit.utf8.count)
            let split = splitter.split(text)
            #expect(SentenceSplitterTests.joined(split).utf8.count == text.utf8.count)
        }
    }

    /// Strings of characters that matter to the splitter, from a generator with a fixed seed.
    private static func randomTexts() -> [String] {
        let alphabet =
            Array(
                "aAbZéÉñ0129 .!?…‽。！？｡．।॥؟۔።፧။។։\"'“”‘’«»‹›()[]{}「」『』*_`~-–—,;:\n\r\t\u{A0}\u{2028}\u{2029}\u{85}\u{3000}\u{301}\u{200B}"
                    .unicodeScalars)
            + Array("\u{200F}\u{FE0F}\u{200D}😀👍日本กขдЯΑω་།ؠ\u{1F1F5}\u{0}\u{7F}\u{FFFD}\u{10FFFF}".unicodeScalars)
        var state: UInt64 = 0x2545_F491_4F6C_DD1D
        func random(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        let words = ["Dr", "Mr", "p.m", "U.S", "Sr", "e.g", "No", "z", "IV", "12", "3.5", "The", "Ele", "L'", "\r\n"]
        return (0..<600).map { _ in
            var text = ""
            for _ in 0..<random(40) {
                if random(6) == 0 {
                    text += words[random(words.count)]
                } else {
                    text.unicodeScalars.append(alphabet[random(alphabet.count)])
                }
            }
            return text
        }
    }
}

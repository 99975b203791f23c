import Foundation
import LanguageID
import Testing

/// What users notice: the language that a text is said to be in, with the real model.
@Suite struct LanguageIdentifierTests {
    /// The tags of labels that are not their own.
    private static func tag(_ label: String) -> String { ["als": "gsw", "bh": "bho"][label] ?? label }

    @Test func knowsTheLanguagesOfSentences() throws {
        let identifier = try Lid176.identifier()
        let answers = try Fixtures.decode([Answer].self, "lid176.json")
        var languages: Set<String> = []
        for (text, answer) in zip(try Fixtures.texts(), answers) {
            // Where fastText is right, so are we, with its probability.
            guard let language = text.language, let best = answer.labels.first, best.label == language else { continue }
            let detection = identifier.detect(text.text)
            #expect(detection.language == Self.tag(language), "\(text.text): \(detection)")
            #expect(abs(detection.confidence - min(1, best.probability)) < 1e-5, "\(text.text): \(detection)")
            languages.insert(language)
        }
        #expect(languages.count >= 100)
    }

    @Test(arguments: [
        "", " ", "\n\t\r\n", "12345", "3.14", "٣٤٥", "🙂", "👩‍👩‍👧‍👦🎉", "!!!", "... --- ...", "—", "$ 100 €", "¿?", "\u{0}",
        "\u{FEFF}",
        "https://example.org", "www.example.org/watch?v=abc", "someone@example.org", "@someone", "</s>", "__label__en",
        "1. https://example.org\n2. someone@example.org", "\u{301}", "µ", "ᎣᏏᏲ", "𐎠𐎡𐎢", "ܐܪܡܝܐ", "xkq",
    ])
    func saysThatItCannotTell(text: String) throws {
        let detection = try Lid176.identifier().detect(text)
        #expect(detection == LanguageIdentifier.Detection(candidates: []))
        #expect(detection.language == "und")
        #expect(detection.confidence == 0)
        #expect(detection.candidates.isEmpty)
    }

    @Test func confidencesAreProbabilitiesBestFirst() throws {
        let identifier = try Lid176.identifier()
        for text in try Fixtures.texts() {
            let detection = identifier.detect(text.whole)
            #expect(detection.candidates.count <= 5)
            #expect(detection.candidates.allSatisfy { $0.confidence > 0 && $0.confidence <= 1 })
            #expect(detection.candidates.map(\.confidence) == detection.candidates.map(\.confidence).sorted(by: >))
            #expect(Set(detection.candidates.map(\.language)).count == detection.candidates.count)
            #expect(detection.language == detection.candidates.first?.language ?? "und")
            #expect(detection.confidence == detection.candidates.first?.confidence ?? 0)
        }
    }

    @Test(arguments: [
        ("BUENOS DÍAS A TODOS", "es"), ("GUTEN MORGEN", "de"), ("WHERE IS THE STATION?", "en"),
        ("LA BIBLIOTECA CIERRA LOS DOMINGOS", "es"), ("MERCI BEAUCOUP", "fr"), ("BOM DIA", "pt"),
        ("ГДЕ НАХОДИТСЯ БЛИЖАЙШАЯ АПТЕКА?", "ru"), ("ΠΟΥ ΕΙΝΑΙ Ο ΣΤΑΘΜΟΣ;", "el"), ("İYİ GÜNLER", "tr"), ("OK", "en"),
    ])
    func readsCapitals(text: String, language: String) throws {
        #expect(try Lid176.identifier().detect(text).language == language)
    }

    @Test(arguments: [
        ("Thanks", "en"),  // known in lowercase only
        ("Hello\u{3000}World", "en"), ("\u{FEFF}Danke", "de"), ("Wo\nist\r\nder\tBahnhof", "de"),
        ("Où\u{A0}est\u{2028}la\u{202F}gare", "fr"),
        ("Ou\u{300} se trouve la bibliothe\u{300}que municipale\u{A0}?", "fr"),
        ("\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}", "ko"), ("ｺｰﾋｰ", "ja"),
        ("你好 https://www.example.com/watch?v=abc", "zh"), ("看https://example.org/a/b吧，很好", "zh"),
        ("Привет! https://docs.example.org/getting-started/index.html", "ru"),
        ("bitte an user.name@example.com senden", "de"), ("Muchas gracias @someone", "es"),
        ("Ich __label__en bin </s> müde und gehe jetzt nach Hause", "de"),
    ])
    func looksPastWhatIsNoLanguage(text: String, language: String) throws {
        #expect(try Lid176.identifier().detect(text).language == language)
    }

    @Test(arguments: [
        ("ねこ", "ja"), ("カラオケ bar", "ja"), ("네", "ko"), ("한국 K-POP 스타", "ko"), ("สวัสดี", "th"), ("ສະບາຍດີ", "lo"),
        ("მადლობა", "ka"), ("Բարեւ", "hy"), ("שלום", "he"), ("ΩΜΕΓΑ", "el"), ("ሰላም", "am"), ("މަރުހަބާ", "dv"),
        ("བཀྲ་ཤིས", "bo"), ("ආයුබෝවන්", "si"), ("வணக்கம்", "ta"), ("నమస్కారం", "te"), ("ನಮಸ್ಕಾರ", "kn"), ("നമസ്കാരം", "ml"),
        ("નમસ્તે", "gu"), ("ਸਤ ਸ੍ਰੀ ਅਕਾਲ", "pa"), ("ନମସ୍କାର", "or"), ("សួស្តី", "km"), ("မင်္ဂလာပါ", "my"), ("你好", "zh"),
        ("谢谢", "zh"), ("株式会社", "ja"), ("Я купил новый iPhone 15 Pro Max", "ru"), ("我昨天买了一个新的 iPhone", "zh"),
        ("昨日 MacBook Pro を買いました", "ja"), ("He said 你好 to me", "en"), ("العربية و English مختلطة", "ar"),
    ])
    func seesTheScript(text: String, language: String) throws {
        let detection = try Lid176.identifier().detect(text)
        #expect(detection.language == language)
        #expect(detection.confidence > 0.2)
    }

    @Test(arguments: [
        ("Hello", ["ru", "zh", "ja", "ar"]), ("gracias", ["ar", "uk"]), ("谢谢", ["en", "vi"]),
        ("네", ["en", "no", "ja"]),
        ("متشکرم", ["ja", "en"]), ("Слово", ["en", "pl"]), ("你好", ["sr", "it"]), ("ありがとう", ["ar", "uk", "en", "zh"]),
    ])
    func noCandidateIsRuledOutByTheScript(text: String, impossible: [String]) throws {
        let detection = try Lid176.identifier().detect(text)
        #expect(!detection.candidates.isEmpty)
        for candidate in detection.candidates { #expect(!impossible.contains(candidate.language), "\(detection)") }
    }

    /// Texts that the model takes for English by their few Latin words, though most letters are of another script.
    @Test(arguments: [("αβγδεζη in the", "el"), ("шшшшшшшшшшшшшш of to in the", "ru")])
    func theRestShareWhatTheScriptTakes(text: String, language: String) throws {
        #expect(try Lid176.model.get().predict(text)[0].label == "en")
        let detection = try Lid176.identifier().detect(text)
        #expect(detection.language == language)
        #expect(!detection.candidates.contains { $0.language == "en" })
        // More than the model gave it; all together, not more than one.
        let before = try #require(
            try Lid176.model.get().predict(text, k: 176).first { $0.label == language }?.probability)
        #expect(detection.confidence > before)
        #expect(detection.candidates.reduce(0) { $0 + $1.confidence } < 1.0001)
    }

    @Test func aScriptOfOneLanguageIsEnough() throws {
        // Nothing here is a feature of the model, and no other language is written so.
        let detection = try Lid176.identifier().detect("ㅋㅋㅋㅋ")
        #expect(detection.candidates == [LanguageIdentifier.Candidate(language: "ko", confidence: 1)])
    }

    @Test func readsTheFirstTenThousandScalars() throws {
        let identifier = try Lid176.identifier()
        let english = String(String(repeating: "We walked along the river. ", count: 400).prefix(10_000))
        #expect(english.unicodeScalars.count == 10_000)
        let both = english + String(repeating: "我们沿着河边一直走到天黑。", count: 50_000)
        #expect(identifier.detect(english) == identifier.detect(both))
        #expect(identifier.detect(both).language == "en")
        // Four bytes each, and cut between two of them.
        #expect(identifier.detect(String(repeating: "𠀀", count: 100_000)).language != "en")
    }

    @Test func labelsBecomeTags() throws {
        var bytes = try Fixtures.bytes("softmax")
        // Same length, so that nothing else moves.
        for (old, new) in [("aa", "bh"), ("bb", "sh"), ("cc", "iw"), ("dd", "in"), ("ee", "zh"), ("ff", "pt")] {
            let old = Array("__label__\(old)".utf8)
            let start = try #require(bytes.indices.first { bytes[$0...].starts(with: old) })
            bytes.replaceSubrange(start..<(start + old.count), with: "__label__\(new)".utf8)
        }
        let identifier = LanguageIdentifier(model: try Fixtures.model(bytes))
        let detection = identifier.detect("the river rio")
        let known: Set = ["bho", "sh", "he", "id", "zh", "pt", "gg"]
        #expect(detection.candidates.allSatisfy { known.contains($0.language) }, "\(detection)")
        // Hebrew, Chinese and Bhojpuri are not written in Latin letters; of a code it does not know nothing is said.
        #expect(Set(detection.candidates.map(\.language)).isSubset(of: ["sh", "id", "pt", "gg"]))
        #expect(identifier.detect("बिहार बिहार").candidates.first.map { ["bho", "gg"].contains($0.language) } == true)
    }
}

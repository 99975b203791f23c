import Foundation
import Testing
import Tokenizers

@Suite("Sentence splitter")
struct SentenceSplitterTests {
    /// A text whose sentences should end at each `‖`, which is not part of it.
    struct Case: Sendable, CustomTestStringConvertible {
        var language: String?
        var marked: String
        var testDescription: String { "\(language ?? "any"): \(marked.debugDescription)" }

        init(_ language: String?, _ marked: String) {
            self.language = language
            self.marked = marked
        }
    }

    @Test(arguments: latin + abbreviations + otherLanguages + otherScripts + quotes + lines)
    func splits(_ example: Case) {
        let text = example.marked.replacing("‖", with: "")
        let split = SentenceSplitter(language: example.language).split(text)
        let expected = example.marked.split(separator: "‖").map {
            $0.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        #expect(split.segments.map(\.text) == expected)
        #expect(Array(Self.joined(split).utf8) == Array(text.utf8))
    }

    @Test func hasEnoughCases() {
        let all =
            Self.latin + Self.abbreviations + Self.otherLanguages + Self.otherScripts + Self.quotes + Self.lines
        #expect(Set(all.map(\.testDescription)).count >= 80)
    }

    // MARK: The table

    static let latin: [Case] = [
        Case(nil, "Hello there.‖ How are you?‖ Fine!"),
        Case(nil, "One sentence without an end"),
        Case(nil, "What?!‖ Really?!?!‖ Yes."),
        Case(nil, "Is it you‽‖ It is."),
        Case(nil, "It costs 3.14 euros.‖ Cheap."),
        Case(nil, "Version 2.0.1 is out.‖ Get it."),
        Case(nil, "See https://example.org/a.b?c=d.e for more.‖ Then write to a.b@example.org.‖ Thanks."),
        Case(nil, "Open file.txt and main.swift.‖ Close them."),
        Case(nil, "No space.Here is one.‖ Done."),
        Case(nil, "Wait... what is that?"),
        Case(nil, "Wait...‖ What is that?"),
        Case(nil, "Well… maybe.‖ Or not…‖ Who knows?"),
        Case(nil, "Well . . . maybe.‖ Perhaps . . .‖ Yes."),
        Case(nil, "... and so it began.‖ Then it ended."),
        Case(nil, "...And so it began."),
        Case(nil, "He said [...] Nothing at all.‖ Then he left."),
        Case(nil, "He left (finally!) and I stayed.‖ Good."),
        Case(nil, "He left (finally.)‖ I stayed."),
        Case(nil, "We use iOS. iPhones too.‖ IPads not."),
        Case(nil, "1. First point.‖ Then more."),
        Case(nil, "2.3. A numbered heading"),
        Case(nil, "a. An item.‖ And more."),
        Case(nil, "IV. The fourth chapter.‖ It begins."),
        Case(nil, "(1.) An item"),
        Case(nil, "It was 1984.‖ Nobody knew."),
        Case(nil, "1984.‖ It was a year"),
        Case(nil, "J. K. Rowling wrote it.‖ I read it."),
        Case(nil, "A. S. Pushkin and J.-P. Sartre met.‖ They talked."),
        Case(nil, "The U.S. Army came.‖ It left."),
        Case(nil, "It has notes.[12]‖ And more.¹‖ End."),
        Case(nil, "Great!‖ 😀 Next one."),
        Case(nil, "Great!😀‖ Next one."),
        Case(nil, "😀"),
        Case(nil, "👍🏽 👨‍👩‍👧‍👦"),
        Case(nil, "***"),
        Case(nil, "*Stop.*‖ **Go!**‖ _Now._‖ `Done.`"),
        Case(nil, "Hi ,  there .‖ Ok"),
        Case(nil, "Foo bar.‖ 5 people came.‖ 6 left."),
        Case(nil, "Foo bar.‖ - baz"),
        Case(nil, "$5 is ok.‖ €6 is not."),
        Case(nil, "One.\u{A0}‖Two.\u{2003}‖Three."),
        Case(nil, "yes! no? maybe. never"),
        Case(nil, "Él vino. él se fue.‖ Ella no."),
        Case(nil, ". Odd start"),
        Case(nil, "!"),
        Case(nil, "Really? — he asked.‖ — Yes."),
    ]

    static let abbreviations: [Case] = [
        Case("en", "Dr. Smith and Mrs. Jones met Prof. Li.‖ They ate."),
        Case("en-GB", "Mr. and Ms. White left.‖ Bye."),
        Case("en", "MR. BROWN CAME.‖ HE LEFT."),
        Case(nil, "Dr.‖ Smith has no rule here."),
        Case("xx", "Dr.‖ Smith has no rule here either."),
        Case("en", "Fruit, e.g. Apples, i.e. Pomes, cf. Pears.‖ Good."),
        Case("en", "See No. 5 and fig. 3, vol. II, p. 7.‖ Then stop."),
        Case("en", "I said no.‖ He said No.‖ We left."),
        Case("en", "We saw a fig.‖ The tree was old."),
        Case("en", "At 5 p.m. the shop closes.‖ At 7 a.m. Monday it opens."),
        Case("en", "We left at 5 p.m.‖ John stayed."),
        Case("en", "It is 3 p.m. EST now.‖ Go."),
        Case("en", "He lives in the U.S.‖ She does not."),
        Case("en", "The U.S. President spoke.‖ They listened."),
        Case("en", "Apple Inc. Chairman Smith spoke.‖ It was short."),
        Case("en", "He works for Apple Inc.‖ They pay well."),
        Case("en", "We bought apples, pears, etc.‖ John paid."),
        Case("en", "We bought apples, pears, etc. and left."),
        Case("en", "Smith et al. Showed it.‖ They did."),
        Case("en", "So do I.‖ He does not."),
        Case("en", "There is no plan B.‖ We need one."),
        Case("en", "Jan. 5 is a day.‖ It is cold in Jan.‖ In Feb. too."),
        Case("en", "She has a Ph.D. in history.‖ He has none."),
        Case("en", "The play is Henry V.‖ He liked it."),
        Case("en", "P. D. James wrote it.‖ V. Woolf did not."),
        Case("en", "Martin Luther King Jr. Day is near.‖ It is cold."),
        Case("en", "The case Roe vs. Wade is known.‖ It is old."),
        Case("en", "(Dr. Who is a show.)‖ It runs."),
    ]

    static let otherLanguages: [Case] = [
        Case("pt", "O Sr. Silva e a Dra. Sousa chegaram.‖ O Prof. Lopes não."),
        Case("pt-BR", "O sr. João saiu.‖ A sra. Ana ficou."),
        Case("pt_PT", "Ver o art. 5.º e a pág. 12, vol. II.‖ Depois, o n.º 3."),
        Case("pt", "No séc. XX houve guerra.‖ No ano 30 a.C. Também."),
        Case("pt", "Trabalha na Silva & Cia. Ltda.‖ Ele gosta."),
        Case("pt", "Sei o que ela é.‖ Depois digo."),
        Case("pt", "Mora na Av. Brasil, p. ex. No centro.‖ Fica longe."),
        Case("pt", "Onde está?‖ Não sei!‖ Às 8h30.‖ Até já…"),
        Case("es", "¿Dónde está el Sr. Pérez?‖ ¡No lo sé!‖ «Ya viene.»‖ Bien."),
        Case("es", "Vive en EE. UU.‖ Desde 1990 está allí.‖ Los EE. UU. Mexicanos."),
        Case("es", "Es para Ud.‖ El otro no.‖ Ver pág. 5."),
        Case("fr", "M. Dupont et Mme. Durand sont là.‖ Où est le Dr. Petit ?‖ Ici !"),
        Case("fr", "« Viens. »‖ Il part.‖ « Non ! » dit-elle.‖ Elle reste."),
        Case("fr", "Voir p. 5, chap. II, art. 3.‖ L'auteur est mort en 50 av. J.-C.‖ C'est loin."),
        Case("fr", "Quoi ? !‖ Non."),
        Case("de", "Dr. Müller kommt am 3. Oktober.‖ Er bleibt bis zum 19. Oktober."),
        Case("de", "Er nimmt z. B. Äpfel, d. h. Obst, bzw. Birnen.‖ Das ist gut."),
        Case("de", "„Halt.“‖ Er blieb stehen.‖ »Komm!«‖ Dann ging er."),
        Case("de", "Er ist 42.‖ Sie ist Nr. 7, siehe S. 3 und Abb. 2."),
        Case("it", "Il sig. Rossi e la dott.ssa Bianchi sono qui.‖ L'avv. Verdi no."),
        Case("it", "Il Sig. Rossi arriva.‖ Vedi pag. 5, cap. III, art. 2.‖ Un'altra cosa."),
        Case("el", "Πού είσαι;‖ Εδώ.‖ Τι κάνεις;"),
        Case("cs", "Sejdeme se 3. Dubna v Praze.‖ Ano."),
        Case("ru", "А. С. Пушкин родился в Москве.‖ Он был поэтом.‖ Правда?"),
        // Turkish has its own small letters, which do not begin sentences either.
        Case("tr", "İyi misin?‖ Şimdi gel. ılık su."),
    ]

    static let otherScripts: [Case] = [
        Case("zh", "今天天气很好。‖我们去公园吧！‖好吗？‖好。"),
        Case("zh", "他说：“你好。”‖然后走了。‖“再见！”"),
        Case("zh", "他来了。‖“你好。”"),
        Case("zh", "他说：\"你好。\"‖然后走了。‖\"再见。\""),
        Case("zh", "宽5\"的。\n‖他来了。‖\"你好。\""),
        Case("zh", "他问“好吗？”，然后走了。‖好。"),
        Case("zh", "真的吗？！‖是的。‖ 我用iPhone。‖iPad也有。"),
        Case("zh", "３．１４是π。‖Ａ．Ｂ也是。"),
        Case("zh", "他想……然后走了。"),
        Case("ja", "今日は暑い。‖明日も暑い？‖「はい。」‖彼は帰った。"),
        Case("ja", "「行くよ！」と言った。‖そして行った。"),
        Case("ja", "「行く。‖行こう。」"),
        Case("ja", "すごい！！‖（笑。）‖本当に｡‖はい。"),
        Case("ko", "오늘은 날씨가 좋다.‖ 내일은?‖ 모르겠다!"),
        Case("hi", "आज मौसम अच्छा है।‖ क्या आप आएंगे?‖ हाँ।"),
        Case("hi", "यह है।‖वह है॥‖ अंत"),
        Case("hi", "श्लोक ॥१॥‖ अंत"),
        Case("bn", "আজ আকাশ পরিষ্কার।‖ তুমি কোথায়?"),
        Case("ar", "كيف حالك؟‖ أنا بخير.‖ شكرا!"),
        Case("ar", "هل أنت هنا؟!‖ نعم.\u{200F}‖ جيد."),
        Case("ur", "آج موسم اچھا ہے۔‖ بچے کھیل رہے ہیں۔"),
        Case("am", "ዛሬ ጥሩ ነው።‖ ባቡሩ የት ነው፧‖ እዚህ።"),
        Case("my", "ဒီနေ့ကောင်းတယ်။‖ ရထားဘယ်မှာလဲ။"),
        Case("km", "ថ្ងៃនេះល្អ។‖ រថភ្លើងនៅឯណា?‖ នៅទីនេះ។"),
        Case("hy", "Այսօր արևոտ է։‖ Ո՞ւր է գնացքը։"),
        Case("th", "วันนี้อากาศดี พ.ศ. ๒๕๖๐ ดีมาก ม.ค. หนาว"),
        Case("lo", "ມື້ນີ້ອາກາດດີ ດີຫຼາຍ"),
        Case("ka", "დღეს კარგი ამინდია.‖ სად არის მატარებელი?‖ აქ."),
        Case("he", "הרכבת יוצאת.‖ מתי?‖ עכשיו!"),
        Case("bo", "དེ་རིང་གནམ་གཤིས་ཡག །‖ ཆུ་གྲང་མོ་རེད།"),
        Case("ta", "இன்று நல்ல நாள்.‖ ரயில் எப்போது வரும்?"),
        Case("mn", "ᠮᠣᠩᠭᠣᠯ᠃‖ ᠪᠢᠴᠢᠭ᠃"),
    ]

    static let quotes: [Case] = [
        Case("en", "\"Stop.\"‖ \"Why?\"‖ \"Because.\""),
        Case("en", "\"Stop!\" he cried.‖ \"Why?\" she asked."),
        Case("en", "He said, \"It is late.\"‖ Then he left."),
        Case("en", "“It is late.”‖ ‘So it is.’‖ (He left.)‖ [Twice.]‖ {Ok.}"),
        Case("en", "It ended. \"but why?\" they asked."),
        Case("en", "It ended (at last).‖ (Nobody came.)‖ Good."),
        Case("en", "They call it \"Plan B.\"‖ Birds sing.‖ Plan B. Birds too."),
        Case("en", "He left. ) She stayed.‖ Good."),
        Case("en", "Done. \""),
    ]

    static let lines: [Case] = [
        Case("en", "First line\n‖second line\n‖third"),
        Case("en", "A title\r\n\r\n‖Some text.‖ More text.\r\n"),
        Case("en", "He met Dr.\n‖Smith."),
        Case("en", "one\u{2028}‖two\u{2029}‖three\u{85}‖four\u{B}‖five\u{C}‖six\r‖seven"),
        Case("en", "  indented.‖  Twice.  \n\n\n  ‖next  "),
        Case("en", "- item one\n‖- item two.‖ More.\n‖* item three"),
        Case("th", "วันนี้อากาศดี\n‖รถไฟออกกี่โมง"),
    ]

    // MARK: What lies between

    @Test func keepsTheWhiteSpaceBetween() {
        let split = SentenceSplitter(language: "en").split("  One.\t\u{A0} Two!\r\n\r\n Three \n")
        let expected = SentenceSplitter.Split(
            segments: [
                .init(gap: "  ", text: "One."), .init(gap: "\t\u{A0} ", text: "Two!"),
                .init(gap: "\r\n\r\n ", text: "Three"),
            ], trailing: " \n")
        #expect(split == expected)
    }

    @Test(arguments: ["", " ", "\n", "\r\n\t \u{3000}\u{2028}"])
    func findsNothingInWhiteSpace(_ text: String) {
        #expect(SentenceSplitter(language: "pt").split(text) == .init(segments: [], trailing: text))
    }

    static func joined(_ split: SentenceSplitter.Split) -> String {
        split.segments.map { $0.gap + $0.text }.joined() + split.trailing
    }
}

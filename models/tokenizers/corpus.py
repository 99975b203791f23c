"""Text for the tokenizer fixtures: sentences in many scripts, and strings that are odd on purpose."""

import random

SENTENCES = {
    "en": [
        "The ferry leaves at half past six, and nobody waits for it.",
        "She said: \"I won't be long\" — and was gone for a year.",
        "How many loaves did the baker's daughter carry up the hill?",
        "It rained on Monday, on Tuesday and again on Wednesday night.",
        "Please keep the door closed; the cat mustn't get out!",
        "Twenty-three of the forty-one bridges were rebuilt by 1987.",
        "Unbelievably, the lighthouse keeper's radio still worked.",
        "Water boils at 100 °C (212 °F) at sea level.",
    ],
    "pt": [
        "O barco não espera por ninguém, nem pelo capitão.",
        "A avó da Inês faz pão de milho às quintas-feiras.",
        "Quantas vezes é que já lhe disseste que não?",
        "Amanhã, às oito e um quarto, começa a reunião da câmara.",
        "Ações e reações: eis a questão dos pêssegos e das maçãs!",
        "Choveu tanto que o rio galgou as margens em três freguesias.",
    ],
    "es": [
        "¿Dónde está la llave del cobertizo? ¡No la encuentro!",
        "El niño comió piña en la mañana y se durmió.",
        "Según el pingüino, la vergüenza no existe.",
        "Mi tía vive en un pueblo de la sierra con tres cabras.",
    ],
    "fr": [
        "L'été dernier, nous avons dîné près de l'église à Noël.",
        "Où est passé le garçon qui vendait des œufs ?",
        "« Ça m'est égal », répondit-elle en haussant les épaules.",
        "Le maïs mûrit déjà ; la forêt jaunit.",
    ],
    "de": [
        "Über den Fluss führt eine schmale Brücke aus Stein.",
        "Die Straßenbahnhaltestelle liegt gegenüber der Bäckerei.",
        "Äpfel, Öl und Übermut: daraus wird kein Kuchen.",
        "„Größer“, sagte er, „muss es wirklich nicht sein.“",
    ],
    "it": [
        "Perché la città è così silenziosa stamattina?",
        "Non c'è più caffè, ma l'acqua bolle già.",
        "Il gatto dorme sull'armadio da martedì.",
    ],
    "nl": ["De fiets staat tegen het hek bij het café.", "Zij heeft 's ochtends altijd haast."],
    "sv": ["Åsa äter ärtsoppa på torsdagar.", "Båten går från ön klockan sju."],
    "pl": ["Żółw śpi pod ławką, a ćmy krążą wokół świecy.", "Dziś wieczorem pójdziemy nad jezioro."],
    "cs": ["Ještě včera ležel na louce čerstvý sníh.", "Vlak z Plzně má zpoždění."],
    "tr": ["İstanbul'da ılık bir akşamdı; ışıklar söndü.", "Çocuklar bahçede koşuyor mu?"],
    "vi": ["Trời hôm nay đẹp quá, chúng ta đi dạo nhé.", "Bà nội nấu phở rất ngon."],
    "hu": ["Hűvös őszi reggelen a kút mellett ültünk.", "A kutya a kapu előtt ül."],
    "fi": ["Yöjuna saapuu Ouluun aamulla.", "Äiti leipoi pullaa mökillä."],
    "ru": [
        "Вчера вечером шёл снег, а сегодня светит солнце.",
        "Почему ты не позвонил раньше?",
        "Её съёмки заняли объём двух томов.",
    ],
    "uk": ["Їжак біжить через подвір'я.", "Ґанок пофарбували влітку."],
    "bg": ["Утре ще ходим на планина.", "Ябълките узряха рано."],
    "el": ["Το καράβι φεύγει στις έξι το πρωί.", "Πού είναι η γιαγιά μου;", "Ο Οδυσσέας γύρισε στην Ιθάκη."],
    "hy": ["Այսօր արևոտ օր է։", "Ո՞ւր է գնացքը։"],
    "ka": ["დღეს კარგი ამინდია.", "სად არის მატარებელი?"],
    "he": ["הרכבת יוצאת בשעה שמונה בבוקר.", "שָׁלוֹם לְכֻלָּם!"],
    "ar": ["وصل القطار إلى المحطة متأخرا.", "هل رأيت مفتاح البيت؟", "السَّلامُ عَلَيْكُم"],
    "fa": ["امروز هوا خیلی سرد است.", "کتاب‌ها روی میز هستند."],
    "ur": ["آج موسم بہت اچھا ہے۔", "بچے باغ میں کھیل رہے ہیں۔"],
    "hi": ["आज मौसम बहुत अच्छा है।", "क्या आपने खाना खा लिया?", "नदी के उस पार एक गाँव है।"],
    "mr": ["मुले शाळेत गेली आहेत.", "पाऊस थांबला का?"],
    "bn": ["আজ আকাশ খুব পরিষ্কার।", "তুমি কোথায় যাচ্ছ?"],
    "pa": ["ਅੱਜ ਮੌਸਮ ਬਹੁਤ ਸੋਹਣਾ ਹੈ।", "ਪਾਣੀ ਠੰਡਾ ਹੈ।"],
    "gu": ["આજે હવામાન સારું છે.", "બાળકો રમે છે."],
    "ta": ["இன்று வானிலை நன்றாக உள்ளது.", "ரயில் எப்போது வரும்?"],
    "te": ["ఈ రోజు వాతావరణం బాగుంది.", "పిల్లలు ఆడుకుంటున్నారు."],
    "kn": ["ಇಂದು ಮಳೆ ಬರುತ್ತಿದೆ.", "ಮನೆ ಎಲ್ಲಿದೆ?"],
    "ml": ["ഇന്ന് നല്ല മഴയാണ്.", "തീവണ്ടി വൈകി."],
    "si": ["අද කාලගුණය හොඳයි.", "දුම්රිය පරක්කුයි."],
    "th": ["วันนี้อากาศดีมาก", "รถไฟออกกี่โมง"],
    "lo": ["ມື້ນີ້ອາກາດດີ", "ລົດໄຟຢູ່ໃສ"],
    "my": ["ဒီနေ့ရာသီဥတုကောင်းတယ်။", "ရထားဘယ်မှာလဲ။"],
    "km": ["ថ្ងៃនេះអាកាសធាតុល្អ។", "រថភ្លើងនៅឯណា?"],
    "bo": ["དེ་རིང་གནམ་གཤིས་ཡག་པོ་འདུག །", "ཆུ་གྲང་མོ་རེད།"],
    "am": ["ዛሬ አየሩ ጥሩ ነው።", "ባቡሩ የት ነው፧"],
    "zh": ["今天天气很好，我们去公园散步吧。", "火车几点出发？", "奶奶做的饺子最好吃！"],
    "zh-Hant": ["今天天氣很好，我們去公園散步吧。", "圖書館週一休息。"],
    "ja": ["今日は天気がいいので、公園を散歩しましょう。", "電車は何時に出ますか？", "「行ってきます」と彼女は言った。"],
    "ko": ["오늘은 날씨가 아주 좋습니다.", "기차는 몇 시에 출발하나요?", "할머니가 만두를 빚으셨다!"],
    "mn": ["Өнөөдөр тэнгэр цэлмэг байна.", "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ"],
    "chr": ["ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", "ꮳꮃꭹ"],
    "iu": ["ᐃᓄᒃᑎᑐᑦ ᐅᖃᐅᓯᖅ"],
    "nqo": ["ߒߞߏ ߞߊ߲ ߟߋ߬"],
    "got": ["𐌲𐌿𐍄𐌹𐍃𐌺"],
}

ODD = [
    "", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2581", "\u2581\u2581", " \u2581 ", "a", " a", "a ", "  a  b  ",
    "▁hello▁world", "hello▁", "▁ a ▁", "a\u2581\u2581b", "\u0000", "a\u0000b", "\u0001\u0002\u001f", "a\u0007b", "\u007f", "\u0080\u009f",
    "\u0085next line", "line one\nline two", "tab\tseparated\tvalues", "carriage\rreturn", "form\ffeed\vtab", "\u2028\u2029",
    "thin\u2009space", "hair\u200aspace", "zero\u200bwidth", "no\u2060break", "\ufeffbyte order mark", "soft\u00adhyphen",
    "narrow\u202fno-break", "figure\u2007space", "em\u2003space", "ogham\u1680mark", "medium\u205fspace", "\u200e\u200fmarks\u202a\u202e",
    "\u00e0", "a\u0300", "voil\u00e0 voila\u0300", "\u00c5 A\u030a \u212b", "e\u0301\u0323", "e\u0323\u0301", "\u1eaf a\u0306\u0301", "q\u0307\u0323",
    "\u0344", "\u0301leading mark", "o\u0308\u0304 \u022b", "\u1e9b\u0323", "\ufb01nancial \ufb02oor o\ufb03ce", "\u01c4 \u01c5 \u01c6", "\u0132sland",
    "\u2460\u2461\u2473 \u24d0\u24e9 \u3251", "\u00bd \u00bc \u2153 \u215b", "x\u00b2 + y\u00b3 = z\u2074", "H\u2082O CO\u2082", "\u2122 \u2120 \u00ae \u00a9", "\u2116 5 \u212a \u2126",
    "\uff28\uff45\uff4c\uff4c\uff4f\u3000\uff37\uff4f\uff52\uff4c\uff44\uff01", "\uff11\uff12\uff13\uff0e\uff14", "\uff76\uff9e\uff97\uff7d", "\uff8a\uff9f\uff8b\uff9f", "\u30cf\u309a", "\u304b\u3099",
    "\u3231 \u3388 \u33a1 \u337e \u32ff", "\ufdfa", "\ufdf2 \ufdfc", "\ufefb \ufe8d\ufedf", "\ufb2a\ufb35", "\uac00 \u1100\u1161 \u1100\u1161\u11a8", "\u3131\u314f",
    "\uf900\ufa0e\ufa30", "\U0002f800", "\U0001d400\U0001d41a\U0001d7ce", "\U0001f100", "\u1fbe \u1fef \u037e", "\u2126\u03c9 \u1f88", "\u1e9e \u00df SS ss", "\u0130 I \u0131 i",
    "\u03a3\u03c3\u03c2", "\u017f\u0073", "\u2025 \u2026 ...", "\u2014\u2013\u2012\u2212-\u00ad\u2011", "\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb'\"`\u00b4", "\u3001\u3002\uff0c\uff0e",
    "\U0001f600", "\U0001f600\U0001f601\U0001f602", "\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f1f5\U0001f1f9\U0001f1e7\U0001f1f7",
    "\u2764\ufe0f love \u2764", "1\ufe0f\u20e3 2\ufe0f\u20e3", "\U0001f9d1\u200d\U0001f4bb codes", "smile \U0001f642 then cry \U0001f622.", "\u263a\ufe0e\u263a\ufe0f", "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "\u0e01\u0e33", "\u0c15\u0c4d\u0c37", "\u0915\u094d\u0937 \u0915\u093c \u0958", "\u09dc \u09a1\u09bc", "\u0f77 \u0f71\u0f80", "\u1e0d\u0307 d\u0323\u0307",
    "h\u0324\u0306e\u0330\u0302\u0315a\u0325\u030ap\u0331\u0307e\u0316\u0304d", "a" + "\u0301" * 40, "\u202eright to left\u202c", "\ud7b0\ud7cb", "\ufffd", "a\ufffdb", "\ufffe \uffff", "\U0010ffff", "\ue000\uf8ff",
    "<unk>", "</s>", "<s>", "a</s>b", "<pad>", "<0x41>", "<0x0A><0xE2>", "<2pt> hello", "<sep>", "a<sep>b", "x <sep> <sep>y", "<sep><cls><sep>", "x1y2zw3", "x1y2z w3zw3y2", "ξ€", "ζ€", "aξ€ζ€", "\u2581the\u2581cat a\u2581b",
    "http://example.org/a?b=c&d=%20e", "https://example.com:8080/path/to/file.html#frag", "someone@example.org", "C:\\Users\\x\\file.txt", "/usr/bin/env python3",
    "e.g. this", "i.e., that", "naïve nai\u0308ve", "foo_bar-baz.qux", "camelCaseAndPascalCase", "SHOUTING AT YOU", "MiXeD cAsE", "\\n is not \n",
    "for (int i = 0; i < 10; ++i) { s += a[i]; }", "{\"key\": [1, 2.5, null, true]}", "<p class=\"x\">text &amp; more</p>", "$ 1,234.56 € 7.890,12 £ 3 ¥ 400 ₹ 5 ₿",
    "0123456789", "3.14159265358979", "1e-10", "2024-02-29T23:59:60Z", "+351 912 345 678", "192.168.0.1", "::1", "№ 7", "½ + ⅓ ≠ ∞", "∀x∈ℝ: ∃y", "a≤b≥c≈d", "→ ← ↑ ↓ ⇒",
    "!!!", "???", "?!", "...", "....", "…", "a...b", "wait… what?!", "(((nested) brackets) here)", "[1] {2} <3>", "*bold* _italic_ `code`", "# Heading", "- item", "1. item", "~~~~", "=====", "_____", "-----", "\"\"\"",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ababababababababababab", "hahahahahahaha", "Donaudampfschifffahrtsgesellschaftskapitän", "pneumonoultramicroscopicsilicovolcanoconiosis", "anticonstitucionalissimamente",
    "漢字かなカナ交じり文", "中文English混排text", "日本語と한국어와中文", "русский and English и снова", "abcабвαβγ", "١٢٣٤٥ ۱۲۳۴۵ १२३४५ ๑๒๓๔๕", "ⅣⅫ ⅳⅻ", "㍿㌔㍍", "ﾊﾝｶｸ ｶﾀｶﾅ", "ＡＢＣ　ａｂｃ　１２３",
    "ª º", "ŀ Ŀ", "ŉ", "ǳ", "ſt ﬅ ﬆ", "ﬓﬔ", "ײַ", "ﷺﷻ", "\u1d2c\u1d43", "\u02b0\u02b2", "a\u034fb", "x\u061cy", "m\u180ev", "\u115f\u1160", "\u17b4\u17b5", "\u2062\u2063", "\ufff9\ufffa\ufffb", "\U000e0001\U000e0020",
    "  leading and trailing  ", "\n\nparagraph\n\n", "multiple   inner    spaces", "tabs\t\tand  spaces \t mixed", "nbsp\u00a0\u00a0double", "\u3000ideographic\u3000space\u3000", "trailing tab\t", " \u200b ", "\u200b a", "a \u200b b", "a\u200b \u200bb",
]

# Not UTF-8, as hexadecimal.
INVALID = [
    "ff", "6162ff6364", "eda0807a", "c080", "f5808080", "e282", "e28241", "f09f98", "80", "bfbf20bf", "c3", "c328", "f0288cbc", "fe", "fcfdfeff", "61c3a9c3", "e0808081", "f4908080", "20ff20", "e38080ff", "efbfbdff", "efbbbf61ff",
]


def mixtures(count=60, seed=20):
    """Strings put together at random from all of the above."""
    source = random.Random(seed)
    sentences = [text for texts in SENTENCES.values() for text in texts]
    words = [word for text in sentences for word in text.split()]
    result = []
    for _ in range(count):
        parts = []
        for _ in range(source.randint(1, 12)):
            pool = source.choice([words, words, words, ODD])
            parts.append(source.choice(pool) + source.choice(["", " ", " ", "  ", "\n", "\u3000", ", "]))
        result.append("".join(parts)[:160])
    return result


def strings():
    """Every string of the fixtures, in order."""
    return [text for texts in SENTENCES.values() for text in texts] + ODD + mixtures()


# Texts that are long; written as (unit, times) to keep the fixtures small.
LONG = [
    # None is all strings of the fixtures, one after the other.
    (None, 25),
    ("a", 100_000), ("ab", 20_000), ("á", 20_000), ("word ", 20_000), (" ", 10_000), ("漢", 20_000), ("\U0001f600", 8_000), ("▁", 3_000), ("\u0301", 5_000), ("\ufdfa", 2_000), ("Żółw śpi pod ławką. ", 2_000), ("\u05d0\u05d1 ", 6_000), ("<sep>", 1_000), ("\u2468", 4_000), ("xyzzy\u00e7\u00e3o", 3_000),
]


def training_lines():
    """What the small models are trained on: the sentences, and simpler ones made from a grammar."""
    lines = [text for texts in SENTENCES.values() for text in texts]
    english = (["the cat", "my aunt", "a farmer", "the old bridge", "her brother", "this town"],
               ["sees", "follows", "forgets", "remembers", "leaves", "finds"],
               ["the river", "an open door", "two letters", "the morning train", "a naïve song", "nothing"])
    portuguese = (["o gato", "a minha tia", "um lavrador", "a ponte velha", "o irmão dela", "esta cidade"],
                  ["vê", "segue", "esquece", "recorda", "deixa", "encontra"],
                  ["o rio", "uma porta aberta", "duas cartas", "o comboio da manhã", "uma canção", "nada"])
    for subjects, verbs, objects in (english, portuguese):
        for subject in subjects:
            for verb in verbs:
                for thing in objects:
                    lines.append(f"{subject.capitalize()} {verb} {thing}.")
    return lines

"""Trains the small vocabularies of the byte-pair encoding tests and writes what the `tokenizers` and
`sentencepiece` packages make of the fixture strings with them.

    pip install -r requirements.txt
    python reference.py --output ../../Tests/Fixtures/bpe
"""

import argparse
import io
import json
import pathlib
import random

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as schema
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SENTENCES = """The quick brown fox doesn't jump; it's I'LL who'd've jumped over 1234567 lazy dogs, they're sure.
WE'RE sure THEY'VE said it'S fine, I'M not. Don't! 'tis the season 'twas ours' and 're-use' it.
O gato preto dorme na varanda enquanto a chuva cai sobre a cidade antiga; não é tão tarde, são só 23h45.
Der süße Käse schmeckt größer als die Straße, sagte Frau Müller um 7:30 Uhr für 12,50 €.
Où est passé l'été dernier ? Ça dépend, répondit-elle, de l'œil qui naît à Noël.
El niño comió piñas y ¿quién sabe? ¡Qué lástima! Vergüenza, pingüino.
Zażółć gęślą jaźń; příliš žluťoučký kůň úpěl ďábelské ódy; ığdır İstanbul'da.
Съешь же ещё этих мягких французских булок, да выпей чаю: 2024 год. Їжак їсть ґанок.
Ο γρήγορος σκύλος τρέχει στη θάλασσα· τι ωραία μέρα σήμερα, ΑΘΗΝΑ!
הכלב המהיר רץ בחוף הים, ומה שלומך היום? שָׁלוֹם עֲלֵיכֶם
القطة السوداء تنام على السطح ١٢٣٤٥ مرة، كَيْفَ حَالُكَ؟
گربه سیاه روی بام می‌خوابد ۶۷۸۹ بار، چطوری؟
काली बिल्ली छत पर १२३ बार सोती है, क्या हाल है? क्षत्रिय ज्ञान
কালো বিড়াল ছাদে ঘুমায় ৪৫৬ বার, কেমন আছো?
ਕਾਲੀ ਬਿੱਲੀ ਛੱਤ ਤੇ ਸੌਂਦੀ ਹੈ ੭੮੯
கருப்பு பூனை கூரையில் தூங்குகிறது ௧௨௩
నల్ల పిల్లి పైకప్పు మీద నిద్రపోతుంది ౧౨౩
ಕಪ್ಪು ಬೆಕ್ಕು ಛಾವಣಿಯ ಮೇಲೆ ಮಲಗುತ್ತದೆ ೪೫೬
കറുത്ത പൂച്ച മേൽക്കൂരയിൽ ഉറങ്ങുന്നു ൧൨൩
කළු පූසා වහලය මත නිදාගනී
แมวดำนอนบนหลังคา ๑๒๓๔ ครั้ง สบายดีไหม
ແມວດຳນອນຢູ່ເທິງຫລັງຄາ ໑໒໓
ကြောင်မည်း ခေါင်မိုးပေါ်မှာ အိပ်နေတယ် ၁၂၃
ឆ្មាខ្មៅដេកលើដំបូល ១២៣
བྱི་ལ་ནག་པོ་ཐོག་ཁར་ཉལ། ༡༢༣
შავი კატა სახურავზე სძინავს, ᲨᲐᲕᲘ ᲙᲐᲢᲐ
Սև կատուն քնում է տանիքին, ինչպե՞ս ես։
ጥቁር ድመት በጣሪያው ላይ ተኝታለች። ፩፪፫
ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ꭰꭹꮳꮃꭹ ᐃᓄᒃᑎᑐᑦ ᚠᚢᚦᚨᚱᚲ ⵜⴰⵎⴰⵣⵉⵖⵜ
黑猫睡在屋顶上，今天天气很好，我们一起去公园散步吧。二〇二四年１２３４
黒い猫が屋根の上で寝ています。カタカナとひらがな、ﾊﾝｶｸ、々〆ヶーｰ㈱㍿
검은 고양이가 지붕 위에서 자고 있어요. ㄱㄴㄷ 한글 자모 각
ᠮᠣᠩᠭᠣᠯ ꦗꦮ ᬩᬮᬶ 𐤀𐤁𐤂 𐎀𐎁 𒀀𒀁 𓀀𓀁 𝐀𝐁𝐜 𝟘𝟙𝟚 𞤀𞤁𞤢𞤣 𑄃𑄇𑄴 𖬀𖬁
Tiếng Việt có dấu: Trường đại học Quốc gia, Nguyễn Ễnh ương ngồi
ǅ ǈ ǋ ᾈ ᾘ ʰ ʲ ˠ ª º ꟷ ⅷ Ⅻ ½ ⅓ ² ³ ¹ ₁ ① ⑳ ❶ 〡 ㊿ 一二三
👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇧🇷🇩🇪 1️⃣2️⃣ ❤️ ☕️ 😀😃😄 🤷🏾‍♀️ ⌚ ™️ ©
def main(argv: list[str]) -> int:\n    if len(argv) < 2:\n        return 1\n    # don't panic\n    return 0x1F + 3.14e-10\n
for (int i = 0; i < n; ++i) { a[i] += b[i] * c[i]; } // it's O(n)\r\n\r\n\t}\r\n
let x = items.map { $0.name }.filter { !$0.isEmpty && $0 != "n/a" }\n\n\n    XMLHttpRequest parseJSONString getHTTPResponseCode iOS
SELECT COUNT(*) FROM "table" WHERE x >= 10 AND y <> 'it''s';\n-- done\n/* path/to//file */ https://example.com/a/b?c=d&e=%20f#g
$$\\int_0^\\infty e^{-x^2} dx = \\frac{\\sqrt{\\pi}}{2}$$ | a | b |\n|---|:-:|\n| 1 | 2 |
<html><body class="a b">&nbsp;<!-- c --></body></html> {"k": [1, 2.5, null, true], "é": "\\u00e9"}
""".replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").split("\n")
SENTENCES = [sentence for sentence in SENTENCES if sentence]

SPACES = ["\t", "\n", "\v", "\f", "\r", " ", "\u0085", "\u00a0", "\u1680", *map(chr, range(0x2000, 0x200B)), "\u2028", "\u2029",
          "\u202f", "\u205f", "\u3000"]
NOT_SPACES = ["\u180e", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\x1c", "\x1f"]
CONTROLS = [chr(code) for code in [*range(0, 9), *range(0x0E, 0x20), 0x7F, 0x80, 0x9F]]
MARKS = ["\u0301", "\u0308", "\u0323", "\u20dd", "\u093e", "\u0b4b", "\u3099", "\ufe0f", "\U0001d165"]
ODD = ["\ue000", "\U000f0000", "\U0010ffff", "\ufffd", "\ufffe", "\ufdd0", "\u2581", "\u0378", "\U000e0001", "\U000e0100", "Ġ", "Ċ", "ſ", "K"]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN = LLAMA.replace("{1,3}", "")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


PRE_TOKENIZERS = {
    "gpt-2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "llama-bpe": split(LLAMA),
    "qwen2": split(QWEN),
    "tekken": split(TEKKEN),
}

# Found in the text before anything else; some begin others, and one is part of another.
CONTROL_TOKENS = ["<|im_start|>", "<|im_end|>", "<|im", "<s>", "</s>", "<|endoftext|>"]
USER_TOKENS = ["<tool_call>", "<tool", "\t\t", "    ", "[é]", "日本語", "<|im_start|>user"]
SPECIAL_TEXTS = [
    "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n", "<|im_star", "<|im_start|", "<<|im_end|>>", "a<s>b</s>c",
    "<tool_call>x</tool_call><tool><toolbox>", "\t\t\tx", "     y        z", "[é][e\u0301] 日本語日本", "<|im<|im_start|>users",
    "<|endoftext|><|endoftext|>", "it's <s>'s", " <s> x <s>  ", "<|im_start|><|im_start|>user",
]


def strings():
    generator = random.Random(20240607)
    texts = ["", " ", "  ", "a", "é", "'", "''", "'s", "'S", "'ſ", "'re'VE'Ll'D'T'm", " 's", "x'RE y'lL", "I'lx 'r 'v 'l '", "1", "12", "123",
             "1234", "12345678", " 1 22 333 4444", "a1b22c333", "\u0661\u0662\u0663\u0664", "½⅓Ⅻ②", "a\u0301b", "\u0301a", " \u0301", "\u0301\u0301X", "AAAa", "aAAA", "AbCdEF",
             "\u00aaAAA", "A\u00aaAA", "ǅabc", "!AbC", "\u0301ABC", " ABC\u0301D", "a/b//c\n/\n", "!!/\n/x", "?\n\n", "?\r\n \r\n x", " \n", "\n ", "\n x", "\n  x",
             "x \n\n  y", "\t\tx", " \t x", "x\u3000y", "x \u3000y", "\u3000\u3000漢", "  \u00a0x", "x\u200by", "x   ", "x   1", "   1", "1   ", "  !", " !a", " \u0301a",
             "\r", "\r\n\r\n", "\n\n\n", "\r a", "'s's", "a'sb", "can't've", "’s don’t", "a" * 200, "ab" * 150, " " * 100, "\n" * 50, "1" * 50, "!" * 120,
             "\u0301" * 40, "A" * 90 + "a", "Aa" * 40, "the " * 30, "the" * 40, "漢字" * 40, "😀" * 25]
    texts += SENTENCES
    texts += [f"a{space}b{space}{space}c {space} 1{space}" for space in SPACES]
    texts += [f"a{odd}b {odd}{odd} 1{odd}2" for odd in NOT_SPACES + MARKS + ODD]
    texts += ["".join(CONTROLS), " ".join(CONTROLS)]
    characters = "".join(SENTENCES)
    pools = [SPACES, [" ", "\n", "\r", "\t"], MARKS, CONTROLS, ODD + NOT_SPACES, list("'sStTrReEvVmMlLdD"), list("0123456789٣४๕½"), list("ABCXYZÉДΣ"),
             list("abcxyzéдσ"), list("ªºʰ漢あأ"), list("!?.,;:/\\-_()[]{}#@"), ["👩‍👩‍👧", "🇧🇷", "👍🏽"]]
    while len(texts) < 380:
        chosen = generator.sample(pools, generator.randint(2, 4))
        texts.append("".join(generator.choice(generator.choice(chosen)) for _ in range(generator.randint(3, 40))))
    while len(texts) < 430:
        texts.append("".join(generator.choice(characters) for _ in range(generator.randint(5, 60))))
    while len(texts) < 480:
        pieces = [sentence[start:start + generator.randint(1, 15)] for sentence in generator.sample(SENTENCES, 4)
                  for start in [generator.randrange(len(sentence))]]
        texts.append(generator.choice(SPACES).join(pieces))
    return texts


LONG = [("a", 30000), ("ab", 10000), (" ", 20000), ("\n", 5000), ("漢", 8000), ("😀", 3000), ("the quick brown ", 1000), ("don't", 3000), ("A", 9000), ("é", 9000),
        ("1", 5000), ("\u0301", 4000), ("x" * 33, 1), ("ab" * 16, 1), ("y" * 65, 300), (" \u3000", 2000)]


def fnv(ids):
    value = 0xCBF29CE484222325
    for number in ids:
        for byte in number.to_bytes(4, "little"):
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def longs(encode):
    return [dict(unit=unit, times=times, count=len(ids), hash=fnv(ids)) for unit, times in LONG for ids in [encode(unit * times)]]


def byte_level(texts, output):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = PRE_TOKENIZERS["llama-bpe"]
    trainer = trainers.BpeTrainer(
        vocab_size=1100, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    corpus = SENTENCES * 3 + ["a" * 64, " " * 64, "\n" * 16, "the " * 50] * 2
    tokenizer.train_from_iterator(corpus, trainer)
    saved = json.loads(tokenizer.to_str())["model"]
    vocabulary = dict(saved["vocab"])
    # Whole words that no merge leads to, for tokenizers that take a word which is a token as it is; and one byte
    # that the vocabulary does not have.
    for word in ["Ġpreto", "XMLHttp", "ĠAthena", "ĠÐ³Ð¾Ð´", "é»ĳ", "...", "ĊĊĊĊ", "Ġgato", "123"]:
        vocabulary.setdefault(word, len(vocabulary))
    missing = "õ"
    spare = vocabulary.pop(missing)
    vocabulary["[unused]"] = spare
    assert not any(missing in merge for pair in saved["merges"] for merge in pair)
    tokens = sorted(vocabulary, key=vocabulary.get)
    merges = [tuple(pair) for pair in saved["merges"]]
    special = tokens + CONTROL_TOKENS + USER_TOKENS
    kinds = [1] * len(tokens) + [3] * len(CONTROL_TOKENS) + [4] * len(USER_TOKENS)
    kinds[spare] = 5

    def model(name, ignore_merges, added):
        made = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=ignore_merges))
        made.pre_tokenizer = PRE_TOKENIZERS[name]
        made.decoder = decoders.ByteLevel()
        # All of them, so that the ids are the same; the others are given a spelling that is in no text.
        made.add_special_tokens(
            [token if token in added else f"\ue123{index}" for index, token in enumerate(CONTROL_TOKENS + USER_TOKENS)])
        return made

    cases = []
    for name in PRE_TOKENIZERS:
        ignores = name in ("llama-bpe", "tekken")
        made = model(name, ignores, USER_TOKENS)
        ids = [made.encode(text).ids for text in texts]
        # ByteLevel spells each byte as one character, so lengths are in bytes.
        words = [[len(word) for word, _ in PRE_TOKENIZERS[name].pre_tokenize_str(text)] for text in texts]
        full = name in ("gpt-2", "llama-bpe")
        cases.append(dict(
            name=name, ids=ids if full else None, hashes=None if full else [fnv(sequence) for sequence in ids], words=words,
            long=longs(lambda text: made.encode(text).ids),
            special=[model(name, ignores, CONTROL_TOKENS + USER_TOKENS).encode(text).ids for text in SPECIAL_TEXTS],
            plain=[model(name, ignores, USER_TOKENS).encode(text).ids for text in SPECIAL_TEXTS]))

    alphabet = {character: byte for byte, character in enumerate_alphabet()}
    generator = random.Random(7)
    sequences = []
    for length in [1, 2, 3, 5, 8, 13, 40] * 12:
        # Mostly single bytes, so that characters are cut and damaged.
        ids = [generator.choice([generator.randrange(len(tokens)), vocabulary.get(generator.choice(BROKEN), 0)]) for _ in range(length)]
        data = b"".join(bytes(alphabet[character] for character in special[number]) if number != spare else b"[unused]" for number in ids)
        sequences.append(dict(ids=ids, text=data.decode("utf-8", errors="replace")))
    write(output / "byte_level.json", dict(tokens=special, kinds=kinds, merges=[" ".join(pair) for pair in merges], sequences=sequences))
    write(output / "byte_level_cases.json", cases)


def enumerate_alphabet():
    extra = 0
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255:
            yield byte, chr(byte)
        else:
            yield byte, chr(256 + extra)
            extra += 1


SPELLING = dict(enumerate_alphabet())
BROKEN = [SPELLING[byte] for byte in [0xE2, 0x96, 0x81, 0xF0, 0x9F, 0x98, 0x80, 0xED, 0xA0, 0xBF, 0xC3, 0xA9, 0xF4, 0x90, 0xE0, 0x41, 0xFF, 0xC0]]

PIECE_MODELS = {
    "llama": dict(add_dummy_prefix=True),
    "gemma": dict(add_dummy_prefix=False, split_by_whitespace=False, user_defined_symbols=["<tool_call>", "[é]", "\n\n", "\n\n\n"],
                  control_symbols=["<start_of_turn>"]),
    "no_bytes": dict(add_dummy_prefix=True, byte_fallback=False, vocab_size=1000, character_coverage=0.98),
}


def sentence_piece(texts, output):
    for name, options in PIECE_MODELS.items():
        written = io.BytesIO()
        settings = dict(
            model_type="bpe", vocab_size=1300, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
            character_coverage=0.99, minloglevel=2, num_threads=1, allow_whitespace_only_pieces=True, split_digits=True) | options
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES * 3 + ["a" * 64, "x" + " " * 40 + "x"] * 8), model_writer=written, **settings)
        proto = schema.ModelProto.FromString(written.getvalue())
        if name == "llama":
            # Some pieces that are not to be used: text takes the way that led to them apart again.
            for index, piece in enumerate(proto.pieces):
                if piece.type == 1 and 300 < index < 700 and index % 7 == 0 and len(piece.piece) > 2:
                    piece.type = 5
        model = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
        ids = [model.encode(text) for text in texts]
        decoded = {index: model.decode(sequence) for index, sequence in enumerate(ids) if model.decode(sequence) != texts[index]}
        write(output / f"pieces_{name}.json", dict(
            tokens=[piece.piece for piece in proto.pieces], kinds=[piece.type for piece in proto.pieces],
            scores=[piece.score for piece in proto.pieces], addsSpacePrefix=settings["add_dummy_prefix"],
            ids=ids, decoded=decoded, long=longs(model.encode)))


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    texts = strings()
    write(output / "texts.json", dict(texts=texts, special=SPECIAL_TEXTS))
    byte_level(texts, output)
    sentence_piece(texts, output)


if __name__ == "__main__":
    main()

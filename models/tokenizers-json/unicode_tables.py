"""Writes the decompositions of Unicode characters as the `tokenizers` package applies them, as Swift source, and
the sets of characters that its normalizers and pre-tokenizers tell apart, as a fixture.

    python unicode_tables.py --swift ../../Sources/Tokenizers/HuggingFace/UnicodeDecompositionData.swift \
        --fixture ../../Tests/Fixtures/tokenizers-json/unicode.json
"""

import argparse
import json
import pathlib

from tokenizers import Regex, normalizers, pre_tokenizers

SCALARS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def digits(number):
    """A number from 0 on in groups of five bits, the lowest first; all but the last have the sixth bit."""
    text = ""
    while number >= 32:
        text += DIGITS[number & 31 | 32]
        number >>= 5
    return text + DIGITS[number]


def signed(number):
    return digits(2 * number if number >= 0 else -2 * number - 1)


def records():
    """Triples of a character, whether the decomposition is a compatible one, and the decomposition."""
    canonical, compatible = normalizers.NFD(), normalizers.NFKD()
    for code in SCALARS:
        if code in HANGUL:
            continue
        character = chr(code)
        first, second = canonical.normalize_str(character), compatible.normalize_str(character)
        if first != character:
            yield code, False, first
        if second != first:
            yield code, True, second


def data():
    text, last, targets = "", 0, [0] * 32
    for code, compatible, decomposition in records():
        text += digits(code - last) + digits(2 * len(decomposition) + compatible)
        for place, character in enumerate(decomposition):
            text += signed(ord(character) - targets[place])
            targets[place] = ord(character) + (place == 0)
        last = code
    return text


def swift(text):
    lines = [text[start:start + 112] for start in range(0, len(text), 112)]
    return (
        "/// What characters are made of, as `models/tokenizers-json/unicode_tables.py` writes it. `UnicodeDecompositions` reads it.\n"
        "///\n"
        "/// Numbers in groups of five bits, the lowest first, each a digit of base 64 (A-Z, a-z, 0-9, +, /); all but the last\n"
        "/// group of a number have the sixth bit. For each decomposition: the character, as the distance from the one before;\n"
        "/// twice the number of its parts, and one more if it is a compatible one; the parts, as signed distances (twice the\n"
        "/// number, or for a negative one twice its amount less one) from the part in the same place before, or for the first\n"
        "/// part from the character after that.\n"
        "enum UnicodeDecompositionData {\n"
        "    static let text: StaticString = \"\"\"\n" + "".join(f"        {line}\\\n" for line in lines[:-1]) + f"        {lines[-1]}\n" + "        \"\"\"\n}\n")


def runs(codes):
    """The lengths of runs of characters outside and inside the set, in turn, from U+0000 on."""
    inside, result, last = False, [], 0
    members = set(codes)
    for code in SCALARS:
        if (code in members) != inside:
            result.append(code - last)
            inside, last = not inside, code
    return result


def sets():
    def pieces(pre_tokenizer):
        return [code for code in SCALARS if len(pre_tokenizer.pre_tokenize_str("\u4e00" + chr(code))) == 2]

    def vanishing(normalizer):
        return [code for code in SCALARS if normalizer.normalize_str(chr(code)) == ""]

    def pattern(text, behavior="removed"):
        split = pre_tokenizers.Split(Regex(text), behavior)
        return [code for code in SCALARS if not split.pre_tokenize_str(chr(code))]

    def bert(**flags):
        return normalizers.BertNormalizer(**(dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False) | flags))

    found = {
        "punctuation": pieces(pre_tokenizers.Punctuation()),
        "digit": pieces(pre_tokenizers.Digits(True)),
        "cleaned": vanishing(bert(clean_text=True)),
        "accent": vanishing(bert(strip_accents=True)),
        "combining": vanishing(normalizers.StripAccents()),
        "chinese": [code for code in SCALARS if bert(handle_chinese_chars=True).normalize_str(chr(code)) != chr(code)],
        "nmt": vanishing(normalizers.Nmt()),
        "space": [code for code in SCALARS if not pre_tokenizers.WhitespaceSplit().pre_tokenize_str(chr(code))],
        "word": [code for code in SCALARS if len(pre_tokenizers.Whitespace().pre_tokenize_str("a" + chr(code))) == 1
                 and pre_tokenizers.Whitespace().pre_tokenize_str(chr(code))],
    }
    for name in ["L", "M", "N", "P", "S", "Lu", "Ll", "Lm", "Lo", "Nd", "Zs", "Han"]:
        found["p{" + name + "}"] = pattern(r"\p{" + name + "}")
    found["\\s"], found["\\w"], found["\\d"] = pattern(r"\s"), pattern(r"\w"), pattern(r"\d")
    return {name: runs(codes) for name, codes in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swift", type=pathlib.Path, required=True)
    parser.add_argument("--fixture", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.swift.parent.mkdir(parents=True, exist_ok=True)
    arguments.swift.write_text(swift(data()), encoding="utf-8")
    arguments.fixture.write_text(json.dumps(sets(), separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

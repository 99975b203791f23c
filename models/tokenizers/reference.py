"""Trains the small models of the tokenizer tests and writes what the SentencePiece library makes of the
fixture strings, with these models and with the two vocabularies of the English-Portuguese models.

    pip install -r requirements.txt
    python reference.py --enpt vocab.enpt.spm --pten vocab.pten.spm --output ../../Tests/Fixtures/tokenizers
"""

import argparse
import io
import json
import pathlib
import random
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as schema

import corpus

USER_DEFINED = ["<sep>", "http://", "e.g.", "  ", "\u2581\u2581", "naïve", "日本", "a\u0300", "\U0001f600", "fi", "<sep><cls>",
                # Overlapping, so that the bonus for their length decides.
                "x1", "y2", "x1y2z", "w3", "zw3"]
CONTROLS = ["<2pt>", "<cls>", "<2en>"]

MODELS = {
    "identity": dict(normalization_rule_name="identity"),
    "bytes": dict(normalization_rule_name="identity", byte_fallback=True, vocab_size=1100),
    "no_dummy_prefix": dict(normalization_rule_name="identity", add_dummy_prefix=False),
    "extra_whitespace": dict(normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True),
    "verbatim": dict(normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=False, byte_fallback=True, vocab_size=1100),
    "user_defined": dict(normalization_rule_name="identity", user_defined_symbols=USER_DEFINED, control_symbols=CONTROLS,
                         pad_id=3, unk_surface="¿?", bos_piece="<bos>", eos_piece="<eos>"),
    "suffix": dict(normalization_rule_name="identity", treat_whitespace_as_suffix=True),
    "suffix_verbatim": dict(normalization_rule_name="identity", treat_whitespace_as_suffix=True, remove_extra_whitespaces=False,
                            user_defined_symbols=["  ", "<sep>"]),
    "folded": dict(normalization_rule_tsv=True, denormalization_rule_tsv=True, user_defined_symbols=["SHOUTING", "\uff28"]),
}


def folding_rules():
    """NFKC with case folding for part of Unicode, so that the compiled map stays small. Includes sequences,
    rules that delete, and rules that give more characters than they take."""
    ranges = [(0x41, 0x5A), (0xA0, 0x24F), (0x370, 0x3FF), (0x400, 0x45F), (0x1E00, 0x1EFF), (0x2000, 0x200A),
              (0x2025, 0x2026), (0x202F, 0x202F), (0x205F, 0x205F), (0x2070, 0x209C), (0x2100, 0x2126), (0x2150, 0x217F),
              (0x2460, 0x2473), (0x3000, 0x3000), (0x3388, 0x3388), (0xFB00, 0xFB06), (0xFDFA, 0xFDFA), (0xFF01, 0xFF5E),
              (0xFF66, 0xFF9F)]
    rules = {}
    for first, last in ranges:
        for code in range(first, last + 1):
            character = chr(code)
            folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())
            decomposed = unicodedata.normalize("NFD", character)
            if folded != character:
                rules[character] = folded
            if len(decomposed) > 1:
                rules[decomposed] = folded
    for code in [*range(1, 9), *range(0x0E, 0x20), 0x7F, 0xAD, 0x200B, 0x2060, 0xFEFF]:
        rules[chr(code)] = ""
    for character in "\t\n\r\u0085\u00a0\u2028\u2029":
        rules[character] = " "
    rules["\r\n"] = " "
    return rules


def write_rules(path, rules):
    def codes(text):
        return " ".join(f"{ord(character):X}" for character in text)

    with open(path, "w", encoding="utf-8") as file:
        for source, target in sorted(rules.items()):
            file.write(f"{codes(source)}\t{codes(target)}\n")


def train(options):
    options = dict(options)
    with tempfile.TemporaryDirectory() as directory:
        if options.pop("normalization_rule_tsv", None):
            path = pathlib.Path(directory, "rules.tsv")
            write_rules(path, folding_rules())
            options["normalization_rule_tsv"] = str(path)
        if options.pop("denormalization_rule_tsv", None):
            path = pathlib.Path(directory, "back.tsv")
            write_rules(path, {"ss": "ß", "...": "…", "fi": "ﬁ"})
            options["denormalization_rule_tsv"] = str(path)
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(**{
            "sentence_iterator": iter(corpus.training_lines()), "model_writer": model, "model_type": "unigram",
            "vocab_size": 900, "character_coverage": 0.98, "num_threads": 1, "hard_vocab_limit": False,
            "minloglevel": 2, **options})
    return patched(model.getvalue(), without_paths)


def patched(serialized, change):
    """A model with fields that the trainer has no option for."""
    model = schema.ModelProto()
    model.ParseFromString(serialized)
    change(model)
    return model.SerializeToString()


def without_paths(model):
    """The rules are in the model; where they were read from would make each run's files differ."""
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    model.denormalizer_spec.ClearField("normalization_rule_tsv")
    if not model.denormalizer_spec.precompiled_charsmap:
        model.ClearField("denormalizer_spec")


def unescaped(model):
    model.normalizer_spec.escape_whitespaces = False
    for piece in model.pieces:
        piece.piece = piece.piece.replace("\u2581", " ")


def without_unknown(model):
    for piece in model.pieces:
        if piece.type == schema.ModelProto.SentencePiece.UNKNOWN:
            piece.type = schema.ModelProto.SentencePiece.UNUSED
            piece.piece = "\0"


def unusual(model):
    """Unused pieces, scores that tie, are zero or positive, and a piece that ends inside a character."""
    kinds = schema.ModelProto.SentencePiece
    model.trainer_spec.ClearField("unk_surface")
    for index, piece in enumerate(model.pieces):
        if piece.type != kinds.NORMAL:
            continue
        if index % 7 == 0 and len(piece.piece) > 1:
            piece.type = kinds.UNUSED
        elif index % 3 == 0:
            piece.score = -7.5
        elif index % 11 == 0:
            piece.score = 0.0
        elif index % 13 == 0:
            piece.score = 2.25
    for text in ["\u2581\u2581\u2581", "a\u2581b", "\u2581the\u2581cat"]:
        model.pieces.add(piece=text, score=-6.0)
    # A character that only occurs in longer pieces, so that it is a close race with the unknown piece.
    lowest = min(piece.score for piece in model.pieces if piece.type == kinds.NORMAL)
    for text, score in [("ξ", 9.5), ("ξ€", lowest), ("ζ", 10.5), ("ζ€", lowest)]:
        for piece in [piece for piece in model.pieces if piece.piece == text]:
            model.pieces.remove(piece)
        model.pieces.add(piece=text, score=score)
    model.pieces.add(piece="<unused>", score=0.0, type=kinds.UNUSED)


def models():
    result = {name: train(options) for name, options in MODELS.items()}
    result["unescaped"] = patched(result["identity"], unescaped)
    result["no_unknown"] = patched(result["bytes"], without_unknown)
    result["unusual"] = patched(result["extra_whitespace"], unusual)
    return result


def fnv1a(ids):
    value = 0xCBF29CE484222325
    for number in ids:
        for byte in int(number).to_bytes(4, "little"):
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def random_ids(processor, seed):
    """Sequences that no text gives: control pieces anywhere, broken runs of byte pieces."""
    source = random.Random(seed)
    size = processor.get_piece_size()
    special = [id for id in range(size) if processor.is_control(id) or processor.is_unknown(id)]
    spelled = [id for id in range(size) if processor.is_byte(id)]
    spaces = [id for id in range(size) if processor.id_to_piece(id).startswith(("\u2581", " "))]
    sequences = [[], [0], [size - 1], special, special * 2, [spaces[0]] * 3 + special, special + spaces[:3], spaces[:2] * 2]
    for _ in range(32):
        sequence = []
        for _ in range(source.randint(1, 14)):
            pool = source.choice([range(size), spaces, special or range(size), spelled or range(size)])
            sequence.append(source.choice(pool))
        sequences.append(sequence)
    return sequences


def expectations(serialized, texts):
    processor = sentencepiece.SentencePieceProcessor(model_proto=serialized)
    ids = [processor.encode(text) for text in texts]
    sequences = random_ids(processor, 7)
    long = []
    for unit, times in corpus.LONG:
        encoded = processor.encode(("".join(texts) if unit is None else unit) * times)
        long.append({"unit": unit, "times": times, "count": len(encoded), "hash": fnv1a(encoded),
                     "decodedBytes": len(processor.decode(encoded).encode())})
    return {
        "size": processor.get_piece_size(), "unknown": processor.unk_id(), "begin": processor.bos_id(),
        "end": processor.eos_id(), "pad": processor.pad_id(), "ids": ids,
        # Only where decoding does not give the text back.
        "decoded": {str(index): processor.decode(each) for index, each in enumerate(ids) if processor.decode(each) != texts[index]},
        "sequences": [{"ids": each, "text": processor.decode(each)} for each in sequences],
        "invalid": [processor.encode(bytes.fromhex(each)) for each in corpus.INVALID],
        "long": long,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--enpt", type=pathlib.Path, required=True)
    parser.add_argument("--pten", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    def write(name, value):
        text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
        (arguments.output / f"{name}.json").write_text(text + "\n", encoding="utf-8")

    texts = corpus.strings()
    write("strings", {"texts": texts, "invalid": corpus.INVALID})
    for name, serialized in models().items():
        (arguments.output / f"{name}.spm").write_bytes(serialized)
        write(name, expectations(serialized, texts))
        print(f"{name}: {len(serialized)} bytes")
    for name, path in (("enpt", arguments.enpt), ("pten", arguments.pten)):
        write(name, expectations(path.read_bytes(), texts))
    print(f"{len(texts)} strings, {sum(map(len, texts))} characters")


if __name__ == "__main__":
    main()
